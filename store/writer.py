"""The call's way to the store: writes queue in order, never hold the call up, survive a locked or lost database."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from store.calls import Calls, StoreError
from store.journal import Journal, JournalFull
from store.writes import Write, carry_out

log = logging.getLogger(__name__)

#: What a locked, restarting or unreachable database raises: worth trying again.
AWAY = (OperationalError, InterfaceError, PoolTimeout, OSError)
Kept = Literal["stored", "journalled", "lost"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a write is tried: pauses in seconds before each further try."""

    pauses_s: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


class Writer:
    """An ordered, bounded queue in front of `Calls`. Use as an async context manager: leaving flushes it.

    A write that fails for good is appended to the journal and said in one log line; later writes line up behind it
    there until the database takes the journal's content, so that order is kept. `replay` does the same at start-up for
    journals that a dead process left.
    """

    def __init__(
        self, calls: Calls, journal: Path, *, patience: Patience = Patience(), size: int = 10_000, flush_s: float = 10.0
    ) -> None:
        self._calls = calls
        self._journal = Journal(journal)
        self._patience = patience
        self._queue: asyncio.Queue[Write] = asyncio.Queue(size)
        self._flush_s = flush_s
        self._in_hand: Write | None = None
        self._journal_lock = asyncio.Lock()  # an opt-out may come while the journal is being replayed
        self._journalled = False
        self._worker: asyncio.Task[None] | None = None
        self.lost = 0  #: writes that neither database nor journal took

    async def __aenter__(self) -> Self:
        self._worker = asyncio.create_task(self._work(), name="store-writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._worker is not None
        try:
            async with asyncio.timeout(self._flush_s):
                await self._queue.join()
        except TimeoutError:
            log.error("the database took too long: %d writes go to %s", self._queue.qsize(), self._journal.path)
        self._worker.cancel()
        await asyncio.gather(self._worker, return_exceptions=True)
        if self._in_hand is not None:  # it may be stored already: every write can be repeated
            await self._to_journal(self._in_hand, "shutting down")
        while not self._queue.empty():
            await self._to_journal(self._queue.get_nowait(), "shutting down")
        self._journal.close()

    def put(self, write: Write) -> None:
        """Line a write up. Never waits, never raises; a full queue loses the write and says so."""
        try:
            self._queue.put_nowait(write)
        except asyncio.QueueFull:
            self._lose(write, "the queue is full")

    async def opt_out(self, write: Write) -> Kept:
        """Store an opt-out now, ahead of the queue; it is in the database or on disk when this returns."""
        if reason := await self._try(write, Patience((0.05, 0.2))):
            return await self._to_journal(write, reason)
        return "stored"

    async def flush(self) -> None:
        """Wait until everything put so far is stored or journalled."""
        await self._queue.join()

    async def _work(self) -> None:
        while True:
            self._in_hand = await self._queue.get()
            await self._store(self._in_hand)
            self._in_hand = None
            self._queue.task_done()

    async def _store(self, write: Write) -> None:
        if self._journalled and not await self._catch_up():
            await self._to_journal(write, "the journal is not empty yet")
        elif reason := await self._try(write, self._patience):
            await self._to_journal(write, reason)

    async def _try(self, write: Write, patience: Patience) -> str:
        """Carry the write out, patiently while the database is away. Returns why it could not be, or ""."""
        for pause in (*patience.pauses_s, None):
            try:
                await carry_out(write, self._calls)
                return ""
            except AWAY as away:
                reason = _first_line(away)
                if pause is not None:
                    await asyncio.sleep(pause)
            except (SQLAlchemyError, StoreError) as refused:
                return _first_line(refused)
        return reason

    async def _catch_up(self) -> bool:
        """Replay our own journal; True when nothing is left in it."""
        async with self._journal_lock:
            left = await _replay(self._journal, self._calls)
            self._journalled = bool(left)
        return not left

    async def _to_journal(self, write: Write, reason: str) -> Kept:
        try:
            async with self._journal_lock:
                await asyncio.to_thread(self._journal.append, write)
        except (JournalFull, OSError) as full:
            self._lose(write, f"{reason}; journal: {_first_line(full)}")
            return "lost"
        if not self._journalled:
            log.error("cannot write to the database (%s): writes wait in %s", reason, self._journal.path)
        self._journalled = True
        return "journalled"

    def _lose(self, write: Write, reason: str) -> None:
        self.lost += 1
        if self.lost == 1:
            log.error("a write (%s) is LOST: %s; further losses are counted, not logged", write.kind, reason)


async def replay(folder: Path, calls: Calls) -> int:
    """Carry out what dead writers left in `folder`. Returns how many writes were made; the rest stays for next time."""
    done = 0
    for path in sorted(await asyncio.to_thread(lambda: list(folder.glob("*.jsonl")))):
        journal = Journal(path)
        if not await asyncio.to_thread(journal.open):
            continue  # its writer lives
        try:
            before = len(await asyncio.to_thread(journal.read))
            done += before - len(await _replay(journal, calls))
        finally:
            journal.close()
    return done


async def _replay(journal: Journal, calls: Calls) -> list[Write]:
    """Carry a journal out in order; returns, and keeps in it, what could not be done because the database is away."""
    waiting = list(await asyncio.to_thread(journal.read))
    while waiting:
        try:
            await carry_out(waiting[0], calls)
        except AWAY:
            break
        except (SQLAlchemyError, StoreError) as refused:
            log.error("a %s in %s can never be stored (%s)", waiting[0].kind, journal.path, _first_line(refused))
            await asyncio.to_thread(_set_aside, journal.path, waiting[0])
        waiting.pop(0)
    await asyncio.to_thread(journal.keep_only, waiting)
    return waiting


def _set_aside(path: Path, write: Write) -> None:
    """Keep a write that no database will take where a person can look at it."""
    rejected = Journal(path.with_suffix(".rejected"))
    try:
        rejected.append(write)
    except (JournalFull, OSError) as full:
        log.error("and could not be set aside: %s", full)
    finally:
        rejected.close()


def journal_path(folder: Path, call_id: str) -> Path:
    """Where the writer of this call, in this process, keeps its journal."""
    return folder / f"{call_id}-{os.getpid()}.jsonl"


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
