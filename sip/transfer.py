"""A second leg: a person rung into a room where a call goes on, or a REFER of the call itself. Only `campaigns.gate` may import this."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

import aiohttp
from google.protobuf.duration_pb2 import Duration
from livekit import api

from sip.outcome import Outcome, of_error, of_status
from sip.routes import Route

#: How long LiveKit may take to answer after the ringing time, and for each key that is pressed first.
_MARGIN_S, _KEY_S = 5.0, 0.5
_FAILURES = (api.ServerError, aiohttp.ClientError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Ring:
    """Whom to ring into which room. Times in seconds; `digits` are pressed when it is answered."""

    room: str
    identity: str
    to: str
    caller_id: str
    route: Route
    ringing_s: int = 25
    max_call_s: int = 3600
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Refer:
    """Which leg shall be sent where."""

    room: str
    identity: str
    to: str
    ringing_s: int = 25


async def ring(lk: api.LiveKitAPI, whom: Ring) -> Outcome:
    """Ring a person and wait until the call is answered or is not; who does not answer leaves no leg behind.

    Takes at most `ringing_s` and a few seconds. Cancelling ends the ringing.
    """
    request = api.CreateSIPParticipantRequest(
        sip_trunk_id=whom.route.trunk_id,
        trunk=whom.route.inline(),
        sip_call_to=whom.to,
        sip_number=whom.caller_id,
        room_name=whom.room,
        participant_identity=whom.identity,
        wait_until_answered=True,
        ringing_timeout=Duration(seconds=whom.ringing_s),
        max_call_duration=Duration(seconds=whom.max_call_s),
        dtmf=whom.digits,
    )
    answered = False
    try:
        await lk.sip.create_sip_participant(request, timeout=whom.ringing_s + _MARGIN_S + _KEY_S * len(whom.digits))
        answered = True
        return of_status(200)
    except _FAILURES as failed:
        return of_error(failed)
    finally:
        if not answered:
            await drop(lk, whom.room, whom.identity)


async def drop(lk: api.LiveKitAPI, room: str, identity: str) -> None:
    """Hang one leg up, whether it rings or talks. Never raises for a leg that is gone."""
    with contextlib.suppress(*_FAILURES):
        await lk.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))


async def refer(lk: api.LiveKitAPI, whom: Refer) -> Outcome:
    """Ask the caller's side to call somebody else (RFC 3515) and wait for its last word: answered is success.

    livekit-server up to 1.13 returns an empty answer, so that no error means success.
    """
    to = whom.to if whom.to.startswith(("sip:", "sips:")) else f"tel:{whom.to}"
    request = api.TransferSIPParticipantRequest(
        room_name=whom.room,
        participant_identity=whom.identity,
        transfer_to=to,
        ringing_timeout=Duration(seconds=whom.ringing_s),
    )
    try:
        async with asyncio.timeout(whom.ringing_s + _MARGIN_S):
            await lk.sip.transfer_sip_participant(request)
        return of_status(200)
    except _FAILURES as failed:
        return of_error(failed)
