"""Dialling: room and agent first, the INVITE when the agent is ready. Only `campaigns.gate` may import this."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from google.protobuf.duration_pb2 import Duration
from livekit import api

from sip.outcome import Ending, Outcome, of_error, of_status
from sip.rooms import AGENT, FAILURES, POLL_S, agent_ready, delete_room, is_up, participants, room_with_agent
from sip.routes import Route

__all__ = ["Dialled", "Invite", "Stage", "Withheld", "at_once", "dial", "hang_up", "is_up"]

Stage: TypeAlias = Literal["waiting for the agent", "dialling", "ringing"]

CALLEE = "callee"  #: the identity of whom we call, in the room
AGENT_READY_S = 10.0
EARLY_KEY_S = 0.5  #: the longest that one early key takes
_MARGIN_S = 5.0


class Withheld(Exception):
    """The INVITE must not be sent after all; the message says why."""


async def at_once() -> None:
    """Nothing to wait for before the INVITE."""


@dataclass(frozen=True, slots=True)
class Invite:
    """One INVITE to send. Times in seconds; numbers in E.164. `room` and `call_id` hold no personal data."""

    call_id: str
    room: str
    to: str
    caller_id: str
    route: Route
    ringing_s: int = 30
    max_call_s: int = 600
    digits: str = ""  #: pressed when it is answered, before sound: an extension behind a switchboard; "w" waits 0.5 s


@dataclass(frozen=True, slots=True)
class Dialled:
    """How it ended, and LiveKit's id of the call leg when it was answered."""

    outcome: Outcome
    sip_call_id: str = ""


async def dial(
    lk: api.LiveKitAPI,
    invite: Invite,
    on_stage: Callable[[Stage], None] = lambda _: None,
    before_invite: Callable[[], Awaitable[None]] = at_once,
    agent_ready_s: float = AGENT_READY_S,
) -> Dialled:
    """Call and wait until it is answered or is not. When it is not, the room is deleted, so that the agent leaves.

    `before_invite` is awaited when the agent is ready, the INVITE being the next thing: the place for whoever paces calls
    and for the last question whether this one may still be made. Returns an outcome for everything that the network or
    LiveKit does; takes at most `agent_ready_s`, `before_invite`, `ringing_s` and a few seconds. Cancelling ends the
    attempt, and the ringing with it.

    Raises:
        Withheld: `before_invite` did; no INVITE was sent.
    """
    try:
        metadata = json.dumps({"call_id": invite.call_id, "direction": "outbound"})
        async with room_with_agent(lk, invite.room, metadata, AGENT) as (room, keep):
            on_stage("waiting for the agent")
            if not await agent_ready(lk, room, agent_ready_s):
                return Dialled(_no_agent(agent_ready_s))
            await before_invite()
            on_stage("dialling")
            dialled = await _send_invite(lk, invite, on_stage)
            keep(dialled.outcome.name is Ending.ANSWERED)
            return dialled
    except FAILURES as failed:
        return Dialled(of_error(failed))


async def hang_up(lk: api.LiveKitAPI, room: str) -> None:
    """End whatever goes on in a room: LiveKit sends BYE or CANCEL to the phone."""
    await delete_room(lk, room)


def _no_agent(limit_s: float) -> Outcome:
    reason = f"no agent took the call within {limit_s:g} s: start `leadline worker`, or look at `leadline logs worker`"
    return Outcome(Ending.NO_AGENT, None, reason)


async def _send_invite(lk: api.LiveKitAPI, invite: Invite, on_stage: Callable[[Stage], None]) -> Dialled:
    request = api.CreateSIPParticipantRequest(
        sip_trunk_id=invite.route.trunk_id,
        trunk=invite.route.inline(),
        sip_call_to=invite.to,
        sip_number=invite.caller_id,
        room_name=invite.room,
        participant_identity=CALLEE,
        wait_until_answered=True,
        ringing_timeout=Duration(seconds=invite.ringing_s),
        max_call_duration=Duration(seconds=invite.max_call_s),
        dtmf=invite.digits,
    )
    rang = asyncio.Event()
    ringing = asyncio.create_task(_watch_ringing(lk, invite.room, rang, on_stage), name="ringing")
    try:
        leg = await lk.sip.create_sip_participant(request, timeout=_answer_s(invite))
        return Dialled(of_status(200), leg.sip_call_id)
    except FAILURES as failed:
        return Dialled(_told_apart(of_error(failed), invite, rang.is_set()))
    finally:
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)


def _answer_s(invite: Invite) -> float:
    """How long LiveKit may take to say how it ended: ringing, the keys pressed first, and the way."""
    return invite.ringing_s + EARLY_KEY_S * len(invite.digits) + _MARGIN_S


def _told_apart(outcome: Outcome, invite: Invite, rang: bool) -> Outcome:
    """LiveKit reports a phone that nobody picks up and an address where nobody is in the same words."""
    if outcome.name is not Ending.UNANSWERED or outcome.sip_status is not None:
        return outcome
    if rang:
        return Outcome(Ending.UNANSWERED, None, f"it rang, and nobody answered within {invite.ringing_s} s")
    reason = f"{invite.route.address} never rang the phone within {invite.ringing_s} s: is that address right, and up?"
    return Outcome(Ending.TRUNK_DOWN, None, reason)


async def _watch_ringing(lk: api.LiveKitAPI, room: str, rang: asyncio.Event, on_stage: Callable[[Stage], None]) -> None:
    """Tell once when the phone rings; whatever fails here shows elsewhere."""
    while True:
        try:
            people = await participants(lk, room)
        except FAILURES:
            return
        if any(p.identity == CALLEE and p.attributes.get("sip.callStatus") == "ringing" for p in people):
            rang.set()
            on_stage("ringing")
            return
        await asyncio.sleep(4 * POLL_S)
