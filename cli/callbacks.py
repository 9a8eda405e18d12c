"""`leadline callbacks list`: the calls that people asked for, with the time that was agreed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cli.campaign_options import AsJson, Stack, database, out, print_json, told_plainly
from cli.consent import day

app = typer.Typer(no_args_is_help=True, help="Calls that people asked for: list.")


@app.callback()
def _group() -> None:
    """Calls that people asked for: list."""


@app.command("list")
def list_(
    campaign: Annotated[str, typer.Option("--campaign", help="Only those of this campaign.")] = "",
    state: Annotated[str, typer.Option("--state", help="open, kept, missed or cancelled; default open.")] = "open",
    every: Annotated[bool, typer.Option("--all", help="In every state.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, max=10_000, help="How many, the next ones first.")] = 50,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """List callbacks, the next one first. They are dialled at their time, ± 15 minutes, where the law allows it then."""

    async def go() -> tuple[Mapping[str, Any], ...]:
        from store.leads import callbacks_in

        async with database(name) as engine:
            return await callbacks_in(engine, campaign=campaign, state="" if every else state, limit=limit)

    with told_plainly():
        found = asyncio.run(go())
    if as_json:
        print_json([dict(row) for row in found])
        return
    if not found:
        out().print("no callbacks")
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for column in ("agreed", "zone", "due (UTC)", "state", "campaign", "lead", "number", "said"):
        table.add_column(column)
    for row in found:
        told = [row["local"], row["zone"], day(row["due_at"]), row["state"], row["campaign"], str(row["lead"])]
        table.add_row(*map(escape, [*told, row["number"], row["spoken"]]))
    out().print(table)
