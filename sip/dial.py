"""Dialling: room and agent first, the INVITE when the agent is ready. Only `campaigns.gate` may import this."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import aiohttp
from google.protobuf.duration_pb2 import Duration
from livekit import api
from livekit.protocol.models import ParticipantInfo

from sip.outcome import Ending, Outcome, of_error, of_status
from sip.routes import Route

log = logging.getLogger(__name__)

Stage: TypeAlias = Literal["waiting for the agent", "dialling", "ringing"]

AGENT = "leadline"
CALLEE = "callee"  #: the identity of whom we call, in the room
AGENT_READY_S = 10.0
POLL_S = 0.05
#: What the room outlives: nobody coming, and the caller's leaving.
EMPTY_S, DEPARTURE_S = 60, 5
_FAILURES = (api.ServerError, aiohttp.ClientError, TimeoutError)


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


@dataclass(frozen=True, slots=True)
class Dialled:
    """How it ended, and LiveKit's id of the call leg when it was answered."""

    outcome: Outcome
    sip_call_id: str = ""


async def dial(
    lk: api.LiveKitAPI,
    invite: Invite,
    on_stage: Callable[[Stage], None] = lambda _: None,
    agent_ready_s: float = AGENT_READY_S,
) -> Dialled:
    """Call and wait until it is answered or is not. When it is not, the room is deleted, so that the agent leaves.

    Returns an outcome for everything that the network or LiveKit does; takes at most `agent_ready_s`, `ringing_s` and
    a few seconds. Cancelling ends the attempt, and the ringing with it.
    """
    try:
        async with _room(lk, invite) as keep:
            on_stage("waiting for the agent")
            if not await _agent_ready(lk, invite.room, agent_ready_s):
                return Dialled(_no_agent(agent_ready_s))
            on_stage("dialling")
            dialled = await _send_invite(lk, invite, on_stage)
            keep(dialled.outcome.name is Ending.ANSWERED)
            return dialled
    except _FAILURES as failed:
        return Dialled(of_error(failed))


@asynccontextmanager
async def _room(lk: api.LiveKitAPI, invite: Invite) -> AsyncIterator[Callable[[bool], None]]:
    """A room with our agent on its way; deleted on leaving unless told to keep it."""
    kept = False

    def keep(yes: bool) -> None:
        nonlocal kept
        kept = yes

    await lk.room.create_room(
        api.CreateRoomRequest(name=invite.room, empty_timeout=EMPTY_S, departure_timeout=DEPARTURE_S)
    )
    try:
        metadata = json.dumps({"call_id": invite.call_id, "direction": "outbound"})
        await lk.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name=AGENT, room=invite.room, metadata=metadata)
        )
        yield keep
    finally:
        if not kept:
            await hang_up(lk, invite.room)


async def hang_up(lk: api.LiveKitAPI, room: str) -> None:
    """End whatever goes on in a room: LiveKit sends BYE or CANCEL to the phone. Never raises for a room that is gone."""
    try:
        await lk.room.delete_room(api.DeleteRoomRequest(room=room))
    except api.ServerError as gone:
        if gone.code != "not_found":
            log.warning("room %s could not be deleted (%s); it closes by itself", room, gone.code)
    except (aiohttp.ClientError, TimeoutError):
        log.warning("room %s could not be deleted: LiveKit cannot be reached; it closes by itself", room)


async def _agent_ready(lk: api.LiveKitAPI, room: str, limit_s: float) -> bool:
    """Wait for the agent to publish that it is ready; False when it does not in time."""
    try:
        async with asyncio.timeout(limit_s):
            while True:
                people = await _participants(lk, room)
                if any(_is_ready(person) for person in people):
                    return True
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False


async def is_up(lk: api.LiveKitAPI, room: str) -> bool:
    """Whether the room is there; True when LiveKit cannot be asked."""
    try:
        return bool((await lk.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms)
    except _FAILURES:
        return True


def _is_ready(person: ParticipantInfo) -> bool:
    return person.kind == ParticipantInfo.Kind.AGENT and person.attributes.get("leadline.stage") == "ready"


async def _participants(lk: api.LiveKitAPI, room: str) -> list[ParticipantInfo]:
    return list((await lk.room.list_participants(api.ListParticipantsRequest(room=room))).participants)


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
    )
    rang = asyncio.Event()
    ringing = asyncio.create_task(_watch_ringing(lk, invite.room, rang, on_stage), name="ringing")
    try:
        leg = await lk.sip.create_sip_participant(request)
        return Dialled(of_status(200), leg.sip_call_id)
    except _FAILURES as failed:
        return Dialled(_told_apart(of_error(failed), invite, rang.is_set()))
    finally:
        ringing.cancel()
        await asyncio.gather(ringing, return_exceptions=True)


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
            people = await _participants(lk, room)
        except _FAILURES:
            return
        if any(p.identity == CALLEE and p.attributes.get("sip.callStatus") == "ringing" for p in people):
            rang.set()
            on_stage("ringing")
            return
        await asyncio.sleep(4 * POLL_S)
