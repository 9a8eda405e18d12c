"""Transactions that read, decide and write: no other writer comes between, on SQLite and on Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

#: How many values one statement takes: well under SQLite's 32,766.
AT_ONCE: Final = 500
#: SQLite's own wait is a second (store.database.BUSY_MS); another process may hold the file longer.
_LOCKED_TRIES: Final = 20
Item = TypeVar("Item")


@asynccontextmanager
async def writing(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction that will write, committed at the end. SQLite's lock is taken before the first read, which makes
    what was read true until the commit; on Postgres whoever needs that locks rows.

    Raises sqlalchemy.exc.OperationalError when SQLite stays locked for about 20 seconds.
    """
    async with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            await _lock(connection)
        yield connection
        await connection.commit()


async def _lock(connection: AsyncConnection) -> None:
    for tried in range(1, _LOCKED_TRIES + 1):
        try:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as locked:
            if "locked" not in str(locked) or tried == _LOCKED_TRIES:
                raise
            await connection.rollback()
            await asyncio.sleep(0.01)


def insert_into(connection: AsyncConnection, table: sa.Table) -> sqlite.Insert:
    """An INSERT that knows ON CONFLICT; both dialects spell it with the same methods, SQLAlchemy types them apart."""
    if connection.dialect.name == "postgresql":
        return cast("sqlite.Insert", postgresql.insert(table))
    return sqlite.insert(table)


def pieces(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """A sequence in pieces that one statement takes."""
    for at in range(0, len(items), AT_ONCE):
        yield items[at : at + AT_ONCE]


async def read(engine: AsyncEngine, query: sa.Select[Any]) -> tuple[dict[str, Any], ...]:
    """All rows of one query, every column, in a connection of its own."""
    async with engine.connect() as connection:
        return tuple(dict(row) for row in await rows_of(connection, query))


async def rows_of(connection: AsyncConnection, query: sa.Select[Any]) -> tuple[sa.RowMapping, ...]:
    """All rows of a query."""
    return tuple((await connection.execute(query)).mappings())
