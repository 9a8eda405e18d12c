"""Databases for contract tests: a fresh SQLite file, or a fresh database in the suite's own PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from store.calls import Calls
from store.database import migrate, open_calls, open_engine
from store.memory_calls import MemoryCalls
from tests.postgres import Postgres

_numbers = itertools.count()
_TEMPLATE = "migrated"


class Databases:
    """Makes databases; PostgreSQL is started by the first test that asks for one."""

    def __init__(self, postgres: Callable[[], Postgres]) -> None:
        self._postgres = postgres
        self._template = False
        self._file: bytes | None = None  #: a migrated SQLite file; half a second for each test that need not migrate

    @property
    def server(self) -> Postgres:
        """The suite's PostgreSQL."""
        return self._postgres()

    async def url(self, kind: str, folder: Path) -> str:
        """The URL of an empty database with the newest schema."""
        if kind == "sqlite":
            if self._file is None:
                await _migrate(f"sqlite+aiosqlite:///{folder / 'template.db'}")
                self._file = await asyncio.to_thread((folder / "template.db").read_bytes)
            await asyncio.to_thread((folder / "calls.db").write_bytes, self._file)
            return f"sqlite+aiosqlite:///{folder / 'calls.db'}"
        server = self.server  # blocks for a second or two, once
        if not self._template:
            await _migrate(await asyncio.to_thread(server.create, _TEMPLATE))
            self._template = True
        return await asyncio.to_thread(server.create, f"test{next(_numbers)}", _TEMPLATE)

    @asynccontextmanager
    async def calls(self, kind: str, folder: Path) -> AsyncIterator[Calls]:
        """An empty `Calls` of the kind "memory", "sqlite" or "postgres"."""
        if kind == "memory":
            yield MemoryCalls()
            return
        async with open_calls(await self.url(kind, folder), migrated=True) as calls:
            yield calls


async def _migrate(url: str) -> None:
    engine = open_engine(url)
    try:
        await migrate(engine)
    finally:
        await engine.dispose()
