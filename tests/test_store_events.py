"""Live events: one contract for Redis and memory, and what a missing Redis costs."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import redis as redis_client

from store.events import Events, LiveEvent, MemoryEvents, order
from store.redis_events import STREAM, RedisEvents
from tests.redis_alone import free_port, running_redis


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", "redis"])
async def events(request: pytest.FixtureRequest) -> AsyncIterator[Events]:
    ticks = itertools.count(100)
    if request.param == "memory":
        yield MemoryEvents(lambda: float(next(ticks)))
        return
    url = request.getfixturevalue("redis_url")
    with redis_client.Redis.from_url(url) as client:
        client.delete(STREAM)
    async with RedisEvents(url, lambda: float(next(ticks))) as opened:
        yield opened


async def take(stream: AsyncIterator[LiveEvent], n: int) -> list[LiveEvent]:
    async with asyncio.timeout(10):
        return [await anext(stream) for _ in range(n)]


async def test_what_was_published_is_followed_in_order(events: Events) -> None:
    events.publish("c1", "said", **{"pii.text": "twenty five", "n": 3, "late": None, "barge_in": True})
    events.publish("c2", "ended", score=50)
    first, second = await take(events.follow(since="0"), 2)
    assert (first.call_id, first.kind, first.at) == ("c1", "said", 100.0)
    assert first.fields == {"pii.text": "twenty five", "n": 3, "late": None, "barge_in": True}
    assert (second.call_id, second.kind, second.fields) == ("c2", "ended", {"score": 50})
    assert order(first.id) < order(second.id)


async def test_whoever_follows_can_be_stopped_at_any_moment(redis_url: str) -> None:
    """Of sixty at once, stopped a few milliseconds apart, the client used to keep one going for ever now and then."""

    async def follow() -> None:
        async with RedisEvents(redis_url, lambda: 0.0) as events:
            async for _ in events.follow(since="0"):
                pass

    following = [asyncio.create_task(follow()) for _ in range(60)]
    for n, task in enumerate(following):
        asyncio.get_running_loop().call_later(0.005 * n, task.cancel)
    done, left = await asyncio.wait(following, timeout=20)
    assert (len(done), len(left)) == (60, 0)
    assert all(task.cancelled() for task in done)


async def test_one_call_can_be_followed_and_continued(events: Events) -> None:
    for n in range(3):
        events.publish("c1", "said", n=n)
        events.publish("c2", "said", n=n)
    first, second = await take(events.follow("c1", since="0"), 2)
    assert [first.fields["n"], second.fields["n"]] == [0, 1]
    (third,) = await take(events.follow("c1", since=second.id), 1)
    assert third.fields["n"] == 2


async def test_a_follower_hears_what_comes_later(events: Events) -> None:
    events.publish("c1", "begun")
    await take(events.follow(since="0"), 1)
    stream = events.follow()
    waiting = asyncio.create_task(take(stream, 1))
    marker = events.follow(since="0")
    while not waiting.done():  # the follower's place is taken when it first reads: publish until it hears one
        events.publish("c1", "tick")
        await take(marker, 1)
        await asyncio.sleep(0)
    (heard,) = await waiting
    assert heard.kind == "tick"


async def test_a_mark_loses_nothing_that_was_told_since(events: Events) -> None:
    events.publish("c1", "begun")  # at 100 by our clock
    events.publish("c1", "said")
    first, second = await take(events.follow(since=events.mark(100.0)), 2)
    assert [first.kind, second.kind] == ["begun", "said"]


async def test_without_redis_publishing_neither_waits_nor_raises(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "store")
    async with RedisEvents(f"redis://127.0.0.1:{free_port()}/0", lambda: 1.0, waiting=5, retry_s=0.01) as events:
        for _ in range(50):
            events.publish("c1", "said")
        assert events.dropped == 45
    assert len([record for record in caplog.records if record.name.startswith("store")]) == 1


async def test_memory_is_bounded() -> None:
    events = MemoryEvents(lambda: 1.0, kept=3)
    for n in range(10):
        events.publish("c1", "said", n=n)
    assert [event.fields["n"] for event in await take(events.follow(since="0"), 3)] == [7, 8, 9]
