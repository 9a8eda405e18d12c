"""The one gate: every call that goes out passes here, and nothing else may import `sip.dial`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from livekit import api

import sip.dial
from campaigns.numbers import DIALABLE, Number, NumberKind, classify
from flows.model import Direction
from sip.dial import Dialled, Invite, Stage
from sip.outcome import Ending, Outcome
from sip.routes import Route
from store.calls import NO_CONTACT, NOT_PLACED, Calls, NewCall

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What may be dialled. `allow_fictional` None means: only where calls stay on this machine."""

    countries: frozenset[str] = frozenset({"US", "CA", "GB"})
    region: str = "US"
    allow_fictional: bool | None = None


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


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate's no: the rule's name and its reason in words. Nothing was dialled, no row was made."""

    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Placed:
    """The call was dialled; its row is in the store under `call_id`."""

    call_id: str
    outcome: Outcome


DialOutcome: TypeAlias = Placed | Refused


async def dial(
    lk: api.LiveKitAPI,
    request: DialRequest,
    policy: GatePolicy,
    calls: Calls,
    clock: Callable[[], float],
    on_stage: Callable[[Stage], None] = lambda _: None,
) -> DialOutcome:
    """Check, commit the call's row, dial, keep the telephone network's answer.

    The row is written before the INVITE, so that a crash between the two never leads to a second ring. Whoever did not
    answer has the disposition `no_contact`, or `not_placed` when it was our side's doing.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the store cannot be read; then nothing is dialled.
    """
    number = classify(request.number, policy.region)
    if refused := check(number, policy, request.route) or await _suppressed(number, calls):
        log.info("refused to dial: %s", refused.rule)
        return refused
    room = room_of(request.call_id)
    await calls.begin(_row(request, number, room, clock()))
    invite = Invite(
        call_id=request.call_id,
        room=room,
        to=number.e164,
        caller_id=request.caller_id,
        route=request.route,
        ringing_s=request.ringing_s,
        max_call_s=request.max_call_s,
    )
    try:
        dialled = await sip.dial.dial(lk, invite, on_stage)
    except asyncio.CancelledError:
        await calls.finish(request.call_id, NOT_PLACED, 0, {"outcome": "cancelled"}, clock())
        raise
    await _keep_outcome(calls, request.call_id, dialled, clock())
    return Placed(request.call_id, dialled.outcome)


async def hang_up(lk: api.LiveKitAPI, call_id: str) -> None:
    """End an outbound call that is dialled, rings or is up."""
    await sip.dial.hang_up(lk, room_of(call_id))


async def is_up(lk: api.LiveKitAPI, call_id: str) -> bool:
    """Whether an outbound call's room is still there; True when LiveKit cannot be asked."""
    return await sip.dial.is_up(lk, room_of(call_id))


def room_of(call_id: str) -> str:
    """The room of an outbound call: no number in it."""
    return f"call-{call_id}"


async def _keep_outcome(calls: Calls, call_id: str, dialled: Dialled, now: float) -> None:
    outcome = dialled.outcome
    await calls.sip_result(call_id, outcome.sip_status, outcome.phrase)
    if outcome.name is Ending.ANSWERED:
        await calls.answered(call_id, now, dialled.sip_call_id)
    else:
        await calls.finish(call_id, _disposition(outcome), 0, {"outcome": outcome.name.value}, now)


def check(number: Number, policy: GatePolicy, route: Route) -> Refused | None:
    """What speaks against this number whoever it belongs to; None when nothing does."""
    if number.kind is NumberKind.INVALID:
        return Refused("number_kind", "this is no number that can be dialled; write it like +12025550134")
    if number.kind not in DIALABLE:
        return Refused("number_kind", f"numbers of this kind are never dialled: {number.kind.value}")
    if number.country not in policy.countries:
        allowed = ", ".join(sorted(policy.countries))
        why = f"{number.country} is not among the countries allowed ({allowed}); LEADLINE_DIAL_COUNTRIES sets them"
        return Refused("country", why)
    fiction_allowed = route.is_loopback if policy.allow_fictional is None else policy.allow_fictional
    if number.fictional and not fiction_allowed:
        return Refused("fictional", "this number is reserved for fiction and belongs to nobody on a real network")
    return None


async def _suppressed(number: Number, calls: Calls) -> Refused | None:
    if await calls.is_suppressed(number.e164):
        return Refused("opted_out", "whoever has this number asked not to be called again")
    return None


def _row(request: DialRequest, number: Number, room: str, now: float) -> NewCall:
    return NewCall(
        id=request.call_id,
        direction=Direction.OUTBOUND,
        flow=request.flow.name,
        flow_hash=request.flow.hash,
        room=room,
        caller=request.caller_id,
        callee=number.e164,
        created_at=now,
        lead=request.lead,
    )


def _disposition(outcome: Outcome) -> str:
    reached = {Ending.BUSY, Ending.DECLINED, Ending.UNANSWERED, Ending.NOT_FOUND}
    return NO_CONTACT if outcome.name in reached else NOT_PLACED
