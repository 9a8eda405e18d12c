"""What happens in calls, as a stream for whoever watches: operators' pages, the demo, tests.

Personal data (words, numbers, names) goes under field names with a `pii` segment, as in `pii.text`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Field: TypeAlias = str | int | float | bool | None

#: Events kept for those who come late, in Redis and in memory.
KEPT = 10_000


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One thing that happened in a call. `id` orders events and serves as `since`; `at` is Unix seconds."""

    id: str
    at: float
    call_id: str
    kind: str
    fields: dict[str, Field]


class Events(Protocol):
    """A stream of live events."""

    def publish(self, call_id: str, kind: str, **fields: Field) -> None:
        """Tell. Never waits and never raises: an event that cannot be told is dropped."""
        ...

    def follow(self, call_id: str | None = None, since: str = "") -> AsyncIterator[LiveEvent]:
        """Events as they happen, of one call or of all, first those kept after the id `since` ("0": all kept).

        With `since` empty only what happens from now on. Ends when its reader stops.
        """
        ...

    def mark(self, at: float) -> str:
        """An id, for `since`, behind which is everything told from `at` (Unix seconds) on, and little else."""
        ...


class MemoryEvents:
    """`Events` within this process: the fake where there is no Redis."""

    def __init__(self, clock: Callable[[], float], kept: int = KEPT) -> None:
        self._clock = clock
        self._events: deque[LiveEvent] = deque(maxlen=kept)
        self._count = 0
        self._wakers: set[asyncio.Event] = set()

    def publish(self, call_id: str, kind: str, **fields: Field) -> None:
        self._count += 1
        self._events.append(LiveEvent(f"{self._count}-0", self._clock(), call_id, kind, dict(fields)))
        for waker in self._wakers:
            waker.set()

    def kept(self) -> tuple[LiveEvent, ...]:
        """What was told so far, oldest first."""
        return tuple(self._events)

    def mark(self, at: float) -> str:
        first = next((event for event in self._events if event.at >= at), None)
        return f"{(order(first.id)[0] if first is not None else self._count + 1) - 1}-0"

    async def follow(self, call_id: str | None = None, since: str = "") -> AsyncIterator[LiveEvent]:
        seen = order(since)[0] if since else self._count
        waker = asyncio.Event()
        self._wakers.add(waker)
        try:
            while True:
                waker.clear()
                for event in tuple(self._events):
                    if order(event.id)[0] > seen:
                        seen = order(event.id)[0]
                        if call_id in (None, event.call_id):
                            yield event
                if self._count == seen:
                    await waker.wait()
        finally:
            self._wakers.discard(waker)


def order(event_id: str) -> tuple[int, int]:
    """An event's id as numbers that compare in the order of happening. Raises ValueError for what is no id."""
    first, _, second = event_id.partition("-")
    return int(first), int(second or 0)
