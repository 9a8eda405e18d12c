"""Live calls: who has which call, and what its conversation had come to, so that another process can go on with it.

One record a room, which holds no more than the running call and is deleted with it. Each owner has a generation: a
higher one fences every write of a lower one, so exactly one process speaks. A lease that is not renewed says that the
owner is lost. Personal data (answers, numbers, names) is in the snapshot and nowhere else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Protocol

from flows.codec import StateError, dump_state, load_state
from flows.model import Direction
from flows.state import State
from store.calls import NewCall, StoreError

SCHEMA: Final = 1
LEASE_S: Final = 3.0  #: an owner that has not renewed for so long is lost
RENEW_S: Final = 1.0
SUCCESSION_S: Final = 5.0  #: how long whoever takes a call from a dead owner has until a new one must have claimed it
OVER: Final = "over"  #: the holder of a call that ended as it should, for as long as processes may still ask
OVER_S: Final = 60.0
AGAIN_S: Final = 600.0  #: how long a caller whose call broke off may take to call again and go on
KEPT_S: Final = 900.0  #: a record that nobody writes any more is forgotten after this


class LiveAway(StoreError):
    """The live store cannot be reached."""


class SnapshotError(StoreError):
    """A snapshot cannot be read: broken, or of another version."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A conversation between two steps. The state holds the effects that were not acknowledged yet."""

    call: NewCall
    state: State
    turns: int = 0  #: rows of the transcript so far

    def dump(self) -> str:
        """As JSON with a schema version."""
        call = {**asdict(self.call), "direction": self.call.direction.value}
        data = {"call": call, "state": dump_state(self.state), "turns": self.turns}
        return json.dumps({"schema": SCHEMA, **data}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Snapshot:
        """What `dump` wrote. Raises SnapshotError."""
        try:
            data: Mapping[str, Any] = json.loads(text)
            if data["schema"] != SCHEMA:
                raise SnapshotError(f"live state of schema {data['schema']!r}, this program reads {SCHEMA}")
            call = NewCall(**{**data["call"], "direction": Direction(data["call"]["direction"])})
            return cls(call, load_state(data["state"]), int(data["turns"]))
        except (KeyError, TypeError, ValueError, StateError) as broken:
            raise SnapshotError(f"the live state cannot be read: {broken}") from None


@dataclass(frozen=True, slots=True)
class Owner:
    """Who serves a call: the job, how it was ordered, and where it runs ("host:pid", for people)."""

    job: str
    order: str = ""  #: dispatch metadata, which never holds personal data
    where: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a process has that took a call: its generation, and what its predecessors left."""

    generation: int
    deaths: int = 0  #: owners of this call that died
    snapshot: str | None = field(default=None, repr=False)
    flow_body: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Lost:
    """A call whose owner is gone, now reserved for a successor; its taker may `end` it with `generation`."""

    owner: Owner
    generation: int
    deaths: int
    snapshot: str | None = field(default=None, repr=False)
    flow_body: str | None = field(default=None, repr=False)


class LiveCalls(Protocol):
    """Running calls by room. Everything raises LiveAway when the store cannot be reached."""

    async def claim(self, room: str, owner: Owner) -> Claim:
        """Become the owner, with the next generation and a lease; whoever was it before is fenced from now on."""
        ...

    async def save(self, room: str, generation: int, snapshot: str, flow_body: str | None = None) -> bool:
        """Keep the conversation as it is now; False for an owner that was superseded. A flow's text stays once given.

        A store that came back empty takes the record anew, unless a higher generation was quicker.
        """
        ...

    async def renew(self, room: str, owner: Owner, generation: int) -> bool:
        """Extend the lease by `LEASE_S`; False for an owner that was superseded."""
        ...

    async def end(self, room: str, generation: int) -> bool:
        """The call is over: forget all but that. False, and nothing forgotten, for an owner that was superseded."""
        ...

    async def take(self, room: str, job: str | None) -> Lost | None:
        """Take a call from its dead owner, once: the lease then runs `SUCCESSION_S` for whoever will claim it.

        With a `job` only from that owner; with None only if the lease has run out. None when there is nothing to take.
        """
        ...

    async def holder(self, room: str) -> Owner | None:
        """Who has the call now, `OVER` for a minute after its end; None for a call that nobody ever claimed."""
        ...

    async def expired(self) -> tuple[str, ...]:
        """Rooms whose lease has run out."""
        ...

    async def epoch(self) -> str:
        """Changes when the store was restarted: leases could not be renewed while it was away."""
        ...

    async def announce(self, worker: str, free: int) -> None:
        """Say for the next `LEASE_S` seconds how many more calls this worker takes."""
        ...

    async def free(self, but: str = "") -> int:
        """How many more calls all workers together take, not counting the worker `but`."""
        ...

    async def remember(self, number: str, snapshot: str) -> None:
        """Keep where a call with this number broke off, for `AGAIN_S` seconds."""
        ...

    async def recall(self, number: str) -> str | None:
        """Where the last call with this number broke off; given out once."""
        ...

    async def forget(self, number: str) -> int:
        """Erase what is kept of calls from or to this number; how many records that were."""
        ...


@dataclass(frozen=True, slots=True)
class _Record:
    owner: Owner
    generation: int
    lease: float
    deaths: int = 0
    snapshot: str | None = None
    flow_body: str | None = None


class MemoryLive:
    """`LiveCalls` within this process: the fake where there is no Redis. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._workers: dict[str, tuple[int, float]] = {}
        self._broken_off: dict[str, tuple[str, float]] = {}
        self.away = False  #: True: as if the store could not be reached
        self.epochs = 0

    def restart(self, *, empty: bool = False) -> None:
        """As a store that was down and is back."""
        self.epochs += 1
        if empty:
            self._records.clear()
            self._workers.clear()
            self._broken_off.clear()

    async def claim(self, room: str, owner: Owner) -> Claim:
        now, before = self._now(), self._records.get(room)
        record = before if before is not None and before.owner.job != OVER else _Record(owner, 0, 0.0)
        record = replace(record, owner=owner, generation=record.generation + 1, lease=now + LEASE_S)
        self._records[room] = record
        return Claim(record.generation, record.deaths, record.snapshot, record.flow_body)

    async def save(self, room: str, generation: int, snapshot: str, flow_body: str | None = None) -> bool:
        if (record := self._mine(room, generation)) is None:
            return False
        self._records[room] = replace(record, snapshot=snapshot, flow_body=flow_body or record.flow_body)
        return True

    async def renew(self, room: str, owner: Owner, generation: int) -> bool:
        now = self._now()
        if (record := self._mine(room, generation)) is None:
            return False
        self._records[room] = replace(record, owner=owner, lease=now + LEASE_S)
        return True

    async def end(self, room: str, generation: int) -> bool:
        if self._mine(room, generation) is None:
            return False
        self._records[room] = _Record(Owner(OVER), generation, math.inf)
        return True

    async def take(self, room: str, job: str | None) -> Lost | None:
        now, record = self._now(), self._records.get(room)
        if record is None or (record.lease > now if job is None else record.owner.job != job):
            return None
        dead, deaths = record.owner, record.deaths + 1
        successor = replace(dead, job="")
        record = replace(
            record, owner=successor, generation=record.generation + 1, lease=now + SUCCESSION_S, deaths=deaths
        )
        self._records[room] = record
        return Lost(dead, record.generation, deaths, record.snapshot, record.flow_body)

    async def holder(self, room: str) -> Owner | None:
        self._now()
        record = self._records.get(room)
        return record.owner if record is not None else None

    async def expired(self) -> tuple[str, ...]:
        now = self._now()
        return tuple(room for room, record in self._records.items() if record.lease <= now)

    async def epoch(self) -> str:
        self._now()
        return str(self.epochs)

    async def announce(self, worker: str, free: int) -> None:
        self._workers[worker] = (free, self._now() + LEASE_S)

    async def free(self, but: str = "") -> int:
        now = self._now()
        return sum(free for name, (free, until) in self._workers.items() if until > now and name != but)

    async def remember(self, number: str, snapshot: str) -> None:
        self._broken_off[number] = (snapshot, self._now() + AGAIN_S)

    async def recall(self, number: str) -> str | None:
        snapshot, until = self._broken_off.pop(number, (None, 0.0))
        return snapshot if until > self._now() else None

    async def forget(self, number: str) -> int:
        self._now()
        remembered = self._broken_off.pop(number, None) is not None
        about = [room for room, record in self._records.items() if concerns(record.snapshot, number)]
        for room in about:
            self._records[room] = replace(self._records[room], snapshot=None)
        return len(about) + remembered

    def _now(self) -> float:
        if self.away:
            raise LiveAway("the live store is away")
        return self._clock()

    def _mine(self, room: str, generation: int) -> _Record | None:
        """The record for an owner of this generation, made anew for a store that lost it; None when superseded."""
        now = self._now()
        record = self._records.get(room) or _Record(Owner(""), generation, now + LEASE_S)
        return replace(record, generation=generation) if record.generation <= generation else None


def concerns(snapshot: str | None, number: str) -> bool:
    """Whether a snapshot is of a call from or to this number."""
    if not snapshot:
        return False
    call = json.loads(snapshot)["call"]
    return number in (call["caller"], call["callee"])
