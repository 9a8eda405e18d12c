"""A LiveKit server as far as trunks, rooms, dispatches and dialling go: Twirp over HTTP, in memory, scripted."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from google.protobuf.message import Message
from livekit import api
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.sip import (
    CreateSIPInboundTrunkRequest,
    CreateSIPOutboundTrunkRequest,
    DeleteSIPDispatchRuleRequest,
    DeleteSIPTrunkRequest,
    ListSIPDispatchRuleRequest,
    ListSIPDispatchRuleResponse,
    ListSIPInboundTrunkRequest,
    ListSIPInboundTrunkResponse,
    ListSIPOutboundTrunkRequest,
    ListSIPOutboundTrunkResponse,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPOutboundTrunkInfo,
    SIPParticipantInfo,
    SIPTrunkInfo,
    UpdateSIPDispatchRuleRequest,
    UpdateSIPInboundTrunkRequest,
    UpdateSIPOutboundTrunkRequest,
)

KEY, SECRET = "key", "a-secret-of-at-least-thirty-two-characters"


@dataclass(frozen=True, slots=True)
class Refusal(Exception):
    """A Twirp error."""

    code: str
    message: str = ""
    http: int = 500
    meta: dict[str, str] = field(default_factory=dict)


def sip_refusal(status: int, phrase: str, code: str, http: int) -> Refusal:
    """What LiveKit answers when the far end sent a final SIP error."""
    message = f"INVITE failed: sip status: {status}: {phrase}"
    return Refusal(code, message, http, {"sip_status_code": str(status), "sip_status": phrase})


@dataclass(slots=True)
class FarEnd:
    """The phone that is called."""

    answer: Refusal | None = None  #: None: it picks up
    rings_until: asyncio.Event | None = None  #: it rings until then, and only then answers
    on_answer: Callable[[api.CreateSIPParticipantRequest], Awaitable[None]] | None = None


class FakeLiveKit:
    """The state of the server; change it to make things happen."""

    def __init__(self) -> None:
        self.inbound: dict[str, SIPInboundTrunkInfo] = {}
        self.outbound: dict[str, SIPOutboundTrunkInfo] = {}
        self.rules: dict[str, SIPDispatchRuleInfo] = {}
        self.rooms: dict[str, list[ParticipantInfo]] = {}
        self.dispatches: list[api.CreateAgentDispatchRequest] = []
        self.dialled: list[api.CreateSIPParticipantRequest] = []
        self.requests: list[str] = []
        self.agent_stage = "ready"  #: what an agent publishes; "" when none comes
        self.phone = FarEnd()
        self.away: Refusal | None = None  #: every request fails so

    def flush(self) -> None:
        """Forget trunks and rules, as an emptied Redis does."""
        self.inbound.clear()
        self.outbound.clear()
        self.rules.clear()

    # -- one method a Twirp method

    def list_inbound(self, _: ListSIPInboundTrunkRequest) -> Message:
        return ListSIPInboundTrunkResponse(items=self.inbound.values())

    def create_inbound(self, request: CreateSIPInboundTrunkRequest) -> Message:
        for there in self.inbound.values():
            if set(there.numbers) & set(request.trunk.numbers):
                raise Refusal("invalid_argument", "Conflicting inbound SIP Trunks", 400)
        trunk = SIPInboundTrunkInfo()
        trunk.CopyFrom(request.trunk)
        trunk.sip_trunk_id = f"ST_{len(self.requests)}"
        trunk.created_at.GetCurrentTime()
        self.inbound[trunk.sip_trunk_id] = trunk
        return trunk

    def update_inbound(self, request: UpdateSIPInboundTrunkRequest) -> Message:
        trunk = self.inbound[request.sip_trunk_id]
        trunk.CopyFrom(request.replace)
        trunk.sip_trunk_id = request.sip_trunk_id
        return trunk

    def list_outbound(self, _: ListSIPOutboundTrunkRequest) -> Message:
        return ListSIPOutboundTrunkResponse(items=self.outbound.values())

    def create_outbound(self, request: CreateSIPOutboundTrunkRequest) -> Message:
        trunk = SIPOutboundTrunkInfo()
        trunk.CopyFrom(request.trunk)
        trunk.sip_trunk_id = f"ST_{len(self.requests)}"
        self.outbound[trunk.sip_trunk_id] = trunk
        return trunk

    def update_outbound(self, request: UpdateSIPOutboundTrunkRequest) -> Message:
        trunk = self.outbound[request.sip_trunk_id]
        trunk.CopyFrom(request.replace)
        trunk.sip_trunk_id = request.sip_trunk_id
        return trunk

    def delete_trunk(self, request: DeleteSIPTrunkRequest) -> Message:
        found = self.inbound.pop(request.sip_trunk_id, None) or self.outbound.pop(request.sip_trunk_id, None)
        if found is None:
            raise Refusal("not_found", "object cannot be found", 404)
        return SIPTrunkInfo()

    def delete_rule(self, request: DeleteSIPDispatchRuleRequest) -> Message:
        if self.rules.pop(request.sip_dispatch_rule_id, None) is None:
            raise Refusal("not_found", "object cannot be found", 404)
        return SIPDispatchRuleInfo()

    def list_rules(self, _: ListSIPDispatchRuleRequest) -> Message:
        return ListSIPDispatchRuleResponse(items=self.rules.values())

    def create_rule(self, request: api.CreateSIPDispatchRuleRequest) -> Message:
        rule = SIPDispatchRuleInfo()
        rule.CopyFrom(request.dispatch_rule)
        rule.sip_dispatch_rule_id = f"SDR_{len(self.requests)}"
        rule.media.SetInParent()  # as livekit-server 1.13.5 does
        self.rules[rule.sip_dispatch_rule_id] = rule
        return rule

    def update_rule(self, request: UpdateSIPDispatchRuleRequest) -> Message:
        rule = self.rules[request.sip_dispatch_rule_id]
        rule.CopyFrom(request.replace)
        rule.sip_dispatch_rule_id = request.sip_dispatch_rule_id
        return rule

    def create_room(self, request: api.CreateRoomRequest) -> Message:
        self.rooms.setdefault(request.name, [])
        return Room(name=request.name)

    def list_rooms(self, request: api.ListRoomsRequest) -> Message:
        return api.ListRoomsResponse(rooms=[Room(name=name) for name in request.names if name in self.rooms])

    def delete_room(self, request: api.DeleteRoomRequest) -> Message:
        if self.rooms.pop(request.room, None) is None:
            raise Refusal("not_found", "requested room does not exist", 404)
        return api.DeleteRoomResponse()

    def list_participants(self, request: api.ListParticipantsRequest) -> Message:
        return api.ListParticipantsResponse(participants=self.rooms.get(request.room, []))

    def create_dispatch(self, request: api.CreateAgentDispatchRequest) -> Message:
        self.dispatches.append(request)
        if self.agent_stage:
            attributes = {"leadline.stage": self.agent_stage}
            self.rooms[request.room].append(
                ParticipantInfo(identity="bot-1", kind=ParticipantInfo.Kind.AGENT, attributes=attributes)
            )
        return api.AgentDispatch()

    async def dial(self, request: api.CreateSIPParticipantRequest) -> Message:
        self.dialled.append(request)
        if self.phone.rings_until is not None:
            attributes = {"sip.callStatus": "ringing"}
            self.rooms[request.room_name].append(ParticipantInfo(identity="callee", attributes=attributes))
            await self.phone.rings_until.wait()
        if self.phone.answer is not None:
            raise self.phone.answer
        self.rooms[request.room_name].append(ParticipantInfo(identity=request.participant_identity))
        if self.phone.on_answer is not None:
            await self.phone.on_answer(request)
        return SIPParticipantInfo(sip_call_id="SCL_1", room_name=request.room_name)

    # -- HTTP

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one Twirp request."""
        name = request.match_info["method"]
        self.requests.append(name)
        method, kind = self._methods()[name]
        try:
            if self.away is not None:
                raise self.away
            answer = method(kind.FromString(await request.read()))
            if inspect.isawaitable(answer):
                answer = await answer
        except Refusal as no:
            body = {"code": no.code, "msg": no.message, "meta": no.meta}
            return web.json_response(body, status=no.http)
        return web.Response(body=answer.SerializeToString(), content_type="application/protobuf")

    def _methods(self) -> dict[str, tuple[Callable[..., Message | Awaitable[Message]], type[Message]]]:
        return {
            "ListSIPInboundTrunk": (self.list_inbound, ListSIPInboundTrunkRequest),
            "CreateSIPInboundTrunk": (self.create_inbound, CreateSIPInboundTrunkRequest),
            "UpdateSIPInboundTrunk": (self.update_inbound, UpdateSIPInboundTrunkRequest),
            "ListSIPOutboundTrunk": (self.list_outbound, ListSIPOutboundTrunkRequest),
            "CreateSIPOutboundTrunk": (self.create_outbound, CreateSIPOutboundTrunkRequest),
            "UpdateSIPOutboundTrunk": (self.update_outbound, UpdateSIPOutboundTrunkRequest),
            "DeleteSIPTrunk": (self.delete_trunk, DeleteSIPTrunkRequest),
            "DeleteSIPDispatchRule": (self.delete_rule, DeleteSIPDispatchRuleRequest),
            "ListSIPDispatchRule": (self.list_rules, ListSIPDispatchRuleRequest),
            "CreateSIPDispatchRule": (self.create_rule, api.CreateSIPDispatchRuleRequest),
            "UpdateSIPDispatchRule": (self.update_rule, UpdateSIPDispatchRuleRequest),
            "CreateRoom": (self.create_room, api.CreateRoomRequest),
            "ListRooms": (self.list_rooms, api.ListRoomsRequest),
            "DeleteRoom": (self.delete_room, api.DeleteRoomRequest),
            "ListParticipants": (self.list_participants, api.ListParticipantsRequest),
            "CreateDispatch": (self.create_dispatch, api.CreateAgentDispatchRequest),
            "CreateSIPParticipant": (self.dial, api.CreateSIPParticipantRequest),
        }


@asynccontextmanager
async def serving(fake: FakeLiveKit) -> AsyncIterator[str]:
    """The fake's URL while it serves on a free port of this machine."""
    app = web.Application()
    app.router.add_post("/twirp/livekit.{service}/{method}", fake.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}"
    finally:
        async with asyncio.timeout(5):
            await runner.cleanup()


@asynccontextmanager
async def fake_api(fake: FakeLiveKit) -> AsyncIterator[api.LiveKitAPI]:
    """LiveKit's client, speaking to the fake."""
    async with serving(fake) as url, api.LiveKitAPI(url, KEY, SECRET) as lk:
        yield lk
