"""A phone calls: trunk, rule, room, and the answer once somebody in the room can be heard."""

import asyncio
import logging
import re
import time
from typing import Final

from livekit.protocol.sip import SIPCallDirection, SIPCallInfo, SIPCallStatus, SIPUri

from sip.gateway import wire
from sip.gateway.bridge import Bridge
from sip.gateway.leg import Exchange, Leg, seconds
from sip.gateway.psrpc import RpcError, new_id
from sip.gateway.room import JoinFailed, RoomSide, Seat
from sip.ua.call import Call
from sip.ua.digest import Challenger, presented
from sip.ua.dtmf import Digit
from sip.ua.message import BadMessage, Headers, uri_of
from sip.ua.tasks import first_of, unless

log = logging.getLogger(__name__)

ACCEPT, ASK_PIN, REJECT, DROP = 1, 2, 3, 4  # rpc.SIPDispatchResult
REALM: Final = "LiveKit"
_PIN_KEYS, _PIN_S = 16, 30.0
_UNMATCHED_S = 64.0  # how long an unanswered call is remembered
_URI = re.compile(r"sips?:(?:([^@;>]*)@)?([^:;>?]+)(?::(\d{1,5}))?", re.IGNORECASE)


class Refused(Exception):
    """End the call with this SIP status."""

    def __init__(self, status: int, phrase: str, headers: Headers | None = None) -> None:
        super().__init__(f"{status} {phrase}")
        self.status, self.phrase, self.headers = status, phrase, headers


class Unmatched(Exception):
    """No trunk or rule: livekit-sip gives no final answer, against scanners."""


def sip_uri(uri: str) -> SIPUri:
    m = _URI.match(uri)
    return SIPUri(user=m[1] or "", host=m[2], port=int(m[3] or 0)) if m else SIPUri(user=uri)


class Inbound:
    """One incoming call, from INVITE to the end."""

    def __init__(self, gateway: Exchange, call: Call[Bridge], challenger: Challenger) -> None:
        info = SIPCallInfo(created_at_ns=time.time_ns(), call_direction=SIPCallDirection.SCD_INBOUND)
        self.leg = Leg(gateway, new_id("SCL_"), info)
        info.call_id, info.sip_call_id = self.leg.id, call.dialog.call_id
        self.gateway, self.call, self.challenger = gateway, call, challenger
        self.leg.call = call
        call.dialog.local_tag = self.leg.id
        self.question = wire.SIPCall(
            lk_call_id=self.leg.id,
            source_ip=call.dialog.peer[0],
            address=sip_uri(call.invite.uri),
            from_=sip_uri(uri_of(call.invite.get("from"))),
            to=sip_uri(uri_of(call.invite.get("to"))),
            sip_call_id=call.dialog.call_id,
        )
        info.from_uri.CopyFrom(self.question.from_)
        info.to_uri.CopyFrom(self.question.to)

    async def run(self) -> None:
        """All of it; whatever happens, nothing stays behind."""
        error = ""
        try:
            await self._serve()
        except Refused as refusal:
            error = str(refusal)
            self._refuse(refusal.status, refusal.phrase, refusal.headers)
        except Unmatched:
            error = "no trunk or rule matches"
            log.warning("%s: no trunk or dispatch rule matches the number called: no final answer", self.leg.id)
            self.call.media.close()
            await first_of(self.call.ended, timeout=_UNMATCHED_S)
            self.call.drop()
        except (RpcError, JoinFailed) as failure:
            error = str(failure)
            log.error("%s: %s: are Redis and livekit-server running? The phone got 503.", self.leg.id, failure)
            self._refuse(503, "Service Unavailable")
        except BadMessage as failure:
            error = str(failure)
            self._refuse(488, "Not Acceptable Here")
        finally:
            await self.leg.close(error=error)

    def _refuse(self, status: int, phrase: str, headers: Headers | None = None) -> None:
        if not self.call.ended.is_set() and not self.call.answered.is_set():
            self.call.reject(status, phrase, headers)

    async def _serve(self) -> None:
        trunk = await self._trunk()
        self.leg.report(SIPCallStatus.SCS_CALL_INCOMING)
        self.call.ring()
        rule = await self._rule(trunk.sip_trunk_id)
        if rule is None or self.call.ended.is_set():
            return
        room = await self._join(rule)
        if not self.call.answered.is_set():
            await self._answer(rule, room)
        if self.call.ended.is_set() or room.presence.closed.is_set():
            return
        room.bridge_audio()
        info = self.leg.info
        info.room_name, info.dispatch_rule_id = rule.room_name, rule.sip_dispatch_rule_id
        info.started_at_ns = time.time_ns()
        self.leg.report(SIPCallStatus.SCS_ACTIVE)
        await self.leg.talk(seconds(rule.max_call_duration, self.gateway.settings.limits.call))

    async def _trunk(self) -> wire.Trunk:
        question = wire.TrunkQuestion(call=self.question)
        trunk = await self.gateway.io.call("GetSIPTrunkAuthentication", question, wire.Trunk)
        if trunk.drop:
            raise Unmatched
        if trunk.error_code:
            raise Refused(503, "Service Unavailable") if trunk.error_code == 1 else Refused(404, "No trunk found")
        if trunk.username and trunk.password:
            self._check(trunk)
        self.leg.info.trunk_id = trunk.sip_trunk_id
        return trunk

    def _check(self, trunk: wire.Trunk) -> None:
        realm, invite = trunk.realm or REALM, self.call.invite
        if self.challenger.accepts(invite, realm, (trunk.username, trunk.password)):
            return
        if presented(invite):
            log.warning("%s: wrong credentials for the trunk", self.leg.id)
            raise Refused(401, "Unauthorized")
        challenge = ("proxy-authenticate", self.challenger.challenge(realm))
        raise Refused(407, "Proxy Authentication Required", [challenge])

    async def _rule(self, trunk_id: str, pin: str | None = None) -> wire.Rule | None:
        question = wire.RuleQuestion(
            call=self.question,
            calling_number=self.question.from_.user,
            called_number=self.question.to.user,
            sip_trunk_id=trunk_id,
            pin=pin or "",
            no_pin=pin == "",
        )
        rule = await self.gateway.io.call("EvaluateSIPDispatchRules", question, wire.Rule)
        if rule.result == ASK_PIN and pin is None:
            return await self._ask_pin(trunk_id)
        if pin is not None and not (rule.result == ACCEPT and rule.room_name):
            log.info("%s: wrong PIN", self.leg.id)
            return None  # the call is answered already: it is hung up
        if rule.result == DROP:
            raise Unmatched
        if rule.result == REJECT:
            raise Refused(404, "Does not match Trunks or Dispatch Rules")
        return rule if rule.result == ACCEPT else None

    async def _ask_pin(self, trunk_id: str) -> wire.Rule | None:
        """Answer and collect keys up to "#"; None for a wrong PIN or none."""
        keys: asyncio.Queue[str] = asyncio.Queue(maxsize=_PIN_KEYS + 1)

        def pressed(digit: Digit) -> None:
            if not keys.full():
                keys.put_nowait(digit.digit)

        self.call.media.on_digit = pressed
        await self.call.answer()
        pin = ""
        try:
            async with asyncio.timeout(_PIN_S):
                while (key := await keys.get()) != "#" and len(pin) < _PIN_KEYS:
                    pin += key
        except TimeoutError:
            return None
        return await self._rule(trunk_id, pin)

    async def _join(self, rule: wire.Rule) -> RoomSide:
        invite = self.call.invite
        attributes = dict(rule.participant_attributes)
        attributes |= {"sip.callIDFull": self.call.dialog.call_id, "sip.callTag": self.call.dialog.remote_tag}
        for header, attribute in rule.headers_to_attributes.items():
            if value := invite.get(header.lower()):
                attributes[attribute] = value
        attributes["sip.callStatus"] = "active" if self.call.answered.is_set() else "ringing"
        seat = Seat(
            rule.room_name,
            rule.participant_identity,
            rule.participant_name,
            rule.participant_metadata,
            attributes,
            rule.token,
            rule.ws_url,
            rule.room_config if rule.HasField("room_config") else None,
            rule.room_preset,
        )
        room = self.leg.side(self.call.media)
        await self.leg.serve_transfers()
        closed, gate = room.presence.closed, self.gateway.gate
        try:
            joined = await unless(closed, room.join(seat, gate, self.call.ended, listen=True))
        except JoinFailed:
            if not closed.is_set():
                raise
            joined = False
        if not joined:  # put out before it was quite in, as workers without room do: the SDK waits for answers in vain
            raise Refused(486, "Busy Here")
        return room

    async def _answer(self, rule: wire.Rule, room: RoomSide) -> None:
        """200 OK as soon as somebody's audio is there."""
        limit = seconds(rule.ringing_timeout, self.gateway.settings.limits.ringing)
        presence = room.presence
        if not await first_of(presence.heard, self.call.ended, presence.closed, timeout=limit):
            log.warning(
                "%s: no agent took the call within %g s, the phone got 486. Check that a worker runs and has capacity, "
                "that its agent name is the one in the dispatch rule, and that it publishes audio.",
                *(self.leg.id, limit),
            )
            raise Refused(486, "Busy Here")
        if self.call.ended.is_set():
            return
        if presence.closed.is_set():
            raise Refused(486, "Busy Here")
        await self.call.answer([(k.lower(), v) for k, v in rule.headers.items()])
        self.leg.tasks.spawn(room.status("active"))
