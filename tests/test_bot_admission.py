"""Admission: who gets in, what a call costs, and what a caller hears whom nobody can take."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from livekit.agents import JobRequest  # noqa: TID251 -- what a worker is offered
from livekit.protocol.agent import Job
from livekit.protocol.models import Room

from bot.admission import Admission, Cost
from bot.rooms import MemoryRooms, Occupants
from store.live import MemoryLive

RINGING = Occupants(callers=("phone",), ringing=("phone",))


@dataclass
class World:
    """A worker with two calls at most."""

    live: MemoryLive
    rooms: MemoryRooms
    running: set[str]
    admission: Admission
    answers: list[str] = field(default_factory=list)

    async def offer(self, job: str, metadata: str = "{}") -> str:
        """livekit-server offers a job; what it is answered."""

        async def rejected(_terminate: bool) -> None:
            self.answers.append("rejected")

        async def accepted(_arguments: object) -> None:
            self.answers.append("accepted")

        offered = Job(id=job, room=Room(name=f"call-{job}"), metadata=metadata)
        await self.admission.asked(JobRequest(job=offered, on_reject=rejected, on_accept=accepted))
        return self.answers[-1]


def world(cost: float = 0.1) -> World:
    live, rooms, running = MemoryLive(lambda: 100.0), MemoryRooms(), set[str]()
    return World(live, rooms, running, Admission(lambda: running, 2, Cost(1.0, cost), live, rooms, "me"))


async def test_calls_are_taken_up_to_the_limit_also_when_they_come_at_once() -> None:
    w = world()
    assert [await w.offer(str(n)) for n in range(3)] == ["accepted", "accepted", "rejected"]
    w.running.update({"0", "1"})  # they have their processes now, and count once
    assert w.admission.free() == 0
    w.running.clear()
    w.running.add("1")
    assert w.admission.free() == 1


async def test_a_call_whose_process_died_always_gets_in() -> None:
    w = world()
    w.running.update({"0", "1"})
    w.admission.closed = True
    assert await w.offer("2", '{"again": true}') == "accepted"
    assert await w.offer("3") == "rejected"


async def test_when_nobody_has_room_the_caller_hears_busy() -> None:
    w = world()
    w.running.update({"0", "1"})
    w.rooms.rooms["call-2"] = RINGING
    await w.offer("2")
    await w.admission.settled()
    assert w.rooms.removed == [("call-2", "phone")]
    assert w.rooms.orders == []


async def test_a_call_that_ends_meanwhile_leaves_its_place_to_the_caller_who_waits() -> None:
    w = world()
    w.running.update({"0", "1"})
    w.rooms.rooms["call-2"] = RINGING
    assert await w.offer("2") == "rejected"
    w.running.discard("1")
    await w.admission.settled()
    assert (w.rooms.removed, w.rooms.orders) == ([], [("call-2", "{}")])


async def test_a_place_that_is_free_before_the_caller_is_quite_there_is_kept_for_them() -> None:
    w = world()
    w.running.update({"0", "1"})
    w.rooms.rooms["call-2"] = Occupants()
    assert await w.offer("2") == "rejected"
    w.running.discard("1")
    await asyncio.sleep(0)  # looked at once
    w.rooms.rooms["call-2"] = RINGING
    await w.admission.settled()
    assert (w.rooms.removed, w.rooms.orders) == ([], [("call-2", "{}")])


async def test_when_another_worker_has_room_the_call_is_offered_once_more() -> None:
    w = world()
    w.running.update({"0", "1"})
    w.rooms.rooms["call-2"] = RINGING
    await w.live.announce("other", 3)
    await w.offer("2")
    await w.admission.settled()
    assert w.rooms.removed == []
    assert w.rooms.orders == [("call-2", "{}")]


async def test_an_agent_for_a_call_that_goes_out_is_asked_for_again_as_long_as_its_dialer_waits() -> None:
    w, out = world(), '{"call_id": "c2", "direction": "outbound"}'
    w.running.update({"0", "1"})
    w.rooms.rooms["call-2"] = Occupants()
    assert await w.offer("2", out) == "rejected"
    w.running.clear()
    await w.admission.settled()
    assert w.rooms.orders == [("call-2", out)]
    w.running.update({"0", "1"})
    await w.offer("3", out)  # of this one the room is gone: the dialer has given up
    await w.admission.settled()
    assert w.rooms.orders == [("call-2", out)]


async def test_a_call_that_somebody_took_is_left_alone() -> None:
    w = world()
    w.running.update({"0", "1"})
    w.rooms.rooms["call-2"] = Occupants(callers=("phone",), ringing=("phone",), agents=("bot-x",))
    await w.offer("2")
    await w.admission.settled()
    assert (w.rooms.removed, w.rooms.orders) == ([], [])


@pytest.mark.parametrize(
    ("used_a_second", "calls", "fits"),
    [(0.4, 4, 10), (0.2, 1, 5), (1.0, 2, 2), (5.0, 1, 1)],
)
def test_how_many_calls_fit_is_what_they_were_seen_to_cost(used_a_second: float, calls: int, fits: int) -> None:
    cost = Cost(1.0, 0.1)
    for second in range(120):
        cost.measured(float(second), second * used_a_second, calls)
    assert cost.fits() == fits


def test_a_process_that_ends_takes_its_seconds_with_it_and_changes_nothing() -> None:
    cost = Cost(1.0, 0.1)
    cost.measured(0.0, 50.0, 3)
    cost.measured(1.0, 20.0, 2)
    assert cost.a_call == 0.1
