"""The gateway beside a real livekit-server and Redis: inbound and outbound calls, as livekit-sip does them."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from livekit import api

from bench.echo import EchoAgent
from cli.stack.config import Endpoints, StackConfig
from cli.stack.stack import Stack
from sip.phone import CallFailed, Phone, PhoneCall, answer, no_answer, silent, tone
from sip.phone.phone import Behaviour
from sip.ua.sdp import Sdp
from tests.conftest import running
from tests.gateway_world import CALLEE, OURS, Listener, dial, fresh, number_leads_to, server
from tests.waiting import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def edge(sip_edge: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Redis, livekit-server and gateway without trunks: each test makes its own. Elsewhere all trunks are taken away."""
    if sip_edge == "external":
        yield request.getfixturevalue("stack")
        return
    parts = ("redis", "livekit", "gateway")
    config = StackConfig("gateway", tmp_path_factory.mktemp("run"), parts=parts, trunk_file=None, rule_files=())
    with running(config) as stack:
        yield stack


@pytest.fixture
def at(edge: Stack) -> Endpoints:
    return edge.at


@pytest.fixture
async def lk(at: Endpoints) -> AsyncIterator[api.LiveKitAPI]:
    async with server(at) as lk:
        yield lk


@pytest.fixture
async def me() -> AsyncIterator[Phone]:
    async with Phone(user="+12025550111") as phone:
        yield phone
    assert phone.errors == []


def sip(at: Endpoints) -> tuple[str, int]:
    return at.sip_ip, at.sip_port


async def nobody_left(lk: api.LiveKitAPI, room: str) -> None:
    async def empty() -> bool:
        found = await lk.room.list_rooms(api.ListRoomsRequest(names=[room]))
        return sum(r.num_participants for r in found.rooms) == 0

    await eventually(empty)


async def test_inbound_is_answered_when_an_agent_is_heard(at: Endpoints, lk: api.LiveKitAPI, me: Phone) -> None:
    room = fresh("in")
    await number_leads_to(lk, room)
    call = await me.call(OURS, sip(at), wait=None)
    await asyncio.wait_for(call.ringing.wait(), 5)
    async with Listener(at, room) as bot:
        await call.wait_answered(10)
        caller = await bot.caller()
        assert caller.identity == "sip_+12025550111"
        assert caller.attributes["sip.phoneNumber"] == "+12025550111"
        assert caller.attributes["sip.trunkPhoneNumber"] == OURS
        assert caller.attributes["leadline.flow"] == "b2b"
        assert caller.attributes["sip.callID"].startswith("SCL_")
        await eventually(lambda: caller.attributes["sip.callStatus"] == "active")
        await call.media.send_dtmf("5#")
        await bot.room.local_participant.publish_dtmf(code=9, digit="9")
        await eventually(lambda: bot.keys == ["5", "#"] and call.media.dtmf == "9")
        await call.hangup()
        await eventually(lambda: len(bot.left) == 1)
        assert bot.statuses[-1] == "hangup"
    await nobody_left(lk, room)


async def test_deleting_the_room_hangs_up(at: Endpoints, lk: api.LiveKitAPI, me: Phone) -> None:
    room = fresh("gone")
    await number_leads_to(lk, room)
    async with Listener(at, room):
        call = await me.call(OURS, sip(at), wait=10)
        await lk.room.delete_room(api.DeleteRoomRequest(room=room))
        await call.wait_ended(5)
    assert call.ended_by == "remote"


async def test_without_an_agent_the_phone_gets_486_and_the_log_says_why(
    edge: Stack, at: Endpoints, lk: api.LiveKitAPI, me: Phone
) -> None:
    await number_leads_to(lk, fresh("alone"), ringing_s=1)
    with pytest.raises(CallFailed) as failed:
        await me.call(OURS, sip(at), wait=10)
    assert failed.value.status == 486
    log = await asyncio.to_thread((edge.config.directory / "logs" / "gateway.log").read_text)
    assert log.count("no agent took the call within 1 s") == 1


async def test_who_is_put_out_while_it_still_joins_hears_busy_at_once(
    at: Endpoints, lk: api.LiveKitAPI, me: Phone
) -> None:
    """Workers without room do so within milliseconds, before the phone's track is there."""
    room = fresh("out")
    await number_leads_to(lk, room)

    async def put_out() -> None:
        while True:
            with contextlib.suppress(api.ServerError):
                for who in (await lk.room.list_participants(api.ListParticipantsRequest(room=room))).participants:
                    await lk.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=who.identity))
            await asyncio.sleep(0.005)

    putting_out = asyncio.create_task(put_out())
    for _ in range(5):
        with pytest.raises(CallFailed) as failed:
            await me.call(OURS, sip(at), wait=5)
        assert failed.value.status == 486
    putting_out.cancel()
    await asyncio.wait({putting_out})
    assert putting_out.cancelled()
    await nobody_left(lk, room)


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.15, 0.4])
async def test_giving_up_while_it_rings_leaves_nothing(
    at: Endpoints, lk: api.LiveKitAPI, me: Phone, moment: float
) -> None:
    room = fresh("cancel")
    await number_leads_to(lk, room)
    with pytest.raises(TimeoutError):
        await me.call(OURS, sip(at), wait=moment)
    await nobody_left(lk, room)
    async with Listener(at, room):
        call = await me.call(OURS, sip(at), wait=10)
        await call.hangup()


async def test_a_number_nobody_has_is_never_answered(at: Endpoints, lk: api.LiveKitAPI, me: Phone) -> None:
    await number_leads_to(lk, fresh("other"))
    with pytest.raises(TimeoutError):  # livekit-sip gives no final answer either, against scanners
        await me.call("+12025550199", sip(at), wait=1.5)


@pytest.mark.parametrize(("password", "status"), [("p", 200), ("wrong", 401), (None, 407)])
async def test_digest(at: Endpoints, lk: api.LiveKitAPI, me: Phone, password: str | None, status: int) -> None:
    room = fresh("digest")
    await number_leads_to(lk, room, credentials=("u", "p"))
    credentials = ("u", password) if password else None
    async with Listener(at, room):
        if status == 200:
            call = await me.call(OURS, sip(at), wait=10, credentials=credentials)
            await call.hangup()
            return
        with pytest.raises(CallFailed) as failed:
            await me.call(OURS, sip(at), wait=10, credentials=credentials)
    assert failed.value.status == status


@pytest.mark.parametrize(("typed", "let_in"), [("123#", True), ("124#", False)])
async def test_pin(at: Endpoints, lk: api.LiveKitAPI, me: Phone, typed: str, let_in: bool) -> None:
    room = fresh("pin")
    await number_leads_to(lk, room, pin="123")
    async with Listener(at, room) as bot:
        call = await me.call(OURS, sip(at), wait=10)
        await call.media.send_dtmf(typed, ms=60, gap_ms=40)
        if let_in:
            await bot.caller()
            await call.hangup()
        else:
            await call.wait_ended(10)
            assert call.ended_by == "remote"


async def test_the_same_number_twice_at_once(at: Endpoints, lk: api.LiveKitAPI, me: Phone) -> None:
    prefix = fresh("twice")
    await number_leads_to(lk, prefix, every_call_its_own=True)
    async with EchoAgent(at.livekit_url, at.api_key, at.api_secret, rooms=(), prefix=prefix) as agent:
        first, second = await asyncio.gather(*(me.call(OURS, sip(at), wait=15) for _ in range(2)))
        assert len(agent.rooms) == 2
        await second.hangup()
        said = await first.media.say(tone(700, 0.1))
        await first.media.wait_speech(said.start, timeout=5)
        await first.hangup()
        assert agent.errors == []


async def test_eight_calls_at_once_lose_no_packet(at: Endpoints, lk: api.LiveKitAPI, me: Phone) -> None:
    prefix = fresh("eight")
    await number_leads_to(lk, prefix, every_call_its_own=True)
    async with EchoAgent(at.livekit_url, at.api_key, at.api_secret, rooms=(), prefix=prefix):
        numbers = [f"+120255501{40 + i}" for i in range(8)]
        calls = await asyncio.gather(*(me.call(OURS, sip(at), wait=30, from_user=n) for n in numbers))
        for call in calls:
            said = await call.media.say(tone(700, 0.1))
            await call.media.wait_speech(said.start, timeout=10)
        assert [call.media.lost for call in calls] == [0] * 8
        await asyncio.gather(*(call.hangup() for call in calls))


async def test_malformed_datagrams_harm_no_call(at: Endpoints, lk: api.LiveKitAPI, me: Phone) -> None:
    room = fresh("junk")
    await number_leads_to(lk, room)
    async with Listener(at, room):
        call = await me.call(OURS, sip(at), wait=10)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hostile:
            for junk in (b"\xff" * 500, b"INVITE sip:x SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n"):
                hostile.sendto(junk, sip(at))
                hostile.sendto(junk, call.media.out.remote or sip(at))
        packets = call.media.reception.packets
        await eventually(lambda: call.media.reception.packets > packets + 20)
        assert call.active
        await call.hangup()


async def test_hold_and_resume(at: Endpoints, lk: api.LiveKitAPI, me: Phone) -> None:
    room = fresh("hold")
    await number_leads_to(lk, room)
    async with EchoAgent(at.livekit_url, at.api_key, at.api_secret, rooms=(room,)):
        call = await me.call(OURS, sip(at), wait=10)
        for direction, allowed in (("sendonly", {"recvonly", "sendrecv"}), ("inactive", {"inactive", "sendrecv"})):
            answered = await call.reinvite(direction)
            assert answered.status == 200
            assert Sdp.parse(answered.body).direction in allowed  # livekit-sip says sendrecv, whatever was offered
            assert call.active
        assert (await call.reinvite("sendrecv")).status == 200
        said = await call.media.say(tone(700, 0.1))
        await call.media.wait_speech(said.start, timeout=5)
        await call.hangup()


# Outbound


async def test_outbound_digest(at: Endpoints, lk: api.LiveKitAPI, far: Phone) -> None:
    far.manner.on_call, far.manner.credentials = answer(), ("u", "p")
    async with Listener(at, fresh("auth")) as bot:
        await dial(lk, bot.name, where(far), credentials=("u", "p"))
        await far.calls[0].hangup()


async def test_the_maximum_duration_ends_a_call(at: Endpoints, lk: api.LiveKitAPI, far: Phone) -> None:
    room = fresh("long")
    far.manner.on_call = answer()
    async with Listener(at, room):
        await dial(lk, room, where(far), max_call_s=2)
        await far.calls[0].wait_ended(10)
        assert far.calls[0].ended_by == "remote"
    await nobody_left(lk, room)


@pytest.fixture
async def far() -> AsyncIterator[Phone]:
    async with Phone(user=CALLEE) as phone:
        yield phone
    assert phone.errors == []


def where(phone: Phone) -> str:
    return f"{phone.ip}:{phone.port}"


async def test_outbound_answered_with_keys_and_hung_up_by_the_callee(
    at: Endpoints, lk: api.LiveKitAPI, far: Phone
) -> None:
    room = fresh("out")
    far.manner.on_call = answer()
    async with Listener(at, room) as bot:
        made = await dial(lk, room, where(far), dtmf="ww42#")
        assert made.sip_call_id.startswith("SCL_")
        callee = await bot.caller()
        call = far.calls[0]
        assert (callee.identity, call.from_user, call.to_user) == ("callee", OURS, CALLEE)
        await call.media.wait_digits(3)
        await eventually(lambda: callee.attributes["sip.callStatus"] == "active")
        await call.media.send_dtmf("1")
        await eventually(lambda: bot.keys == ["1"] and call.media.dtmf == "42#")
        await call.hangup()
        await eventually(lambda: bot.left == ["CLIENT_INITIATED"])
        assert bot.statuses[-1] == "hangup"
    await nobody_left(lk, room)


@pytest.mark.parametrize(
    ("status", "code", "left"),
    [
        (486, "resource_exhausted", "USER_REJECTED"),
        (603, "permission_denied", "USER_REJECTED"),
        (404, "not_found", "USER_UNAVAILABLE"),
        (503, "failed_precondition", "CLIENT_INITIATED"),
    ],
)
async def test_outbound_refused(
    at: Endpoints, lk: api.LiveKitAPI, far: Phone, status: int, code: str, left: str
) -> None:
    room = fresh("refused")
    async with Listener(at, room) as bot:

        async def refuse(call: PhoneCall) -> None:
            await bot.caller()  # who comes and goes too quickly is never announced to the others
            call.reject(status)

        far.manner.on_call = refuse
        with pytest.raises(api.SipCallError) as failed:
            await dial(lk, room, where(far))
        assert (failed.value.sip_status_code, failed.value.code) == (status, code)
        await eventually(lambda: len(bot.left) == 1)
        assert bot.left == [left]
        assert "hangup" not in bot.statuses


@pytest.mark.parametrize("behaviour", [no_answer(), silent()], ids=["rings", "says nothing"])
async def test_outbound_unanswered(at: Endpoints, lk: api.LiveKitAPI, far: Phone, behaviour: Behaviour) -> None:
    room = fresh("unanswered")
    far.manner.on_call = behaviour
    async with Listener(at, room) as bot:
        with pytest.raises(api.TwirpError) as failed:
            await dial(lk, room, where(far), ringing_s=1)
        assert failed.value.code == "canceled"
        assert not isinstance(failed.value, api.SipCallError)
        await eventually(lambda: bot.left == ["USER_UNAVAILABLE"])
        await eventually(lambda: far.calls[0].ended_by == "cancel")


async def test_outbound_removed_participant_hangs_up(at: Endpoints, lk: api.LiveKitAPI, far: Phone) -> None:
    room = fresh("removed")
    far.manner.on_call = answer()
    async with Listener(at, room):
        await dial(lk, room, where(far))
        await lk.room.remove_participant(api.RoomParticipantIdentity(room=room, identity="callee"))
        await far.calls[0].wait_ended(5)
        assert far.calls[0].ended_by == "remote"


@pytest.mark.parametrize(
    ("answered", "script", "status"),
    [
        ((202, "Accepted"), [(0.0, 100, "Trying"), (0.1, 200, "OK")], 200),
        ((202, "Accepted"), [(0.0, 100, "Trying"), (0.1, 486, "Busy Here")], 486),
        ((603, "Decline"), None, 603),
    ],
)
async def test_transfer(
    at: Endpoints,
    lk: api.LiveKitAPI,
    far: Phone,
    answered: tuple[int, str],
    script: list[tuple[float, int, str]] | None,
    status: int,
) -> None:
    room = fresh("transfer")
    far.manner.on_call, far.manner.refer, far.manner.notifies = answer(), answered, script
    ask = api.TransferSIPParticipantRequest(
        room_name=room, participant_identity="callee", transfer_to="tel:+12025550188"
    )
    async with Listener(at, room):
        await dial(lk, room, where(far))
        if status == 200:
            await lk.sip.transfer_sip_participant(ask)
            await far.calls[0].wait_ended(5)
        else:
            with pytest.raises(api.SipCallError) as failed:
                await lk.sip.transfer_sip_participant(ask)
            assert failed.value.sip_status_code == status
            assert far.calls[0].active
    assert (await far.refers.get()).to == "tel:+12025550188"
