"""What the far end of `leadline call` may do over real SIP, what the command says and exits with, and what is kept."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc
from rich.console import Console

from cli.call import Shown, Wish, place_call
from cli.stack.config import Endpoints, StackConfig
from cli.target import Target
from sip.phone import Phone, PhoneCall, busy, no_answer, silent
from sip.phone.phone import Behaviour
from sip.settings import SipSettings
from tests.conftest import running
from tests.e2e_support import open_livekit, rooms, rows, suppressed
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

OURS = "+12025550100"
_LOOK_S = 0.02


def blocked() -> Behaviour:
    """A network that says that it blocks the call."""

    async def take(call: PhoneCall) -> None:
        call.reject(603, "Network Blocked")

    return take


#: What the far end does → what the command exits with and says, and what is kept: docs/telephony.md has the same table.
FAR_ENDS: dict[str, tuple[Behaviour, int, str, str, int | None]] = {
    "busy": (busy(486), 3, "busy (486", "no_contact", 486),
    "busy everywhere": (busy(600), 3, "busy (600", "no_contact", 600),
    "declined": (busy(603), 4, "declined (603", "no_contact", 603),
    "unwanted": (busy(607), 4, "unwanted (607", "no_contact", 607),
    "rejected by analytics": (busy(608), 9, "blocked (608", "not_placed", 608),
    "blocked by the network": (blocked(), 9, "blocked (603 Network Blocked", "not_placed", 603),
    "no such number": (busy(404), 8, "not_found (404", "no_contact", 404),
    "gone": (busy(410), 8, "not_found (410", "no_contact", 410),
    "incomplete": (busy(484), 8, "not_found (484", "no_contact", 484),
    "nowhere": (busy(604), 8, "not_found (604", "no_contact", 604),
    "unavailable": (busy(480), 5, "unanswered (480", "no_contact", 480),
    "timed out there": (busy(408), 5, "unanswered (408", "no_contact", 408),
    "terminated there": (busy(487), 5, "unanswered (487", "no_contact", 487),
    "trunk down": (busy(503), 7, "trunk_down (503", "not_placed", 503),
    "broken": (busy(500), 7, "trunk_down (500", "not_placed", 500),
    "no credentials": (busy(401), 7, "trunk_refused (401", "not_placed", 401),
    "no proxy credentials": (busy(407), 7, "trunk_refused (407", "not_placed", 407),
    "forbidden": (busy(403), 7, "trunk_refused (403", "not_placed", 403),
    "no codec in common": (busy(488), 7, "trunk_refused (488", "not_placed", 488),
    "rings out": (no_answer(), 5, "it rang, and nobody answered within 1 s", "no_contact", None),
    "silent peer": (silent(), 7, "never rang the phone within 1 s", "not_placed", None),
}


@pytest.fixture(scope="module")
def site(
    sip_edge: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoints]:
    """A stack without a worker: `Agents` stands in, so that no test waits for a process. Elsewhere the worker is yours."""
    if sip_edge == "external":
        yield request.getfixturevalue("endpoints")
        return
    parts = ("redis", "livekit", "gateway")
    with running(StackConfig("far-ends", tmp_path_factory.mktemp("run"), parts=parts)) as stack:
        yield stack.at


class Agents:
    """Whoever the edge and the dialer need in a room, and nothing more: in every new room an agent that says it is ready."""

    def __init__(self, at: Endpoints) -> None:
        self._at = at
        self._rooms: dict[str, rtc.Room] = {}

    async def follow(self, lk: api.LiveKitAPI) -> None:
        """Until cancelled."""
        try:
            while True:
                for room in (await lk.room.list_rooms(api.ListRoomsRequest())).rooms:
                    if room.name not in self._rooms:
                        await self._join(room.name)
                await asyncio.sleep(_LOOK_S)
        finally:
            await asyncio.gather(*(room.disconnect() for room in self._rooms.values()))

    async def _join(self, name: str) -> None:
        grants = api.VideoGrants(room_join=True, room=name, agent=True, can_update_own_metadata=True)
        token = api.AccessToken(self._at.api_key, self._at.api_secret).with_identity("stand-in").with_kind("agent")
        room = self._rooms[name] = rtc.Room()
        await room.connect(self._at.livekit_url, token.with_grants(grants).to_jwt())
        await room.local_participant.set_attributes({"leadline.stage": "ready"})


@asynccontextmanager
async def attended(at: Endpoints, sip_edge: str) -> AsyncIterator[None]:
    async with open_livekit(at) as lk:
        agents = asyncio.create_task(Agents(at).follow(lk) if sip_edge == "gateway" else asyncio.Event().wait())
        try:
            yield
        finally:
            agents.cancel()
            await asyncio.gather(agents, return_exceptions=True)


@pytest.mark.parametrize("far_end", FAR_ENDS)
async def test_what_the_far_end_does_is_told_and_kept(site: Endpoints, sip_edge: str, far_end: str) -> None:
    manner, code, words, disposition, status = FAR_ENDS[far_end]
    if sip_edge == "external" and status in (401, 407):  # livekit-sip says in words that credentials are missing
        words, status = "required auth, but no username or password", None
    number, told = f"+13035550{130 + list(FAR_ENDS).index(far_end)}", io.StringIO()
    settings = SipSettings(livekit_url=site.livekit_url, api_key=site.api_key, api_secret=site.api_secret)
    async with attended(site, sip_edge), Phone(user=number, on_call=manner) as phone:
        wish = Wish(number, "b2b-software", f"127.0.0.1:{phone.port}", OURS, {}, ringing_s=1)
        target = Target(settings, site.database_url, site.redis_url)
        ended = await place_call(target, wish, Console(file=told, width=200), Shown())
        assert (ended, words in told.getvalue()) == (code, True), told.getvalue()
        (call,) = phone.calls
        await eventually(call.ended.is_set)
        assert phone.errors == []
    (row,) = await rows(site, number)
    assert (row.disposition, row.sip.status, row.ended_at is not None) == (disposition, status, True)
    assert await suppressed(site, number) == (status == 607)  # RFC 8197: whoever has it told the network so
    assert not [room for room in await rooms(site) if row.begun.room == room]
