"""The room's side of a gateway call: what it holds while it is there, and that nothing of it stays behind."""

import asyncio
import gc
from collections.abc import Iterator

import pytest
from livekit.rtc import DisconnectReason
from livekit.rtc._ffi_client import FfiHandle

from cli.stack.config import Endpoints
from sip.gateway.bridge import Bridge
from sip.gateway.handles import handles
from sip.gateway.room import RoomSide, Seat
from sip.gateway.settings import ApiKeys, GatewaySettings
from sip.ua.pacer import Pacer
from sip.ua.tasks import Tasks
from tests.gateway_world import Listener, fresh
from tests.waiting import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def by_hand() -> Iterator[None]:
    """Without the collector of circles, which may come many calls later."""
    gc.disable()
    yield
    gc.enable()


async def one_call(endpoints: Endpoints) -> list[FfiHandle]:
    """Somebody else and we are in a room, and it ends; what we had held of it, and of the phone's track."""
    keys = ApiKeys(api_key=endpoints.api_key, api_secret=endpoints.api_secret)
    settings = GatewaySettings(endpoints.redis_url, endpoints.livekit_url, "127.0.0.1", 0, keys)
    failed: list[BaseException] = []
    tasks, name = Tasks(failed.append), fresh("held")
    async with Listener(endpoints, name):
        bridge = Bridge("127.0.0.1", Pacer())
        side = RoomSide(settings, bridge, tasks, "call")
        seat = Seat(name, "caller", "Caller", "", {})
        await side.join(seat, asyncio.Lock(), asyncio.Event(), listen=True)
        side.bridge_audio()
        await eventually(lambda: len(handles(side.room)) == 7)  # ours and the listener's: track, place, self; the room
        held = [*handles(side.room), side.source._ffi_handle]
        await side.leave(DisconnectReason.CLIENT_INITIATED)
        await tasks.close()
        bridge.close()
    assert failed == []
    return held


async def test_a_call_that_is_over_holds_nothing_in_the_native_library(endpoints: Endpoints, by_hand: None) -> None:
    await one_call(endpoints)  # the first one of a process is held
    assert [handle.disposed for handle in await one_call(endpoints)] == [True] * 8


def policy(redis_away: bool, gone_s: float, *, tried: bool = False) -> bool:
    """Whether a call is given up whose room has been away for so long. `tried`: the SDK finds it no more."""

    async def look() -> bool:
        keys = ApiKeys(api_key="k", api_secret="s")
        bridge = Bridge("127.0.0.1", Pacer())
        side = RoomSide(GatewaySettings("", "", "", 0, keys), bridge, Tasks(lambda error: None), "call")
        side.presence.outage.excused = lambda: redis_away
        loop = asyncio.get_running_loop()
        side.presence.lost_at = loop.time() - gone_s
        if tried:
            side.presence.lost = loop.call_later(60, side._on_lost)
            side._on_disconnected(side.room)
        else:
            side._on_lost()
        if side.presence.lost:
            side.presence.lost.cancel()
        bridge.close()
        await side.source.aclose()
        return side.presence.closed.is_set()

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("redis_away", "gone_s", "given_up"),
    [(False, 7.1, True), (True, 7.1, False), (True, 45.0, False), (True, 61.0, True)],
)
def test_a_room_that_is_away_is_waited_for_longer_while_redis_is_away(
    redis_away: bool, gone_s: float, given_up: bool
) -> None:
    assert policy(redis_away, gone_s) is given_up


@pytest.mark.parametrize(("redis_away", "given_up"), [(False, True), (True, False)])
def test_while_redis_is_away_the_room_is_waited_for_also_when_the_sdk_has_given_up(
    redis_away: bool, given_up: bool
) -> None:
    assert policy(redis_away, 9.0, tried=True) is given_up


async def test_after_an_outage_of_redis_the_room_is_joined_again_at_once(endpoints: Endpoints) -> None:
    keys = ApiKeys(api_key=endpoints.api_key, api_secret=endpoints.api_secret)
    settings = GatewaySettings(endpoints.redis_url, endpoints.livekit_url, "127.0.0.1", 0, keys)
    failed: list[BaseException] = []
    tasks, name = Tasks(failed.append), fresh("again")
    async with Listener(endpoints, name) as bot:
        bridge = Bridge("127.0.0.1", Pacer())
        side = RoomSide(settings, bridge, tasks, "call")
        await side.join(Seat(name, "caller", "Caller", "", {}), asyncio.Lock(), asyncio.Event(), listen=True)
        side.bridge_audio()
        await side.status("active")
        first, before = side.room, (await bot.caller()).sid
        side.presence.outage.excused = lambda: True
        side._on_reconnecting(first)
        side._on_lost()
        await eventually(lambda: side.room is not first and len(side._streams) == 1)
        await eventually(lambda: bot.left == ["CLIENT_INITIATED"] and bot.statuses[-1:] == ["active"])
        again = await bot.caller()
        assert again.sid != before
        await eventually(lambda: len(again.track_publications) == 1)
        assert side.presence.lost is None
        assert not side.presence.closed.is_set()
        await side.leave(DisconnectReason.CLIENT_INITIATED)
        await tasks.close()
        bridge.close()
    assert failed == []
