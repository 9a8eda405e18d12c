"""`leadline retention run`: delete what has been kept as long as the settings say."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Annotated

import typer
from pydantic import ValidationError
from redis.exceptions import RedisError

from cli.calls import told_plainly
from cli.places import find_installation, whoever_runs_this
from store.calls import StoreError
from store.retention import KINDS, Kind, RetentionSettings, Stores, run

app = typer.Typer(no_args_is_help=True, help="How long recordings, transcripts, events and records are kept.")


@app.command("run")
def run_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would go, delete nothing.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who does it, for the audit; default: your system name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    name: Annotated[str | None, typer.Option("--name", "-n", help="A local stack's name.")] = None,
) -> None:
    """Delete what is older than LEADLINE_KEEP_RECORDINGS_DAYS, …_TRANSCRIPTS_DAYS, …_EVENTS_DAYS, …_RECORDS_DAYS."""
    with told_plainly():
        settings = _settings()
        done = asyncio.run(_run(settings, name, by or whoever_runs_this(), dry=dry_run))
    if as_json:
        typer.echo(json.dumps({kind: done[kind] for kind in KINDS}))
        return
    for kind in KINDS:
        days = getattr(settings, f"{kind}_days")
        kept = f"kept {days} days" if days else "kept for ever"
        typer.echo(f"{kind:12} {kept:18} {'would go' if dry_run else 'deleted'}: {done[kind]}")


def _settings() -> RetentionSettings:
    """Raises StoreError: what is kept how long must be said plainly before anything is deleted."""
    try:
        return RetentionSettings()
    except ValidationError as wrong:
        first = wrong.errors()[0]
        raise StoreError(
            f"LEADLINE_KEEP_{str(first['loc'][0]).upper()} is {first['input']!r}: write a whole number of days, or 0 to keep "
            "for ever. Nothing was deleted"
        ) from None


async def _run(settings: RetentionSettings, stack: str | None, actor: str, *, dry: bool) -> Counter[Kind]:
    from store.database import opened

    found = find_installation(stack)
    async with opened(found.database_url) as engine:
        stores = Stores(engine, found.places.recordings, found.places.redis_url)
        try:
            return await run(stores, settings, time.time(), actor, dry=dry)
        except RedisError as away:
            raise StoreError(
                f"Redis at {found.places.redis_url} cannot be asked ({away}): live events older than "
                f"{settings.events_days} days may still be there; start it and run this again"
            ) from None
