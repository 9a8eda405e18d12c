"""Erasing everything about a number from the database, and searching every text in it for what is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flows.model import Direction
from store import tables
from store.audit import Entry, note
from store.calls import StoreError, suppression_key
from store.erasure_lists import BY_NUMBER, forget_leads, worth_a_look
from store.subject import ERASED, Subject
from store.suppression import hash_of

#: A call that began so recently and has no end may still be running.
RUNNING_S = 7200.0
_CHILDREN = (tables.turns, tables.answers, tables.recordings, tables.happenings)
#: These hold no personal data, or hold it on purpose.
_LEFT_ALONE = ("audit", "installation", "flows", "alembic_version", *BY_NUMBER)


class CallRunning(StoreError):
    """A call with this number is up."""


class OwnNumber(StoreError):
    """The number is the seller's, not a lead's."""


@dataclass(frozen=True, slots=True)
class Found:
    """A call of the number: its id and when it began, which tell where its recording is, and its room."""

    call_id: str
    began_at: float
    room: str


async def calls_of(engine: AsyncEngine, subject: Subject) -> tuple[Found, ...]:
    """The calls from or to the number, in whatever form a carrier sent it. Raises OwnNumber."""
    table = tables.calls.c
    like = sa.or_(*(column.like(f"%{subject.tail[-2:]}%") for column in (table.caller, table.callee)))
    query = sa.select(tables.calls).where(like)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).mappings().all()
    found = []
    for row in rows:
        theirs, ours = row["caller"], row["callee"]
        if row["direction"] == Direction.OUTBOUND:
            theirs, ours = ours, theirs
        if _same(subject, ours):
            raise OwnNumber(f"{subject.e164} is a number of yours: calls reach you on it, or you call from it")
        if _same(subject, theirs):
            found.append(Found(row["id"], row["created_at"], row["room"]))
    return tuple(found)


async def refuse_while_running(engine: AsyncEngine, calls: Sequence[Found], now: float) -> None:
    """Raise CallRunning: what is erased now would be written again by the call."""
    table = tables.calls.c
    query = sa.select(table.id).where(
        table.id.in_([call.call_id for call in calls]), table.ended_at.is_(None), table.created_at > now - RUNNING_S
    )
    async with engine.connect() as connection:
        if (running := await connection.scalar(query)) is not None:
            raise CallRunning(f"call {running} with this number is still up; hang up, or wait, and erase again")


async def erase(
    engine: AsyncEngine,
    subject: Subject,
    calls: Sequence[Found],
    *,
    at: float,
    actor: str,
    details: Mapping[str, object],
) -> Counter[str]:
    """Erase the number in one transaction, with its audit entry; returns how many rows of each table it touched.

    Its calls keep what says nothing about a person: when, which flow, which disposition. Where others' calls mention
    the number, it is replaced. A suppression stays, by its hash: the opt-out holds for ever.
    """
    done: Counter[str] = Counter()
    async with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            await connection.exec_driver_sql("PRAGMA secure_delete=ON")  # deleted is overwritten with zeros
        for call in calls:
            await _forget_call(connection, call.call_id, subject, done)
        await forget_leads(connection, subject, done)
        theirs = await hash_of(connection, subject.e164)
        suppressions = tables.suppressions
        changed = await connection.execute(
            sa.update(suppressions)
            .where(suppressions.c.number.in_([subject.e164, suppression_key(subject.national)]))
            .values(number=theirs)
        )
        done["suppressions"] += changed.rowcount
        for table, key, row in await _mentions(connection, subject):
            await connection.execute(sa.update(table).where(*key).values(row))
            done[table.name] += 1
        told = {**details, "rows": dict(+done), "calls": len(calls)}
        await note(connection, Entry(at, actor, "erase", theirs, told))
    if engine.dialect.name == "sqlite":
        async with engine.connect() as connection:  # the log of writes still holds the old pages
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return +done


async def left(engine: AsyncEngine, subject: Subject) -> list[str]:
    """Where the number still is, table by table; empty when it is nowhere."""
    async with engine.connect() as connection:
        return sorted({table.name for table, _, _ in await _mentions(connection, subject)})


async def _forget_call(connection: AsyncConnection, call_id: str, subject: Subject, done: Counter[str]) -> None:
    for table in _CHILDREN:
        gone = await connection.execute(sa.delete(table).where(table.c.call_id == call_id))
        done[table.name] += gone.rowcount
    table = tables.calls
    row = (await connection.execute(sa.select(table).where(table.c.id == call_id))).mappings().one()
    values: dict[str, Any] = {"lead": {}, "record": {"erased": True}, "sip_call_id": "", "sip_phrase": ""}
    values |= {side: ERASED for side in ("caller", "callee") if _same(subject, row[side])}
    await connection.execute(sa.update(table).where(table.c.id == call_id).values(values))
    done["calls"] += 1


async def _mentions(
    connection: AsyncConnection, subject: Subject
) -> list[tuple[sa.Table, list[sa.ColumnElement[bool]], dict[str, Any]]]:
    """Every row of every table that there is, known to this program or not, which holds the number: how to find it, and
    what its columns hold without it."""
    found = []
    there = await connection.run_sync(_reflected)
    for table in there.sorted_tables:
        if table.name in _LEFT_ALONE:
            continue
        texts = [column for column in table.columns if isinstance(column.type, sa.String | sa.JSON)]
        if not texts:
            continue
        rows = await connection.stream(sa.select(table).where(worth_a_look(table, subject)))
        async for row in rows.mappings():
            without = {column.name: subject.out_of(row[column.name]) for column in texts}
            changed = {name: value for name, value in without.items() if value != _plain(row[name])}
            if changed:
                key = [column == row[column.name] for column in table.primary_key.columns]
                found.append((table, key, changed))
    return found


def _reflected(connection: sa.Connection) -> sa.MetaData:
    there = sa.MetaData()
    there.reflect(connection)
    return there


def _plain(data: object) -> object:
    """As `Subject.out_of` gives it back: lists for tuples."""
    return [_plain(item) for item in data] if isinstance(data, list | tuple) else data


def _same(subject: Subject, number: str) -> bool:
    return suppression_key(number) in (subject.e164, suppression_key(subject.national))
