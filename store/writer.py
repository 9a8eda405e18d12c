"""The call's way to the store: writes queue in order, never hold the call up, survive a locked or lost database."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from store.away import is_away
from store.calls import Calls
from store.journal import Journal, JournalFull
from store.writes import Write, carry_out

log = logging.getLogger(__name__)

Kept = Literal["stored", "journalled", "waiting"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: how long one try may take, how soon a database that was away is tried again, how long the end waits."""

    try_s: float = 5.0
    again_s: float = 0.5
    flush_s: float = 10.0


class Writer:
    """An ordered, bounded queue in front of `Calls`. Use as an async context manager: leaving flushes it.

    A write that the database does not take at once is appended to the journal, so that a process killed now loses
    nothing; later writes line up behind it there until the database has taken the journal's content. What neither
    takes, on a full disk, waits in memory and is tried again. `elders` are journals of the same call that a dead
    process left: they come first.
    """

    def __init__(
        self,
        calls: Calls,
        journal: Path,
        *,
        elders: tuple[Path, ...] = (),
        patience: Patience = Patience(),
        size: int = 10_000,
    ) -> None:
        self._calls = calls
        self._journals = [*(Journal(path) for path in elders), Journal(journal)]
        self._patience = patience
        self._queue: asyncio.Queue[Write] = asyncio.Queue(size)
        self._in_hand: Write | None = None
        self._lock = asyncio.Lock()  #: around the journal's file
        self._behind = asyncio.Event()  #: set while the journal holds something
        self._tasks: list[asyncio.Task[None]] = []
        self.lost = 0  #: writes that neither database nor journal took
        if elders:
            self._behind.set()

    @property
    def _journal(self) -> Journal:
        return self._journals[-1]

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._work(), name="store-writer"),
            asyncio.create_task(self._replay_in_time(), name="store-replay"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        work, replaying = self._tasks
        try:
            async with asyncio.timeout(self._patience.flush_s):
                await self._queue.join()
                replaying.cancel()
                await asyncio.gather(replaying, return_exceptions=True)
                await self._catch_up()  # once: all of it is on disk, and a worker replays what is left there
        except TimeoutError:
            log.error("the database took too long: %d writes go to %s", self._queue.qsize(), self._journal.path)
        for task in (work, replaying):
            task.cancel()
        await asyncio.gather(work, replaying, return_exceptions=True)
        left = [] if self._in_hand is None else [self._in_hand]  # it may be stored already: every write can be repeated
        while not self._queue.empty():
            left.append(self._queue.get_nowait())
        for write in left:
            if problem := await self._to_journal(write, "shutting down"):
                self._lose(write, problem)
        for journal in self._journals:
            journal.close()

    def put(self, write: Write) -> None:
        """Line a write up. Never waits, never raises; a full queue loses the write and says so."""
        try:
            self._queue.put_nowait(write)
        except asyncio.QueueFull:
            self._lose(write, "the queue is full")

    async def opt_out(self, write: Write) -> Kept:
        """Store an opt-out now, ahead of the queue; it is in the database or on disk when this returns.

        "waiting": neither takes it now. It is tried again as long as the call's process lives.
        """
        if not (reason := await self._try(write)):
            return "stored"
        if not await self._to_journal(write, reason):
            return "journalled"
        self.put(write)
        return "waiting"

    async def flush(self) -> None:
        """Wait until everything put so far is stored or journalled."""
        await self._queue.join()

    async def _work(self) -> None:
        while True:
            self._in_hand = await self._queue.get()
            await self._keep(self._in_hand)
            self._in_hand = None
            self._queue.task_done()

    async def _replay_in_time(self) -> None:
        """Look from time to time whether a database that was away is back."""
        pause = self._patience.again_s
        while True:
            await self._behind.wait()
            if await self._catch_up():
                pause = self._patience.again_s
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, 10 * self._patience.again_s)

    async def _keep(self, write: Write) -> None:
        """Until the write is in the database or on disk."""
        stuck = False
        while True:
            reason = "the journal is not empty yet" if self._behind.is_set() else await self._try(write)
            if not reason or not (problem := await self._to_journal(write, reason)):
                return
            if not stuck:
                log.error("neither database nor journal takes writes (%s; %s): they wait in memory", reason, problem)
            stuck = True
            await asyncio.sleep(self._patience.again_s)

    async def _try(self, write: Write) -> str:
        """Carry the write out. Returns why it could not be, or ""."""
        try:
            async with asyncio.timeout(self._patience.try_s):
                await carry_out(write, self._calls)
        except Exception as refused:
            return _first_line(refused)
        return ""

    async def _catch_up(self) -> bool:
        """Replay what waits, oldest journal first, while new writes are appended; True when nothing is left."""
        while self._behind.is_set():
            journal = self._journals[0]
            own = len(self._journals) == 1
            if not own and not journal.held:
                try:
                    if not await asyncio.to_thread(journal.open, create=False):
                        return False  # somebody else replays it: what is new must not overtake it
                except FileNotFoundError:
                    self._journals.pop(0)
                    continue
            done = await _replay(journal, self._calls, self._patience.try_s)
            if done is None:
                return False
            async with self._lock:
                if not await asyncio.to_thread(_remove, journal, done):
                    continue  # it has grown meanwhile
                if own:
                    self._behind.clear()
                    log.info("the database takes writes again; the journal is stored")
                else:
                    self._journals.pop(0)
        return True

    async def _to_journal(self, write: Write, reason: str) -> str:
        """Append it to the journal. Returns why that was not possible, or ""."""
        try:
            async with self._lock:
                await asyncio.to_thread(self._journal.append, write)
                if not self._behind.is_set():
                    log.warning("the database takes no writes (%s): they wait in %s", reason, self._journal.path)
                self._behind.set()
        except (JournalFull, OSError) as full:
            return _first_line(full)
        return ""

    def _lose(self, write: Write, reason: str) -> None:
        self.lost += 1
        if self.lost == 1:
            log.error("a write (%s) is LOST: %s; further losses are counted, not logged", write.kind, reason)


async def keep_replaying(folder: Path, calls: Calls, patience: Patience = Patience(again_s=5.0)) -> None:
    """Until cancelled: store what calls left on disk that ended, or died, while the database was away."""
    while True:
        try:
            if (done := await replay(folder, calls, patience)) > 0:
                log.info("stored %d writes that had waited in journals", done)
        except OSError as wrong:
            log.error("the journals in %s cannot be replayed: %s", folder, wrong)
        await asyncio.sleep(patience.again_s)


async def replay(folder: Path, calls: Calls, patience: Patience = Patience()) -> int:
    """Carry out what dead writers left in `folder`. Returns how many writes were made; the rest stays for next time."""
    done = 0
    for path in await asyncio.to_thread(journals_in, folder):
        journal = Journal(path)
        try:
            if not await asyncio.to_thread(journal.open, create=False):
                continue  # its writer lives
        except FileNotFoundError:
            continue  # another one replayed it
        try:
            made = await _replay(journal, calls, patience.try_s)
            if made is None:
                break  # later journals may stand on this one
            done += made
            await asyncio.to_thread(journal.remove)
        finally:
            journal.close()
    return done


def _remove(journal: Journal, done: int) -> bool:
    """Remove a journal of which so many writes are stored, unless there are more."""
    if len(journal.read()) > done:
        return False
    journal.remove()
    return True


async def _replay(journal: Journal, calls: Calls, try_s: float) -> int | None:
    """Carry a journal out in order; returns how many writes it held, None when the database is away.

    Nothing is taken from it before all of it is stored: whoever repeats it does no harm.
    """
    writes = await asyncio.to_thread(journal.read)
    for write in writes:
        try:
            async with asyncio.timeout(try_s):
                await carry_out(write, calls)
        except Exception as refused:
            if is_away(refused):
                return None
            log.error("a %s in %s can never be stored (%s)", write.kind, journal.path, _first_line(refused))
            await asyncio.to_thread(_set_aside, journal.path, write)
    return len(writes)


def _set_aside(path: Path, write: Write) -> None:
    """Keep a write that no database will take where a person can look at it."""
    rejected = Journal(path.with_suffix(".rejected"))
    try:
        if rejected.open() and write not in rejected.read():
            rejected.append(write)
    except (JournalFull, OSError) as full:
        log.error("and could not be set aside: %s", full)
    finally:
        rejected.close()


def journal_path(folder: Path, call_id: str, now: float) -> Path:
    """Where the writer of this call, in this process, keeps its journal; names sort by age. `now`: Unix seconds."""
    return folder / f"{round(now * 1000):013d}-{call_id}-{os.getpid()}.jsonl"


def journals_in(folder: Path, call_id: str = "*") -> tuple[Path, ...]:
    """The journals of a call, or all, oldest first."""
    return tuple(sorted(folder.glob(f"*-{call_id}-*.jsonl")))


def _first_line(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).partition("\n")[0] or type(error).__name__
