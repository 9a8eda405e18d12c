"""The gateway's processes follow each other on one port: between two calls, without losing one, and none stays behind."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest

from cli.stack.config import Endpoints, StackConfig
from cli.stack.stack import Stack
from sip.phone import Phone
from sip.ua.transport import bind_udp
from tests.conftest import running
from tests.gateway_world import OURS, Listener, fresh, number_leads_to, server
from tests.waiting import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    config = StackConfig(
        "shifts", tmp_path_factory.mktemp("run"), parts=("redis", "livekit"), trunk_file=None, rule_files=()
    )
    with running(config) as stack:
        yield stack


class Running:
    """`python -m sip.gateway` with a process for every call."""

    def __init__(self, at: Endpoints, process: asyncio.subprocess.Process, port: int) -> None:
        self.at, self.process, self.port = at, process, port

    def workers(self) -> list[int]:
        return sorted(child.pid for child in psutil.Process(self.process.pid).children())

    async def a_call(self, room: str) -> None:
        async with Listener(self.at, room), Phone(user="+12025550113") as phone:
            call = await phone.call(OURS, ("127.0.0.1", self.port), wait=10)
            await call.hangup()


@pytest.fixture
async def gateway(servers: Stack) -> AsyncIterator[Running]:
    at = servers.at
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sip.gateway", "--redis", at.redis_url, "--ws-url", at.livekit_url),
        *("--sip-port", "0", "--renew-after", "1"),
        env={**os.environ, **at.env()},  # noqa: TID251 - as the stack starts it
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        yield Running(at, process, int(line.decode().rsplit(":", 1)[1]))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_worn_process_is_followed_by_a_fresh_one(gateway: Running) -> None:
    room = fresh("worn")
    async with server(gateway.at) as lk:
        await number_leads_to(lk, room)
    [first] = gateway.workers()
    await gateway.a_call(room)
    await eventually(lambda: len(gateway.workers()) == 2)  # the next one loads what it needs
    await gateway.a_call(room)  # meanwhile, and around the change
    await eventually(lambda: first not in gateway.workers())
    await gateway.a_call(room)
    gateway.process.send_signal(signal.SIGTERM)
    workers = gateway.workers()
    assert await asyncio.wait_for(gateway.process.wait(), 20) == 0
    assert not any(psutil.pid_exists(pid) for pid in workers)


async def test_if_it_is_killed_the_port_is_free_at_once(gateway: Running) -> None:
    workers = gateway.workers()
    gateway.process.kill()
    await eventually(lambda: not any(psutil.pid_exists(pid) for pid in workers))
    bind_udp("127.0.0.1", gateway.port).close()
