"""The supervisor: who gets a call whose process died, when it is given up, and that nothing happens twice."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.rooms import Away, MemoryRooms, Occupants
from bot.stores import Stores
from bot.supervisor import Serving, Supervisor
from flows.engine import begin, step
from flows.model import Answered, Direction, Heard
from store.calls import NewCall
from store.events import MemoryEvents
from store.flowfiles import load_flow
from store.live import LEASE_S, OVER, MemoryLive, Owner, Snapshot
from store.live_holding import Shelf
from store.memory_calls import MemoryCalls
from tests.waiting import eventually

FLOW = load_flow("b2b-software")
ROOM, JOB = "call-x", "job-1"
ORDER = '{"flow": "b2b-software"}'
TALKING = Occupants(callers=("phone",), agents=("bot-job-1",))
CALL = NewCall("c1", Direction.INBOUND, FLOW.name, FLOW.hash, ROOM, "+12025550142", "+12025550100", 100.0)


@dataclass
class World:
    """A supervisor with everything around it in memory; `jobs` are the processes that run."""

    live: MemoryLive
    rooms: MemoryRooms
    calls: MemoryCalls
    stores: Stores
    at: list[float]
    supervisor: Supervisor
    jobs: dict[str, Serving] = field(default_factory=dict)

    async def serve(self, *, deaths: int = 0, snapshot: bool = True) -> None:
        """A call is served by `JOB`, whose predecessors died."""
        for _ in range(deaths):
            await self.live.claim(ROOM, Owner("dead", ORDER))
            await self.live.take(ROOM, "dead")
        claim = await self.live.claim(ROOM, Owner(JOB, ORDER))
        await self.calls.begin(CALL)
        if snapshot:
            await self.live.save(ROOM, claim.generation, talked().dump(), FLOW.body)
        self.rooms.rooms[ROOM] = TALKING
        self.jobs[JOB] = Serving(JOB, ROOM, ORDER)
        await self.supervisor.look()

    async def process_ends(self) -> None:
        """The process is gone, and the supervisor does what it does."""
        self.jobs.clear()
        await self.supervisor.look()
        await self.supervisor.settled()

    def orders(self) -> list[dict[str, object]]:
        return [json.loads(metadata) for _, metadata in self.rooms.orders]

    async def disposition(self) -> str | None:
        return (await self.calls.get("c1")).disposition


def talked() -> Snapshot:
    state = begin(FLOW, call_id="c1", direction=Direction.INBOUND, at=100.0)
    state, _ = step(FLOW, state, Answered(101.0))
    state, _ = step(FLOW, state, Heard(102.0, "yes"))
    return Snapshot(CALL, state, 3)


def world(tmp_path: Path) -> World:
    at, jobs = [100.0], dict[str, Serving]()
    live, rooms, calls = MemoryLive(lambda: at[0]), MemoryRooms(), MemoryCalls()
    stores = Stores(calls, MemoryEvents(lambda: at[0]), live, Shelf(tmp_path / "live"), tmp_path)
    supervisor = Supervisor(lambda: dict(jobs), rooms, stores, lambda: at[0])
    return World(live, rooms, calls, stores, at, supervisor, jobs)


async def test_a_call_whose_process_died_gets_another_one_and_the_dead_agent_is_put_out(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve()
    await w.process_ends()
    assert w.orders() == [{"flow": "b2b-software", "again": True, "apologise": False}]
    assert w.rooms.removed == [(ROOM, "bot-job-1")]
    assert (await w.live.claim(ROOM, Owner("job-2"))).snapshot == talked().dump()


async def test_the_third_death_brings_an_apology(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve(deaths=2)
    await w.process_ends()
    assert [order["apologise"] for order in w.orders()] == [True]


async def test_when_even_the_apology_dies_the_phone_is_hung_up_and_the_row_closed(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve(deaths=3)
    await w.process_ends()
    assert ROOM not in w.rooms.rooms
    assert w.orders() == []
    call = await w.calls.get("c1")
    assert call.disposition == "dropped"
    assert call.record["next_action"] == "Call back soon: the call broke off on our side."
    assert "good_time" in str(call.record["answers"])


async def test_a_caller_who_hung_up_meanwhile_gets_a_record_with_every_answer(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve()
    w.rooms.rooms[ROOM] = Occupants(agents=("bot-job-1",))
    await w.process_ends()
    assert await w.disposition() == "dropped"
    assert {answer.slot for answer in await w.calls.answers("c1")} == {"good_time"}
    assert await w.live.holder(ROOM) == Owner(OVER)
    assert w.orders() == []


@pytest.mark.parametrize("gone", [True, False])
async def test_a_call_that_ended_well_gets_no_other_process(tmp_path: Path, gone: bool) -> None:
    w = world(tmp_path)
    await w.serve()
    await w.calls.finish("c1", "qualified", 80, {}, 150.0)
    await w.live.end(ROOM, 1)
    if gone:
        del w.rooms.rooms[ROOM]
    await w.process_ends()
    assert (w.rooms.orders, w.rooms.removed) == ([], [])
    assert ROOM not in w.rooms.rooms  # hung up, if livekit-server could not be asked before
    assert await w.disposition() == "qualified"


async def test_a_process_that_was_superseded_leaves_without_a_successor(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve()
    await w.live.claim(ROOM, Owner("job-2"))
    await w.process_ends()
    assert w.orders() == []


async def test_a_lost_worker_is_noticed_by_its_lease_and_only_one_supervisor_acts(tmp_path: Path) -> None:
    w = world(tmp_path)
    second = Supervisor(dict, w.rooms, w.stores, lambda: w.at[0])
    for supervisor in (w.supervisor, second):
        await supervisor.reap()  # both know this Redis now
    await w.serve()
    w.at[0] += LEASE_S + 0.5
    await asyncio.gather(w.supervisor.reap(), second.reap())
    await asyncio.gather(w.supervisor.settled(), second.settled())
    assert len(w.orders()) == 1


@pytest.mark.parametrize("empty", [False, True])
async def test_after_redis_came_back_owners_get_time_to_renew(tmp_path: Path, empty: bool) -> None:
    w = world(tmp_path)
    await w.supervisor.reap()
    await w.serve()
    w.live.away = True
    await w.supervisor.reap()
    w.at[0] += 30.0
    w.live.away = False
    w.live.restart(empty=empty)
    await w.supervisor.reap()
    assert await w.live.renew(ROOM, Owner(JOB, ORDER), 1)
    w.at[0] += LEASE_S - 0.5
    await w.supervisor.reap()
    assert w.orders() == []
    w.at[0] += 1.0  # and now it is really lost
    await w.supervisor.reap()
    await w.supervisor.settled()
    assert len(w.orders()) == 1


async def test_while_livekit_does_not_answer_the_call_stays_reserved_and_is_handed_on_afterwards(
    tmp_path: Path,
) -> None:
    w = world(tmp_path)
    await w.supervisor.reap()
    await w.serve()
    w.rooms.away = Away("no answer", server_gone=False)
    w.jobs.clear()
    await w.supervisor.look()
    await eventually(lambda: reserved(w))
    w.at[0] += LEASE_S - 0.5  # longer than it was reserved for at first
    await eventually(lambda: reserved(w))
    await w.supervisor.reap()
    w.rooms.away = None
    await w.supervisor.settled()
    assert len(w.orders()) == 1


async def test_an_agent_that_the_server_sent_itself_meanwhile_is_not_put_out(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve()
    w.rooms.away = Away("no answer", server_gone=False)
    w.jobs.clear()
    await w.supervisor.look()
    await eventually(lambda: reserved(w))
    await w.live.claim(ROOM, Owner("job-2", ORDER))
    w.rooms.rooms[ROOM] = Occupants(callers=("phone",), agents=("bot-job-1", "bot-job-2"))
    await w.supervisor.settled()
    w.rooms.away = None
    assert (w.orders(), w.rooms.removed) == ([], [])
    assert await w.live.holder(ROOM) == Owner("job-2", ORDER)


async def reserved(w: World) -> bool:
    holder = await w.live.holder(ROOM)
    return holder is not None and holder.job == "" and not await w.live.expired()


async def test_a_server_that_stays_away_has_lost_the_call(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve()
    w.rooms.away = Away("gone", server_gone=True)
    w.jobs.clear()
    await w.supervisor.look()
    await eventually(lambda: reserved(w))
    w.at[0] += 13.0
    await w.supervisor.settled()
    assert await w.disposition() == "dropped"


async def test_a_death_before_the_first_step_counts_too(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve(snapshot=False)
    w.live.restart(empty=True)  # as if it had died before it claimed anything
    for n in (1, 2, 3):
        w.jobs[f"job-{n}"] = Serving(f"job-{n}", ROOM, ORDER)
        await w.supervisor.look()
        await w.process_ends()
    assert [order["apologise"] for order in w.orders()][-3:] == [False, False, True]


async def lost_with_redis(w: World) -> None:
    """The process of a call ends while Redis is away; when Redis is back, the room's list is still that of before."""
    await w.serve()
    w.live.away = True
    for _ in range(14):
        await w.supervisor.reap()
        w.at[0] += 1.0
    w.jobs.clear()
    await w.supervisor.look()
    await asyncio.sleep(0)
    w.rooms.stale = {"phone", "bot-job-1"}
    w.live.away = False
    await eventually(lambda: reserved(w))
    assert (w.orders(), w.rooms.removed) == ([], [])


@pytest.mark.parametrize("returns", [True, False])
async def test_after_redis_was_away_the_phone_may_find_back_into_its_room(tmp_path: Path, returns: bool) -> None:
    w = world(tmp_path)
    await lost_with_redis(w)
    if returns:
        w.rooms.stale = {"bot-job-1"}
        await eventually(lambda: looked_again(w))
        assert w.rooms.removed == []  # who is not there cannot be put out
    else:
        w.rooms.rooms[ROOM] = Occupants()
        w.at[0] += 16.0
    await w.supervisor.settled()
    assert len(w.orders()) == returns
    assert await w.disposition() == (None if returns else "dropped")


async def looked_again(w: World) -> bool:
    """The clock goes on, as livekit-server may send an agent itself."""
    w.at[0] += 0.2
    return bool(w.orders())


async def test_a_room_that_the_phone_opened_anew_has_an_agent_of_its_own(tmp_path: Path) -> None:
    w = world(tmp_path)
    await lost_with_redis(w)
    w.rooms.rooms[ROOM] = Occupants(callers=("phone",), agents=("bot-job-1", "bot-job-2"))
    w.rooms.stale = {"bot-job-1"}
    await w.live.claim(ROOM, Owner("job-2", ORDER))
    await w.supervisor.settled()
    assert (w.orders(), w.rooms.removed) == ([], [])
    assert await w.disposition() is None


async def test_after_a_short_outage_the_phone_has_kept_its_room(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve()
    w.live.away = True
    for _ in range(4):
        await w.supervisor.reap()
        w.at[0] += 1.0
    w.live.away = False
    w.rooms.stale = {"phone"}  # it was there before
    await w.process_ends()
    assert len(w.orders()) == 1


async def test_without_an_outage_an_empty_room_is_a_call_that_is_over(tmp_path: Path) -> None:
    w = world(tmp_path)
    await w.serve()
    w.rooms.rooms[ROOM] = Occupants()
    await w.process_ends()
    assert await w.disposition() == "dropped"
