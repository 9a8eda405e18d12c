"""LiveKit's standard token endpoint: begins a call in a room of its own, or lets a browser back into the one it began."""

from __future__ import annotations

import json
import secrets
import uuid

from fastapi import APIRouter, HTTPException, Request, Response
from starlette.status import (
    HTTP_201_CREATED,
    HTTP_404_NOT_FOUND,
    HTTP_409_CONFLICT,
    HTTP_429_TOO_MANY_REQUESTS,
    HTTP_503_SERVICE_UNAVAILABLE,
)

from campaigns.numbers import NumberKind, classify
from console.desk import SEATS_COOKIE, Asking, AtDesk, Desk, seated
from console.flows_api import places
from console.logins import SESSION_S
from console.rooms import ServerAway
from console.shapes import Problem, TokenAnswer, TokenRequest
from flows.flow import Flow
from flows.model import Direction
from flows.schema import FlowError
from store.calls import Call, NewCall, UnknownCall
from store.flowfiles import load_flow

router = APIRouter(prefix="/api/token", tags=["token"])

_SEATS_MAX = 20  #: calls that a browser's cookie remembers
_UNPROCESSABLE = 422


@router.post("", status_code=HTTP_201_CREATED, responses={code: {"model": Problem} for code in (404, 409, 429, 503)})
async def token(wanted: TokenRequest, request: Request, response: Response, who: Asking, desk: AtDesk) -> TokenAnswer:
    """A token for one call: a new one, or the running one named by `call_id` that this browser began."""
    del who
    mine = seated(request, desk)
    try:
        if wanted.call_id:
            if wanted.call_id not in mine:
                raise HTTPException(HTTP_404_NOT_FOUND, "this browser began no such call")
            return _answer(desk, await _running(desk, wanted.call_id))
        client = request.client.host if request.client else ""
        if (wait := desk.limits.calls.take(client, desk.now())) > 0:
            raise HTTPException(
                HTTP_429_TOO_MANY_REQUESTS, "too many calls were begun", {"Retry-After": str(int(wait) + 1)}
            )
        call = await _begin(desk, wanted)
    except ServerAway as away:
        raise HTTPException(HTTP_503_SERVICE_UNAVAILABLE, str(away)) from None
    seats = desk.cookies.seats((*mine[-_SEATS_MAX + 1 :], call.id), desk.now())
    secure = request.url.scheme == "https"
    response.set_cookie(SEATS_COOKIE, seats, SESSION_S, path="/api", secure=secure, httponly=True, samesite="strict")
    return _answer(desk, call)


def _answer(desk: Desk, call: NewCall) -> TokenAnswer:
    identity = f"visitor-{call.id}"
    return TokenAnswer(
        server_url=desk.rooms.public_url,
        participant_token=desk.rooms.token(call.room, identity, call_id=call.id, flow=call.flow),
        room_name=call.room,
        participant_identity=identity,
        call_id=call.id,
    )


async def _running(desk: Desk, call_id: str) -> NewCall:
    """The call, if one can still come back into it."""
    try:
        call: Call = await desk.calls.get(call_id)
    except UnknownCall:
        raise HTTPException(HTTP_404_NOT_FOUND, "there is no such call") from None
    if call.ended_at is not None or not await desk.rooms.exists(call.begun.room):
        raise HTTPException(HTTP_409_CONFLICT, "this call is over")
    return call.begun


async def _begin(desk: Desk, wanted: TokenRequest) -> NewCall:
    """Keep the row first, as the dialer does: number and lead never travel in room metadata."""
    flow = _flow(desk, wanted)
    number = classify(wanted.caller, flow.locale.region) if wanted.caller else None
    if number is not None and number.kind in (NumberKind.INVALID, NumberKind.EMERGENCY):
        raise HTTPException(
            _UNPROCESSABLE, f"the caller's number is {number.kind}; write it as +12025550142, or leave it out"
        )
    await desk.rooms.exists("-")  # a server that is away is told now, not by a browser that cannot connect
    call = NewCall(
        id=uuid.uuid4().hex,
        direction=Direction.WEB,
        flow=flow.name,
        flow_hash=flow.hash,
        room=f"web-{secrets.token_hex(8)}",
        caller=(number.e164 or wanted.caller) if number is not None else "",
        callee=desk.settings.number,
        created_at=desk.now(),
        lead={name: value for name, value in wanted.lead.items() if value},
    )
    await desk.calls.keep_flow(flow.hash, flow.name, flow.body)
    await desk.calls.begin(call)
    return call


def _flow(desk: Desk, wanted: TokenRequest) -> Flow:
    name = wanted.flow
    if not name and wanted.room_config is not None and wanted.room_config.agents:
        name = _named(wanted.room_config.agents[0].agent_name, wanted.room_config.agents[0].metadata, desk.rooms.agent)
    offered = places(desk.settings)
    name = name or next(iter(offered))
    if name not in offered:
        raise HTTPException(_UNPROCESSABLE, f"there is no flow of that name; there are: {', '.join(offered)}")
    try:
        return load_flow(offered[name])
    except FlowError as wrong:
        raise HTTPException(_UNPROCESSABLE, str(wrong)) from None


def _named(agent: str, metadata: str, ours: str) -> str:
    if agent not in ("", ours):
        raise HTTPException(_UNPROCESSABLE, f"the only agent here is {ours}")
    try:
        told = json.loads(metadata or "{}")
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise HTTPException(_UNPROCESSABLE, 'the agent\'s metadata is a JSON object such as {"flow": "b2b-software"}')
    return str(told.get("flow") or "")
