"""`leadline campaign import`: a list of leads, screened row by row, with the reasons of those left out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from campaigns.rulefiles import SHIPPED, load_packs
from cli.campaign_options import AsJson, By, DryRun, Stack, Wrong, database, out, print_json, told_plainly
from cli.places import whoever_runs_this

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from campaigns.campaign_file import CampaignFile
    from campaigns.importing import Imported, Wish

Campaign = Annotated[
    str, typer.Argument(metavar="CAMPAIGN", help="A campaign's file, or the name of one that is known.")
]


def import_(
    campaign: Campaign,
    file: Annotated[Path, typer.Argument(metavar="LIST", help="The list: CSV in UTF-8, the first line names columns.")],
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="Where rows left out go; default LIST.rejects.csv.")
    ] = None,
    map_: Annotated[list[str] | None, typer.Option("--map", help='A column\'s meaning: "Cell No=phone".')] = None,
    elsewhere: Annotated[bool, typer.Option("--also-elsewhere", help="Also leads of another campaign.")] = False,
    rules: Annotated[Path, typer.Option("--rules", help="A folder with rule packs of your own (*.yaml).")] = SHIPPED,
    by: By = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Import a list of leads. Nothing of it is called before all of it is in; the same file again changes nothing.

    Rows are left out with a reason: duplicate, invalid, suppressed, no-consent, no-timezone, not-allowed. All is asked
    again before each call.
    """
    target = rejects or file.with_name(f"{file.stem}.rejects.csv")
    began = time.monotonic()
    with told_plainly():
        if not file.is_file():
            raise Wrong(f"there is no file {file}")
        done = asyncio.run(
            _import(
                name, campaign, file, target, rules, _mapped(map_ or []), elsewhere, dry_run, by or whoever_runs_this()
            )
        )
    left_out = sum(count for result, count in done.counts.items() if result != "accepted")
    if as_json:
        told = {"counts": dict(done.counts), "columns": dict(done.columns), "again": done.again, "dry_run": dry_run}
        print_json({**told, "rejects": str(target) if left_out and not done.again else None})
        return
    if done.again:
        out().print(f"{file.name} is in the campaign already: nothing was done (then: {_told(done.counts)})")
        return
    out().print(f"{_told(done.counts)} in {time.monotonic() - began:.1f} s{', nothing was kept' if dry_run else ''}")
    if left_out:
        out().print(f"rows left out, with the reason: {target}. Mended, that file may be imported")


def _mapped(pairs: list[str]) -> dict[str, str]:
    mapped = {}
    for pair in pairs:
        header, equals, column = pair.rpartition("=")
        if not equals or not header.strip():
            raise Wrong(f'--map {pair!r} is not HEADER=column; write it like --map "Cell No=phone"')
        mapped[header.strip()] = column.strip()
    return mapped


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {result}" for result, count in counts.items() if count or result == "accepted")


async def resolve(engine: AsyncEngine, campaign: str) -> CampaignFile:
    """The campaign of a file, or of a name that is known. Raises FlowError, UnknownCampaign."""
    from campaigns.campaign_file import from_spec
    from cli.campaign_files import load
    from store import campaigns

    if Path(campaign).is_file():  # noqa: ASYNC240 -- a look at the disk
        return load(Path(campaign))
    return from_spec((await campaigns.get(engine, campaign)).spec)


async def _import(
    stack: str | None,
    campaign: str,
    file: Path,
    rejects: Path,
    rules: Path,
    mapped: Mapping[str, str],
    elsewhere: bool,
    dry_run: bool,
    by: str,
) -> Imported:
    from campaigns.importing import Wish, import_leads

    async with database(stack) as engine:
        wish = Wish(await resolve(engine, campaign), file, rejects, mapped, elsewhere, dry_run, by)
        with _bar(wish) as bar:
            return await import_leads(engine, wish, load_packs(rules), time.time, bar)


@contextmanager
def _bar(wish: Wish) -> Iterator[BarTold]:
    """A bar on a terminal, nothing elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield BarTold(progress, wish.file.stat().st_size)


class BarTold:
    """How far an import is, on a bar."""

    def __init__(self, progress: Progress, size: int) -> None:
        self._progress = progress
        self._task = progress.add_task("importing", total=size)

    def __call__(self, read: int, counts: Mapping[str, int]) -> None:
        """Show how many bytes are read, and how many rows were taken."""
        told = f"{counts.get('accepted', 0):,} accepted"
        self._progress.update(self._task, completed=read, description=told)
