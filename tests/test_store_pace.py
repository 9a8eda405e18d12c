"""Tokens and places that dialers share: the same contract in memory and in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from store.live import LiveAway
from store.pace import MemoryPace, Pace
from store.redis_pace import RedisPace
from tests.redis_alone import running_redis


@dataclass(slots=True)
class Shared:
    """The port, and how to let time pass for it."""

    pace: Pace
    wait: Callable[[float], Awaitable[None]]


@pytest.fixture(params=["memory", "redis"])
async def shared(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shared]:
    if request.param == "memory":
        now = [100.0]

        async def passes(seconds: float) -> None:
            now[0] += seconds

        yield Shared(MemoryPace(lambda: now[0]), passes)
        return
    with running_redis(tmp_path) as url:
        async with RedisPace(url) as pace:
            yield Shared(pace, asyncio.sleep)


async def test_one_token_an_interval_and_none_saved_up(shared: Shared) -> None:
    assert await shared.pace.token("trunk", 10) == 0
    first = await shared.pace.token("trunk", 10)
    assert 0 < first <= 0.1
    assert await shared.pace.token("other", 10) == 0
    await shared.wait(0.35)
    granted = [await shared.pace.token("trunk", 10) == 0 for _ in range(3)]
    assert granted == [True, False, False]


async def test_after_the_wait_told_there_is_a_token(shared: Shared) -> None:
    await shared.pace.token("trunk", 20)
    await shared.wait(await shared.pace.token("trunk", 20) + 0.001)
    assert await shared.pace.token("trunk", 20) == 0


async def test_places_are_counted_over_all_holders(shared: Shared) -> None:
    pace = shared.pace
    assert [await pace.reserve("seats", f"call-{n}", 2, 5) for n in range(3)] == [True, True, False]
    assert await pace.reserve("seats", "call-1", 2, 5), "whoever holds a place keeps it"
    await pace.let_go("seats", "call-0")
    await pace.let_go("seats", "nobody")
    assert await pace.reserve("seats", "call-2", 2, 5)
    assert not await pace.reserve("nothing", "call-1", 0, 5)


async def test_a_place_of_the_dead_is_free_again(shared: Shared) -> None:
    assert await shared.pace.reserve("seats", "dead", 1, 0.05)
    assert not await shared.pace.reserve("seats", "next", 1, 5)
    await shared.wait(0.06)
    assert await shared.pace.reserve("seats", "next", 1, 5)


async def test_without_redis_nobody_dials() -> None:
    async with RedisPace("redis://127.0.0.1:1/0") as pace:
        with pytest.raises(LiveAway):
            await pace.token("trunk", 1)
        with pytest.raises(LiveAway):
            await pace.reserve("seats", "call", 1, 1)
