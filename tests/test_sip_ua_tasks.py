"""Waiting for work or for an event, whichever comes first."""

from __future__ import annotations

import asyncio

import pytest

from sip.ua.tasks import unless


async def for_ever(stopped: asyncio.Event) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        stopped.set()


async def test_work_that_is_done_first_counts() -> None:
    assert await unless(asyncio.Event(), asyncio.sleep(0))


async def test_an_event_that_comes_first_stops_the_work_before_anything_else_goes_on() -> None:
    event, stopped = asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert not await unless(event, for_ever(stopped))
    assert stopped.is_set()


async def test_what_the_work_raises_is_raised() -> None:
    async def fails() -> None:
        raise ConnectionError("no answer")

    with pytest.raises(ConnectionError, match="no answer"):
        await unless(asyncio.Event(), fails())


async def test_whoever_waits_may_be_stopped_and_stops_the_work() -> None:
    stopped = asyncio.Event()
    waiting = asyncio.create_task(unless(asyncio.Event(), for_ever(stopped)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled() and stopped.is_set()
