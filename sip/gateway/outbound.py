"""The server asks for a call: join the room, dial, report how it went as livekit-sip does."""

import asyncio
import logging
import time

from livekit.protocol.sip import SIPCallDirection, SIPCallInfo, SIPCallStatus, SIPTransport
from livekit.rtc import DisconnectReason

from sip.gateway import wire
from sip.gateway.bridge import Bridge
from sip.gateway.leg import Exchange, Leg, seconds
from sip.gateway.psrpc import RpcError
from sip.gateway.room import JoinFailed, RoomSide, Seat
from sip.gateway.status import leave_reason, rpc_error
from sip.ua.agent import UserAgent
from sip.ua.call import Call
from sip.ua.message import BadMessage, host_of
from sip.ua.tasks import first_of

log = logging.getLogger(__name__)

_MARGIN_S = 0.5  # the answer must be out before the caller of the API gives up
_KEY_S = 0.5  # the longest that one early key takes
_PLAIN = (400, 404, 480, 486, 488)  # livekit-sip words these differently


class Outbound:
    """One CreateSIPParticipant."""

    def __init__(self, gateway: Exchange, agent: UserAgent[Bridge], request: wire.Create) -> None:
        """Raises RpcError for a request that cannot be dialled."""
        _check(request)
        info = SIPCallInfo(
            call_id=request.sip_call_id,
            created_at_ns=time.time_ns(),
            call_direction=SIPCallDirection.SCD_OUTBOUND,
            room_name=request.room_name,
            participant_identity=request.participant_identity,
            trunk_id=request.sip_trunk_id,
        )
        self.leg = Leg(gateway, request.sip_call_id, info)
        self.gateway, self.agent, self.request = gateway, agent, request

    async def run(self, left: float) -> wire.Created:
        """Answers when the far end did, or at once without `wait_until_answered`. Raises RpcError.

        `left` is how many seconds the caller of the API still waits."""
        request = self.request
        call = await self._prepare()
        room = self.leg.side(call.media)
        try:
            await self.leg.serve_transfers()
            seat = self._seat()
            await room.join(seat, self.gateway.gate, asyncio.Event(), listen=False)
        except JoinFailed as error:
            await self.leg.close(error=str(error))
            raise RpcError("internal", f"update room failed: {error}") from error
        self.leg.report(SIPCallStatus.SCS_PARTICIPANT_JOINED)
        created = wire.Created(
            participant_id=room.room.local_participant.sid,
            participant_identity=request.participant_identity,
            sip_call_id=self.leg.id,
        )
        limit = seconds(request.ringing_timeout, self.gateway.settings.limits.ringing)
        if request.wait_until_answered:
            await self._dial(min(limit, left - _MARGIN_S - _KEY_S * len(request.dtmf)))
        else:
            self.gateway.tasks.spawn(self._dial_quietly(limit))
        return created

    async def _prepare(self) -> Call[Bridge]:
        request = self.request
        try:
            server = host_of(f"sip:{request.address}")
            call = self.leg.call = await self.agent.outgoing(
                request.call_to,
                server,
                from_user=request.number,
                from_host=request.hostname,
                to_host=request.address,
                local_tag=self.leg.id,
            )
        except (OSError, OverflowError, BadMessage) as error:
            raise RpcError("invalid_argument", f"the trunk's address cannot be used: {error}") from error
        self.leg.info.sip_call_id = call.dialog.call_id
        self.gateway.keep(self.leg)
        return call

    def _seat(self) -> Seat:
        request = self.request
        return Seat(
            request.room_name,
            request.participant_identity,
            request.participant_name,
            request.participant_metadata,
            dict(request.participant_attributes) | {"sip.callStatus": "dialing"},
            request.token,
            request.ws_url,
        )

    async def _dial_quietly(self, limit: float) -> None:
        try:
            await self._dial(limit)
        except RpcError as error:
            log.info("%s: %s", self.leg.id, error)

    async def _dial(self, limit: float) -> None:
        """Until the far end answers. Raises RpcError when it does not; leaving the room then goes on behind."""
        call, room, request = self.leg.call, self.leg.room, self.request
        assert call and room
        call.dial(
            [(k.lower(), v) for k, v in request.headers.items()],
            (request.username, request.password) if request.username else None,
        )
        over = (call.answered, call.ended, room.presence.closed)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit
        await first_of(call.ringing, *over, timeout=limit)
        if call.ringing.is_set() and not any(event.is_set() for event in over):
            self.leg.tasks.spawn(room.status("ringing"))
            await first_of(*over, timeout=max(0.0, deadline - loop.time()))
        if call.active and not room.presence.closed.is_set():
            await self._open(call, room)
            return
        error, reason = self._failure(call, room)
        self.gateway.tasks.spawn(self.leg.close(reason, str(error)))
        raise error

    async def _open(self, call: Call[Bridge], room: RoomSide) -> None:
        """Early keys, then sound both ways, before the API hears of the answer: who hears whom is changed after it."""
        if self.request.dtmf:
            await room.status("automation")
            await call.media.send_dtmf(self.request.dtmf)
        room.bridge_audio()
        room.listen()
        self.gateway.tasks.spawn(self._talk(room))

    async def _talk(self, room: RoomSide) -> None:
        request = self.request
        try:
            self.leg.tasks.spawn(room.status("active"))
            self.leg.info.started_at_ns = time.time_ns()
            self.leg.report(SIPCallStatus.SCS_ACTIVE)
            await self.leg.talk(seconds(request.max_call_duration, self.gateway.settings.limits.call))
        finally:
            await self.leg.close()

    def _failure(self, call: Call[Bridge], room: RoomSide) -> "tuple[RpcError, DisconnectReason.ValueType]":
        failure = call.failure
        if room.presence.closed.is_set():
            return RpcError("canceled", "room closed while dialing"), DisconnectReason.CLIENT_INITIATED
        if failure and not failure.answered:
            text = f"transaction failed to complete: {failure.reason}"
            return RpcError("canceled", text), DisconnectReason.USER_UNAVAILABLE
        if failure:
            what = "INVITE failed" if failure.status in _PLAIN else "unexpected status from INVITE response"
            return rpc_error(what, failure.status, failure.reason), leave_reason(failure.status)
        # Not "deadline_exceeded": that is retried by psrpc, and the phone would ring twice.
        return RpcError("canceled", "sip request timed out"), DisconnectReason.USER_UNAVAILABLE


def _check(request: wire.Create) -> None:
    if not request.room_name:
        raise RpcError("invalid_argument", "room name must be set")
    if not request.call_to or not request.address or "@" in request.call_to:
        raise RpcError("invalid_argument", "invalid request URI: number and address must be set")
    if request.transport not in (SIPTransport.SIP_TRANSPORT_AUTO, SIPTransport.SIP_TRANSPORT_UDP):
        raise RpcError("invalid_argument", "the embedded gateway speaks UDP only")
