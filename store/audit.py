"""Who did what to people's data, and when: a table that takes entries and gives none up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store import tables


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `subject` names whose data without telling it: a number's hash. `at` is Unix seconds."""

    at: float
    actor: str
    action: str
    subject: str
    details: Mapping[str, object]


async def note(connection: AsyncConnection, entry: Entry) -> None:
    """Append an entry, within the transaction of what it tells of."""
    row = {name: getattr(entry, name) for name in Entry.__dataclass_fields__} | {"details": dict(entry.details)}
    await connection.execute(sa.insert(tables.audit).values(row))


async def entries(engine: AsyncEngine, limit: int) -> tuple[Entry, ...]:
    """The newest entries, newest first."""
    query = sa.select(tables.audit).order_by(tables.audit.c.id.desc()).limit(limit)
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).mappings()
        return tuple(Entry(**{name: row[name] for name in Entry.__dataclass_fields__}) for row in rows)
