"""The caller's leg at the start of a call: waiting for it, and what its attributes say about the call."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from bot.inbox import Arrived, Gone, Inbox, Leave
from bot.order import Order, direction_of
from flows.flow import Flow
from flows.model import Direction
from store.calls import Calls, NewCall, UnknownCall

log = logging.getLogger("leadline.job")

_ASK_S: Final = 1.0  #: how often a waiting process asks whether anybody is still dialled
_RECENT: Final = 100  #: calls among which a leg that came back is looked for


async def wait_for_caller(
    inbox: Inbox, limit_s: float, given_up: Callable[[], Awaitable[bool]], ask_s: float = _ASK_S
) -> Arrived | None:
    """The caller's leg, or None when it never comes: after `limit_s`, or as soon as `given_up` says that nobody dials it."""
    deadline = time.monotonic() + limit_s
    while (left := deadline - time.monotonic()) > 0:
        signal = await inbox.next(min(left, ask_s))
        if isinstance(signal, Arrived):
            return signal
        if isinstance(signal, Gone | Leave) or (signal is None and await given_up()):
            return None
    return None


async def dial_is_over(calls: Calls, order: Order) -> bool:
    """Whether the dialer has given this call up. A job that comes after that joins a room which nobody will ever enter, and
    would take a place from calls that are there."""
    if order.call_id is None:
        return False
    try:
        return (await calls.get(order.call_id)).ended_at is not None
    except UnknownCall:
        return False
    except SQLAlchemyError as away:
        log.warning("whether anybody is still dialled cannot be read now: %s", type(away).__name__)
        return False


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
