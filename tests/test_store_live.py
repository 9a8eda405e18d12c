"""Live calls: one contract for Redis and memory. Owners come and go; exactly one of them may write."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
from redis import Redis

from flows.engine import begin, step
from flows.model import Answered, Direction, Heard
from store.calls import NewCall
from store.flowfiles import load_flow
from store.live import LEASE_S, OVER, SUCCESSION_S, LiveAway, LiveCalls, MemoryLive, Owner, Snapshot, SnapshotError
from store.live_redis import LEASES, RECORD, WORKERS, RedisLive
from tests.redis_alone import free_port, running_redis

ONE, TWO = Owner("job-1", '{"flow":"b2b-software"}', "a:1"), Owner("job-2", "{}", "b:2")
CALL = NewCall("c1", Direction.INBOUND, "b2b-software", "h", "call-x", "+12025550142", "+12025550100", 100.0)
_rooms = (f"call-{n}" for n in itertools.count())


@dataclass
class World:
    """A store, and a way to let time pass for its leases."""

    live: LiveCalls
    pass_time: Callable[[float], Awaitable[None]]
    empty: Callable[[], None]


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "redis"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        at = [100.0]
        memory = MemoryLive(lambda: at[0])

        async def tick(seconds: float) -> None:
            at[0] += seconds

        yield World(memory, tick, lambda: memory.restart(empty=True))
        return
    url = request.getfixturevalue("redis_url")
    with Redis.from_url(url, decode_responses=True) as direct:
        direct.flushall()

        async def age(seconds: float) -> None:  # Redis' clock cannot be moved, its leases can
            for key in (LEASES, WORKERS):
                for member in direct.zrange(key, 0, -1):
                    direct.zincrby(key, -seconds * 1000, member)

        async with RedisLive(url) as live:
            yield World(live, age, lambda: bool(direct.flushall()))


def snapshot(text: str = "yes") -> str:
    flow = load_flow("b2b-software")
    state = begin(flow, call_id="c1", direction=Direction.INBOUND, at=100.0)
    state, _ = step(flow, state, Answered(101.0))
    state, _ = step(flow, state, Heard(102.0, text))
    return Snapshot(CALL, state, 3).dump()


def test_a_snapshot_comes_back_as_it_was() -> None:
    loaded = Snapshot.load(snapshot())
    assert loaded.call == CALL
    assert loaded.turns == 3
    assert "good_time" in loaded.state.answers
    assert loaded.dump() == snapshot()


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 2}', snapshot().replace('"schema":1', '"schema":9', 1)])
def test_a_snapshot_of_another_version_or_a_broken_one_is_refused(text: str) -> None:
    with pytest.raises(SnapshotError):
        Snapshot.load(text)


async def test_who_claims_a_call_gets_what_its_predecessor_left(world: World) -> None:
    live, room = world.live, next(_rooms)
    first = await live.claim(room, ONE)
    assert (first.generation, first.deaths, first.snapshot, first.flow_body) == (1, 0, None, None)
    assert await live.save(room, 1, "one", "flow text")
    assert await live.save(room, 1, "two")
    second = await live.claim(room, TWO)
    assert (second.generation, second.snapshot, second.flow_body) == (2, "two", "flow text")


async def test_a_predecessor_can_change_nothing_any_more(world: World) -> None:
    live, room = world.live, next(_rooms)
    await live.claim(room, ONE)
    await live.claim(room, TWO)
    assert await live.save(room, 2, "newer")
    assert not await live.save(room, 1, "older")
    assert not await live.renew(room, ONE, 1)
    assert not await live.end(room, 1)
    assert (await live.claim(room, ONE)).snapshot == "newer"


async def test_a_dead_owners_call_is_taken_exactly_once(world: World) -> None:
    live, room = world.live, next(_rooms)
    await live.claim(room, ONE)
    await live.save(room, 1, "state", "flow")
    assert await live.take(room, "another job") is None
    taken = await asyncio.gather(*(live.take(room, "job-1") for _ in range(5)))
    (lost,) = [found for found in taken if found is not None]
    assert (lost.owner, lost.deaths, lost.snapshot, lost.flow_body) == (ONE, 1, "state", "flow")
    assert not await live.save(room, 1, "from the grave")
    claimed = await live.claim(room, TWO)
    assert (claimed.deaths, claimed.snapshot) == (1, "state")


async def test_a_lease_that_is_renewed_never_runs_out(world: World) -> None:
    live, room = world.live, next(_rooms)
    await live.claim(room, ONE)
    for _ in range(3):
        await world.pass_time(LEASE_S - 0.5)
        assert room not in await live.expired()
        assert await live.renew(room, ONE, 1)


async def test_a_lease_that_ran_out_is_taken_once_and_a_successor_has_time_to_come(world: World) -> None:
    live, room = world.live, next(_rooms)
    await live.claim(room, ONE)
    assert await live.take(room, None) is None
    await world.pass_time(LEASE_S + 0.1)
    assert room in await live.expired()
    lost = await live.take(room, None)
    assert lost is not None
    assert lost.owner == ONE
    assert await live.take(room, None) is None
    assert room not in await live.expired()
    await world.pass_time(SUCCESSION_S + 0.1)
    again = await live.take(room, None)  # nobody came
    assert again is not None
    assert again.deaths == 2
    assert again.owner.order == ONE.order


async def test_of_a_call_that_is_over_only_that_is_known(world: World) -> None:
    live, room = world.live, next(_rooms)
    await live.claim(room, ONE)
    await live.save(room, 1, "state")
    assert await live.holder(room) == ONE
    assert await live.end(room, 1)
    assert await live.holder(room) == Owner(OVER)
    await world.pass_time(LEASE_S + 1)
    assert room not in await live.expired()
    assert await live.take(room, "job-1") is None
    fresh = await live.claim(room, TWO)
    assert (fresh.snapshot, fresh.deaths) == (None, 0)


async def test_a_store_that_came_back_empty_takes_the_call_anew_and_keeps_the_fence(world: World) -> None:
    live, room = world.live, next(_rooms)
    await live.claim(room, ONE)
    await live.claim(room, TWO)
    world.empty()
    assert await live.save(room, 1, "older")  # nobody knows better yet
    assert await live.save(room, 2, "newer", "flow")
    assert not await live.save(room, 1, "older")
    assert await live.renew(room, TWO, 2)
    assert await live.holder(room) == TWO
    await world.pass_time(LEASE_S + 0.1)
    assert room in await live.expired()


async def test_capacity_is_counted_over_all_workers_that_are_alive(world: World) -> None:
    live = world.live
    assert await live.free() == 0
    await live.announce("a", 3)
    await live.announce("b", 4)
    assert (await live.free(), await live.free(but="a")) == (7, 4)
    await live.announce("a", 0)
    assert await live.free() == 4
    await world.pass_time(LEASE_S + 0.1)
    await live.announce("a", 2)
    assert await live.free() == 2


async def test_where_a_call_broke_off_is_given_out_once_and_can_be_erased(world: World) -> None:
    live = world.live
    await live.remember("+12025550142", "one")
    await live.remember("+12025550142", "two")
    assert await live.recall("+12025550143") is None
    assert await live.recall("+12025550142") == "two"
    assert await live.recall("+12025550142") is None
    await live.remember("+12025550142", "three")
    assert await live.forget("+12025550142") == 1
    assert await live.recall("+12025550142") is None


async def test_a_number_is_erased_and_the_call_goes_on(world: World) -> None:
    live, mine, other = world.live, next(_rooms), next(_rooms)
    for room, text in ((mine, snapshot()), (other, snapshot().replace("+12025550142", "+12025550143"))):
        await live.claim(room, ONE)
        await live.save(room, 1, text)
    assert await live.forget("+12025550142") == 1
    assert await live.renew(mine, ONE, 1)
    assert (await live.claim(mine, TWO)).snapshot is None
    assert (await live.claim(other, TWO)).snapshot is not None


async def test_a_store_that_is_away_says_so_quickly() -> None:
    memory = MemoryLive(lambda: 1.0)
    memory.away = True
    async with RedisLive(f"redis://127.0.0.1:{free_port()}/0") as redis, asyncio.timeout(5):
        for live in (memory, redis):
            for asked in (
                live.claim("r", ONE),
                live.save("r", 1, "s"),
                live.expired(),
                live.epoch(),
                live.forget("+1"),
            ):
                with pytest.raises(LiveAway):
                    await asked


async def test_whoever_asks_for_ever_can_be_stopped_at_any_moment(redis_url: str) -> None:
    """Of sixty at once, stopped a few milliseconds apart, the client used to keep several going."""

    async def ask() -> None:
        async with RedisLive(redis_url) as live:
            while True:
                with contextlib.suppress(LiveAway):
                    await live.expired()
                await asyncio.sleep(0.01)

    asking = [asyncio.create_task(ask()) for _ in range(60)]
    for n, task in enumerate(asking):
        asyncio.get_running_loop().call_later(0.005 * n, task.cancel)
    done, left = await asyncio.wait(asking, timeout=20)
    assert (len(done), len(left)) == (60, 0)


async def test_the_record_expires_by_itself(redis_url: str) -> None:
    async with RedisLive(redis_url) as live:
        await live.claim("call-ttl", ONE)
    with Redis.from_url(redis_url) as direct:
        assert 0 < int(direct.ttl(f"{RECORD}call-ttl")) <= 900  # type: ignore[arg-type]
