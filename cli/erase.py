"""`leadline erase` and `leadline audit`: everything about a number goes, and it is written down who did it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Annotated

import typer
from redis.exceptions import RedisError

from campaigns.numbers import national_of
from cli.calls import told_plainly
from cli.places import Installation, find_installation, whoever_runs_this
from store import redis_traces, traces
from store.audit import Entry, entries
from store.calls import StoreError
from store.subject import Subject

Stack = Annotated[str | None, typer.Option("--name", "-n", help="A local stack's name.")]


class NotErased(StoreError):
    """Something of the number is still there."""


def erase(
    number: Annotated[str, typer.Argument(help="The telephone number, with its country code: +12025550134.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who does it, for the audit; default: your system name.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit: no personal data.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    name: Stack = None,
) -> None:
    """Erase everything about a number, then search everywhere for what is left. It cannot be taken back.

    Database, Redis, recordings, journals and our own logs. An opt-out holds on, as a hash.
    """
    with told_plainly():
        subject = _subject(number)
        if not yes and not typer.confirm(f"Erase everything about {subject.e164} for good?"):
            raise typer.Exit(1)
        done = asyncio.run(_erase(find_installation(name), subject, by or whoever_runs_this(), reason))
    if as_json:
        typer.echo(json.dumps({"erased": dict(done), "left": []}))
        return
    for what, count in sorted(done.items()):
        typer.echo(f"{what}: {count}")
    typer.echo("searched again: nothing is left in database, Redis, recordings, journals and logs")
    typer.echo("backups and exports made earlier are yours to delete: see docs/data.md")


def audit(
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, max=10_000, help="How many of the newest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    name: Stack = None,
) -> None:
    """Who erased what, and when. Entries cannot be changed; a number's subject is its hash."""
    with told_plainly():
        found = asyncio.run(_entries(find_installation(name), limit))
    for entry in found:
        if as_json:
            told = {field: getattr(entry, field) for field in ("at", "actor", "action", "subject")}
            typer.echo(json.dumps({**told, "details": dict(entry.details)}))
        else:
            at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
            typer.echo(f"{at}  {entry.actor}  {entry.action}  {entry.subject[:20]}  {json.dumps(dict(entry.details))}")
    if not found and not as_json:
        typer.echo("nothing was erased yet")


def _subject(number: str) -> Subject:
    e164, national = national_of(number)
    if not e164:
        raise StoreError(f"{number!r} is no telephone number; write it with its country code, like +12025550134")
    return Subject(e164, national)


async def _erase(found: Installation, subject: Subject, actor: str, reason: str) -> Counter[str]:
    """Erase, and search again. Redis comes first: while it is away nothing is begun.

    Raises NotErased, CallRunning, OwnNumber, JournalInUse.
    """
    from store import erasure
    from store.database import opened

    async with opened(found.database_url) as engine:
        now = time.time()
        calls = await erasure.calls_of(engine, subject)
        await erasure.refuse_while_running(engine, calls, now)
        try:
            done = await redis_traces.erase(found.places.redis_url, subject, calls)
            done += await asyncio.to_thread(traces.erase_files, found.places, subject, calls)
            told = {"reason": reason, **done}
            done += await erasure.erase(engine, subject, calls, at=now, actor=actor, details=told)
            left = [*await erasure.left(engine, subject)]
            left += await redis_traces.left(found.places.redis_url, subject, calls)
        except RedisError as away:
            raise NotErased(
                f"Redis at {found.places.redis_url} cannot be asked ({away}); start it, erase again"
            ) from None
        except OSError as wrong:
            raise NotErased(f"a file could not be erased, erase again when it can: {wrong}") from None
        left += await asyncio.to_thread(traces.files_left, found.places, subject, calls)
        if engine.dialect.name == "sqlite" and engine.url.database:
            left += await asyncio.to_thread(traces.in_database_file, engine.url.database, subject)
    if left:
        raise NotErased(f"something of the number is still in: {', '.join(left)}; erase again, or look there")
    return done


async def _entries(found: Installation, limit: int) -> tuple[Entry, ...]:
    from store.database import opened

    async with opened(found.database_url) as engine:
        return await entries(engine, limit)
