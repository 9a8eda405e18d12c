"""Whole calls over real SIP: by voice, by keys, opting out, hanging up, two at once."""

from __future__ import annotations

import asyncio
import time

import pytest

from cli.stack.stack import Stack
from sip.phone import CallFailed, Phone
from tests.e2e_support import (
    SHORT,
    bot_turn,
    calling,
    finished,
    nothing_left,
    processes,
    said,
    speech,
    suppressed,
    with_small_flows,
)

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The suite's stack with the small flows behind numbers of their own."""
    return with_small_flows(stack, tmp_path_factory.mktemp("flows"))


async def test_keys_finish_a_flow(site: Stack) -> None:
    async with calling(site.at, SHORT, "+12025550160") as call:
        await bot_turn(call)
        await call.media.send_dtmf("1")
        await call.wait_ended(20)
        assert call.ended_by == "remote"
    (row,) = await finished(site.at, "+12025550160")
    assert (row.disposition, row.score) == ("qualified", 1)


async def test_an_opt_out_is_stored_before_the_goodbye_is_heard(site: Stack) -> None:
    words = await speech("Please take me off your list.")
    async with calling(site.at, SHORT, "+12025550161") as call:
        await bot_turn(call)
        mine = await call.media.say(words)
        await call.media.wait_speech(mine.end)
        assert await suppressed(site.at, "+12025550161")
        await call.wait_ended(20)
    (row,) = await finished(site.at, "+12025550161")
    assert row.disposition == "opted_out"
    assert "hear from us again" in (await said(site.at, row, "bot"))[-1]


async def test_an_opt_out_with_the_hang_up_in_the_same_breath_is_stored(site: Stack) -> None:
    words = await speech("Take me off your list.")
    async with calling(site.at, SHORT, "+12025550162") as call:
        await bot_turn(call)
        await call.media.say(words)
        await call.hangup()
    (row,) = await finished(site.at, "+12025550162")
    assert row.disposition == "opted_out"
    assert await suppressed(site.at, "+12025550162")


async def test_hanging_up_while_it_rings(site: Stack) -> None:
    before = processes(site)
    async with Phone(user="+12025550163") as phone:
        call = await phone.call(SHORT, (site.sip_ip, site.sip_port), wait=None)
        await asyncio.wait_for(call.ringing.wait(), 10)
        await call.hangup()
        assert call.ended_by == "cancel"
        assert not call.answered.is_set()
    await nothing_left(site, before)


async def test_hanging_up_in_the_greeting(site: Stack) -> None:
    before = processes(site)
    async with calling(site.at, SHORT, "+12025550164") as call:
        await call.media.wait_speech(call.t["answer"])
        await call.hangup()
    (row,) = await finished(site.at, "+12025550164")
    assert row.disposition == "abandoned"
    await nothing_left(site, before)
