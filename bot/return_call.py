"""A call that broke off, and the same number calling again: kept for ten minutes, given out once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from flows.again import carried
from flows.flow import Flow
from flows.model import Answer, Direction
from flows.state import NO_ANSWERS
from store.calls import NewCall, suppression_key
from store.live import LiveAway, LiveCalls, Snapshot, SnapshotError

log = logging.getLogger("leadline.job")

#: Endings after which the caller may want to go on.
BROKEN_OFF: Final = ("abandoned", "dropped")
_ASK_S: Final = 0.5


def theirs(call: NewCall) -> str:
    """The other party's number, "" for a browser or a caller who hides it."""
    return suppression_key(call.callee if call.direction is Direction.OUTBOUND else call.caller)


async def remember(live: LiveCalls, flow: Flow, last: Snapshot) -> None:
    """Keep the answers of a call that ended before its questions did. A Redis that is away costs the offer, no more."""
    number = theirs(last.call)
    if not number or last.state.notes.opted_out or not carried(flow, last.state):
        return
    try:
        async with asyncio.timeout(_ASK_S):
            await live.remember(number, last.dump())
    except (LiveAway, TimeoutError) as away:
        log.info("a caller who calls again will begin anew (%s)", away or "no answer in time")


async def recall(live: LiveCalls, flow: Flow, call: NewCall) -> Mapping[str, Answer]:
    """The answers that an inbound caller may go on with: given ten minutes ago at most, to this very flow."""
    number = theirs(call)
    if call.direction is not Direction.INBOUND or not number:
        return NO_ANSWERS
    try:
        async with asyncio.timeout(_ASK_S):
            text = await live.recall(number)
        last = Snapshot.load(text) if text is not None else None
    except (LiveAway, TimeoutError, SnapshotError) as lost:
        log.info("whether this caller was cut off is not known (%s)", lost or "no answer in time")
        return NO_ANSWERS
    if last is None or last.state.flow_hash != flow.hash:
        return NO_ANSWERS
    return carried(flow, last.state)
