"""Waiting for the caller's leg: who comes, who does not, and a job that comes after the dialer has given up."""

from __future__ import annotations

import asyncio

import pytest

from bot.caller_leg import dial_is_over, wait_for_caller
from bot.inbox import Arrived, Gone, Inbox, Leave, Signal
from bot.order import Order
from flows.model import Direction
from store.calls import NO_CONTACT, NewCall
from store.memory_calls import MemoryCalls

CALL = NewCall("c1", Direction.OUTBOUND, "b2b-software", "h1", "call-c1", "+12025550100", "+12025550134", 100.0)
CAME = Arrived(101.0, {"sip.callID": "SCL_1"})


@pytest.mark.parametrize(
    ("signal", "found"), [(CAME, CAME), (Gone(101.0, "left"), None), (Leave(101.0, "superseded"), None)]
)
async def test_the_first_word_decides(signal: Signal, found: Arrived | None) -> None:
    async def never() -> bool:
        return False

    inbox = Inbox()
    inbox.put(signal)
    assert await wait_for_caller(inbox, 60, never) == found


async def test_nobody_waits_for_a_phone_that_is_no_longer_dialled() -> None:
    calls, order, inbox = MemoryCalls(), Order("c1", Direction.OUTBOUND, "b2b-software"), Inbox()
    await calls.begin(CALL)
    asked = asyncio.Event()

    async def given_up() -> bool:
        over = await dial_is_over(calls, order)
        asked.set()
        return over

    waiting = asyncio.create_task(wait_for_caller(inbox, 60, given_up, ask_s=0.001))
    async with asyncio.timeout(5):
        await asked.wait()
        assert not waiting.done(), "it is still dialled"
        await calls.finish("c1", NO_CONTACT, 0, {"outcome": "no_agent"}, 110.0)
        assert await waiting is None


@pytest.mark.parametrize("call_id", [None, "c2"])
async def test_a_call_without_a_row_may_still_come(call_id: str | None) -> None:
    assert not await dial_is_over(MemoryCalls(), Order(call_id, Direction.OUTBOUND, "b2b-software"))
