"""How long each kind of data is kept, and the deletion of what is older: recordings, transcripts, events, records."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sa
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store import tables
from store.audit import Entry, note
from store.recordings import all_parts, folder_of, parts_in, remove_call
from store.redis_events import STREAM
from store.retention_lists import old_lists

Kind: TypeAlias = Literal["recordings", "transcripts", "events", "records"]
KINDS: Final[tuple[Kind, ...]] = ("recordings", "transcripts", "events", "records")
DAY_S: Final = 86_400.0
_AT_ONCE: Final = 500


class RetentionSettings(BaseSettings):
    """`LEADLINE_KEEP_…_DAYS`, counted from the call's beginning; 0 keeps for ever.

    Records, for five years: 16 CFR 310.5 asks US telemarketers to keep the data of each call so long.
    """

    model_config = SettingsConfigDict(env_prefix="LEADLINE_KEEP_", env_file=".env", extra="ignore", frozen=True)

    recordings_days: int = Field(default=90, ge=0)
    transcripts_days: int = Field(default=180, ge=0)
    events_days: int = Field(default=30, ge=0)
    records_days: int = Field(default=1826, ge=0)

    def before(self, kind: Kind, now: float) -> float | None:
        """Data of this kind from before this moment goes; None: none does."""
        days: int = getattr(self, f"{kind}_days")
        return now - days * DAY_S if days else None


@dataclass(frozen=True, slots=True)
class Stores:
    """Where the data is. Without Redis its events stay."""

    engine: AsyncEngine
    recordings: Path
    redis_url: str = ""


async def run(stores: Stores, settings: RetentionSettings, now: float, actor: str, *, dry: bool) -> Counter[Kind]:
    """Delete what has been kept long enough, with an audit entry; `dry` only counts. Counts are of files, turns and
    answers' words, events, and calls with leads of campaigns that are over.

    Raises redis.exceptions.RedisError.
    """
    done: Counter[Kind] = Counter()
    limits = {kind: settings.before(kind, now) for kind in KINDS}
    if (limit := limits["recordings"]) is not None:
        done["recordings"] = await _recordings(stores, limit, dry=dry)
    limit = limits["records"]
    lists = 0 if limit is None else await old_lists(stores.engine, limit, dry=dry)
    async with stores.engine.begin() as connection:
        if stores.engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("PRAGMA secure_delete=ON")
        if (limit := limits["transcripts"]) is not None:
            done["transcripts"] = await _transcripts(connection, limit, dry=dry)
        if (limit := limits["events"]) is not None:
            old = tables.happenings.c.at < limit
            done["events"] = await _delete(connection, tables.happenings, old, dry=dry)
        if (limit := limits["records"]) is not None:
            done["records"] = lists + await _records(connection, limit, dry=dry)
        if not dry:
            told: dict[str, object] = {kind: count for kind, count in done.items() if count}
            await note(connection, Entry(now, actor, "retention", "", told))
    if (limit := limits["events"]) is not None and stores.redis_url:
        done["events"] += await _live_events(stores.redis_url, limit, dry=dry)
    return done


async def _recordings(stores: Stores, limit: float, *, dry: bool) -> int:
    """Of calls that began before: their files, and the files that no row knows of by the age of the file."""
    calls = tables.calls.c
    query = sa.select(calls.id, calls.created_at).where(calls.created_at < limit)
    async with stores.engine.connect() as connection:
        old = (await connection.execute(query)).all()
    gone = await asyncio.to_thread(_remove_files, stores.recordings, [(row[0], row[1]) for row in old], limit, dry)
    if not dry:
        table = tables.recordings
        ids = [row[0] for row in old]
        async with stores.engine.begin() as connection:
            for at in range(0, len(ids), _AT_ONCE):
                some = table.c.call_id.in_(ids[at : at + _AT_ONCE])
                await connection.execute(
                    sa.update(table).where(some, table.c.ended != "deleted").values(ended="deleted")
                )
    return gone


def _remove_files(recordings: Path, old: Sequence[tuple[str, float]], limit: float, dry: bool) -> int:
    folders = {folder_of(recordings, call_id, began_at) for call_id, began_at in old}
    folders |= {part.parent for part in all_parts(recordings) if part.stat().st_mtime < limit}
    return sum(len(parts_in(folder)) if dry else remove_call(folder) for folder in folders)


async def _transcripts(connection: AsyncConnection, limit: float, *, dry: bool) -> int:
    """The words: turns, and what was said to each answer, there and in the record. Values stay."""
    calls, answers = tables.calls, tables.answers
    old = sa.select(calls.c.id).where(calls.c.created_at < limit).scalar_subquery()
    count = await _delete(connection, tables.turns, tables.turns.c.call_id.in_(old), dry=dry)
    worded = sa.and_(answers.c.call_id.in_(old), answers.c.raw != "")
    if dry:
        return count + await _count(connection, answers, worded)
    count += (await connection.execute(sa.update(answers).where(worded).values(raw=""))).rowcount
    rows = await connection.execute(sa.select(calls.c.id, calls.c.record).where(calls.c.created_at < limit))
    for call_id, record in rows.all():
        if (silent := _without_words(record)) != record:
            await connection.execute(sa.update(calls).where(calls.c.id == call_id).values(record=silent))
    return count


def _without_words(record: Mapping[str, Any]) -> dict[str, Any]:
    answers = record.get("answers")
    if not isinstance(answers, Mapping):
        return dict(record)
    silent = {slot: {**told, "raw": ""} if isinstance(told, Mapping) else told for slot, told in answers.items()}
    return {**record, "answers": silent}


async def _records(connection: AsyncConnection, limit: float, *, dry: bool) -> int:
    """Whole calls, with everything that belongs to them, and flows that no call is of any more."""
    calls = tables.calls
    old = sa.select(calls.c.id).where(calls.c.created_at < limit).scalar_subquery()
    if dry:
        return await _count(connection, calls, calls.c.created_at < limit)
    for table in (tables.turns, tables.answers, tables.recordings, tables.happenings, tables.charges):
        await _delete(connection, table, table.c.call_id.in_(old), dry=False)
    count = await _delete(connection, calls, calls.c.created_at < limit, dry=False)
    unused = tables.flows.c.hash.not_in(sa.select(calls.c.flow_hash).distinct())
    await _delete(connection, tables.flows, unused, dry=False)
    return count


async def _live_events(url: str, limit: float, *, dry: bool) -> int:
    """By id, which begins with its time. XTRIM MINID is not used: Redis 6.2.5 deletes newer entries with it as well."""
    last, first, count = f"({round(limit * 1000)}", "-", 0
    async with Redis.from_url(url, socket_timeout=10, decode_responses=True) as client:
        redis: Any = client
        while entries := await redis.xrange(STREAM, min=first, max=last, count=_AT_ONCE):
            ids = [entry_id for entry_id, _ in entries]
            count += len(ids)
            first = f"({ids[-1]}"
            if not dry:
                await redis.xdel(STREAM, *ids)
    return count


async def _delete(connection: AsyncConnection, table: sa.Table, where: sa.ColumnElement[bool], *, dry: bool) -> int:
    if dry:
        return await _count(connection, table, where)
    return (await connection.execute(sa.delete(table).where(where))).rowcount


async def _count(connection: AsyncConnection, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    return int(await connection.scalar(sa.select(sa.func.count()).select_from(table).where(where)) or 0)
