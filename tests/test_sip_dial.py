"""Dialling against a scripted LiveKit: the agent is ready before the INVITE, and failures leave no room behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from livekit import api, rtc

import sip.dial
from cli.stack.config import Endpoints, PartName, StackConfig
from sip.dial import Dialled, Invite, dial
from sip.outcome import Ending, Outcome
from sip.phone import Phone, answer, busy, no_answer
from sip.phone.phone import Behaviour
from sip.routes import Route
from tests.conftest import running
from tests.fake_livekit import FakeLiveKit, Refusal, fake_api, sip_refusal

INVITE = Invite("c1", "call-c1", "+12025550134", "+12025550100", Route("127.0.0.1:5099"), ringing_s=20)


async def test_an_answered_call_keeps_its_room_and_tells_its_stages() -> None:
    fake = FakeLiveKit()
    stages: list[str] = []
    async with fake_api(fake) as lk:
        assert await dial(lk, INVITE, stages.append) == Dialled(Outcome(Ending.ANSWERED, 200, "OK"), "SCL_1")
        assert await sip.dial.is_up(lk, "call-c1")
        await sip.dial.hang_up(lk, "call-c1")
        await sip.dial.hang_up(lk, "call-c1")
        assert not await sip.dial.is_up(lk, "call-c1")
    assert stages == ["waiting for the agent", "dialling"]
    (sent,) = fake.dialled
    assert (sent.sip_call_to, sent.sip_number, sent.trunk.hostname) == (INVITE.to, INVITE.caller_id, "127.0.0.1:5099")
    assert (sent.wait_until_answered, sent.ringing_timeout.seconds, sent.max_call_duration.seconds) == (True, 20, 600)
    assert sent.participant_identity == "callee"


async def test_a_stored_trunk_goes_by_its_id() -> None:
    fake = FakeLiveKit()
    stored = Invite("c1", "call-c1", "+12025550134", "", Route("sip.example.invalid", "ST_1", "carrier"))
    async with fake_api(fake) as lk:
        await dial(lk, stored)
    (sent,) = fake.dialled
    assert (sent.sip_trunk_id, sent.HasField("trunk")) == ("ST_1", False)


async def test_the_dispatch_carries_no_personal_data() -> None:
    fake = FakeLiveKit()
    async with fake_api(fake) as lk:
        await dial(lk, INVITE)
    (dispatch,) = fake.dispatches
    assert dispatch.agent_name == "leadline"
    assert json.loads(dispatch.metadata) == {"call_id": "c1", "direction": "outbound"}
    assert "555" not in dispatch.room + dispatch.metadata


@pytest.mark.parametrize("stage", ["", "starting"])
async def test_without_a_ready_agent_nobody_is_rung(stage: str) -> None:
    fake = FakeLiveKit()
    fake.agent_stage = stage
    async with fake_api(fake) as lk:
        dialled = await dial(lk, INVITE, agent_ready_s=0.15)
    assert dialled.outcome.name is Ending.NO_AGENT
    assert "leadline worker" in dialled.outcome.phrase
    assert (fake.dialled, fake.rooms) == ([], {})


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (sip_refusal(486, "Busy Here", "resource_exhausted", 429), Outcome(Ending.BUSY, 486, "Busy Here")),
        (sip_refusal(603, "Decline", "permission_denied", 403), Outcome(Ending.DECLINED, 603, "Decline")),
        (sip_refusal(404, "Not Found", "not_found", 404), Outcome(Ending.NOT_FOUND, 404, "Not Found")),
        (
            Refusal("canceled", "sip request timed out", 408),
            Outcome(
                Ending.TRUNK_DOWN,
                None,
                "127.0.0.1:5099 never rang the phone within 20 s: is that address right, and up?",
            ),
        ),
        (
            Refusal("unavailable", "no response from servers", 503),
            Outcome(Ending.NO_GATEWAY, None, "unavailable: no response from servers"),
        ),
    ],
)
async def test_a_failed_call_takes_its_room_down(answer: Refusal, outcome: Outcome) -> None:
    fake = FakeLiveKit()
    fake.phone.answer = answer
    async with fake_api(fake) as lk:
        assert await dial(lk, INVITE) == Dialled(outcome)
    assert fake.rooms == {}


async def test_ringing_is_told_and_tells_nobody_home_from_nobody_there() -> None:
    fake = FakeLiveKit()
    fake.phone.answer, fake.phone.rings_until = Refusal("canceled", "sip request timed out", 408), asyncio.Event()
    given_up = fake.phone.rings_until
    async with fake_api(fake) as lk:
        dialled = await dial(lk, INVITE, lambda stage: given_up.set() if stage == "ringing" else None)
    assert dialled.outcome == Outcome(Ending.UNANSWERED, None, "it rang, and nobody answered within 20 s")


async def test_a_server_that_is_out_of_order_is_an_outcome() -> None:
    fake = FakeLiveKit()
    fake.away = Refusal("internal", "redis is away")
    async with fake_api(fake) as lk:
        dialled = await dial(lk, INVITE)
        assert await sip.dial.is_up(lk, "call-c1")  # not known is not gone
    assert (dialled.outcome.name, dialled.outcome.retryable) == (Ending.NO_SERVER, False)


async def test_cancelling_takes_the_room_down() -> None:
    fake = FakeLiveKit()
    fake.agent_stage = ""
    waiting = asyncio.Event()
    async with fake_api(fake) as lk:
        attempt = asyncio.create_task(dial(lk, INVITE, lambda _: waiting.set()))
        await waiting.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    assert fake.rooms == {}


# -- over real SIP: livekit-server, Redis, the gateway and a phone


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    """A stack without a worker: its place is taken by `stand_in`."""
    parts: tuple[PartName, ...] = ("redis", "livekit", "gateway")
    with running(StackConfig("dial", tmp_path_factory.mktemp("run"), parts=parts)) as stack:
        yield stack.at


@asynccontextmanager
async def stand_in(at: Endpoints, room: str) -> AsyncIterator[None]:
    """An agent in the room, ready, with a track: all that the edge needs of a bot."""
    grants = api.VideoGrants(room_join=True, room=room, agent=True, can_update_own_metadata=True)
    token = api.AccessToken(at.api_key, at.api_secret).with_identity("bot-x").with_kind("agent").with_grants(grants)
    agent = rtc.Room()
    await agent.connect(at.livekit_url, token.to_jwt())
    try:
        track = rtc.LocalAudioTrack.create_audio_track("bot", rtc.AudioSource(48_000, 1))
        await agent.local_participant.publish_track(track)
        await agent.local_participant.set_attributes({"leadline.stage": "ready"})
        yield
    finally:
        await agent.disconnect()


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("manner", "ending", "status"),
    [
        (answer(0.3), Ending.ANSWERED, 200),
        (busy(486), Ending.BUSY, 486),
        (busy(603), Ending.DECLINED, 603),
        (busy(480), Ending.UNANSWERED, 480),
        (busy(404), Ending.NOT_FOUND, 404),
        (busy(503), Ending.TRUNK_DOWN, 503),
    ],
    ids=["answers", "486", "603", "480", "404", "503"],
)
async def test_a_phone_on_the_wire(edge: Endpoints, manner: Behaviour, ending: Ending, status: int) -> None:
    async with (
        api.LiveKitAPI(edge.livekit_url, edge.api_key, edge.api_secret) as lk,
        Phone(user="+12025550134", on_call=manner) as phone,
    ):
        room = f"call-{ending}"
        async with stand_in(edge, room):
            invite = Invite(ending, room, "+12025550134", "+12025550100", Route(f"127.0.0.1:{phone.port}"))
            dialled = await dial(lk, invite)
            assert (dialled.outcome.name, dialled.outcome.sip_status) == (ending, status)
            assert await sip.dial.is_up(lk, room) == (ending is Ending.ANSWERED)
            await sip.dial.hang_up(lk, room)
            await phone.calls[0].wait_ended(5)
        assert phone.errors == []


@pytest.mark.e2e
async def test_interrupting_while_it_rings_stops_the_ringing(edge: Endpoints) -> None:
    ringing = asyncio.Event()
    async with (
        api.LiveKitAPI(edge.livekit_url, edge.api_key, edge.api_secret) as lk,
        Phone(user="+12025550134", on_call=no_answer()) as phone,
        stand_in(edge, "call-rings"),
    ):
        invite = Invite("rings", "call-rings", "+12025550134", "+12025550100", Route(f"127.0.0.1:{phone.port}"))
        attempt = asyncio.create_task(dial(lk, invite, lambda stage: ringing.set() if stage == "ringing" else None))
        async with asyncio.timeout(10):
            await ringing.wait()
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        await phone.calls[0].wait_ended(5)
        assert not await sip.dial.is_up(lk, "call-rings")
