"""Taking a call: as the first process that has it, or where a process that died had stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from bot import preload
from bot.inbox import Inbox, Leave
from bot.order import Order
from flows.flow import Flow
from flows.schema import parse_flow
from store.calls import Calls, NewCall
from store.flowfiles import load_flow
from store.live import Claim, LiveAway, LiveCalls, Owner, Snapshot
from store.live_holding import Holding, Shelf, newest

log = logging.getLogger("leadline.job")

_CLAIM_S: Final = 1.0  #: a call is not kept waiting longer for a Redis that is away


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What earlier processes of this call left; nothing when there were none."""

    snapshot: Snapshot | None = None
    flow_body: str | None = None
    deaths: int = 0


def myself(job: str, order: str) -> Owner:
    """This process as the owner of a call."""
    return Owner(job, order, f"{socket.gethostname()}:{os.getpid()}")


async def claim(live: LiveCalls, room: str, owner: Owner) -> Claim | None:
    """Become the call's owner; None when Redis is away, it is tried again behind the conversation then."""
    try:
        async with asyncio.timeout(_CLAIM_S):
            return await live.claim(room, owner)
    except (LiveAway, TimeoutError) as away:
        log.warning("this call begins without its live state (%s)", away or "no answer in time")
        return None


async def inherit(claimed: Claim | None, shelf: Shelf, room: str) -> Inheritance:
    """Read what earlier processes left."""
    shelved = await asyncio.to_thread(shelf.read, room)
    found = newest(claimed, shelved)
    if claimed is None:
        return Inheritance(found)
    return Inheritance(found, claimed.flow_body, claimed.deaths)


@asynccontextmanager
async def leaving_when_superseded(holding: Holding, inbox: Inbox) -> AsyncIterator[None]:
    """Tell the conversation when another process has the call."""

    async def watch() -> None:
        await holding.superseded.wait()
        inbox.put(Leave(time.time(), "superseded"))

    watching = asyncio.create_task(watch(), name="call.superseded")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def flow_of(calls: Calls, known: NewCall | None, order: Order, before: Inheritance) -> Flow:
    """The flow of the call, by content: a file edited meanwhile changes no call that was already placed or begun.

    Raises FlowError.
    """
    if before.snapshot is not None:
        known = before.snapshot.call
    if known is None:
        return preload.FLOWS.get(order.flow) or load_flow(order.flow)
    shipped = preload.FLOWS.get(known.flow)
    if shipped is not None and shipped.hash == known.flow_hash:
        return shipped
    body = before.flow_body or await calls.flow_body(known.flow_hash)
    return parse_flow(body, known.flow) if body is not None else load_flow(order.flow)


def usable(before: Inheritance, flow: Flow) -> Snapshot | None:
    """The inherited state, if it is of this flow: another text of the flow cannot go on with it."""
    snapshot = before.snapshot
    if snapshot is not None and snapshot.state.flow_hash != flow.hash:
        log.error("the flow of this call is lost (%s): it begins anew", snapshot.call.flow)
        return None
    return snapshot
