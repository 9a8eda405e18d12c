"""How fast several dialers together may call: a token for each INVITE, and places that are counted over all of them.

A token is given at most once an interval, never saved up: carriers refuse bursts even where the average is right. A
place is held by a name until it is let go, or until its time is over because whoever held it died.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Pace(Protocol):
    """Shared by all dialers. Everything raises store.live.LiveAway when the store cannot be reached: then nobody dials."""

    async def token(self, trunk: str, per_second: float) -> float:
        """Ask for the right to send one INVITE now: 0.0 is yes, else the seconds after which to ask again."""
        ...

    async def reserve(self, what: str, holder: str, most: int, ttl_s: float) -> bool:
        """Hold one of `most` places for `ttl_s` seconds; whoever holds one already holds it longer. False: all taken."""
        ...

    async def let_go(self, what: str, holder: str) -> None:
        """Give a place back; one that is not held is no error."""
        ...


class MemoryPace:
    """`Pace` within this process: for one dialer, and for tests. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next: dict[str, float] = {}
        self._held: dict[str, dict[str, float]] = {}

    async def token(self, trunk: str, per_second: float) -> float:
        now = self._clock()
        if (wait := self._next.get(trunk, 0.0) - now) > 0:
            return wait
        self._next[trunk] = now + 1 / per_second
        return 0.0

    async def reserve(self, what: str, holder: str, most: int, ttl_s: float) -> bool:
        now = self._clock()
        held = {name: until for name, until in self._held.get(what, {}).items() if until > now}
        if (fits := holder in held or len(held) < most) and most > 0:
            held[holder] = now + ttl_s
        self._held[what] = held
        return fits and most > 0

    async def let_go(self, what: str, holder: str) -> None:
        self._held.get(what, {}).pop(holder, None)
