"""One 20 ms clock for all the calls of a user agent."""

import asyncio
from collections import deque
from typing import Protocol

from sip.ua.audio import FRAME_S

PHASES = 4  # calls are spread over four phases, 5 ms apart, so that packets do not leave in bursts
_GIVE_UP_S = 1.0  # after a longer stall the missed ticks are dropped instead of sent as a burst


class Ticking(Protocol):
    def tick(self) -> None: ...


class Pacer:
    """Calls `tick` of each member every 20 ms; runs only while there are members."""

    def __init__(self) -> None:
        self.late_ms: deque[float] = deque(maxlen=5000)  # how late each wake-up was: is this machine keeping up?
        self._members: list[set[Ticking]] = [set() for _ in range(PHASES)]
        self._task: asyncio.Task[None] | None = None

    def add(self, member: Ticking) -> None:
        if not any(member in phase for phase in self._members):
            min(self._members, key=len).add(member)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def remove(self, member: Ticking) -> None:
        for phase in self._members:
            phase.discard(member)

    async def _run(self) -> None:
        loop, step = asyncio.get_running_loop(), FRAME_S / PHASES
        due, phase = loop.time(), 0
        while any(self._members):
            due += step
            phase = (phase + 1) % PHASES
            await asyncio.sleep(max(0.0, due - loop.time()))
            late = loop.time() - due
            self.late_ms.append(late * 1e3)
            if late > _GIVE_UP_S:
                due = loop.time()
            for member in tuple(self._members[phase]):
                member.tick()
