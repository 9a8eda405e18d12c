"""Where a benchmark calls: a fresh local stack behind the embedded gateway, or a real livekit-sip of yours."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from livekit import api

from bench.echo import EchoAgent, provision
from bench.echo_floor import measure_floor
from cli.stack.config import Endpoints, StackConfig
from cli.stack.stack import Stack
from sip.phone import Phone

BOT_NUMBER = "+12025550100"
ECHO_NUMBER = "+12025550190"
CALLER = "+12025550142"

_EXTERNAL = (
    "LEADLINE_SIP_IP",
    "LEADLINE_SIP_PORT",
    "LIVEKIT_URL",
    "LIVEKIT_API_KEY",
    "LIVEKIT_API_SECRET",
    "LEADLINE_REDIS_URL",
    "LEADLINE_DATABASE_URL",
)


@dataclass(frozen=True, slots=True)
class Edge:
    """A SIP edge with the bot behind it. `stack` is None when it is not ours."""

    name: str
    at: Endpoints
    stack: Stack | None

    @property
    def addr(self) -> tuple[str, int]:
        """Where to send INVITEs."""
        return self.at.sip_ip, self.at.sip_port


@asynccontextmanager
async def edge(name: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Edge]:
    """Open the edge `gateway` (starts everything) or `external` (takes addresses and keys from the environment).

    Raises StackError when it cannot start, KeyError for a missing variable of an external edge.
    """
    if name == "external":
        values = {key: os.environ[key] for key in _EXTERNAL}  # noqa: TID251 - a benchmark's own settings
        yield Edge(name, Endpoints.of(Path("run"), values), None)
        return
    with tempfile.TemporaryDirectory(prefix="leadline-bench-") as folder:
        async with Stack(StackConfig("bench", Path(folder), extra_env=env)) as stack:
            yield Edge(name, stack.at, stack)


async def floor_ms(where: Edge, n: int = 20) -> float:
    """The echo floor of this edge: median round trip to an agent that answers at once, in ms."""
    at = where.at
    async with api.LiveKitAPI(at.livekit_url.replace("ws", "http", 1), at.api_key, at.api_secret) as lk:
        await provision(lk, ECHO_NUMBER, "echo")
    async with EchoAgent(at.livekit_url, at.api_key, at.api_secret, rooms=("echo",)), Phone(user=CALLER) as phone:
        return float(np.median(await measure_floor(phone, where.addr, ECHO_NUMBER, n)))
