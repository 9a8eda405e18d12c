"""Live events through a Redis stream; a Redis that is away costs events, never a call."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self, TypeAlias

from redis.asyncio import Redis
from redis.exceptions import RedisError

from store.events import KEPT, Field, LiveEvent

log = logging.getLogger(__name__)

_CLOCKS_DIFFER_S = 5.0
STREAM = "leadline:events"
#: What XREAD answers over RESP2 with decoded strings: (stream, ((id, fields), …)), …
Streams: TypeAlias = list[tuple[str, list[tuple[str, dict[str, str]]]]] | None
#: What Redis raises when it is away; its client lets some of the socket's own errors through.
AWAY = (RedisError, OSError, TimeoutError)


class RedisEvents:
    """`Events` in the Redis stream `leadline:events`. Use as an async context manager: leaving flushes it briefly."""

    def __init__(self, url: str, clock: Callable[[], float], *, waiting: int = 1000, retry_s: float = 0.5) -> None:
        # Reads block for a second on the server, so the socket may stay silent a little longer than that.
        self._redis: Redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=2.5, decode_responses=True)
        self._clock = clock
        self._retry_s = retry_s
        self._waiting: asyncio.Queue[dict[str, str]] = asyncio.Queue(waiting)
        self._away = False
        self._sender: asyncio.Task[None] | None = None
        self.dropped = 0  #: events that nobody will see

    async def __aenter__(self) -> Self:
        self._sender = asyncio.create_task(self._send(), name="live-events")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._sender is not None
        try:
            async with asyncio.timeout(1.0):
                await self._waiting.join()
        except TimeoutError:
            self.dropped += self._waiting.qsize()
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
        await self._redis.aclose()

    def publish(self, call_id: str, kind: str, **fields: Field) -> None:
        entry = {"call": call_id, "kind": kind, "at": repr(self._clock()), "fields": json.dumps(fields)}
        try:
            self._waiting.put_nowait(entry)
        except asyncio.QueueFull:
            self.dropped += 1

    async def follow(self, call_id: str | None = None, since: str = "") -> AsyncIterator[LiveEvent]:
        last = since
        while True:
            _stop_if_cancelled()
            try:
                last = last or await self._newest()
                found: Streams = await self._redis.xread({STREAM: last}, count=100, block=1000)  # type: ignore[assignment]
            except AWAY as away:
                self._note_away(away)
                await asyncio.sleep(self._retry_s)
                continue
            for _, entries in found or ():
                for last, entry in entries:
                    if call_id in (None, entry.get("call")):
                        yield _event(last, entry)

    async def is_there(self) -> bool:
        """Whether Redis answers, within its limits of a second or two."""
        try:
            await self._redis.xrevrange(STREAM, count=1)
        except AWAY as away:
            self._note_away(away)
            return False
        return True

    def mark(self, at: float) -> str:
        # Redis numbers its entries by its own clock in ms; ours and that of another machine may differ a little.
        return f"{max(0, round((at - _CLOCKS_DIFFER_S) * 1000))}-0"

    async def _newest(self) -> str:
        entries = await self._redis.xrevrange(STREAM, count=1)
        return str(entries[0][0]) if entries else "0"

    async def _send(self) -> None:
        while True:
            entry = await self._waiting.get()
            while True:
                _stop_if_cancelled()
                if await self._add(entry):
                    break
                await asyncio.sleep(self._retry_s)
            self._waiting.task_done()

    async def _add(self, entry: dict[str, str]) -> bool:
        try:
            await self._redis.xadd(STREAM, {**entry}, maxlen=KEPT, approximate=True)  # type: ignore[dict-item]
        except AWAY as away:
            self._note_away(away)
            return False
        if self._away:
            log.info("Redis is back; %d live events were dropped meanwhile", self.dropped)
        self._away = False
        return True

    def _note_away(self, away: BaseException) -> None:
        if not self._away:
            log.warning("Redis is away (%s): live events wait, then are dropped; calls go on", away)
        self._away = True


def cancellations() -> int:
    """How often this task was told to stop: the client now and then answers that with an error of its own, or with nothing."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _stop_if_cancelled() -> None:
    if cancellations():
        raise asyncio.CancelledError


def _event(event_id: str, entry: dict[str, str]) -> LiveEvent:
    return LiveEvent(event_id, float(entry["at"]), entry["call"], entry["kind"], json.loads(entry["fields"]))
