"""Whole calls over real SIP: by voice, by keys, opting out, hanging up, two at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from cli.stack.stack import Stack
from sip.phone import Phone, PhoneCall
from sip.phone.voice import LOUD_DB
from tests.e2e_support import (
    B2B,
    FRESH,
    IMPATIENT,
    SHORT,
    at_rest,
    bot_turn,
    calling,
    finished,
    nothing_left,
    rows,
    said,
    speech,
    suppressed,
    with_small_flows,
)
from tests.waiting import eventually

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


async def test_the_callers_phone_holds_the_call_past_a_question_and_takes_it_back(site: Stack) -> None:
    number = "+12125550149"
    async with calling(site.at, IMPATIENT, number) as call:
        await bot_turn(call)
        assert (await call.reinvite("sendonly")).status == 200
        (row,) = await rows(site.at, number)

        async def asked_again() -> bool:
            return len(await said(site.at, row, "bot")) > 1

        await eventually(asked_again)
        assert (await call.reinvite("sendrecv")).status == 200
        resumed = time.time()
        await call.media.send_dtmf("1")
        await call.wait_ended(20)
        assert call.ended_by == "remote"
        assert call.media.speech(resumed), "the goodbye is not heard"
    (row,) = await finished(site.at, number)
    answers = row.record["answers"]
    assert isinstance(answers, dict)
    assert answers["ready"]["value"] == "yes"


async def test_who_was_cut_off_and_calls_again_goes_on_where_it_stopped(site: Stack) -> None:
    async with calling(site.at, B2B, "+12025550156") as call:
        for keys in ("1", "25#"):
            await bot_turn(call)
            await call.media.send_dtmf(keys)
        await bot_turn(call)
    (row,) = await finished(site.at, "+12025550156")
    assert row.disposition == "abandoned"
    async with calling(site.at, B2B, "+12025550156") as call:
        for keys in ("1", "12000#"):  # yes, go on; and the budget, which was the open question
            await bot_turn(call)
            await call.media.send_dtmf(keys)
        await bot_turn(call)
    row = (await finished(site.at, "+12025550156", 2))[0]
    answers = row.record["answers"]
    assert isinstance(answers, dict)
    assert set(answers) == {"good_time", "company_size", "budget"}
    assert "where we stopped" in " ".join(await said(site.at, row, "bot"))


async def test_a_flow_as_flow_new_writes_it_takes_a_real_call(site: Stack) -> None:
    async with calling(site.at, FRESH, "+12025550148") as call:
        for keys in ("1", "25#", "12000#"):
            await bot_turn(call)
            await call.media.send_dtmf(keys)
        await bot_turn(call)
    (row,) = await finished(site.at, "+12025550148")
    assert row.begun.flow == "fresh"
    answers = row.record["answers"]
    assert isinstance(answers, dict)
    assert [answers[slot]["value"] for slot in ("company_size", "budget")] == [[25, 25], [12000, 12000, "year"]]


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
    before = await at_rest(site)
    async with Phone(user="+12025550163") as phone:
        call = await phone.call(SHORT, (site.sip_ip, site.sip_port), wait=None)
        await asyncio.wait_for(call.ringing.wait(), 10)
        await call.hangup()
        assert call.ended_by == "cancel"
        assert not call.answered.is_set()
    gateway = site.at.run_dir / "logs" / "gateway.log"
    await eventually(
        lambda: not gateway.exists() or "closed by cancel" in gateway.read_text()
    )  # what there was of a room is known to it
    await nothing_left(site, before, calls=0)
    assert all(row.disposition == "abandoned" for row in await rows(site.at, "+12025550163"))


async def in_the_greeting(call: PhoneCall) -> None:
    await call.media.wait_speech(call.t["answer"])


async def in_mid_answer(call: PhoneCall) -> None:
    words = await speech("Well, I would say that we are mostly ready, but there are a few things to settle first.")
    _, silent = await bot_turn(call)
    speaking = asyncio.create_task(call.media.say(words))
    await eventually(lambda: any(sent.t > silent and sent.db > LOUD_DB for sent in call.media.sent))
    await call.hangup()
    await speaking


async def in_the_goodbye(call: PhoneCall) -> None:
    _, silent = await bot_turn(call)
    await call.media.send_dtmf("1")
    await call.media.wait_speech(silent)


@pytest.mark.parametrize(
    ("caller", "moment", "disposition"),
    [
        ("+12025550164", in_the_greeting, "abandoned"),
        ("+12025550165", in_mid_answer, "abandoned"),
        ("+12025550166", in_the_goodbye, "qualified"),
    ],
    ids=["greeting", "answer", "goodbye"],
)
async def test_hanging_up(
    site: Stack, caller: str, moment: Callable[[PhoneCall], Awaitable[None]], disposition: str
) -> None:
    before = await at_rest(site)
    async with calling(site.at, SHORT, caller) as call:
        await moment(call)
    (row,) = await finished(site.at, caller)
    assert row.disposition == disposition
    await nothing_left(site, before)


@pytest.mark.parametrize("callers", [("+12025550167", "+12025550168"), ("+12025550169",) * 2], ids=["two", "same"])
async def test_two_calls_at_once(site: Stack, callers: tuple[str, str]) -> None:
    answered = asyncio.Barrier(2)

    async def one(caller: str) -> None:
        async with calling(site.at, SHORT, caller) as call:
            await asyncio.wait_for(answered.wait(), 20)  # both are up at the same time
            await bot_turn(call)
            await call.media.send_dtmf("1")
            await call.wait_ended(20)

    await asyncio.gather(*(one(caller) for caller in callers))
    for caller in set(callers):
        for row in await finished(site.at, caller, callers.count(caller)):
            assert row.disposition == "qualified"
