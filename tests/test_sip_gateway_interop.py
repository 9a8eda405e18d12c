"""Independent SIP stacks and the gateway: sipp and baresip call it and are called by it."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from livekit import api

from bench.echo import EchoAgent
from cli.stack.config import Endpoints, StackConfig
from sip.phone import tone
from sip.ua.g711 import PCMU, encode
from tests.conftest import running
from tests.gateway_world import OURS, Listener, dial, fresh, number_leads_to, server
from tests.waiting import eventually

baresip = pytest.importorskip("baresip", reason="no baresip-python on this platform")

pytestmark = [pytest.mark.e2e, pytest.mark.interop]

SCENARIOS = Path(__file__).parent / "sipp"


@pytest.fixture(scope="module")
def at(sip_edge: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    if sip_edge == "external":
        yield request.getfixturevalue("endpoints")
        return
    parts = ("redis", "livekit", "gateway")
    config = StackConfig("interop", tmp_path_factory.mktemp("run"), parts=parts, trunk_file=None, rule_files=())
    with running(config) as stack:
        yield stack.at


@pytest.fixture
async def lk(at: Endpoints) -> AsyncIterator[api.LiveKitAPI]:
    async with server(at) as lk:
        yield lk


@pytest.fixture
def sipp() -> str:
    found = shutil.which("sipp")
    if found is None:
        pytest.skip("sipp is missing: apt-get install sip-tester")
    return found


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


async def run(*command: str, cwd: Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode("utf-8", "replace")


async def test_sipp_calls(at: Endpoints, lk: api.LiveKitAPI, sipp: str, tmp_path: Path) -> None:
    prefix = fresh("sipp")
    await number_leads_to(lk, prefix, every_call_its_own=True)
    (tmp_path / "speech.ulaw").write_bytes(encode(tone(300, 1.0), PCMU))
    command = [sipp, f"{at.sip_ip}:{at.sip_port}", "-sf", str(SCENARIOS / "caller.xml"), "-s", OURS]
    command += ["-inf", str(SCENARIOS / "callers.csv"), "-i", "127.0.0.1", "-mi", "127.0.0.1"]
    command += ["-p", str(free_port()), "-m", "3", "-r", "2", "-l", "3", "-nostdin", "-trace_err"]
    async with EchoAgent(at.livekit_url, at.api_key, at.api_secret, rooms=(), prefix=prefix) as agent:
        code, output = await run(*command, cwd=tmp_path)
        assert code == 0, output[-3000:]
        assert len(agent.rooms) == 3


async def test_sipp_is_called(at: Endpoints, lk: api.LiveKitAPI, sipp: str, tmp_path: Path) -> None:
    room, port = fresh("sipp-out"), free_port()
    command = [sipp, "-sf", str(SCENARIOS / "callee.xml"), "-i", "127.0.0.1", "-mi", "127.0.0.1", "-p", str(port)]
    ended = asyncio.create_task(run(*command, "-rtp_echo", "-m", "1", "-nostdin", cwd=tmp_path))
    async with Listener(at, room) as bot:
        await dial(lk, room, f"127.0.0.1:{port}")
        await bot.caller()
        await lk.room.remove_participant(api.RoomParticipantIdentity(room=room, identity="callee"))
        code, output = await ended
    assert code == 0, output[-3000:]


class Baresip:
    """A baresip user agent on its own port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.runtime = baresip.Runtime()
        self.keys: list[str] = []

    async def __aenter__(self) -> "Baresip":
        extra = f"sip_listen 127.0.0.1:{self.port}\n"
        await self.runtime.start(
            baresip.Config(net_interface="127.0.0.1", max_concurrent_calls=None, extra_config_text=extra)
        )
        domain = f"127.0.0.1:{self.port}"
        account = baresip.Account(user="+12025550134", domain=domain, password="", reg_interval=0)
        self.agent = await baresip.UserAgent.create(self.runtime, account)
        return self

    async def __aexit__(self, *exc: object) -> None:
        async with asyncio.timeout(10):
            await self.runtime.close()


async def test_baresip_calls_and_presses_keys(at: Endpoints, lk: api.LiveKitAPI) -> None:
    room = fresh("baresip")
    await number_leads_to(lk, room)
    async with Listener(at, room) as bot, Baresip() as phone:
        call = await phone.agent.dial(f"sip:{OURS}@{at.sip_ip}:{at.sip_port}")
        await call.wait_established(15)
        await bot.caller()
        await call.send_dtmf("159#")
        await eventually(lambda: bot.keys == ["1", "5", "9", "#"])
        await call.hangup()
        await eventually(lambda: len(bot.left) == 1)


async def test_baresip_is_called_and_hears_keys(at: Endpoints, lk: api.LiveKitAPI) -> None:
    room = fresh("baresip-out")
    async with Listener(at, room) as bot, Baresip() as phone:
        answering: set[asyncio.Task[None]] = set()

        def incoming(call: "baresip.Call") -> None:
            call.on_dtmf(lambda key: phone.keys.append(key.digit))
            answering.add(asyncio.get_running_loop().create_task(call.answer()))

        phone.agent.on_incoming(incoming)
        await dial(lk, room, f"127.0.0.1:{phone.port}")
        await bot.caller()
        await bot.room.local_participant.publish_dtmf(code=7, digit="7")
        await eventually(lambda: "7" in phone.keys)
        await lk.room.remove_participant(api.RoomParticipantIdentity(room=room, identity="callee"))
        await eventually(lambda: len(bot.left) == 1)
