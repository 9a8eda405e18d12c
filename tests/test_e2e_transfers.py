"""Callers handed to people over real SIP: who hears whom, who does not take the call, who hangs up when."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from livekit import api

from cli.stack.config import Endpoints
from cli.stack.stack import Stack
from sip.phone import Phone, PhoneCall, Segment, busy, level_db, no_answer, tone, voicemail
from store.calls import Call
from store.recordings import folder_of, parts_in, read_part
from tests.e2e_support import bot_turn, calling, finished, open_livekit, recorded, rooms, said
from tests.test_e2e_faults import in_the_call
from tests.transfer_world import AUDIBLE, CALLER_HZ, HUMAN_HZ, OURS, People, alike, case, install, tone_heard
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

TAKEN = case(10, words={}, record=True)
BRIDGED = case(5)
LOST = {
    # how the person takes the call → the case, the result
    "busy": (case(11), busy(486), "busy"),
    "unanswered": (case(13), no_answer(), "unanswered"),
    "voicemail": (case(14), None, "not_accepted"),
    "declines by key": (case(15), None, "declined"),
    "hangs up at once": (case(16), None, "declined"),
    "drops the caller": (case(17), None, "dropped"),
}
COLD = {
    # what the far end says to the REFER → its NOTIFYs, the result, the record
    "accepted": (case(18, mode="cold"), (202, "Accepted"), [(0.0, 100, "Trying"), (0.3, 200, "OK")], "accepted"),
    "busy": (case(19, mode="cold"), (202, "Accepted"), [(0.0, 100, "Trying"), (0.3, 486, "Busy Here")], "busy"),
    "unknown to the trunk": (case(9, mode="cold"), (405, "Method Not Allowed"), None, "accepted"),
}
LEFT = {"ringing": case(6), "briefing": case(7), "talking": case(8)}
CASES = [TAKEN, BRIDGED, *LEFT.values(), *(one for one, *_ in LOST.values()), *(one for one, *_ in COLD.values())]


@dataclass(frozen=True, slots=True)
class Office:
    """The stack, and the people behind it."""

    at: Endpoints
    people: People


@pytest.fixture
async def office(stack: Stack, tmp_path: Path) -> AsyncIterator[Office]:
    people = People()
    async with Phone(user="people", on_call=people) as phone:
        await install(stack.at, tmp_path, CASES, phone)
        yield Office(stack.at, people)
        assert phone.errors == []


async def press(call: PhoneCall, key: str, after_s: float = 0.3) -> None:
    """Listen to the bot for a moment, then press a key."""
    await call.media.wait_speech(call.t["answer"])
    await asyncio.sleep(after_s)
    await call.media.send_dtmf(key)


async def ask_for_a_person(call: PhoneCall) -> float:
    """Hear the greeting, press zero, hear that the bot puts the call through; returns when that was said."""
    await bot_turn(call)
    await call.media.send_dtmf("0")
    return await call.media.wait_speech(call.t["answer"] + 0.1)


async def test_nothing_crosses_before_the_person_accepts_and_everything_after(office: Office) -> None:
    number, talking, accepted = "+17135550155", list[asyncio.Task[Segment]](), list[float]()

    async def take(call: PhoneCall) -> None:
        await call.answer(ack_timeout=5)  # at once: the worst case for keeping the legs apart
        talking.append(asyncio.create_task(call.media.say(tone(HUMAN_HZ, 40))))
        await call.media.wait_speech(call.t["answer"])
        await asyncio.sleep(3.0)  # of the briefing
        accepted.append(time.time())
        await call.media.send_dtmf("1")

    async def press_on_hold() -> None:
        await eventually(lambda: bool(office.people.of(TAKEN.person)))
        (human,) = office.people.of(TAKEN.person)
        await human.media.wait_speech(human.t["answer"])
        await caller.media.send_dtmf("45")

    office.people.ways[TAKEN.person] = take
    async with calling(office.at, TAKEN.number, number) as caller:
        await ask_for_a_person(caller)
        talking.append(asyncio.create_task(caller.media.say(tone(CALLER_HZ, 40))))
        await press_on_hold()
        await eventually(lambda: bool(accepted))
        (human,) = office.people.of(TAKEN.person)
        answered, (opened,) = human.t["answer"], accepted
        assert human.from_user == OURS
        assert tone_heard(human.media.heard(answered, opened), CALLER_HZ) < AUDIBLE
        assert tone_heard(caller.media.heard(answered, opened), HUMAN_HZ) < AUDIBLE
        briefing, meanwhile = human.media.heard(opened - 3, opened), caller.media.heard(opened - 3, opened)
        assert level_db(briefing) > -35
        assert level_db(meanwhile) > -45, "the caller waits in silence"
        assert alike(briefing, meanwhile) < 0.2, "the caller hears the briefing"
        assert human.media.dtmf == "", "the person gets the keys of a caller on hold"
        await eventually(lambda: tone_heard(human.media.heard(opened), CALLER_HZ) > AUDIBLE)
        await eventually(lambda: tone_heard(caller.media.heard(opened), HUMAN_HZ) > AUDIBLE)
        await caller.media.send_dtmf("6")
        await eventually(lambda: human.media.dtmf == "6")
        caller.media.stop_talking()
        human.media.stop_talking()
        await asyncio.gather(*talking)
        await caller.hangup()
        await human.wait_ended(10)
        assert human.ended_by == "remote"
    (row,) = await finished(office.at, number)
    assert (row.disposition, row.record["transfer"]) == ("transferred", "accepted")
    await the_person_is_recorded_once_they_took_the_call(office.at, row, opened)


async def the_person_is_recorded_once_they_took_the_call(at: Endpoints, call: Call, opened: float) -> None:
    """On the bot's side of the recording, which the briefing had told them of; nothing of them before the key."""
    part = await recorded(at, call)
    (path,) = parts_in(folder_of(at.run_dir / "recordings", call.id, call.begun.created_at))
    sound = read_part(path)
    both = np.frombuffer(sound.frames, np.int16).reshape(-1, 2)
    key = round((opened - part.began_at) * sound.rate)
    theirs = np.ascontiguousarray(both[:, 1])
    assert tone_heard(theirs[:key], HUMAN_HZ, sound.rate) < AUDIBLE
    assert tone_heard(theirs[key:], HUMAN_HZ, sound.rate) > AUDIBLE
    assert tone_heard(np.ascontiguousarray(both[key:, 0]), CALLER_HZ, sound.rate) > AUDIBLE


async def test_the_two_talk_on_when_the_process_behind_them_dies(stack: Stack, office: Office) -> None:
    number = "+17135550170"

    async def take(call: PhoneCall) -> None:
        await call.answer(ack_timeout=5)
        await press(call, "1")

    office.people.ways[BRIDGED.person] = take
    async with calling(office.at, BRIDGED.number, number) as caller:
        await ask_for_a_person(caller)
        await eventually(lambda: bool(office.people.of(BRIDGED.person)))
        (human,) = office.people.of(BRIDGED.person)
        talking = asyncio.create_task(caller.media.say(tone(CALLER_HZ, 40)))
        await eventually(lambda: tone_heard(human.media.heard(), CALLER_HZ) > AUDIBLE)
        agent = await agent_of(office.at)
        os.kill(in_the_call(stack), signal.SIGKILL)
        await eventually(lambda: another_agent(office.at, agent))
        taken_over = time.time()
        await eventually(lambda: tone_heard(human.media.heard(taken_over), CALLER_HZ) > AUDIBLE)
        assert human.active
        assert caller.active
        caller.media.stop_talking()
        await talking
        await human.hangup()
        hung_up = time.time()
        await bot_turn(caller, hung_up)  # nobody is left alone: the successor knows that somebody had the call
        await caller.hangup()
    (row,) = await finished(office.at, number)
    assert row.record["transfer"] in ("accepted", "dropped")


async def agent_of(at: Endpoints) -> str:
    """Identity of the ready agent in the only room; "" without one."""
    (room,) = await rooms(at)
    async with open_livekit(at) as lk:
        people = (await lk.room.list_participants(api.ListParticipantsRequest(room=room))).participants
    ready = [one.identity for one in people if one.attributes.get("leadline.stage") == "ready"]
    return ready[0] if ready else ""


async def another_agent(at: Endpoints, than: str) -> bool:
    return await agent_of(at) not in ("", than)


# -- who does not take the call


async def say_the_greeting(call: PhoneCall) -> None:
    await voicemail(tone(440, 2), record=20)(call)


async def decline_by_key(call: PhoneCall) -> None:
    await call.answer(ack_timeout=5)
    await press(call, "2")


async def hang_up_in_the_briefing(call: PhoneCall) -> None:
    await call.answer(ack_timeout=5)
    await call.media.wait_speech(call.t["answer"])
    await call.hangup()


async def accept_and_drop(call: PhoneCall) -> None:
    await call.answer(ack_timeout=5)
    await press(call, "1")
    await asyncio.sleep(1)  # a moment together
    await call.hangup()


PERSONAL = {
    "voicemail": say_the_greeting,
    "declines by key": decline_by_key,
    "hangs up at once": hang_up_in_the_briefing,
    "drops the caller": accept_and_drop,
}


async def test_who_does_not_take_the_call_and_the_bot_comes_back(office: Office) -> None:
    """All at once, as on a busy morning: each caller hears the bot again and is offered a callback."""
    slots = asyncio.Semaphore(3)

    async def one(name: str, at: int) -> tuple[str, Call]:
        lost, way, _ = LOST[name]
        office.people.ways[lost.person] = way or PERSONAL[name]
        number = f"+171355501{56 + at}"
        async with slots, calling(office.at, lost.number, number) as caller:
            await ask_for_a_person(caller)
            await eventually(lambda: any(call.ended.is_set() for call in office.people.of(lost.person)), 40)
            (human,) = office.people.of(lost.person)
            await bot_turn(caller, human.t["end"] + 0.2)
            await caller.hangup()
        (row,) = await finished(office.at, number)
        return name, row

    rows = dict(await asyncio.gather(*(one(name, at) for at, name in enumerate(LOST))))
    found = {name: (row.disposition, row.record["transfer"]) for name, row in rows.items()}
    assert found == {name: ("human_requested", result) for name, (_, _, result) in LOST.items()}
    for row in rows.values():
        assert (await said(office.at, row, "bot"))[-1].startswith("Nobody is free.")


# -- the caller hangs up


async def test_the_caller_hangs_up(office: Office) -> None:
    await asyncio.gather(*(hang_up_while(office, moment, f"+171355501{63 + at}") for at, moment in enumerate(LEFT)))


async def hang_up_while(office: Office, moment: str, number: str) -> None:
    left, there = LEFT[moment], asyncio.Event()

    async def take(call: PhoneCall) -> None:
        call.ring()
        if moment != "ringing":
            await call.answer(ack_timeout=5)
            await call.media.wait_speech(call.t["answer"])
        if moment == "talking":
            await press(call, "1")
            await eventually(lambda: tone_heard(call.media.heard(), CALLER_HZ) > AUDIBLE)
        there.set()

    office.people.ways[left.person] = take
    async with calling(office.at, left.number, number) as caller:
        await ask_for_a_person(caller)
        talking = asyncio.create_task(caller.media.say(tone(CALLER_HZ, 30)))
        await asyncio.wait_for(there.wait(), 30)
        caller.media.stop_talking()
        await talking
        await caller.hangup()
    (human,) = office.people.of(left.person)
    await human.wait_ended(20)
    assert human.ended_by == ("cancel" if moment == "ringing" else "remote")
    if moment == "briefing":  # nobody is left in the dark
        assert human.media.speech(caller.t["end"] + 0.3), (caller.t, human.t, human.media.speech())
    (row,) = await finished(office.at, number)
    expected = ("transferred", "accepted") if moment == "talking" else ("human_requested", None)
    assert (row.disposition, row.record["transfer"]) == expected


# -- cold


async def test_cold(office: Office) -> None:
    await asyncio.gather(*(send_on(office, name, f"+171355501{66 + at}") for at, name in enumerate(COLD)))


async def send_on(office: Office, name: str, number: str) -> None:
    cold, refer, notifies, result = COLD[name]

    async def take(call: PhoneCall) -> None:  # only where the trunk does not transfer
        await call.answer(ack_timeout=5)
        await press(call, "1")

    office.people.ways[cold.person] = take
    async with Phone(user=number) as phone:
        phone.manner.refer, phone.manner.notifies = refer, notifies
        caller = await phone.call(cold.number, (office.at.sip_ip, office.at.sip_port), wait=30)
        await ask_for_a_person(caller)
        asked = await asyncio.wait_for(phone.refers.get(), 20)
        assert asked.to == f"tel:{cold.person}"
        if name == "busy":
            await bot_turn(caller, asked.t + 0.5)
        elif name == "accepted":
            await caller.wait_ended(10)
        else:
            await eventually(lambda: bool(office.people.of(cold.person)))
            (human,) = office.people.of(cold.person)
            talking = asyncio.create_task(caller.media.say(tone(CALLER_HZ, 20)))
            await eventually(lambda: tone_heard(human.media.heard(), CALLER_HZ) > AUDIBLE)
            caller.media.stop_talking()
            await talking
        await caller.hangup()
    (row,) = await finished(office.at, number)
    assert (row.disposition, row.record["transfer"]) == (
        "transferred" if result == "accepted" else "human_requested",
        result,
    )
