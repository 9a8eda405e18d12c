"""What tests of the gateway need around it: trunks and rules of their own, and somebody in the room."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import numpy as np
from google.protobuf.duration_pb2 import Duration
from livekit import api, rtc

from cli.stack.config import Endpoints
from tests.waiting import eventually

OURS = "+12025550100"
CALLEE = "+12025550134"


def fresh(name: str) -> str:
    """A room name nobody used before."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


@asynccontextmanager
async def server(at: Endpoints) -> AsyncIterator[api.LiveKitAPI]:
    async with api.LiveKitAPI(at.livekit_url.replace("ws", "http", 1), at.api_key, at.api_secret) as lk:
        yield lk


async def forget_telephony(lk: api.LiveKitAPI) -> None:
    """No trunks, no rules."""
    for rule in (await lk.sip.list_dispatch_rule(api.ListSIPDispatchRuleRequest())).items:
        await lk.sip.delete_dispatch_rule(
            api.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=rule.sip_dispatch_rule_id)
        )
    trunks = [t.sip_trunk_id for t in (await lk.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())).items]
    trunks += [t.sip_trunk_id for t in (await lk.sip.list_outbound_trunk(api.ListSIPOutboundTrunkRequest())).items]
    for trunk in trunks:
        await lk.sip.delete_trunk(api.DeleteSIPTrunkRequest(sip_trunk_id=trunk))


async def number_leads_to(
    lk: api.LiveKitAPI,
    room: str,
    *,
    ringing_s: int = 20,
    credentials: tuple[str, str] = ("", ""),
    pin: str = "",
    every_call_its_own: bool = False,
) -> None:
    """Make OURS lead to a room, or with `every_call_its_own` to rooms whose names begin so."""
    await forget_telephony(lk)
    trunk = api.SIPInboundTrunkInfo(
        name="in",
        numbers=[OURS],
        allowed_addresses=["127.0.0.0/8"],
        auth_username=credentials[0],
        auth_password=credentials[1],
        ringing_timeout=Duration(seconds=ringing_s),
    )
    made = await lk.sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=trunk))
    if every_call_its_own:
        where = api.SIPDispatchRule(
            dispatch_rule_callee=api.SIPDispatchRuleCallee(room_prefix=room, pin=pin, randomize=True)
        )
    else:
        where = api.SIPDispatchRule(dispatch_rule_direct=api.SIPDispatchRuleDirect(room_name=room, pin=pin))
    rule = api.SIPDispatchRuleInfo(
        name="in", trunk_ids=[made.sip_trunk_id], rule=where, attributes={"leadline.flow": "b2b"}
    )
    await lk.sip.create_dispatch_rule(api.CreateSIPDispatchRuleRequest(dispatch_rule=rule))


async def dial(
    lk: api.LiveKitAPI,
    room: str,
    address: str,
    *,
    ringing_s: int = 20,
    dtmf: str = "",
    max_call_s: int = 600,
    credentials: tuple[str, str] = ("", ""),
) -> api.SIPParticipantInfo:
    """Call CALLEE at host:port and wait for the answer. Raises api.TwirpError, api.SipCallError."""
    user, password = credentials
    trunk = api.SIPOutboundConfig(
        hostname=address, transport=api.SIPTransport.SIP_TRANSPORT_UDP, auth_username=user, auth_password=password
    )
    request = api.CreateSIPParticipantRequest(
        trunk=trunk,
        sip_number=OURS,
        sip_call_to=CALLEE,
        room_name=room,
        participant_identity="callee",
        wait_until_answered=True,
        ringing_timeout=Duration(seconds=ringing_s),
        dtmf=dtmf,
        max_call_duration=Duration(seconds=max_call_s),
    )
    return await lk.sip.create_sip_participant(request)


class Listener:
    """A participant of kind agent that publishes a silent track and notes what happens in the room."""

    def __init__(self, at: Endpoints, room: str) -> None:
        self.at, self.name = at, room
        self.room = rtc.Room()
        self.statuses: list[str] = []
        self.keys: list[str] = []
        self.left: list[str] = []
        self._source = rtc.AudioSource(48_000, 1)

    async def __aenter__(self) -> Self:
        self.room.on("participant_attributes_changed", self._on_attributes)
        self.room.on("participant_disconnected", self._on_left)
        self.room.on("sip_dtmf_received", lambda event: self.keys.append(event.digit))
        grants = api.VideoGrants(room_join=True, room=self.name, agent=True)
        token = api.AccessToken(self.at.api_key, self.at.api_secret).with_identity("listener").with_kind("agent")
        await self.room.connect(self.at.livekit_url, token.with_grants(grants).to_jwt())
        track = rtc.LocalAudioTrack.create_audio_track("silence", self._source)
        await self.room.local_participant.publish_track(track)
        samples = np.zeros(480, np.int16)
        await self._source.capture_frame(rtc.AudioFrame(samples.tobytes(), 48_000, 1, 480))
        return self

    async def __aexit__(self, *exc: object) -> None:
        async with asyncio.timeout(5):
            await self.room.disconnect()

    async def caller(self) -> rtc.RemoteParticipant:
        """The one participant of kind SIP."""

        def found() -> list[rtc.RemoteParticipant]:
            kind = rtc.ParticipantKind.PARTICIPANT_KIND_SIP
            return [p for p in self.room.remote_participants.values() if p.kind == kind]

        await eventually(lambda: bool(found()))
        return found()[0]

    def _on_attributes(self, changed: dict[str, str], participant: rtc.Participant) -> None:
        if status := changed.get("sip.callStatus"):
            self.statuses.append(status)

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        self.left.append(rtc.DisconnectReason.Name(participant.disconnect_reason or 0))
