"""Parts around the gateway die while it has calls: nobody is left in silence, and it works again by itself."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench.echo import EchoAgent
from cli.stack import health
from cli.stack.config import PartName, StackConfig
from cli.stack.stack import Stack
from sip.phone import CallFailed, Phone, PhoneCall, tone
from tests.conftest import skip_unless_possible
from tests.gateway_world import OURS, Listener, fresh, number_leads_to, server
from tests.waiting import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
async def edge(sip_edge: str, tmp_path: Path) -> AsyncIterator[Stack]:
    """A stack for one test, as its parts are stopped."""
    if sip_edge == "external":
        pytest.skip("stops parts")
    parts = ("redis", "livekit", "gateway")
    config = StackConfig("faults", tmp_path, parts=parts, trunk_file=None, rule_files=())
    skip_unless_possible(config)
    async with Stack(config) as stack:
        yield stack


@pytest.fixture
async def me() -> AsyncIterator[Phone]:
    async with Phone(user="+12025550111") as phone:
        yield phone
    assert phone.errors == []


def crash(edge: Stack, part: PartName) -> None:
    """SIGKILL, and not started again."""
    pid = edge.pid(part)
    assert pid is not None
    edge.stop(part)
    os.kill(pid, signal.SIGKILL)


async def provision(edge: Stack, room: str) -> None:
    async with server(edge.at) as lk:
        await number_leads_to(lk, room)


async def refused_with_503(me: Phone, edge: Stack) -> None:
    with pytest.raises(CallFailed) as failed:
        await me.call(OURS, (edge.sip_ip, edge.sip_port), wait=10)
    assert failed.value.status == 503


async def echoes(call: PhoneCall) -> None:
    said = await call.media.say(tone(700, 0.1))
    await call.media.wait_speech(said.start, timeout=5)


async def test_a_dead_server_ends_calls_within_ten_seconds_and_new_ones_get_503(edge: Stack, me: Phone) -> None:
    room = fresh("dead")
    await provision(edge, room)
    async with EchoAgent(edge.livekit_url, edge.api_key, edge.api_secret, rooms=(room,)):
        call = await me.call(OURS, (edge.sip_ip, edge.sip_port), wait=10)
        crash(edge, "livekit")
        await call.wait_ended(10)
        assert call.ended_by == "remote"
        await refused_with_503(me, edge)
        edge.start("livekit")
        await eventually(lambda: health.livekit_ready(edge.at))
    async with EchoAgent(edge.livekit_url, edge.api_key, edge.api_secret, rooms=(room,)):
        again = await me.call(OURS, (edge.sip_ip, edge.sip_port), wait=10)
        await echoes(again)
        await again.hangup()


async def test_redis_comes_back_empty_calls_go_on_and_new_ones_work(edge: Stack, me: Phone) -> None:
    room = fresh("redis")
    await provision(edge, room)
    async with EchoAgent(edge.livekit_url, edge.api_key, edge.api_secret, rooms=(room,)):
        call = await me.call(OURS, (edge.sip_ip, edge.sip_port), wait=10)
        crash(edge, "redis")
        await eventually(lambda: not edge.pid("redis"))
        await refused_with_503(me, edge)
        edge.start("redis")
        await eventually(lambda: health.redis_ready(edge.at))
        await echoes(call)
        await provision(edge, room)

        async def answered() -> bool:
            try:
                other = await me.call(OURS, (edge.sip_ip, edge.sip_port), wait=5, from_user="+12025550112")
            except (CallFailed, TimeoutError):
                return False
            await other.hangup()
            return True

        await eventually(answered)
        assert call.active
        await call.hangup()


async def test_stopping_the_gateway_hangs_up(edge: Stack, me: Phone) -> None:
    room = fresh("stop")
    await provision(edge, room)
    async with Listener(edge.at, room) as bot:
        call = await me.call(OURS, (edge.sip_ip, edge.sip_port), wait=10)
        edge.stop("gateway")
        await call.wait_ended(5)
        assert call.ended_by == "remote"
        await eventually(lambda: len(bot.left) == 1)


async def test_a_phone_that_vanishes_ends_after_the_media_timeout(edge: Stack, me: Phone) -> None:
    room = fresh("vanish")
    await provision(edge, room)
    async with Listener(edge.at, room) as bot:
        call = await me.call(OURS, (edge.sip_ip, edge.sip_port), wait=10)
        await eventually(lambda: call.media.out.packets > 10)
        call.media.out.muted = True
        await asyncio.wait_for(call.ended.wait(), 25)
        assert call.ended_by == "remote"
        await eventually(lambda: len(bot.left) == 1)
