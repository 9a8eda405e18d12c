"""`leadline campaign export`: leads, attempts or callbacks as CSV or JSON lines, under the headers that you want."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.campaign_options import AsJson, Stack, database, out, print_json, told_plainly

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine


class What(StrEnum):
    """What is exported."""

    LEADS = "leads"
    ATTEMPTS = "attempts"
    CALLBACKS = "callbacks"


class Format(StrEnum):
    """How it is written."""

    CSV = "csv"
    JSON = "json"


def export(
    campaign: Annotated[str, typer.Argument(metavar="NAME", help="The campaign's name.")],
    target: Annotated[Path, typer.Argument(help="The file to write; it is replaced when the export is whole.")],
    what: Annotated[What, typer.Option("--what", help="leads, attempts or callbacks.")] = What.LEADS,
    format_: Annotated[Format, typer.Option("--format", help="csv, or json: one object a line.")] = Format.CSV,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", help='A column under your header: "Budget=answer.budget". Repeat; default: all.'),
    ] = None,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Write what a campaign came to. Times are ISO 8601 in UTC, with local ones beside them; the order of columns stays.

    Text that a spreadsheet would run as a formula gets a quote in front; numbers stay as they are.
    """
    from campaigns.exporting import read_map

    with told_plainly():
        wanted = read_map(columns or [], what.value)
        some = bool(columns) or format_ is Format.CSV  # JSON has room for every answer and every column of the list
        count = asyncio.run(_export(name, campaign, target, what.value, format_, wanted, some=some))
    if as_json:
        print_json({"file": str(target), "what": what.value, "rows": count})
    else:
        out().print(f"{target}: {count:,} {what.value}. It holds personal data: keep it as you keep the database")


async def _export(
    stack: str | None, campaign: str, target: Path, what: str, format_: Format, wanted: Mapping[str, str], *, some: bool
) -> int:
    from campaigns.exporting import cell, flat
    from store import campaigns

    draft, count = target.with_name(f".{target.name}.part"), 0
    async with database(stack) as engine:
        await campaigns.get(engine, campaign)
        with draft.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            if format_ is Format.CSV:
                table.writerow(wanted)
            async for row in _rows(engine, campaign, what):
                told = flat(what, row)
                picked = {header: told.get(column) for header, column in wanted.items()} if some else told
                if format_ is Format.CSV:
                    table.writerow([cell(value) for value in picked.values()])
                else:
                    file.write(json.dumps(picked, ensure_ascii=False) + "\n")
                count += 1
    draft.replace(target)
    return count


def _rows(engine: AsyncEngine, campaign: str, what: str) -> AsyncIterator[dict[str, Any]]:
    from store import exports

    reading = {"leads": exports.leads_in, "attempts": exports.attempts_in, "callbacks": exports.callbacks_of}
    return reading[what](engine, campaign)
