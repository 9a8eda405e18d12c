"""`leadline dnc add|remove|import|registry|export|check`: who must not be called; in force in the moment in which it is said."""

from __future__ import annotations

import asyncio
import csv
import re
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from cli.campaign_options import (
    EXIT_CODES,
    NO,
    AsJson,
    By,
    DryRun,
    Stack,
    Wrong,
    Yes,
    database,
    number_of,
    out,
    print_json,
    told_plainly,
)
from cli.consent import Number, Region, day, moment_of, tell, there
from cli.places import whoever_runs_this

if TYPE_CHECKING:
    from campaigns.numberlist import Registry, Taken
    from store.registry import RegistryList
    from store.suppression import OptOut

app = typer.Typer(
    no_args_is_help=True,
    help="Numbers that must not be called: add, remove, import, registry, export, check. One list for campaigns, calls by hand and "
    "what callers say or press.\n" + EXIT_CODES,
)


@app.command()
def add(
    numbers: Annotated[list[str], typer.Argument(help="Telephone numbers, like +12025550134.")],
    source: Annotated[
        str, typer.Option("--source", help="How it came: letter, mail, complaint, litigator.")
    ] = "operator",
    reason: Annotated[str, typer.Option("--reason", help="For the record; no personal data.")] = "",
    campaign: Annotated[str, typer.Option("--campaign", help="Only in this campaign.")] = "",
    until: Annotated[str, typer.Option("--until", help="With --campaign: until then only, like 2027-02-01.")] = "",
    region: Region = "US",
    by: By = "",
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Never call these numbers again. Leads with them are closed at once, also those a dialer is about to call."""
    from store.permissions import add_opt_outs
    from store.suppression import OptOut

    async def go(whose: list[str], expires: float | None) -> int:
        now, scope = time.time(), "campaign" if campaign else "global"
        entries = [
            OptOut(one, scope, now, source, "operator", "", campaign, expires, reason) for one in dict.fromkeys(whose)
        ]
        async with database(name) as engine:
            return await add_opt_outs(engine, entries, now, by or whoever_runs_this())

    with told_plainly():
        if until and not campaign:
            raise Wrong("--until goes with --campaign: an opt-out from all calls does not expire")
        whose = [number_of(one, region) for one in numbers]
        new = asyncio.run(go(whose, moment_of("--until", until) if until else None))
    if as_json:
        print_json({"numbers": whose, "added": new})
    else:
        out().print(f"{new} added, {len(set(whose)) - new} were on the list")


@app.command()
def remove(
    number: Number,
    reason: Annotated[str, typer.Option("--reason", help="By whose word it may be called again; for the audit.")],
    yes: Yes = False,
    by: By = "",
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Take a number off the list: only when its owner asks for it. Leads that were closed stay closed."""
    from store.permissions import remove_opt_out

    async def go(whose: str) -> int:
        async with database(name) as engine:
            return await remove_opt_out(engine, whose, time.time(), by or whoever_runs_this(), reason)

    with told_plainly():
        whose = number_of(number)
        if not reason.strip():
            raise Wrong("--reason must say by whose word")
        if not yes and not typer.confirm(f"May {whose} really be called again?", err=as_json):
            raise typer.Exit(1)
        count = asyncio.run(go(whose))
    if as_json:
        print_json({"number": whose, "removed": count})
    else:
        out().print(f"{whose}: {count} entries removed" if count else f"{whose} is not on the list")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a column phone, or bare numbers, one a line.")],
    source: Annotated[
        str, typer.Option("--source", help="Whose list it is: national, state, litigator, crm.")
    ] = "import",
    region: Region = "US",
    by: By = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Put a file's numbers on the list, batch by batch, each in force at once. The same file again changes nothing."""
    from campaigns.numberlist import import_dnc

    async def go() -> Taken:
        async with database(name) as engine:
            who = by or whoever_runs_this()
            return await import_dnc(engine, there(file), region, source, who, time.time, dry_run=dry_run)

    with told_plainly():
        tell(asyncio.run(go()), as_json=as_json, dry_run=dry_run)


@app.command()
def registry(
    file: Annotated[
        Path | None,
        typer.Argument(help="The registry's whole list: area code,number or numbers. Without: what is known."),
    ] = None,
    authority: Annotated[str, typer.Option("--authority", help="Whose registry it is: ftc, lnnte, tps.")] = "",
    as_of: Annotated[str, typer.Option("--as-of", help="The day the list was got on, like 2026-11-02.")] = "",
    area: Annotated[
        list[str] | None,
        typer.Option("--area", help="An area that the list covers though no number of it is on it: +1202."),
    ] = None,
    skip_invalid: Annotated[bool, typer.Option("--skip-invalid", help="Rows that are no numbers list nobody.")] = False,
    region: Region = "US",
    by: By = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Import a national registry's whole list for the areas in it; without FILE, show which lists are known and how old.

    It is asked where something less than written consent is enough: a number whose area's list is too old (United States
    and Canada 31 days, Britain 28) is not called. The same file of the same day again changes nothing.
    """
    with told_plainly():
        if file is None:
            _tell_lists(asyncio.run(_lists(name)), as_json)
            return
        of = _registry(authority, as_of, region, area or [])
        tell(
            asyncio.run(_import_registry(name, there(file), of, by, skip_invalid, dry_run)),
            as_json=as_json,
            dry_run=dry_run,
        )


def _registry(authority: str, as_of: str, region: str, areas: list[str]) -> Registry:
    from campaigns.numberlist import Registry

    if not authority.strip() or not as_of:
        raise Wrong("say whose list it is and from which day: --authority ftc --as-of 2026-11-02")
    day_ = moment_of("--as-of", as_of)
    if day_ > time.time():
        raise Wrong(f"--as-of {as_of} is in the future")
    for area in areas:
        if not re.fullmatch(r"\+1\d{3}|\+[2-9]\d{0,2}", area):
            raise Wrong(f"--area {area!r} is no area; write it like +1202, or +44 for a whole country")
    return Registry(authority.strip(), day_, region, tuple(areas))


async def _import_registry(
    stack: str | None, file: Path, of: Registry, by: str, skip_invalid: bool, dry_run: bool
) -> Taken:
    from campaigns.numberlist import import_registry

    async with database(stack) as engine:
        who = by or whoever_runs_this()
        return await import_registry(engine, file, of, who, time.time, skip_invalid=skip_invalid, dry_run=dry_run)


async def _lists(stack: str | None) -> tuple[RegistryList, ...]:
    from store.registry import lists

    async with database(stack) as engine:
        return await lists(engine)


def _tell_lists(known: tuple[RegistryList, ...], as_json: bool) -> None:
    ages = [(one, (time.time() - one.as_of) / 86_400) for one in known]
    if as_json:
        print_json([{**asdict(one), "age_days": round(age, 1)} for one, age in ages])
        return
    for one, age in ages:
        days = f"{day(one.as_of)}, {age:.0f} days old"
        out().print(f"{one.prefix}: {one.numbers:,} numbers, {escape(one.authority)}, {days}")
    if not known:
        out().print("no list of a registry is known: nobody is called on less than written consent")


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="The CSV file to write; it is replaced when the list is whole.")],
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Write the list as CSV; `dnc import` reads it. Numbers that were erased are hashes and are left out."""
    with told_plainly():
        count = asyncio.run(_export(name, target))
    if as_json:
        print_json({"file": str(target), "numbers": count})
    else:
        out().print(f"{target}: {count:,} entries")


@app.command()
def check(number: Number, region: Region = "US", as_json: AsJson = False, name: Stack = None) -> None:
    """Say whether a number is on the list, and by what. Exit code 4 when it is: it must not be called."""
    from store.permissions import opt_outs_of
    from store.suppression import suppressed

    async def go(whose: str) -> tuple[tuple[OptOut, ...], bool]:
        async with database(name) as engine:
            async with engine.connect() as connection:
                everywhere = await suppressed(connection, whose)
            return await opt_outs_of(engine, whose), everywhere

    with told_plainly():
        whose = number_of(number, region)
        entries, everywhere = asyncio.run(go(whose))
    if as_json:
        told = [{name: getattr(entry, name) for name in entry.__dataclass_fields__} for entry in entries]
        print_json({"number": whose, "suppressed": everywhere or bool(entries), "entries": told})
    else:
        for entry in entries:
            about = f" ({escape(entry.about)})" if entry.about else ""
            out().print(f"{day(entry.at)}: {entry.scope}{about}, {escape(entry.source)} {escape(entry.reason)}")
        if everywhere and not entries:
            out().print("on the list as a hash: everything else about it was erased")
        if not everywhere and not entries:
            out().print(f"{whose} is not on the list")
    raise typer.Exit(NO if everywhere or entries else 0)


async def _export(stack: str | None, target: Path) -> int:
    from store.permissions import every_opt_out

    draft, count = target.with_name(f".{target.name}.part"), 0
    async with database(stack) as engine:
        with draft.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["phone", "scope", "about", "at", "source", "expires_at", "reason"])
            async for one in every_opt_out(engine):
                times = [_iso(one.at), _iso(one.expires_at) if one.expires_at else ""]
                table.writerow([one.number, one.scope, one.about, times[0], one.source, times[1], one.reason])
                count += 1
    draft.replace(target)
    return count


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
