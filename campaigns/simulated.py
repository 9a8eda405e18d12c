"""A far end without telephones: people who answer, are busy, decline, ring out or hang up, by rule of their number.

For `--simulate`, tests and kill tests. It takes fictional numbers only. An `Exchange` is the telephone network: calls go
on in it whatever becomes of the dialer that placed them, and it remembers every INVITE.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from campaigns.far_end import Refused, Ring, Talk, Withheld
from campaigns.numbers import classify
from sip.outcome import Ending, Outcome, of_status


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody takes a call: the final status (0: rings out), and what the talk comes to. Seconds."""

    status: int = 200
    phrase: str = ""
    rings_s: float = 4.0
    talks_s: float = 45.0
    disposition: str = "qualified"
    first_audio_ms: int | None = 200


#: Who they are, by share of a hundred.
CROWD: Final[tuple[tuple[int, Person], ...]] = (
    (30, Person()),
    (10, Person(talks_s=60, disposition="unqualified")),
    (5, Person(talks_s=15, disposition="not_interested")),
    (3, Person(talks_s=6, disposition="opted_out")),
    (7, Person(talks_s=4, disposition="abandoned")),
    (15, Person(talks_s=8, disposition="voicemail")),
    (10, Person(486)),
    (4, Person(603)),
    (1, Person(404)),
    (15, Person(0)),
)


def by_number(number: str) -> Person:
    """The person with this number, always the same one."""
    drawn = int.from_bytes(hashlib.sha256(number.encode()).digest()[:4]) % sum(share for share, _ in CROWD)
    for share, person in CROWD:
        drawn -= share
        if drawn < 0:
            return person
    return CROWD[0][1]


@dataclass(frozen=True, slots=True)
class Invited:
    """An INVITE that reached the exchange, by its own clock."""

    attempt: str
    number: str
    at: float


class Line(Protocol):
    """What a far end asks of an exchange, in its own process or in another."""

    async def invite(self, attempt: str, number: str, ringing_s: float) -> tuple[int, str]:
        """Send an INVITE; the final status and phrase, 0 when it rang out."""
        ...

    async def talk(self, attempt: str) -> Mapping[str, object] | None:
        """The talk when it is over; None for a call that nobody answered, or that is not known."""
        ...

    async def up(self, attempt: str) -> bool:
        """Whether a call rings or is up."""
        ...

    async def hang_up(self, attempt: str) -> None:
        """End a call."""
        ...


@dataclass(slots=True)
class _Call:
    person: Person
    answer: asyncio.Future[tuple[int, str]]
    over: asyncio.Future[bool]
    began: float = 0.0
    seconds: float = 0.0


@dataclass(slots=True)
class Exchange:
    """The network. `speed` makes its seconds shorter; `clock` gives the time of INVITEs."""

    clock: Callable[[], float]
    who: Callable[[str], Person] = by_number
    speed: float = 1.0
    invited: list[Invited] = field(default_factory=list)
    _calls: dict[str, _Call] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def invite(self, attempt: str, number: str, ringing_s: float) -> tuple[int, str]:
        self.invited.append(Invited(attempt, number, self.clock()))
        loop = asyncio.get_running_loop()
        call = self._calls[attempt] = _Call(self.who(number), loop.create_future(), loop.create_future())
        task = asyncio.create_task(self._goes_on(call, ringing_s), name="simulated.call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(call.answer)

    async def talk(self, attempt: str) -> Mapping[str, object] | None:
        call = self._calls.get(attempt)
        if call is None or not await asyncio.shield(call.over):
            return None
        person = call.person
        first = person.first_audio_ms
        return {"disposition": person.disposition, "seconds": call.seconds, "first_audio_ms": first}

    async def up(self, attempt: str) -> bool:
        call = self._calls.get(attempt)
        return call is not None and not call.over.done()

    async def hang_up(self, attempt: str) -> None:
        call = self._calls.get(attempt)
        if call is None or call.over.done():
            return
        if not call.answer.done():
            call.answer.set_result((487, "Request Terminated"))
        call.over.set_result(call.began > 0)

    async def _goes_on(self, call: _Call, ringing_s: float) -> None:
        person = call.person
        await asyncio.sleep((ringing_s if not person.status else person.rings_s) / self.speed)
        if call.answer.done():
            return
        call.answer.set_result((person.status, person.phrase))
        if person.status != 200:
            call.over.set_result(False)
            return
        call.began = asyncio.get_running_loop().time()
        await asyncio.sleep(person.talks_s / self.speed)
        call.seconds = person.talks_s
        if not call.over.done():
            call.over.set_result(True)


class SimulatedFarEnd:
    """`FarEnd` over an exchange. `ready_s` is how long an agent takes to be ready."""

    def __init__(self, line: Line, ready_s: float = 0.0) -> None:
        self._line = line
        self._ready_s = ready_s

    async def place(self, ring: Ring, before_invite: Callable[[], Awaitable[None]]) -> Outcome | Refused:
        if not classify(ring.number).fictional:
            return Refused("fictional", "a simulation calls fictional numbers only")
        await asyncio.sleep(self._ready_s)
        try:
            await before_invite()
        except Withheld as withheld:
            return Refused("withheld", str(withheld))
        status, phrase = await self._line.invite(ring.attempt, ring.number, ring.ringing_s)
        if not status:
            return Outcome(Ending.UNANSWERED, None, f"it rang, and nobody answered within {ring.ringing_s} s")
        return of_status(status, phrase)

    async def talk(self, attempt: str, limit_s: float) -> Talk | None:
        try:
            async with asyncio.timeout(limit_s):
                told = await self._line.talk(attempt)
        except TimeoutError:
            return None
        if told is None:
            return None
        first = told["first_audio_ms"]
        heard = int(str(first)) if first is not None else None
        return Talk(str(told["disposition"]), float(str(told["seconds"])), first_audio_ms=heard)

    async def is_up(self, attempt: str) -> bool:
        return await self._line.up(attempt)

    async def hang_up(self, attempt: str) -> None:
        await self._line.hang_up(attempt)
