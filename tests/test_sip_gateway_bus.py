"""The gateway's pub/sub: it can be closed at any moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sip.gateway.bus import Bus
from sip.ua.tasks import Tasks
from tests.redis_alone import running_redis


async def test_a_bus_can_be_closed_at_any_moment(tmp_path: Path) -> None:
    """Of sixty at once, closed a few milliseconds apart, Redis' client used to keep some going for ever."""
    failed: list[BaseException] = []

    async def open_and_close(n: int) -> None:
        bus = Bus(url, Tasks(failed.append))
        starting = asyncio.create_task(bus.start(10))
        await asyncio.sleep(0.002 * n)
        starting.cancel()
        await bus.close()

    with running_redis(tmp_path) as url:
        closing = [asyncio.create_task(open_and_close(n)) for n in range(60)]
        done, left = await asyncio.wait(closing, timeout=20)
    assert (len(done), len(left), failed) == (60, 0, [])
    assert [error for task in done if (error := task.exception()) is not None] == []
