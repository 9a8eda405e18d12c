"""What `leadline trunk`, `dispatch` and `sip` share: reaching LiveKit, reading files, showing and carrying out changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from cli.stack.problem import StackError
from cli.terminal import complain

if TYPE_CHECKING:
    from livekit import api
    from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo

    from sip.trunk_files import Plan, Thing, ThingKind
    from sip.trunks import Change

# LiveKit's client is imported where it is used, so that other commands start quickly.

EXIT_CODES = """
Exit codes: 0 done, or nothing to do · 1 wrong file or setting · 2 wrong usage · 3 LiveKit refuses or cannot be
reached · 4 `diff`: something differs; `test`: no call would get through · 5 no such trunk or rule.
"""
WRONG, REFUSED, DIFFERS, UNKNOWN = 1, 3, 4, 5

Files = Annotated[list[Path] | None, typer.Argument(help="JSON files; without any the project's own.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before deleting.")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", help="Waive a guard: open-trunk, no-trunk-ids, room-name, no-agent, no-numbers."),
]
Stack = Annotated[
    str | None, typer.Option("--name", "-n", help="A local stack's name; else the environment's LiveKit.")
]
Answer = TypeVar("Answer")
Picked = TypeVar("Picked", bound="SIPInboundTrunkInfo | SIPOutboundTrunkInfo | SIPDispatchRuleInfo")

_SIGNS = {"create": "[green]+[/]", "update": "[yellow]~[/]", "delete": "[red]-[/]", "keep": "[dim]=[/]"}
_KINDS = {"inbound": "inbound trunk", "outbound": "outbound trunk", "rule": "dispatch rule"}


class Failure(Exception):
    """The command ends with this code and this line."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(said)
        self.code = code


@contextmanager
def told_plainly() -> Iterator[None]:
    """Show what a person can mend as one line, with its exit code."""
    import aiohttp
    from livekit import api
    from pydantic import ValidationError

    from sip.settings import SipSettingsError
    from sip.trunk_json import TrunkFileError
    from sip.trunks import PlanConflict

    try:
        yield
    except Failure as failure:
        _complain(str(failure), failure.code)
    except (TrunkFileError, StackError, SipSettingsError, ValidationError) as wrong:
        _complain(str(wrong), WRONG)
    except PlanConflict as conflict:
        _complain(str(conflict), REFUSED)
    except api.ServerError as refusal:
        _complain(f"LiveKit refuses: {refusal.message or refusal.code}{_hint(refusal)}", REFUSED)
    except (aiohttp.ClientError, TimeoutError) as away:
        _complain(f"cannot reach LiveKit: {away or 'no answer in time'}; is it up, and is LIVEKIT_URL right?", REFUSED)


def ask_livekit(stack: str | None, question: Callable[[api.LiveKitAPI], Awaitable[Answer]]) -> Answer:
    """Run a question against the LiveKit of the stack or of the environment."""
    from cli.target import find_target
    from sip.settings import open_api

    async def ask() -> Answer:
        async with open_api(find_target(stack).sip) as lk:
            return await question(lk)

    return asyncio.run(ask())


def read_files(files: Sequence[Path] | None, allow: Collection[str] | None, stored: Collection[str] | None) -> Plan:
    """The trunks and rules of the files; `stored` as in `sip.trunk_files.load_files`.

    Flows that rules name must be there. Raises TrunkFileError, Failure.
    """
    from sip.guards import GUARDS
    from sip.settings import environment
    from sip.trunk_files import load_files

    if unknown := set(allow or ()) - set(GUARDS):
        raise Failure(f"there is no guard called {', '.join(sorted(unknown))}: they are {', '.join(GUARDS)}", WRONG)
    waived = [guard for guard in GUARDS if guard in (allow or ())]
    plan = load_files(files or default_files(), environment(), stored=stored, allow=waived)
    _check_flows(plan)
    return plan


def default_files() -> list[Path]:
    """`sip.json`, or `sip-trunk.json` with what is in `deploy/sip`; of the folder where the command runs."""
    alone = Path("sip.json")
    if alone.is_file():
        return [alone]
    found = [Path("sip-trunk.json"), *sorted(Path("deploy/sip").glob("*.json"))]
    if there := [path for path in found if path.is_file()]:
        return there
    raise Failure(
        "name the files: there is no sip.json, sip-trunk.json or deploy/sip here; `leadline trunk new` makes one", WRONG
    )


def show_changes(console: Console, planned: Sequence[Change], *, all_of_them: bool = False) -> None:
    """Print what would be done, as + ~ - lines with the fields that differ."""
    for change in planned:
        if change.action == "keep" and not all_of_them:
            continue
        console.print(f"{_SIGNS[change.action]} {_KINDS[change.kind]} [bold]{escape(change.name)}[/]")
        for field, before, after in change.fields:
            console.print(f"    {field}: {escape(before) or '(nothing)'} → {escape(after) or '(nothing)'}")
    counts = {action: sum(change.action == action for change in planned) for action in _SIGNS}
    told = ("to create", "to update", "to delete", "unchanged")
    console.print(", ".join(f"{count} {what}" for count, what in zip(counts.values(), told, strict=True)))


def changes_as_json(planned: Sequence[Change]) -> list[dict[str, object]]:
    """The same for programs; secrets are left out."""
    return [
        {"action": change.action, "kind": change.kind, "name": change.name, "id": change.id}
        | {"fields": [{"field": name, "before": before, "after": after} for name, before, after in change.fields]}
        for change in planned
    ]


async def do_changes(
    lk: api.LiveKitAPI, console: Console, planned: Sequence[Change], *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Show, ask before anything is deleted, do. Raises Failure when the person says no."""
    from sip.trunks import carry_out

    deleted = [change.name for change in planned if change.action == "delete"]
    if as_json:
        typer.echo(json.dumps(changes_as_json(planned), indent=2))
    else:
        show_changes(console, planned)
    if dry_run or all(change.action == "keep" for change in planned):
        return
    if deleted and not yes and not typer.confirm(f"delete {', '.join(deleted)}?", err=as_json):
        raise Failure("nothing was done", WRONG)
    done = await carry_out(lk, planned)
    if not as_json:
        for change in planned:
            if change.action == "create":
                console.print(f"[green]created[/] {escape(change.name)} {done.ids[change.kind][change.name]}")


def put(
    file: Path, action: str, noun: str, *, dry_run: bool, allow: list[str] | None, as_json: bool, name: str | None
) -> None:
    """Create or update the trunks or the dispatch rules of a file; the others in it are left alone."""
    from sip.trunks import Plan, changes, stored

    async def go(lk: api.LiveKitAPI) -> None:
        there = await stored(lk)
        rules = noun != "trunk"
        plan = read_files([file], allow, [trunk.name for trunk in there.inbound] if rules else None)
        planned = changes(Plan(rules=plan.rules) if rules else Plan(plan.inbound, plan.outbound), there)
        check_action(planned, action, noun)
        await do_changes(lk, out(), planned, dry_run=dry_run, yes=True, as_json=as_json)

    with told_plainly():
        ask_livekit(name, go)


def check_action(planned: Sequence[Change], action: str, what: str) -> None:
    """Raise Failure when a file's things are there already (`create`), or are not (`update`)."""
    noun = "trunk" if what == "trunk" else "dispatch"
    if not planned:
        raise Failure(f"there is no {what} in this file", WRONG)
    for change in planned:
        if action == "create" and change.action != "create":
            said = f"a {what} called {change.name!r} is there already ({change.id})"
            raise Failure(f"{said}: `leadline {noun} update` changes it", REFUSED)
        if action == "update" and change.action == "create":
            raise Failure(f"there is no {what} called {change.name!r}: `leadline {noun} create` makes it", UNKNOWN)


def as_dict(thing: Thing, *, secrets: bool = False) -> dict[str, Any]:
    """A trunk or a rule as `lk`'s JSON shows it; a password is hidden unless `secrets`."""
    from google.protobuf.json_format import MessageToDict

    found: dict[str, Any] = MessageToDict(thing, preserving_proto_field_name=True)
    if found.get("auth_password") and not secrets:
        found["auth_password"] = "(secret)"  # noqa: S105 -- shown in place of one
    return {key: value for key, value in found.items() if value != {}}


def pick(things: Sequence[Picked], wanted: str, what: str) -> Picked:
    """The thing of this name or id. Raises Failure."""
    found = [thing for thing in things if wanted in (thing.name, id_of(thing))]
    if len(found) == 1:
        return found[0]
    there = ", ".join(sorted(thing.name or id_of(thing) for thing in things)) or "none"
    if found:
        raise Failure(f"{len(found)} {what}s are called {wanted!r}: name one by its id ({there})", UNKNOWN)
    raise Failure(f"there is no {what} called {wanted!r} (there are: {there})", UNKNOWN)


def kind_of(thing: Thing) -> ThingKind:
    """Which kind a thing is of."""
    from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo

    if isinstance(thing, SIPDispatchRuleInfo):
        return "rule"
    return "inbound" if isinstance(thing, SIPInboundTrunkInfo) else "outbound"


def out() -> Console:
    """The terminal as wide as it is; a file or a pipe as wide as the lines want."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=200, highlight=False, soft_wrap=True)


def id_of(thing: Thing) -> str:
    """LiveKit's id of a thing."""
    from livekit.protocol.sip import SIPDispatchRuleInfo

    return thing.sip_dispatch_rule_id if isinstance(thing, SIPDispatchRuleInfo) else thing.sip_trunk_id


def _check_flows(plan: Plan) -> None:
    """A rule that names a flow which is not there rings and then hangs up: say so before."""
    from flows.schema import FlowError
    from store.flowfiles import load_flow

    for rule in plan.rules:
        for agent in rule.room_config.agents:
            try:
                told = json.loads(agent.metadata or "{}")
                if agent.agent_name == "leadline" and isinstance(told, dict) and told.get("flow"):
                    load_flow(str(told["flow"]))
            except json.JSONDecodeError as wrong:
                said = f'rule "{rule.name}": the metadata of agent {agent.agent_name} is no JSON ({wrong.msg})'
                raise Failure(f'{said}; write {{"flow": "b2b-software"}}', WRONG) from None
            except FlowError as wrong:
                raise Failure(f'rule "{rule.name}": {wrong}', WRONG) from None


def _hint(refusal: api.ServerError) -> str:
    if refusal.code in ("unauthenticated", "permission_denied"):
        return "; are LIVEKIT_API_KEY and LIVEKIT_API_SECRET those of this server?"
    if "redis" in refusal.message:
        return "; livekit-server needs Redis for SIP"
    return ""


def _complain(said: str, code: int) -> None:
    complain(said)
    raise typer.Exit(code) from None
