"""The whole stack: trunks come back with an empty Redis, a dead server comes back, wrong keys are told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import redis.asyncio
from livekit import api

from cli.stack import health
from cli.stack.config import Endpoints, PartName, StackConfig
from cli.stack.problem import StackError
from cli.stack.stack import Stack
from sip.phone import Phone
from tests.conftest import skip_unless_possible
from tests.waiting import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack without the bot, so that parts can be killed without harm to other tests."""
    config = StackConfig("edge", tmp_path, parts=("redis", "livekit", "gateway"))
    skip_unless_possible(config)
    async with Stack(config) as stack:
        yield stack


CHECKS: dict[PartName, Callable[[Endpoints], Awaitable[bool]]] = {
    "redis": health.redis_ready,
    "livekit": health.livekit_ready,
    "gateway": health.gateway_ready,
}


async def another(stack: Stack, part: PartName, before: int | None) -> bool:
    return stack.pid(part) not in (before, None)


async def trunks(stack: Stack) -> set[str]:
    async with api.LiveKitAPI(stack.livekit_url, stack.api_key, stack.api_secret) as server:
        listed = await server.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())
        return {trunk.name for trunk in listed.items}


async def test_trunks_are_there_and_come_back_with_an_empty_redis(edge: Stack) -> None:
    before = await trunks(edge)
    assert before
    async with redis.asyncio.Redis.from_url(edge.redis_url) as client:
        await client.flushall()

    async def restored() -> bool:
        return await trunks(edge) == before

    await eventually(restored)


async def test_every_part_that_is_killed_is_back(edge: Stack) -> None:
    for name in edge.config.parts:
        before = edge.pid(name)
        edge.kill(name)
        await eventually(partial(another, edge, name, before))
        await eventually(partial(CHECKS[name], edge.at))
    assert not edge.failed.done()


async def test_wrong_keys_are_told(edge: Stack) -> None:
    with pytest.raises(StackError, match="does not take the keys"):
        await health.livekit_ready(replace(edge.at, api_secret="x" * 36))


async def test_a_phone_is_answered_and_greeted(endpoints: Endpoints) -> None:
    async with Phone(user="+12025550111") as phone:
        call = await phone.call("+12025550100", (endpoints.sip_ip, endpoints.sip_port), wait=30)
        assert await call.media.wait_speech(call.t["answer"]) >= call.t["answer"]
        await call.hangup()
