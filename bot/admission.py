"""Admission: whether this worker takes one more call, and an answer for a caller whom nobody can take.

livekit-server alone lets the phone ring when no worker has room. So it is told that we always have, and the decision
is ours: a fresh call is taken while there is room by count and by measured cost, a call whose process died is always
taken. Capacity is counted over all workers in the live store; who refuses a call when nobody has room removes the
caller's leg, and the phone hears "busy" at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection
from typing import Final

from livekit.agents import JobRequest

from bot.order import BadOrder, Order
from bot.rooms import Away, Rooms
from flows.model import Direction
from store.live import RENEW_S, LiveAway, LiveCalls

log = logging.getLogger("leadline.admission")

_ARRIVING_S: Final = 8.0  #: an accepted job that has not begun by then never will
_LOOK_S: Final = 0.1
_DECIDE_S: Final = 1.4  #: a refused caller has an answer within this; the phone's part comes on top
_ENDING_S: Final = 1.0  #: a call that has just ended leaves its place within this
_SMOOTH: Final = 0.1


class Cost:
    """What a call costs: processor seconds a second, measured over the job processes and smoothed."""

    def __init__(self, cores: float, expected: float) -> None:
        self._cores = cores
        self.a_call = expected
        self._last: tuple[float, float] | None = None

    def measured(self, at: float, used_s: float, calls: int) -> None:
        """So many processor seconds were used until now; so many calls ran since the last time."""
        if self._last is not None and calls and at > self._last[0] and used_s >= self._last[1]:
            now = (used_s - self._last[1]) / (at - self._last[0]) / calls
            self.a_call += _SMOOTH * (now - self.a_call)
        self._last = (at, used_s)

    def fits(self) -> int:
        """How many calls the processors carry at this cost."""
        return max(1, int(self._cores / max(self.a_call, 0.001)))


class Admission:
    """One per worker. `running` lists its jobs that have a process."""

    def __init__(
        self,
        running: Callable[[], Collection[str]],
        calls_max: int,
        cost: Cost,
        live: LiveCalls,
        rooms: Rooms,
        name: str,
    ) -> None:
        self.closed = False  #: draining: no fresh calls
        self.cost = cost
        self._running = running
        self._calls_max = calls_max
        self._live = live
        self._rooms = rooms
        self._name = name
        self._arriving: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def free(self) -> int:
        """How many more calls this worker takes."""
        if self.closed:
            return 0
        return max(0, min(self._calls_max, self.cost.fits()) - self._busy())

    async def asked(self, request: JobRequest) -> None:
        """livekit-server offers a job."""
        if _again(request.job.metadata) or self.free() > 0:
            self._arriving[request.job.id] = time.monotonic() + _ARRIVING_S
            await request.accept(identity=f"bot-{request.id}", name="Leadline")
            return
        log.info("no room for one more call: %d busy, %d fit", self._busy(), min(self._calls_max, self.cost.fits()))
        await request.reject(terminate=False)
        self._spawn(request.room.name, request.job.metadata)

    async def run(self, used_s: Callable[[], float]) -> None:
        """Measure and announce every second, until cancelled. `used_s`: processor seconds of all calls so far."""
        while True:
            self.cost.measured(time.monotonic(), await asyncio.to_thread(used_s), len(self._running()))
            with contextlib.suppress(LiveAway):
                await self._live.announce(self._name, self.free())
            await asyncio.sleep(RENEW_S)

    async def settled(self) -> None:
        """Until every caller who was turned down has an answer."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _busy(self) -> int:
        now, running = time.monotonic(), self._running()
        self._arriving = {job: until for job, until in self._arriving.items() if until > now and job not in running}
        return len(running) + len(self._arriving)

    def _spawn(self, room: str, metadata: str) -> None:
        task = asyncio.create_task(self._turned_down(room, metadata), name="admission.turned-down")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _turned_down(self, room: str, metadata: str) -> None:
        """We had no room. If nobody has, the caller is told; if somebody has and does not come, ask once more. Of a call that
        goes out no telephone rings yet: its dialer waits for an agent, and it is asked until that gives up."""
        began, goes_out = time.monotonic(), _goes_out(metadata)
        with contextlib.suppress(Away):
            while (waited := time.monotonic() - began) < _DECIDE_S:
                people = await self._rooms.look(room)
                if people is not None and people.agents:
                    return
                others, there = await self._others(), people is not None and bool(people.ringing or goes_out)
                if there and self.free() > 0 and not others:
                    break  # a place of ours became free, and nobody else will be sent
                if people is not None and people.ringing and waited > _ENDING_S and not others:
                    log.warning("no worker has room for one more call: the caller hears busy")
                    await self._rooms.remove(room, people.ringing)
                    return
                if goes_out and (people is None or others):
                    break
                await asyncio.sleep(_LOOK_S)
            people = await self._rooms.look(room)
            if people is not None and not people.agents and (people.ringing or goes_out):
                await self._rooms.order(room, metadata)

    async def _others(self) -> int:
        """Room at other workers; none when nobody can say."""
        try:
            return await self._live.free(but=self._name)
        except LiveAway:
            return 0


def _goes_out(metadata: str) -> bool:
    order = _order(metadata)
    return order is not None and order.direction is Direction.OUTBOUND


def _again(metadata: str) -> bool:
    order = _order(metadata)
    return order is not None and order.again


def _order(metadata: str) -> Order | None:
    try:
        return Order.parse(metadata, "")
    except BadOrder:
        return None  # the job says what is wrong with it
