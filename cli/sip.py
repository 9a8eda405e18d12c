"""`leadline sip diff|apply|export`: trunks and rules as files, compared with LiveKit, applied, and written out."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import telephone
from cli.telephone import Allow, AsJson, DryRun, Failure, Files, Stack, Yes, ask_livekit, told_plainly

if TYPE_CHECKING:
    from livekit import api

    from sip.trunk_files import Plan
    from sip.trunks import Change

app = typer.Typer(no_args_is_help=True, help=f"Trunks and rules as files: diff, apply, export.\n{telephone.EXIT_CODES}")

Prune = Annotated[bool, typer.Option("--prune", help="Delete trunks and rules that no file names.")]


@app.command()
def diff(
    files: Files = None, prune: Prune = False, allow: Allow = None, as_json: AsJson = False, name: Stack = None
) -> None:
    """Show what `apply` would do. Exit code 4 when it would do something."""

    async def go(lk: api.LiveKitAPI) -> tuple[Change, ...]:
        return await _plan(lk, files, allow, prune)

    with told_plainly():
        planned = ask_livekit(name, go)
        if as_json:
            typer.echo(json.dumps(telephone.changes_as_json(planned), indent=2))
        else:
            telephone.show_changes(telephone.out(), planned)
        raise typer.Exit(telephone.DIFFERS if any(change.action != "keep" for change in planned) else 0)


@app.command()
def apply(
    files: Files = None,
    prune: Prune = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    allow: Allow = None,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Make LiveKit have what the files say; a second time there is nothing to do. Asks before it deletes."""

    async def go(lk: api.LiveKitAPI) -> None:
        planned = await _plan(lk, files, allow, prune)
        await telephone.do_changes(lk, telephone.out(), planned, dry_run=dry_run, yes=yes, as_json=as_json)

    with told_plainly():
        ask_livekit(name, go)


@app.command()
def export(
    files: Files = None,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Ids for names and the secrets themselves: what `lk sip … create` takes.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write one file a thing into this folder, readable by you only.")
    ] = None,
    name: Stack = None,
) -> None:
    """Write what LiveKit has as files of ours; with FILES and --resolve, those files as `lk` takes them."""

    async def go(lk: api.LiveKitAPI) -> Plan:
        from sip.trunks import stored, wanted_with_ids

        there = await stored(lk)
        if not files:
            return there
        plan = telephone.read_files(files, None, [trunk.name for trunk in there.inbound])
        return wanted_with_ids(plan, there) if resolve else plan

    with told_plainly():
        plan = ask_livekit(name, go)
        things = _resolved(plan) if resolve else _ours(plan)
        if to is None:
            typer.echo(json.dumps(things if resolve else _bundle(things), indent=2))
        else:
            _write(to, things)


async def _plan(
    lk: api.LiveKitAPI, files: list[Path] | None, allow: list[str] | None, prune: bool
) -> tuple[Change, ...]:
    from sip.trunks import changes, stored

    there = await stored(lk)
    names = [] if prune else [trunk.name for trunk in there.inbound]
    return changes(telephone.read_files(files, allow, names), there, prune=prune)


_SET_BY_LIVEKIT = ("sip_trunk_id", "sip_dispatch_rule_id", "created_at", "updated_at")


def _resolved(plan: Plan) -> list[dict[str, Any]]:
    """Create requests, one a thing, as `lk` reads them."""
    things: list[dict[str, Any]] = []
    for thing in plan.things:
        key = "dispatch_rule" if telephone.kind_of(thing) == "rule" else "trunk"
        found = telephone.as_dict(thing, secrets=True)
        things.append({key: {field: value for field, value in found.items() if field not in _SET_BY_LIVEKIT}})
    return things


def _ours(plan: Plan) -> list[dict[str, Any]]:
    """The same with trunks by name and a variable in place of each secret."""
    names = {trunk.sip_trunk_id: trunk.name for trunk in plan.inbound if trunk.sip_trunk_id}
    things = _resolved(plan)
    for thing in things:
        (inner,) = thing.values()
        if "auth_password" in inner:
            inner["auth_password"] = "${" + re.sub(r"\W", "_", inner.get("name", "trunk")).upper() + "_PASSWORD}"
        if "trunk_ids" in inner:
            inner["trunk_ids"] = [names.get(id_, id_) for id_ in inner["trunk_ids"]]
    return things


def _bundle(things: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "trunks": [thing["trunk"] for thing in things if "trunk" in thing],
        "dispatch_rules": [thing["dispatch_rule"] for thing in things if "dispatch_rule" in thing],
    }


def _write(folder: Path, things: list[dict[str, Any]]) -> None:
    """One file a thing, of mode 600: resolved ones hold secrets."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for thing in things:
            (key, inner), *_ = thing.items()
            kind = "dispatch" if key == "dispatch_rule" else "outbound" if "address" in inner else "inbound"
            file = folder / f"{kind}-{re.sub(r'[^A-Za-z0-9._-]', '_', inner.get('name', 'unnamed'))}.json"
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                out.write(json.dumps(thing, indent=2) + "\n")
            typer.echo(f"lk sip {kind} create {file}" if kind != "inbound" else f"lk sip inbound create {file}")
    except OSError as wrong:
        raise Failure(f"cannot write to {folder}: {wrong.strerror}", telephone.WRONG) from None
