"""One call of a chaos run: a caller who answers by keys, as often as asked, and a dead air clock at the phone's RTP.

Which question is open is read from the live state, so that the caller costs no recognition; dead air and the end of
the call are what the phone saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from sip.phone import PhoneCall
from sip.phone.voice import Voice
from store.live import OVER, Snapshot, SnapshotError
from store.live_redis import RECORD

#: What is typed for each question of b2b-software, and what must be kept of it.
KEYS: Final[Mapping[str, str]] = {
    "good_time": "1",
    "company_size": "25#",
    "budget": "12000#",
    "timeline": "2",
    "decision_maker": "1",
    "phone": "2025550189",
}
WANTED: Final[Mapping[str, object]] = {
    "good_time": "yes",
    "company_size": [25, 25],
    "budget": [12000, 12000, "year"],
    "timeline": "1-3m",
    "decision_maker": "yes",
    "phone": "+12025550189",
}
_YES: Final = "1"
_POLL_S: Final = 0.05
_GAP_S: Final = 0.25  #: silence so long is no pause within a word: what is loud after it is a new beginning
_PRESS_MS: Final = 80


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call stands: its room, who serves it ("host:pid"), the open question, prompts so far."""

    room: str
    where: str
    snapshot: Snapshot | None

    @property
    def pid(self) -> int:
        """The process that has the call now; 0 between two."""
        return int(self.where.rpartition(":")[2] or 0)


async def place_of(redis: Redis, caller: str) -> Place | None:
    """The running call from this number."""
    async for key in redis.scan_iter(match=f"{RECORD}*", count=500):
        owner, where, text = map(str, await redis.hmget(key, ["owner", "where", "snapshot"]))
        if text == "None" or owner in ("", OVER):
            continue
        with contextlib.suppress(SnapshotError):
            snapshot = Snapshot.load(text)
            if snapshot.call.caller == caller:
                return Place(key.removeprefix(RECORD), where, snapshot)
    return None


@dataclass(slots=True)
class Answering:
    """The caller: types the answer to the open question, again when it is asked again."""

    redis: Redis
    caller: str
    rng: random.Random
    typed: asyncio.Event = field(default_factory=asyncio.Event)  #: an answer has just left
    _answered: tuple[str, str, int] | None = None

    async def run(self, call: PhoneCall) -> None:
        """Until the call ends."""
        while not call.ended.is_set():
            await asyncio.sleep(_POLL_S)
            with contextlib.suppress(RedisError, OSError):
                await self._look(call)

    async def _look(self, call: PhoneCall) -> None:
        question = await self._question()
        if question is None or question == self._answered:
            return
        await asyncio.sleep(self.rng.uniform(1.0, 2.2))
        if (now := await self._question()) is None or now[:2] != question[:2]:
            return  # the last answer was still on its way: nobody types an answer to a question that is over
        self._answered = now
        slot, stage, _ = now
        await call.media.send_dtmf(_YES if stage == "confirm" else KEYS[slot], ms=_PRESS_MS, gap_ms=60)
        self.typed.set()
        self.typed.clear()

    async def _question(self) -> tuple[str, str, int] | None:
        """What is open: slot, stage, and how many prompts there were."""
        place = await place_of(self.redis, self.caller)
        state = place.snapshot.state if place is not None and place.snapshot is not None else None
        if state is None or state.focus.stage not in ("ask", "confirm") or state.focus.slot is None:
            return None
        return state.focus.slot, state.focus.stage, state.counts.prompts


def dead_air_s(voice: Voice, killed_at: float, ended_at: float | None) -> float | None:
    """From the kill to the first sound of whoever went on, as the phone heard it; what was under way does not count.

    A call that was over by then is measured to its end; None when nobody spoke any more.
    """
    silent_since = killed_at
    for t, level in voice.levels(killed_at):
        if level <= -45.0:
            continue
        if t - silent_since >= _GAP_S:
            return t - killed_at
        silent_since = t
    return ended_at - killed_at if ended_at is not None and ended_at - killed_at < 1.5 else None


async def wait_heard(call: PhoneCall, killed_at: float, limit_s: float) -> float | None:
    """Wait until somebody speaks again or the call ends; the dead air."""
    until = time.time() + limit_s
    while time.time() < until:
        ended = call.t.get("end") if call.ended.is_set() else None
        if (found := dead_air_s(call.media, killed_at, ended)) is not None or ended is not None:
            return found
        await asyncio.sleep(_POLL_S)
    return None
