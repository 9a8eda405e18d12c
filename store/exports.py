"""What a campaign came to, lead by lead, for reports and other systems: read in pieces, whatever its size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store import tables
from store.campaign_tables import attempts, callbacks, leads, shelves
from store.transaction import AT_ONCE, rows_of


async def leads_in(engine: AsyncEngine, campaign: str) -> AsyncIterator[dict[str, Any]]:
    """Yield every lead by id: its own columns, `zone`, `answers` by slot and `attempt`, the last one (None before it)."""
    last = 0
    while True:
        async with engine.connect() as connection:
            query = sa.select(leads, shelves.c.zones).join(shelves, leads.c.shelf == shelves.c.id)
            query = query.where(leads.c.campaign == campaign, leads.c.id > last, shelves.c.opens_at.is_not(None))
            rows = await rows_of(connection, query.order_by(leads.c.id).limit(AT_ONCE))
            if not rows:
                return
            tried = await _last_attempts(connection, [row["id"] for row in rows])
            said = await _answers(connection, [attempt["id"] for attempt in tried.values()])
        for row in rows:
            attempt = tried.get(row["id"])
            told = said.get(attempt["id"], {}) if attempt else {}
            yield dict(row) | {"zone": next(iter(row["zones"]), ""), "attempt": attempt, "answers": told}
        last = rows[-1]["id"]


async def attempts_in(engine: AsyncEngine, campaign: str) -> AsyncIterator[dict[str, Any]]:
    """Yield every attempt in the order in which they began, every column, with the lead's `external_id` and `zone`."""
    joined = attempts.join(leads, attempts.c.lead == leads.c.id).join(shelves, leads.c.shelf == shelves.c.id)
    query = sa.select(attempts, leads.c.external_id, shelves.c.zones).select_from(joined)
    query = query.where(attempts.c.campaign == campaign).order_by(attempts.c.begun_at, attempts.c.id)
    async with engine.connect() as connection:
        async for row in (await connection.stream(query)).mappings():
            yield dict(row) | {"zone": next(iter(row["zones"]), "")}


async def callbacks_of(engine: AsyncEngine, campaign: str) -> AsyncIterator[dict[str, Any]]:
    """Yield every callback that was agreed in a campaign, by its time."""
    query = sa.select(callbacks).where(callbacks.c.campaign == campaign).order_by(callbacks.c.due_at)
    async with engine.connect() as connection:
        async for row in (await connection.stream(query)).mappings():
            yield dict(row)


async def _last_attempts(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    query = sa.select(attempts).where(attempts.c.lead.in_(ids)).order_by(attempts.c.begun_at)
    return {row["lead"]: dict(row) for row in await rows_of(connection, query)}


async def _answers(connection: AsyncConnection, calls: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    query = sa.select(tables.answers.c.call_id, tables.answers.c.slot, tables.answers.c.value)
    for row in await rows_of(connection, query.where(tables.answers.c.call_id.in_(calls))):
        found.setdefault(row["call_id"], {})[row["slot"]] = row["value"]
    return found
