"""Live events as server-sent events, from the Redis stream, resumable by the last id a reader saw."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.status import HTTP_503_SERVICE_UNAVAILABLE

from console.desk import STREAMS_MAX, AtDesk, Desk, Operator, Visible
from console.shapes import EventRow
from store.events import LiveEvent

router = APIRouter(prefix="/api", tags=["live"])

#: An id of the stream; Redis takes two unsigned 64-bit numbers.
_ID = re.compile(r"[0-9]{1,18}(-[0-9]{1,18})?")

Since = Annotated[str, Query(description="an id: only what came after it; empty: only what comes from now on")]
LastId = Annotated[str, Header(alias="Last-Event-ID", description="what a browser sends when it connects again")]


async def place(desk: AtDesk, since: Since = "", last_event_id: LastId = "") -> AsyncIterable[str]:
    """The id to begin behind, while one of the streams is taken."""
    begin = last_event_id or since
    if begin and not _ID.fullmatch(begin):
        raise HTTPException(422, "an id looks like 1795000000000-0")
    if desk.limits.streams >= STREAMS_MAX:
        raise HTTPException(HTTP_503_SERVICE_UNAVAILABLE, "too many are watching", {"Retry-After": "10"})
    desk.limits.streams += 1
    try:
        yield begin
    finally:
        desk.limits.streams -= 1


Place = Annotated[str, Depends(place)]


@router.get("/calls/{call_id}/events", response_class=EventSourceResponse)
async def of_call(call: Visible, desk: AtDesk, begin: Place) -> AsyncIterable[ServerSentEvent]:
    """What happens in one call: words, answers, score, question, timings."""
    async for event in _follow(desk, call.id, begin):
        yield _sent(event, pii=True)


@router.get("/events", response_class=EventSourceResponse)
async def of_all(who: Operator, desk: AtDesk, begin: Place) -> AsyncIterable[ServerSentEvent]:
    """What happens in all calls, without personal data."""
    del who
    async for event in _follow(desk, None, begin):
        yield _sent(event, pii=False)


async def _follow(desk: Desk, call_id: str | None, since: str) -> AsyncIterable[LiveEvent]:
    async for event in desk.events.follow(call_id, since):
        yield event


def _sent(event: LiveEvent, *, pii: bool) -> ServerSentEvent:
    fields = {name: value for name, value in event.fields.items() if pii or "pii" not in name.split(".")}
    data = EventRow(id=event.id, at=event.at, call_id=event.call_id, kind=event.kind, fields=fields)
    return ServerSentEvent(data=data.model_dump(), id=event.id)
