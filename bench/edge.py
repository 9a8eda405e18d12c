"""Where a benchmark calls: a fresh local stack behind the embedded gateway, or a real livekit-sip of yours.

The workers are the benchmark's own on either edge, so that every run says what it ran with.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psutil
from livekit import api

from bench.echo import EchoAgent, provision
from bench.echo_floor import measure_floor
from cli.stack.config import Endpoints, StackConfig
from cli.stack.problem import StackError
from cli.stack.stack import Stack
from sip.phone import Phone

BOT_NUMBER = "+12025550100"
PLAIN_NUMBER = "+12025550191"
ECHO_NUMBER = "+12025550190"
CALLER = "+12025550142"

_EXTERNAL = (
    "LEADLINE_SIP_IP",
    "LEADLINE_SIP_PORT",
    "LIVEKIT_URL",
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_SECRET",
    "LEADLINE_REDIS_URL",
)
_START_S: Final = 90.0
_STOP_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Edge:
    """A SIP edge and the servers behind it; `pids` of those that run on this machine."""

    name: str
    at: Endpoints
    folder: Path
    pids: Mapping[str, int]

    @property
    def addr(self) -> tuple[str, int]:
        """Where to send INVITEs."""
        return self.at.sip_ip, self.at.sip_port

    def livekit(self) -> api.LiveKitAPI:
        """LiveKit's API with this edge's keys."""
        return api.LiveKitAPI(self.at.livekit_url.replace("ws", "http", 1), self.at.api_key, self.at.api_secret)


def fresh_caller(number: int) -> str:
    """Another number for each call: who calls again within ten minutes of a call that broke off is asked fewer questions."""
    return f"+130355501{number % 100:02d}"


@asynccontextmanager
async def edge(name: str) -> AsyncIterator[Edge]:
    """Open the edge `gateway` (starts everything but workers) or `external` (addresses and keys by the environment).

    No other worker may serve the agents `leadline` and `plain` there meanwhile.
    Raises StackError when it cannot start, KeyError for a missing variable of an external edge.
    """
    with tempfile.TemporaryDirectory(prefix="leadline-bench-") as temporary:
        folder = Path(temporary)
        if name == "external":
            values = {key: os.environ[key] for key in _EXTERNAL}  # noqa: TID251 - a benchmark's own settings
            database = f"sqlite+aiosqlite:///{folder / 'leadline.db'}"
            at = Endpoints.of(folder, values | {"LEADLINE_DATABASE_URL": database})
            yield Edge(name, at, folder, _listening(at))
            return
        async with Stack(StackConfig("bench", folder, parts=("redis", "livekit", "gateway"))) as stack:
            pids = {part: pid for part in ("livekit", "gateway") if (pid := stack.pid(part)) is not None}
            yield Edge(name, stack.at, folder, pids)


def _listening(at: Endpoints) -> dict[str, int]:
    """Find the processes behind the ports, as far as they run here."""
    ports = {int(at.livekit_url.rsplit(":", 1)[1]): "livekit", at.sip_port: "livekit-sip"}
    found = {}
    for connection in psutil.net_connections("inet"):
        part = ports.get(connection.laddr.port) if connection.laddr else None
        if part is not None and connection.pid is not None and not connection.raddr:
            found[part] = connection.pid
    return found


@asynccontextmanager
async def worker(where: Edge, module: str = "bot", name: str = "", **settings: object) -> AsyncIterator[int]:
    """Run `python -m MODULE` until the end of the block; yields its process id once it is registered.

    `name` tells its log from those of others. `settings` become LEADLINE_BOT_… variables. Raises StackError when it does not start.
    """
    own = {f"LEADLINE_BOT_{name.upper()}": str(value) for name, value in settings.items()}
    log = where.folder / f"{name or module}.log"
    env = {**os.environ, **where.at.env(), **own}  # noqa: TID251 - the benchmark's own, with the edge's addresses
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, env=env, stdout=out, stderr=out)
    try:
        await _registered(process, log, module)
        yield process.pid
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.returncode is None else []
        for number in (signal.SIGTERM, signal.SIGTERM):  # the second one: at once
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            await asyncio.sleep(0.2)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _STOP_S)
        for left in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


async def _registered(process: asyncio.subprocess.Process, log: Path, module: str) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + _START_S
    while b"worker ready" not in (text := await asyncio.to_thread(log.read_bytes)):
        if process.returncode is not None or loop.time() > until:
            last = text.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise StackError(f"the worker {module} did not start: {last[0][:300]}", f"see {log}")
        await asyncio.sleep(0.1)


async def route(where: Edge, number: str, agent: str, metadata: str = "") -> None:
    """Lead calls of `number` to an agent; what is there already by that name is kept."""
    name = f"bench-{number}"
    async with where.livekit() as lk:
        trunks = (await lk.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())).items
        if any(number in trunk.numbers for trunk in trunks):
            return
        told = api.SIPInboundTrunkInfo(name=name, numbers=[number], allowed_addresses=["127.0.0.0/8"])
        trunk = await lk.sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=told))
        dispatch = api.RoomAgentDispatch(agent_name=agent, metadata=metadata)
        rule = api.SIPDispatchRuleInfo(
            name=name,
            trunk_ids=[trunk.sip_trunk_id],
            rule=api.SIPDispatchRule(
                dispatch_rule_callee=api.SIPDispatchRuleCallee(room_prefix="call-", randomize=True)
            ),
            room_config=api.RoomConfiguration(empty_timeout=30, departure_timeout=5, agents=[dispatch]),
        )
        await lk.sip.create_dispatch_rule(api.CreateSIPDispatchRuleRequest(dispatch_rule=rule))


async def floor_ms(where: Edge, n: int = 20) -> float:
    """The echo floor of this edge: median round trip to an agent that answers at once, in ms."""
    at = where.at
    async with where.livekit() as lk:
        await provision(lk, ECHO_NUMBER, "echo")
    async with EchoAgent(at.livekit_url, at.api_key, at.api_secret, rooms=("echo",)), Phone(user=CALLER) as phone:
        return float(np.median(await measure_floor(phone, where.addr, ECHO_NUMBER, n)))
