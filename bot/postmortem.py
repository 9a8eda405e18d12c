"""Closing the row of a call that no process has any more, with all that its last state knew."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from bot.result import DROPPED, as_dropped, result_of
from bot.return_call import remember
from bot.stores import Stores
from flows.flow import Flow
from flows.model import Direction
from flows.schema import FlowError, parse_flow
from store.calls import Call, Calls, StoreError
from store.flowfiles import load_flow
from store.live import Snapshot
from store.writes import write

log = logging.getLogger("leadline.supervisor")

_RECENT: Final = 200
_WHY: Final = "the call broke off on our side"


async def close_row(stores: Stores, room: str, last: Snapshot | None, flow_body: str | None, at: float) -> None:
    """Write the result of a call that nobody goes on with; of one that was never answered the dialer keeps it."""
    try:
        if last is None:
            await _close_without_state(stores, room, at)
        elif not _unanswered(last):
            await _close(stores, last, _flow(last, flow_body), at)
    except (StoreError, SQLAlchemyError) as away:
        log.error("the row of a call that broke off could not be closed: %s", away)


def _unanswered(last: Snapshot) -> bool:
    return last.call.direction is Direction.OUTBOUND and last.state.focus.stage == "new"


async def _close(stores: Stores, last: Snapshot, flow: Flow | None, at: float) -> None:
    call = last.call
    async with stores.writer_of(call.id) as writer:
        writer.put(write(Calls.begin, call))
        if last.state.answers:
            writer.put(write(Calls.put_answers, call.id, tuple(last.state.answers.values())))
        state = as_dropped(last.state, at)
        if flow is None:
            writer.put(write(Calls.finish, call.id, state.disposition or DROPPED, 0, {"outcome": _WHY}, at))
        else:
            result = result_of(flow, state)
            writer.put(write(Calls.keep_flow, flow.hash, flow.name, flow.body))
            writer.put(write(Calls.finish, call.id, result.disposition, result.score, result.record, at))
            await remember(stores.live, flow, replace(last, state=state))
        await writer.flush()
    stores.events.publish(call.id, "ended", at=at, disposition=state.disposition or DROPPED, score=0)


def _flow(last: Snapshot, body: str | None) -> Flow | None:
    """The flow of the call by its text, None when only another version is left."""
    try:
        flow = parse_flow(body, last.call.flow) if body else load_flow(last.call.flow)
    except FlowError:
        return None
    return flow if flow.hash == last.call.flow_hash else None


async def _close_without_state(stores: Stores, room: str, at: float) -> None:
    """The process died before its first step, or Redis lost what it had."""
    for call in await stores.calls.list(_RECENT):
        if call.begun.room == room and _open(call):
            await stores.calls.finish(call.id, DROPPED, 0, {"outcome": _WHY}, at)


def _open(call: Call) -> bool:
    unanswered = call.begun.direction is Direction.OUTBOUND and call.answered_at is None
    return call.ended_at is None and not unanswered
