"""Opening the database: engine, SQLite's settings, schema migrations run from here and nowhere else."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from store.calls import StoreError
from store.sql_calls import SqlCalls

MIGRATIONS = Path(__file__).parent / "migrations"
#: How long SQLite waits for another process's write. The writer behind it retries; an opt-out cannot wait long.
BUSY_MS = 1000
_MIGRATION_LOCK = 0x6C65_6165  #: any number that nothing else locks by


class DatabaseUnusable(StoreError):
    """The database cannot be opened."""


@asynccontextmanager
async def open_calls(url: str, *, migrated: bool = False) -> AsyncIterator[SqlCalls]:
    """Calls in the database at `url`, brought to the newest schema unless the caller knows that it is (`migrated`).

    Raises:
        DatabaseUnusable: wrong URL, missing driver, unwritable file, a schema newer than this program.
    """
    engine = open_engine(url)
    try:
        if not migrated:
            await migrate(engine)
        yield SqlCalls(engine)
    finally:
        await engine.dispose()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine for what is done to the database as a whole, its schema the newest. Raises DatabaseUnusable."""
    engine = open_engine(url)
    try:
        await migrate(engine)
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def existing(url: str) -> AsyncIterator[AsyncEngine]:
    """An engine for a database as it is, which is neither made nor changed. Raises DatabaseUnusable."""
    _refuse_missing(url)
    engine = open_engine(url)
    try:
        yield engine
    except (DatabaseError, OSError) as wrong:
        where = engine.url.render_as_string(hide_password=True)
        raise DatabaseUnusable(f"cannot open the database {where}: {wrong.__cause__ or wrong}") from wrong
    finally:
        await engine.dispose()


def _refuse_missing(url: str) -> None:
    parsed = sa.make_url(url) if "://" in url else None
    if parsed is not None and parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        raise DatabaseUnusable(f"there is no database {parsed.database!r} yet: `leadline db upgrade` makes it")


def open_engine(url: str) -> AsyncEngine:
    """An engine for `url`; a SQLite file and its folder are created."""
    try:
        parsed = sa.make_url(url)
        engine = create_async_engine(
            parsed,
            pool_pre_ping=parsed.get_backend_name() != "sqlite",
            hide_parameters=True,  # they are what people said: no error message shows them
        )
    except (ArgumentError, NoSuchModuleError, ImportError) as wrong:
        raise DatabaseUnusable(
            f"LEADLINE_DATABASE_URL is not usable ({wrong}); write sqlite+aiosqlite:///path/to/leadline.db, "
            "or postgresql+asyncpg://user@host/name with the extra `postgres` installed"
        ) from None
    if parsed.get_backend_name() == "sqlite":
        _make_file(parsed.database)
        sa.event.listen(engine.sync_engine, "connect", _set_pragmas)
    return engine


def _make_file(database: str | None) -> None:
    """Try the file before the driver does, whose thread for a connection that failed outlives the attempt."""
    if not database or database == ":memory:":
        return
    path = Path(database)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Never open a database that is there: closing it again would drop the locks of this process's connections to it
        # (POSIX locks belong to the process), and others would take the log away under them.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        if not os.access(path, os.R_OK | os.W_OK) or not path.is_file():
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as wrong:
        raise DatabaseUnusable(f"cannot open the database {database}: {wrong.strerror}; choose another place") from None


def _set_pragmas(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    try:
        for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()  # the pool does not know it yet, and its thread would outlive the event loop
        raise
    cursor.close()


async def migrate(engine: AsyncEngine) -> None:
    """Bring the schema to the newest version. Cheap when it is: Alembic is loaded only when there is work."""
    newest = newest_revision()
    try:
        async with engine.connect() as connection:
            current = await connection.run_sync(revision)
            if current == newest:
                return
            if current is not None and current > newest:
                raise DatabaseUnusable(
                    f"the database has schema {current}, this program knows {newest}: upgrade Leadline, "
                    "or point LEADLINE_DATABASE_URL at another database"
                )
        async with engine.connect() as connection:
            if engine.dialect.name == "sqlite":  # one process migrates, others wait, then find it done
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            await connection.run_sync(_upgrade)
            await connection.commit()
    except (DatabaseError, OSError) as wrong:
        where = engine.url.render_as_string(hide_password=True)
        raise DatabaseUnusable(f"cannot open the database {where}: {wrong.__cause__ or wrong}") from wrong


def newest_revision() -> str:
    """The newest schema that this program knows."""
    return max(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def revision(connection: sa.Connection) -> str | None:
    """The schema that the database has; None when it has none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return str(found) if found is not None else None


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
