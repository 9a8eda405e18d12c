"""What happens while a call is dialled, written down as it happens and never in the way of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from store.calls import Calls
from store.happenings import Fact, Happening, Source

log = logging.getLogger(__name__)

_WRITTEN_S = 3.0


class Diary:
    """`async with Diary(...)`: notes are written in the background, in order; leaving waits for them, but not for long."""

    def __init__(self, calls: Calls, call_id: str, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._calls = calls
        self._call_id = call_id
        self._notes: asyncio.Queue[Happening] = asyncio.Queue(100)
        self._writer: asyncio.Task[None] | None = None

    def note(self, source: Source, name: str, **facts: Fact) -> None:
        """Write down what happened now. Never waits, never raises."""
        try:
            self._notes.put_nowait(Happening(self.clock(), source, name, facts))
        except asyncio.QueueFull:
            log.warning("%s: too much happens at once, %r is not kept", self._call_id, name)

    async def __aenter__(self) -> Self:
        self._writer = asyncio.create_task(self._write(), name="diary")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._writer is not None
        try:
            async with asyncio.timeout(_WRITTEN_S):
                await self._notes.join()
        except TimeoutError:
            log.warning("%s: the database took too long for %d notes", self._call_id, self._notes.qsize())
        finally:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    async def _write(self) -> None:
        while True:
            happening = await self._notes.get()
            try:
                await self._calls.note(self._call_id, happening)
            except (SQLAlchemyError, OSError) as lost:
                log.warning("%s: %r is not kept: %s", self._call_id, happening.name, lost)
            finally:
                self._notes.task_done()
