"""What a call is written to: rows, live events, live state; opened once a job."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from store.calls import Calls
from store.database import open_calls
from store.events import Events
from store.live import LiveCalls
from store.live_holding import Shelf
from store.live_redis import RedisLive
from store.redis_events import RedisEvents
from store.settings import StoreSettings
from store.writer import Writer, journal_path, journals_in


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores of one process."""

    calls: Calls
    events: Events
    live: LiveCalls
    shelf: Shelf
    journal_dir: Path

    def writer_of(self, call_id: str) -> Writer:
        """The writer of a call, with a journal of its own."""
        elders = journals_in(self.journal_dir, call_id)
        return Writer(self.calls, journal_path(self.journal_dir, call_id, time.time()), elders=elders)


@asynccontextmanager
async def open_stores() -> AsyncIterator[Stores]:
    """Open what the settings name; the database's schema is up to date since the worker's start."""
    settings = StoreSettings()
    async with (
        open_calls(settings.database_url, migrated=True) as calls,
        RedisEvents(settings.redis_url, time.time) as events,
        RedisLive(settings.redis_url) as live,
    ):
        yield Stores(calls, events, live, Shelf(settings.journal_dir / "live"), settings.journal_dir)
