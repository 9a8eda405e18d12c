"""The console over real HTTP, with calls and events in memory and a LiveKit that is scripted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn

from console.desk import Desk, Limits
from console.limits import Limit
from console.logins import Cookies, Login
from console.rooms import Rooms
from console.server import configuration
from console.settings import ConsoleSettings
from flows.model import Answer, Direction, Mode
from store.calls import NewCall, Turn
from store.events import MemoryEvents
from store.flowfiles import load_flow
from store.memory_calls import MemoryCalls
from tests.fake_livekit import KEY, SECRET, FakeLiveKit, serving

AT = 1_795_000_000.0


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> float:
        return self.at


@dataclass(frozen=True, slots=True)
class World:
    """A console that serves."""

    url: str
    desk: Desk
    calls: MemoryCalls
    events: MemoryEvents
    livekit: FakeLiveKit
    clock: Clock

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A client with cookies of its own."""
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of addresses too
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(self.url, cookie_jar=jar, timeout=timeout) as session:
            yield session


@asynccontextmanager
async def console(
    folder: Path, logins: Mapping[str, Login] | None = None, *, limits: Limits | None = None, **settings: Any
) -> AsyncIterator[World]:
    """Serve on a free port of this machine."""
    livekit, clock, calls = FakeLiveKit(), Clock(), MemoryCalls()
    events = MemoryEvents(clock)
    chosen = ConsoleSettings(page=folder / "page", **settings)
    async with serving(livekit) as livekit_url:
        public = livekit_url.replace("http", "ws", 1)
        rooms = Rooms(livekit_url, public, KEY, SECRET)
        desk = Desk(
            chosen,
            calls,
            events,
            rooms,
            Cookies(SECRET),
            folder / "recordings",
            clock,
            logins or {},
            limits or Limits(),
        )
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = _Server(configuration(desk))
            running = asyncio.create_task(server.serve([listening]))
            try:
                await asyncio.wait_for(server.up.wait(), 20)
                yield World(f"http://127.0.0.1:{listening.getsockname()[1]}", desk, calls, events, livekit, clock)
            finally:
                server.should_exit = True
                await running


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


def boundless() -> Limits:
    """For tests that ask a lot."""
    free = Limit(1e6, 1_000_000)
    return Limits(free, free, free)


async def keep_call(calls: MemoryCalls, call_id: str = "c1", *, over: bool = True) -> None:
    """A telephone call with a turn of each side and an answer."""
    flow = load_flow("b2b-software")
    begun = NewCall(call_id, Direction.INBOUND, flow.name, flow.hash, "room", "+12025550142", "+12025550100", AT)
    await calls.keep_flow(flow.hash, flow.name, flow.body)
    await calls.begin(begun)
    await calls.answered(call_id, AT + 1)
    await calls.add_turn(call_id, Turn(0, "bot", "How many people work at your company?", AT + 2))
    await calls.add_turn(call_id, Turn(1, "caller", "about fifty", AT + 5))
    reply = Turn(2, "bot", "Fifty people, got it.", AT + 6, response_ms=420, timing={"decided": 200, "queued": 420})
    await calls.add_turn(call_id, reply)
    answer = Answer("company_size", (50, 50), "about fifty", Mode.SPEECH, certainty=0.9, at=AT + 5)
    await calls.put_answers(call_id, (answer,))
    if over:
        await calls.finish(call_id, "qualified", 20, {"summary": "Qualified."}, AT + 60)
