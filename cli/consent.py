"""`leadline consent add|import|show|revoke`: permissions to call, with who gave them, when, and the text that was shown."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from cli.places import whoever_runs_this

if TYPE_CHECKING:
    from campaigns.numberlist import Taken
    from store.consents import Given, Kept

app = typer.Typer(
    no_args_is_help=True,
    help="Permissions to call: add, import, show, revoke. Kept for years. Not legal advice.\n" + EXIT_CODES,
)

Number = Annotated[str, typer.Argument(help="The telephone number, like +12025550134.")]
Region = Annotated[str, typer.Option("--region", help="Where numbers without a country code are from.")]
Seller = Annotated[str, typer.Option("--seller", help="To whom the permission was given.")]
Purpose = Annotated[str, typer.Option("--purpose", help="telemarketing, informational or callback.")]
_PURPOSES = ("telemarketing", "informational", "callback")
_KINDS = ("written", "express", "inquiry")


@app.command()
def add(
    number: Number,
    seller: Seller,
    purpose: Purpose,
    text: Annotated[
        str, typer.Option("--text", help="What the person agreed to, word for word as it was shown; @FILE.")
    ],
    source: Annotated[str, typer.Option("--source", help="How and where: a form's address, a call's id, a letter.")],
    obtained: Annotated[str, typer.Option("--at", help="When: 2026-11-02 or 2026-11-02T09:00-05:00.")],
    kind: Annotated[str, typer.Option("--kind", help="written, express or inquiry.")] = "written",
    person: Annotated[str, typer.Option("--person", help="Who gave it.")] = "",
    evidence: Annotated[str, typer.Option("--evidence", help="A URI or a hash of what proves it.")] = "",
    by: By = "",
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Put a permission on record. The same one again changes nothing; one that was withdrawn stays so."""
    with told_plainly():
        given = _given(kind, purpose, seller, obtained, text, source, person, evidence)
        whose = number_of(number)
        new = asyncio.run(_add(name, whose, given, by or whoever_runs_this()))
    if as_json:
        print_json({"number": whose, "added": new})
    else:
        out().print(f"{whose}: on record" if new else f"{whose}: this permission is on record already")


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV with phone, consent_type, consent_at, consent_source, consent_text.")
    ],
    seller: Annotated[str, typer.Option("--seller", help="For rows without a column seller.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="For rows without a column purpose.")] = "telemarketing",
    region: Region = "US",
    by: By = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Put many permissions on record. A row that lacks its date, its source or its text is left out."""
    from campaigns.numberlist import import_consents

    wanted = {"seller": seller, "purpose": _one_of("--purpose", purpose, _PURPOSES), "region": region}

    async def go() -> Taken:
        async with database(name) as engine:
            who = by or whoever_runs_this()
            return await import_consents(engine, there(file), wanted, who, time.time, dry_run=dry_run)

    with told_plainly():
        tell(asyncio.run(go()), as_json=as_json, dry_run=dry_run)


@app.command()
def show(number: Number, as_json: AsJson = False, name: Stack = None) -> None:
    """Show a number's permissions, newest first. Exit code 4 when none is in force."""
    from store.permissions import consents_on_record

    async def go(whose: str) -> tuple[Kept, ...]:
        async with database(name) as engine:
            return await consents_on_record(engine, whose)

    with told_plainly():
        whose = number_of(number)
        kept = asyncio.run(go(whose))
    if as_json:
        print_json([consent_as_dict(one) for one in kept])
    for one in kept if not as_json else ():
        state = f"[red]withdrawn {day(one.revoked_at)} ({escape(one.revoked_how)})[/]" if one.revoked_at else "in force"
        given = one.given
        who = f" by {given.person}" if given.person else ""
        out().print(f"{given.kind}, {given.purpose}, to {escape(given.seller)}: {state}")
        out().print(f"  given {day(given.obtained_at)}{escape(who)} · {escape(given.source)} {escape(given.evidence)}")
        out().print(f"  “{escape(given.text)}”")
    if not kept and not as_json:
        out().print(f"no permission of {whose} is on record: no campaign calls it")
    raise typer.Exit(0 if any(one.revoked_at is None for one in kept) else NO)


@app.command()
def revoke(
    number: Number,
    how: Annotated[str, typer.Option("--how", help="How it was withdrawn: by letter, by mail, on the phone.")],
    seller: Annotated[str, typer.Option("--seller", help="Only what was given to this one.")] = "",
    purpose: Annotated[str, typer.Option("--purpose", help="Only for this purpose.")] = "",
    by: By = "",
    yes: Yes = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Withdraw a number's permissions, in force at once. It cannot be taken back; a new permission can be given."""
    from store.permissions import revoke_consent

    async def go(whose: str) -> int:
        async with database(name) as engine:
            who = by or whoever_runs_this()
            return await revoke_consent(engine, whose, time.time(), who, how, seller=seller, purpose=purpose)

    with told_plainly():
        whose = number_of(number)
        if not yes and not typer.confirm(f"Withdraw the permissions of {whose}?", err=as_json):
            raise typer.Exit(1)
        count = asyncio.run(go(whose))
    if as_json:
        print_json({"number": whose, "withdrawn": count})
    else:
        out().print(f"{whose}: {count} withdrawn; `leadline dnc add` keeps a number from being called by anybody")


def _given(
    kind: str, purpose: str, seller: str, obtained: str, text: str, source: str, person: str, evidence: str
) -> Given:
    from store.consents import Given

    words = there(Path(text[1:])).read_text(encoding="utf-8") if text.startswith("@") else text
    if not words.strip() or not source.strip() or not seller.strip():
        raise Wrong("--text, --source and --seller must say something: without them a permission cannot be shown")
    at = moment_of("--at", obtained)
    if at > time.time():
        raise Wrong(f"--at {obtained} is in the future")
    _one_of("--kind", kind, _KINDS)
    _one_of("--purpose", purpose, _PURPOSES)
    return Given(kind, purpose, seller.strip(), at, words.strip(), source.strip(), person, evidence)


async def _add(stack: str | None, number: str, given: Given, by: str) -> bool:
    from store.permissions import add_consent

    async with database(stack) as engine:
        return await add_consent(engine, number, given, time.time(), by)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(known)}", param_hint=option)
    return value


def moment_of(option: str, text: str) -> float:
    """Unix seconds of a day (UTC) or of a time with an offset. Raises Wrong."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or (moment.tzinfo is None and len(text) > len("2026-11-02")):
        raise Wrong(f"{option} {text!r} is no time; write it like 2026-11-02 or 2026-11-02T09:00-05:00")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def there(file: Path) -> Path:
    """A file that is there. Raises Wrong."""
    if not file.is_file():
        raise Wrong(f"there is no file {file}")
    return file


def day(at: float) -> str:
    """A time as people read it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def consent_as_dict(kept: Kept) -> dict[str, Any]:
    """A permission for programs; times are Unix seconds."""
    return {"id": kept.id, "number": kept.number, **asdict(kept.given), "kept_at": kept.kept_at} | {
        "revoked_at": kept.revoked_at,
        "revoked_how": kept.revoked_how,
    }


def tell(taken: Taken, *, as_json: bool, dry_run: bool) -> None:
    """Print what became of an imported list."""
    if as_json:
        counts = {"new": taken.new, "known": taken.known, "invalid": taken.invalid}
        print_json({**counts, "again": taken.again, "dry_run": dry_run, "refused": taken.refused})
        return
    if taken.again:
        out().print("this very file was imported before: nothing was done")
        return
    out().print(f"{taken.new:,} new, {taken.known:,} known, {taken.invalid:,} invalid{', nothing was kept' * dry_run}")
    for line, why in list(taken.refused.items())[:20]:
        out().print(f"  line {line}: {escape(why)}")
    if taken.invalid > 20:
        out().print(f"  … and {taken.invalid - 20:,} more; --json shows a hundred")
