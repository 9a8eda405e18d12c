"""Calls, transcripts and recordings as JSON, for those who may see them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, cast

from fastapi import APIRouter, HTTPException, Query
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from pydantic import JsonValue

from console.desk import AtDesk, Desk, Operator, Visible
from console.flows_api import shape
from console.shapes import AnswerRow, CallDetail, CallRow, FlowShape, Problem, RecordingRow, TurnRow
from flows.model import Answer
from flows.readback import show_value
from flows.record import plain
from flows.schema import FlowError, parse_flow
from store.calls import Call, Turn
from store.recordings import folder_of, part_number, parts_in

router = APIRouter(prefix="/api/calls", tags=["calls"], responses={404: {"model": Problem}})


@router.get("")
async def newest(who: Operator, desk: AtDesk, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> list[CallRow]:
    """The newest calls, by telephone and browser, newest first."""
    del who
    return [row(call) for call in await desk.calls.list(limit)]


@router.get("/{call_id}")
async def detail(call: Visible, desk: AtDesk) -> CallDetail:
    """Everything about one call; while it runs, its live events go on from `since`."""
    return CallDetail(
        call=row(call),
        flow=await _flow(desk, call),
        lead=dict(call.begun.lead),
        record=cast("dict[str, JsonValue]", dict(call.record)),
        turns=[turn_row(turn) for turn in await desk.calls.turns(call.id)],
        answers=[_answer_row(answer) for answer in await desk.calls.answers(call.id)],
        recordings=[
            RecordingRow(part=part.number, began_at=part.began_at, seconds=part.seconds)
            for part in await desk.calls.recordings(call.id)
            if part.ended != "deleted"
        ],
        since=desk.events.mark(call.begun.created_at),
    )


@router.get("/{call_id}/transcript")
async def transcript(call: Visible, desk: AtDesk) -> list[TurnRow]:
    """What both sides said, in order."""
    return [turn_row(turn) for turn in await desk.calls.turns(call.id)]


@router.get("/{call_id}/recordings/{part}", response_class=FileResponse)
async def recording(call: Visible, desk: AtDesk, part: Annotated[int, InPath(ge=1, le=999)]) -> FileResponse:
    """A part of the recording as WAV, caller left and bot right; a player may ask for ranges."""
    rows = await desk.calls.recordings(call.id)
    kept = any(row.number == part and row.ended != "deleted" for row in rows)
    files = (
        await asyncio.to_thread(parts_in, folder_of(desk.recordings, call.id, call.begun.created_at)) if kept else []
    )
    found = next((file for file in files if part_number(file) == part), None)
    if found is None:
        raise HTTPException(404, "this recording is not kept")
    return FileResponse(found, media_type="audio/wav")


async def _flow(desk: Desk, call: Call) -> FlowShape | None:
    """The flow as it was when the call began."""
    body = await desk.calls.flow_body(call.begun.flow_hash)
    if body is None:
        return None
    try:
        return shape(parse_flow(body, call.begun.flow))
    except FlowError:
        return None  # written for an older version of Leadline


def row(call: Call) -> CallRow:
    """A call in a list."""
    begun = call.begun
    return CallRow(
        id=call.id,
        direction=begun.direction.value,
        flow=begun.flow,
        caller=begun.caller,
        callee=begun.callee,
        created_at=begun.created_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        disposition=call.disposition,
        score=call.score,
    )


def turn_row(turn: Turn) -> TurnRow:
    """A turn as JSON."""
    return TurnRow.model_validate(asdict(turn))


def _answer_row(answer: Answer) -> AnswerRow:
    return AnswerRow(
        slot=answer.slot,
        value=cast("JsonValue", plain(answer.value)),
        shown=show_value(answer.value),
        raw=answer.raw,
        mode=answer.mode.value,
        confirmed=answer.confirmed,
        tries=answer.tries,
        certainty=answer.certainty,
        at=answer.at,
    )
