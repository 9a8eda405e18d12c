"""The dialer at the terminal: its desk is furnished, it dials in the foreground, Ctrl-C lets calls end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from campaigns.rulefiles import SHIPPED, load_packs
from cli.campaign_options import Wrong
from store.calls import StoreError

if TYPE_CHECKING:
    from livekit import api
    from sqlalchemy.ext.asyncio import AsyncEngine

    from campaigns.campaign_file import CampaignFile
    from campaigns.desk import Plan
    from campaigns.dialer import Dialer
    from campaigns.far_end import FarEnd
    from campaigns.policy.terms import CallerId
    from cli.target import Target
    from store.campaigns import CampaignRow
    from store.pace import Pace

_ALONE_S: Final = 10.0
_RENEW_S: Final = 3.0
_LOOK_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class How:
    """How to dial. `owner` stays the same over restarts; `inbound` agents are kept for callers."""

    owner: str = ""
    inbound: int = 1
    simulate: bool = False
    rules: Path = SHIPPED

    @property
    def name(self) -> str:
        """The dialer's name."""
        return self.owner or f"{socket.gethostname()}-1"


@dataclass(frozen=True, slots=True)
class Room:
    """Where dialers work: a database, LiveKit (None when simulated), and what they share."""

    engine: AsyncEngine
    target: Target
    lk: api.LiveKitAPI | None
    pace: Pace
    free: Callable[[], Awaitable[int]]
    how: How
    told: Callable[[str], None]


@asynccontextmanager
async def room(stack: str | None, how: How, told: Callable[[str], None]) -> AsyncIterator[Room]:
    """Open everything that dialers of one process share. Raises Wrong when another dialer has this one's name."""
    from cli.target import find_target
    from sip.settings import SipSettingsError, open_api
    from store.database import opened
    from store.pace import MemoryPace
    from store.redis_pace import RedisPace

    target = find_target(stack)
    async with AsyncExitStack() as open_ones:
        engine = await open_ones.enter_async_context(opened(target.database_url))
        if how.simulate:
            yield Room(engine, target, None, MemoryPace(time.monotonic), _many, how, told)
            return
        if not target.redis_url:
            raise Wrong("a dialer needs Redis, which counts agents and paces calls: set LEADLINE_REDIS_URL")
        pace = await open_ones.enter_async_context(RedisPace(target.redis_url))
        try:
            lk = await open_ones.enter_async_context(open_api(target.sip))
        except SipSettingsError as wrong:
            raise Wrong(str(wrong)) from None
        await open_ones.enter_async_context(_alone(pace, how.name))
        free = await open_ones.enter_async_context(_agents(target.redis_url))
        yield Room(engine, target, lk, pace, free, how, told)


async def _many() -> int:
    return 1000


@asynccontextmanager
async def _agents(redis_url: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    from store.live_redis import RedisLive

    async with RedisLive(redis_url) as live:
        yield live.free


@asynccontextmanager
async def _alone(pace: Pace, name: str) -> AsyncIterator[None]:
    """Two dialers of one name would take each other's calls for their own: the second one is refused."""
    me = f"{name}:{time.time_ns()}"
    if not await pace.reserve(f"dialer:{name}", me, 1, _ALONE_S):
        raise Wrong(
            f"a dialer called {name!r} runs, or was killed less than {_ALONE_S:.0f} s ago: give --id another name, or wait"
        )

    async def renew() -> None:
        from store.live import LiveAway

        while True:
            await asyncio.sleep(_RENEW_S)
            with contextlib.suppress(LiveAway):
                await pace.reserve(f"dialer:{name}", me, 1, _ALONE_S)

    renewing = asyncio.create_task(renew(), name="dialer.alone")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        await pace.let_go(f"dialer:{name}", me)


async def dialer_for(room: Room, row: CampaignRow) -> Dialer:
    """A dialer for a campaign that runs, by the version of its file that is kept. Raises Wrong."""
    from campaigns.campaign_file import from_spec
    from campaigns.desk import Desk
    from campaigns.dialer import Dialer
    from sip.rooms import FAILURES
    from sip.routes import RouteError

    file = from_spec(row.spec)
    try:
        far_end, plan = await _far_end(room, file, row.spec_hash)
    except RouteError as wrong:
        raise Wrong(str(wrong)) from None
    except FAILURES as away:
        raise Wrong(f"LiveKit cannot be asked for trunks and rules: {away or 'no answer in time'}") from None
    desk = Desk(
        engine=room.engine,
        far_end=far_end,
        pace=room.pace,
        clock=time.time,
        free=room.free,
        owner=room.how.name,
        packs=load_packs(room.how.rules),
        told=room.told,
        simulated=room.lk is None,
    )
    return Dialer(desk, plan)


async def _far_end(room: Room, file: CampaignFile, spec_hash: str) -> tuple[FarEnd, Plan]:
    from campaigns.desk import Plan
    from campaigns.gate import FlowRef
    from campaigns.livekit_end import LiveKitFarEnd
    from campaigns.policy.terms import CallerId
    from campaigns.settings import GateSettings
    from campaigns.simulated import Exchange, SimulatedFarEnd
    from flows.schema import parse_flow
    from sip.routes import find_route
    from store.flowfiles import read_flow
    from store.sql_calls import SqlCalls

    if room.lk is None:
        ours = tuple(CallerId(number, owned=True, answered=True) for number in file.caller_ids)
        return SimulatedFarEnd(Exchange(time.time, speed=20.0)), Plan(file, spec_hash, ours, "simulated", 0)
    body, source = read_flow(file.flow)
    flow = parse_flow(body, source)
    calls = SqlCalls(room.engine)
    await calls.keep_flow(flow.hash, flow.name, body)
    route = await find_route(room.lk, file.trunk or room.target.sip.trunk)
    end = LiveKitFarEnd(room.lk, calls, GateSettings().policy, route, FlowRef(flow.name, flow.hash), time.time)
    trunk = route.trunk_id or route.address
    return end, Plan(file, spec_hash, await callers_of(room.lk, file), trunk, room.how.inbound)


async def callers_of(lk: api.LiveKitAPI, file: CampaignFile) -> tuple[CallerId, ...]:
    """The numbers to be shown, with what LiveKit's trunks and rules say of them."""
    from campaigns.caller_ids import shown
    from sip.trunks import stored

    return tuple(one.caller for one in shown(await stored(lk), file.caller_ids, file.seller))


async def dial_one(room: Room, name: str) -> CampaignRow:
    """Dial one campaign in the foreground, to its end, a pause or Ctrl-C."""
    from store import campaigns

    dialer = await dialer_for(room, await campaigns.get(room.engine, name))
    _stops_at_a_signal(dialer.stop)
    return await dialer.run()


async def serve(room: Room) -> None:
    """Dial every campaign that runs, until Ctrl-C."""
    from store import campaigns

    stopping = asyncio.Event()
    working: dict[str, tuple[Dialer, asyncio.Task[CampaignRow]]] = {}

    def stop() -> None:
        stopping.set()
        for dialer, _ in working.values():
            dialer.stop()

    _stops_at_a_signal(stop)
    while not stopping.is_set() or working:
        for name, (_, task) in list(working.items()):
            if task.done():
                del working[name]
                room.told(f"{name}: {_why(task)}")
        if not stopping.is_set():
            for row in await campaigns.every(room.engine):
                if _is_ours(row) and row.name not in working:
                    try:
                        dialer = await dialer_for(room, row)
                    except StoreError as wrong:
                        room.told(f"{row.name} cannot be dialled: {wrong}")
                        continue
                    room.told(f"{row.name}: dialling")
                    working[row.name] = dialer, asyncio.create_task(dialer.run(), name=f"dialer.{row.name}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await (stopping.wait() if not stopping.is_set() else asyncio.sleep(0.2))


def _is_ours(row: CampaignRow) -> bool:
    """Whether dialers with telephones look after it: a simulation is dialled only by the command that began it."""
    return row.state in ("running", "scheduled") and not row.simulated


def _why(task: asyncio.Task[CampaignRow]) -> str:
    if (wrong := task.exception()) is not None:
        return f"broke off ({wrong}); tried again"
    row = task.result()
    return f"{row.state}{f' ({row.reason})' if row.reason else ''}"


def _stops_at_a_signal(stop: Callable[[], None]) -> None:
    """The first Ctrl-C lets calls end, the second one does not: then whoever dials next looks after them."""
    loop, main = asyncio.get_running_loop(), asyncio.current_task()
    told = False

    def asked() -> None:
        nonlocal told
        if told and main is not None:
            main.cancel()
        told = True
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
