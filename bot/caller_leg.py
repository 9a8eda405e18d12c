"""The caller's leg at the start of a call: waiting for it, and what its attributes say about the call."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Final

from bot.inbox import Arrived, Gone, Inbox, Leave
from bot.order import Order, direction_of
from flows.flow import Flow
from flows.model import Direction
from store.calls import Calls, NewCall, UnknownCall

log = logging.getLogger("leadline.job")

_RECENT: Final = 100  #: calls among which a leg that came back is looked for


async def wait_for_caller(inbox: Inbox, limit_s: float) -> Arrived | None:
    """The caller's leg, or None when it never comes."""
    deadline = time.monotonic() + limit_s
    while (left := deadline - time.monotonic()) > 0:
        signal = await inbox.next(left)
        if isinstance(signal, Arrived):
            return signal
        if signal is None or isinstance(signal, Gone | Leave):
            return None
    return None


async def known_call(calls: Calls, order: Order) -> NewCall | None:
    """The row that the dialer made for this call."""
    if order.call_id is None:
        return None
    try:
        return (await calls.get(order.call_id)).begun
    except UnknownCall:
        log.warning("the dispatch names a call without a row; going on without its lead")
        return None


async def already_over(calls: Calls, arrived: Arrived) -> bool:
    """Whether this leg has had its conversation. A restarted server sends a new agent to legs that reconnect to it."""
    leg = arrived.attributes.get("sip.callID", "")
    return bool(leg) and any(
        call.sip.call_id == leg and call.ended_at is not None for call in await calls.list(_RECENT)
    )


def new_call(room: str, order: Order, flow: Flow, arrived: Arrived) -> NewCall:
    """The row of a call that nobody made one for: its numbers are those of the leg."""
    attributes = arrived.attributes
    direction = direction_of(order, attributes)
    theirs, ours = attributes.get("sip.phoneNumber", ""), attributes.get("sip.trunkPhoneNumber", "")
    outbound = direction is Direction.OUTBOUND
    return NewCall(
        id=order.call_id or uuid.uuid4().hex,
        direction=direction,
        flow=flow.name,
        flow_hash=flow.hash,
        room=room,
        caller=ours if outbound else theirs,
        callee=theirs if outbound else ours,
        created_at=arrived.at,
    )
