"""Parts around the gateway die while it has calls: nobody is left in silence, and it works again by itself."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


async def turned_down_once(port: int) -> asyncio.Server:
    """In front of livekit-server: the first connection is refused with 500, as by a server that is just coming back."""
    refused = False

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal refused
        if not refused:
            refused = True
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return writer.close()
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, behind_writer), carry(behind_reader, writer), return_exceptions=True)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


@asynccontextmanager
async def gateway_behind(front: asyncio.Server, edge: Stack) -> AsyncIterator[tuple[str, int]]:
    """Another gateway, which reaches livekit-server through `front`; its SIP address."""
    ws_url = f"ws://127.0.0.1:{front.sockets[0].getsockname()[1]}"
    keys = {"LIVEKIT_API_KEY": edge.api_key, "LIVEKIT_API_SECRET": edge.api_secret}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sip.gateway", "--redis", edge.at.redis_url, "--ws-url", ws_url, "--sip-port", "0"),
        env=dict(os.environ) | keys,  # noqa: TID251 - the path to the interpreter's parts
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        ready = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        yield "127.0.0.1", int(ready.rpartition(":")[2])
    finally:
        process.terminate()
        await process.wait()


async def test_a_process_that_hears_no_room_after_a_refused_join_hangs_up_and_another_one_takes_over(
    edge: Stack, me: Phone
) -> None:
    room = fresh("deaf")
    await provision(edge, room)
    front = await turned_down_once(int(edge.livekit_url.rpartition(":")[2]))
    async with (
        front,
        EchoAgent(edge.livekit_url, edge.api_key, edge.api_secret, rooms=(room,)),
        gateway_behind(front, edge) as address,
    ):
        deaf = await me.call(OURS, address, wait=10)
        await deaf.wait_ended(10)
        assert deaf.ended_by == "remote"

        async def heard() -> bool:
            try:
                call = await me.call(OURS, address, wait=5)
                await echoes(call)
                await call.hangup()
            except (CallFailed, TimeoutError):
                return False
            return True

        await eventually(heard, 30)


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
