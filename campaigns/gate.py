"""The one gate: every call that goes out passes here, and nothing else may import `sip.dial`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from livekit import api

import sip.dial
import sip.transfer
from campaigns.diary import Diary
from campaigns.guard import GatePolicy, Refused, check, check_caller_id, check_sip_address
from campaigns.numbers import classify
from flows.model import Direction
from sip.dial import Dialled, Invite, Stage, Withheld
from sip.outcome import Ending, Outcome
from sip.routes import Route
from store.calls import NO_CONTACT, NOT_PLACED, Calls, NewCall
from store.charges import CALL, Charge

__all__ = [
    "DialOutcome",
    "DialRequest",
    "FlowRef",
    "GatePolicy",
    "Leg",
    "Permit",
    "Placed",
    "Purpose",
    "Refused",
    "Seat",
    "Withheld",
    "dial",
    "drop",
    "hang_up",
    "is_up",
    "permit",
    "refer",
    "ring",
    "would_permit",
]

log = logging.getLogger(__name__)

_DAY_S = 86_400


class Purpose(StrEnum):
    """Why a leg is dialled: the law and the tariff differ."""

    LEAD = "lead"  #: somebody who did not ask for the call at this moment
    STAFF = "staff"  #: a person of ours who is rung into a call
    REFER = "refer"  #: where the far end shall take its call itself; no number of ours is shown


@dataclass(frozen=True, slots=True)
class Leg:
    """One leg that shall be dialled: a call, or a transfer's second leg. `to` is as a person or a file wrote it.

    `call_id` and `name` tell the leg from others in the ledger of what calls may cost: "call", "transfer-1", …
    """

    call_id: str
    to: str
    route: Route
    caller_id: str = ""
    purpose: Purpose = Purpose.LEAD
    max_call_s: int = 600
    name: str = CALL


@dataclass(frozen=True, slots=True)
class Permit:
    """The gate's yes: what to dial (E.164, or a `sip:` address of ours) and which number to show ("" for a REFER)."""

    to: str
    caller_id: str


@dataclass(frozen=True, slots=True)
class FlowRef:
    """The conversation to have, by its file's name and its content hash."""

    name: str
    hash: str


@dataclass(frozen=True, slots=True)
class DialRequest:
    """A call to make. Times in seconds. `lead` is what the conversation may know of the person."""

    call_id: str
    number: str  #: as a person wrote it
    flow: FlowRef
    route: Route
    caller_id: str
    lead: Mapping[str, str] = field(default_factory=dict)
    ringing_s: int = 30
    max_call_s: int = 600
    digits: str = ""  #: pressed when it is answered


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a second leg goes: the room of a call, and who the leg is in it (of a REFER: whose leg is sent away)."""

    room: str
    identity: str
    ringing_s: int = 25
    digits: str = ""  #: pressed when it is answered


@dataclass(frozen=True, slots=True)
class Placed:
    """The call was dialled; its row is in the store under `call_id`."""

    call_id: str
    outcome: Outcome


DialOutcome: TypeAlias = Placed | Refused


async def permit(leg: Leg, policy: GatePolicy, calls: Calls, now: float, *, reserve: bool = True) -> Permit | Refused:
    """Decide whether a leg may be dialled, and reserve what it may cost. Every leg of every call passes here: calls from
    the command line or the API, transfers however they are made, and whatever a model asked for.

    A yes holds for this leg once: its cost counts against the day until `Calls.settle` says what it was.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the store cannot be read or written; then nothing may be dialled.
    """
    permitted = _permitted(leg, policy)
    if isinstance(permitted, Refused):
        return permitted
    to, caller_id, country = permitted
    if leg.purpose is Purpose.LEAD and await calls.is_suppressed(to):
        return Refused("opted_out", "whoever has this number asked not to be called again")
    charge = Charge(leg.call_id, leg.name, now, policy.rate_for(country), leg.max_call_s)
    day = now - now % _DAY_S
    spent = await calls.spent(day)
    limit = policy.spend_per_day
    fits = limit is None or spent + charge.most <= limit
    if not (await calls.reserve(charge, day, limit) if reserve else fits):
        why = (
            f"{spent:.2f} of {limit or 0:.2f} for today (UTC) are spent or reserved, and this call may cost "
            f"{charge.most:.2f}; LEADLINE_SPEND_PER_DAY sets the limit"
        )
        return Refused("spend", why)
    return Permit(to, caller_id)


def _permitted(leg: Leg, policy: GatePolicy) -> tuple[str, str, str] | Refused:
    """Whom to dial, the number to show and the country, by the rules that need no store."""
    if leg.to.lower().startswith(("sip:", "sips:")):
        if leg.purpose is Purpose.LEAD:
            return Refused("destination", "leads are called by telephone number, not by SIP address")
        return check_sip_address(leg.to, policy) or (leg.to, leg.caller_id, "")
    number = classify(leg.to.removeprefix("tel:"), policy.region)
    if refused := check(number, policy, leg.route):
        return refused
    if leg.purpose is Purpose.REFER:
        return number.e164, "", number.country
    caller_id = leg.caller_id or next((own for own in leg.route.numbers if own != "*"), "")
    return check_caller_id(caller_id, number, policy, leg.route) or (number.e164, caller_id, number.country)


async def dial(
    lk: api.LiveKitAPI,
    request: DialRequest,
    policy: GatePolicy,
    calls: Calls,
    clock: Callable[[], float],
    on_stage: Callable[[Stage], None] = lambda _: None,
    before_invite: Callable[[], Awaitable[None]] = sip.dial.at_once,
) -> DialOutcome:
    """Check, commit the call's row, dial, keep the telephone network's answer. `before_invite` is `sip.dial.dial`'s: it
    may raise Withheld, which is a refusal then.

    The row is written before the INVITE, so that a crash between the two never leads to a second ring. Whoever did not
    answer has the disposition `no_contact`, or `not_placed` when it was our side's doing.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the store cannot be read; then nothing is dialled.
    """
    leg = Leg(request.call_id, request.number, request.route, request.caller_id, max_call_s=request.max_call_s)
    now = clock()
    allowed = await permit(leg, policy, calls, now)
    if isinstance(allowed, Refused):
        log.info("refused to dial: %s", allowed.rule)
        return allowed
    room = room_of(request.call_id)
    await calls.begin(_row(request, allowed, room, now))
    invite = Invite(
        call_id=request.call_id,
        room=room,
        to=allowed.to,
        caller_id=allowed.caller_id,
        route=request.route,
        ringing_s=request.ringing_s,
        max_call_s=request.max_call_s,
        digits=request.digits,
    )
    async with Diary(calls, request.call_id, clock) as diary:
        diary.note("gate", "permitted", ringing_s=request.ringing_s, max_call_s=request.max_call_s)

        def staged(stage: Stage) -> None:
            _note_stage(diary, stage, request.route, allowed)
            on_stage(stage)

        try:
            dialled = await sip.dial.dial(lk, invite, staged, before_invite)
        except Withheld as withheld:
            diary.note("gate", "withheld", why=str(withheld))
            await calls.settle(request.call_id, leg.name, 0)
            await calls.finish(request.call_id, NOT_PLACED, 0, {"outcome": "withheld"}, clock())
            return Refused("withheld", str(withheld))
        except asyncio.CancelledError:
            diary.note("gate", "cancelled")
            await calls.settle(request.call_id, leg.name, 0)
            await calls.finish(request.call_id, NOT_PLACED, 0, {"outcome": "cancelled"}, clock())
            raise
        await _keep_outcome(calls, request.call_id, allowed.to, dialled, diary)
    return Placed(request.call_id, dialled.outcome)


def _note_stage(diary: Diary, stage: Stage, route: Route, allowed: Permit) -> None:
    match stage:
        case "waiting for the agent":
            diary.note("room", "made")
        case "dialling":
            numbers = {"pii.to": allowed.to, "pii.from": allowed.caller_id}
            diary.note("agent", "ready")
            diary.note("sip", "invite", trunk=route.name or route.trunk_id, address=route.address, **numbers)
        case "ringing":
            diary.note("sip", "ringing")


async def would_permit(request: DialRequest, policy: GatePolicy, calls: Calls, now: float) -> Permit | Refused:
    """What the gate would say to a call, without reserving or dialling anything."""
    leg = Leg(request.call_id, request.number, request.route, request.caller_id, max_call_s=request.max_call_s)
    return await permit(leg, policy, calls, now, reserve=False)


async def ring(
    lk: api.LiveKitAPI, leg: Leg, seat: Seat, policy: GatePolicy, calls: Calls, now: float
) -> Outcome | Refused:
    """Ring a person into the room of a call and wait for the answer. `Calls.settle` is to be told when they leave.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the store cannot be read; then nothing is dialled.
    """
    allowed = await permit(leg, policy, calls, now)
    if isinstance(allowed, Refused):
        log.warning("refused to ring a person into the call: %s: %s", allowed.rule, allowed.why)
        return allowed
    whom = sip.transfer.Ring(
        room=seat.room,
        identity=seat.identity,
        to=allowed.to,
        caller_id=allowed.caller_id,
        route=leg.route,
        ringing_s=seat.ringing_s,
        max_call_s=leg.max_call_s,
        digits=seat.digits,
    )
    answered = False
    try:
        outcome = await sip.transfer.ring(lk, whom)
        answered = outcome.name is Ending.ANSWERED
        return outcome
    finally:
        if not answered:
            await calls.settle(leg.call_id, leg.name, 0)


async def refer(
    lk: api.LiveKitAPI, leg: Leg, seat: Seat, policy: GatePolicy, calls: Calls, now: float
) -> Outcome | Refused:
    """Ask the caller's side to call `leg.to` instead of us, and wait for its last word.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the store cannot be read; then nothing is asked.
    """
    allowed = await permit(leg, policy, calls, now)
    if isinstance(allowed, Refused):
        log.warning("refused to transfer: %s: %s", allowed.rule, allowed.why)
        return allowed
    outcome = await sip.transfer.refer(lk, sip.transfer.Refer(seat.room, seat.identity, allowed.to, seat.ringing_s))
    if outcome.name is not Ending.ANSWERED:
        await calls.settle(leg.call_id, leg.name, 0)
    return outcome


async def drop(lk: api.LiveKitAPI, seat: Seat) -> None:
    """Hang one leg up, and leave the room to the others."""
    await sip.transfer.drop(lk, seat.room, seat.identity)


async def hang_up(lk: api.LiveKitAPI, call_id: str) -> None:
    """End an outbound call that is dialled, rings or is up."""
    await sip.dial.hang_up(lk, room_of(call_id))


async def is_up(lk: api.LiveKitAPI, call_id: str) -> bool:
    """Whether an outbound call's room is still there; True when LiveKit cannot be asked."""
    return await sip.dial.is_up(lk, room_of(call_id))


def room_of(call_id: str) -> str:
    """The room of an outbound call: no number in it."""
    return f"call-{call_id}"


async def _keep_outcome(calls: Calls, call_id: str, number: str, dialled: Dialled, diary: Diary) -> None:
    outcome, now = dialled.outcome, diary.clock()
    told = {"ending": outcome.name.value, "status": outcome.sip_status, "phrase": outcome.phrase}
    await calls.sip_result(call_id, outcome.sip_status, outcome.phrase)
    if outcome.name is Ending.ANSWERED:
        diary.note("sip", "answered", sip_call_id=dialled.sip_call_id)
        await calls.answered(call_id, now, dialled.sip_call_id)
        return
    diary.note("sip", "failed", **told)
    await calls.settle(call_id, CALL, 0)
    if outcome.name is Ending.UNWANTED:  # RFC 8197: whoever has this number told the network to keep us away
        await calls.opt_out(number, "seller", now, "sip 607", call_id, "sip-607")
    await calls.finish(call_id, _disposition(outcome), 0, {"outcome": outcome.name.value}, now)


def _row(request: DialRequest, allowed: Permit, room: str, now: float) -> NewCall:
    return NewCall(
        id=request.call_id,
        direction=Direction.OUTBOUND,
        flow=request.flow.name,
        flow_hash=request.flow.hash,
        room=room,
        caller=allowed.caller_id,
        callee=allowed.to,
        created_at=now,
        lead=request.lead,
    )


def _disposition(outcome: Outcome) -> str:
    reached = {Ending.BUSY, Ending.DECLINED, Ending.UNWANTED, Ending.UNANSWERED, Ending.NOT_FOUND}
    return NO_CONTACT if outcome.name in reached else NOT_PLACED
