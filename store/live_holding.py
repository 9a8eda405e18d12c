"""A call held by this process: its state is saved behind the conversation, its lease renewed, a successor noticed.

Nothing here makes a turn wait. While Redis is away the newest state is kept in memory and in a file on this machine,
and written to Redis when it is back.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from store.live import KEPT_S, RENEW_S, Claim, LiveAway, LiveCalls, Owner, Snapshot, SnapshotError

log = logging.getLogger("leadline.live")

_RETRY_S: Final = 0.2
_END_S: Final = 1.5


class Shelf:
    """Snapshots in files, one a room, for as long as Redis is away. Only their owner may read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, room: str, text: str) -> None:
        """Keep the newest snapshot of a room. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(room)
        fresh = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(path)

    def read(self, room: str) -> str | None:
        """What was kept of a room."""
        try:
            return self._path(room).read_text(encoding="utf-8")
        except OSError:
            return None

    def drop(self, room: str) -> None:
        """Redis has it, or it is over."""
        self._path(room).unlink(missing_ok=True)

    def sweep(self, now: float) -> None:
        """Delete what is so old that Redis would have forgotten it."""
        for path in self._folder.glob("*"):
            if path.stat().st_mtime < now - KEPT_S:
                path.unlink(missing_ok=True)

    def _path(self, room: str) -> Path:
        return self._folder / f"{hashlib.sha256(room.encode()).hexdigest()[:32]}.json"


def newest(claim: Claim | None, shelved: str | None) -> Snapshot | None:
    """Where the conversation stands, from Redis or from the shelf; a snapshot that cannot be read counts as none."""
    found: list[Snapshot] = []
    for text in (claim.snapshot if claim is not None else None, shelved):
        if text is not None:
            try:
                found.append(Snapshot.load(text))
            except SnapshotError as broken:
                log.error("%s: the call begins anew", broken)
    return max(found, key=lambda one: (one.state.counts.effects, one.turns), default=None)


class Holding:
    """Use as an async context manager; inside, `put` is all that the conversation needs.

    `superseded` is set when another process has the call: this one must fall silent and leave the room.
    """

    def __init__(self, live: LiveCalls, room: str, owner: Owner, shelf: Shelf, claim: Claim | None) -> None:
        self.superseded = asyncio.Event()
        self._live = live
        self._room = room
        self._owner = owner
        self._shelf = shelf
        self._generation = claim.generation if claim is not None else None
        self._latest: Snapshot | None = None
        self._flow_body: str | None = None
        self._progress = _Progress()
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep(), name="live.keep")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._keeper is not None
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)

    def put(self, snapshot: Snapshot, flow_body: str | None = None) -> None:
        """This is where the conversation stands. Never waits; a newer snapshot replaces one that is still waiting."""
        self._latest = snapshot
        self._flow_body = flow_body or self._flow_body
        self._progress.changed()

    async def settled(self, limit_s: float) -> bool:
        """Wait until the newest snapshot is in Redis or on the shelf; False when it was not within `limit_s`."""
        try:
            async with asyncio.timeout(limit_s):
                await self._progress.kept.wait()
        except TimeoutError:
            return False
        return True

    async def stored(self, limit_s: float) -> bool:
        """Wait until Redis itself has the newest snapshot; False when it had not within `limit_s`."""
        try:
            async with asyncio.timeout(limit_s):
                while not self._progress.stored:
                    await self._progress.moved()
        except TimeoutError:
            return False
        return True

    async def over(self) -> None:
        """The call is over: nothing of it stays."""
        assert self._keeper is not None
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        try:
            if self._generation is not None:
                async with asyncio.timeout(_END_S):
                    await self._live.end(self._room, self._generation)
        except (LiveAway, TimeoutError):
            log.info("the live state of a finished call stays until its lease runs out: Redis is away")
        await asyncio.to_thread(self._shelf.drop, self._room)

    # -- behind the conversation

    async def _keep(self) -> None:
        renew_at, me = 0.0, asyncio.current_task()
        while not self.superseded.is_set():
            try:
                renew_at = await self._write(renew_at)
                self._progress.reached()
                wait = max(0.0, renew_at - time.monotonic())
            except LiveAway as away:
                self._progress.missed(away)
                await self._put_on_shelf()
                wait = _RETRY_S
            if me is not None and me.cancelling():
                return  # Redis' client has taken the cancellation for itself, in the middle of a question
            await self._progress.wait(wait)

    async def _write(self, renew_at: float) -> float:
        """Save what is new and renew what is due; returns when the lease is due next."""
        if self._generation is None:
            self._generation = (await self._live.claim(self._room, self._owner)).generation
        if not self._progress.stored:
            latest, body = self._latest, self._flow_body
            assert latest is not None, "nothing was put"
            if not await self._live.save(self._room, self._generation, latest.dump(), body):
                self.superseded.set()
                return renew_at
            if self._latest is latest:
                self._progress.kept_in_store()
                await asyncio.to_thread(self._shelf.drop, self._room) if self._progress.shelved else None
                self._progress.shelved = False
        if (now := time.monotonic()) < renew_at:
            return renew_at
        if not await self._live.renew(self._room, self._owner, self._generation):
            self.superseded.set()
        return now + RENEW_S

    async def _put_on_shelf(self) -> None:
        """Once for each snapshot; Redis may come back later than this process dies."""
        latest = self._latest
        if latest is None or self._progress.kept.is_set():
            return
        try:
            await asyncio.to_thread(self._shelf.write, self._room, latest.dump())
        except OSError as full:
            log.error("the state of this call is in memory only: Redis is away and the disk refuses (%s)", full)
            return
        self._progress.shelved = True
        if self._latest is latest:
            self._progress.kept.set()


class _Progress:
    """How far saving has come."""

    def __init__(self) -> None:
        self.stored = True  #: Redis has the newest snapshot
        self.shelved = False  #: a file has one
        self.kept = asyncio.Event()  #: the newest is in one of them
        self.kept.set()
        self._wake = asyncio.Event()
        self._moved = asyncio.Event()
        self._away = False

    def changed(self) -> None:
        """There is a newer snapshot."""
        self.stored = False
        self.kept.clear()
        self._wake.set()

    def kept_in_store(self) -> None:
        """Redis has the newest."""
        self.stored = True
        self.kept.set()
        self._moved.set()

    async def moved(self) -> None:
        """Until something was stored."""
        self._moved.clear()
        await self._moved.wait()

    async def wait(self, limit_s: float) -> None:
        """Until there is something to save, or for so long."""
        try:
            async with asyncio.timeout(limit_s):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def missed(self, away: LiveAway) -> None:
        """Redis did not answer; said once."""
        if not self._away:
            log.warning("%s: calls go on, their state is kept here and written when it is back", away)
        self._away = True

    def reached(self) -> None:
        """Redis answered."""
        if self._away:
            log.info("Redis is back, the state of this call is written")
        self._away = False
