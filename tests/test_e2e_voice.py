"""Calls held by voice over real SIP: a whole qualification, the same by keys, silence, noise, a monologue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import cycle

import numpy as np
import pytest

from bot.caller import Heard, SimulatedCaller
from bot.personas import persona_for
from bot.speech.audio import Pcm, to_pcm
from cli.stack.stack import Stack
from sip.phone import PhoneCall
from sip.ua.audio import RATE
from store.calls import Call
from store.events import LiveEvent
from store.flowfiles import load_flow
from store.recordings import folder_of, parts_in, read_part
from store.redis_events import RedisEvents
from tests.e2e_support import (
    B2B,
    IMPATIENT,
    SHORT,
    STORY,
    bot_turn,
    calling,
    finished,
    recorded,
    said,
    speech,
    turns,
    with_small_flows,
)

pytestmark = pytest.mark.e2e

#: What the caller wants, by voice or by keys.
ANSWERS = {
    "good_time": "yes",
    "company_size": [60, 60],
    "budget": [12000, 12000, "year"],
    "timeline": "1-3m",
    "decision_maker": "yes",
    "phone": "+12025550142",
}
BY_VOICE = {"budget": ("Twelve thousand dollars a year.", "Twelve thousand a year.")}
LADDER = ("Are you ready?", "didn't hear you", "still can't hear you", "let you go")
MONOLOGUE = (
    "We run a small company with one warehouse and about thirty people.",
    "Every morning somebody writes the plan for the day on a large sheet of paper.",
    "When a driver is ill, the whole plan has to be written again by hand.",
    "That takes an hour, and the customers wait for their goods.",
    "Last year we tried another program, but nobody liked to work with it.",
)
LAST_SENTENCE = "So we would like to have something new before the next spring."
BY_KEYS = ("1", "60#", "12000#", "2", "1", "2025550142", "1")


@pytest.fixture(scope="module")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The suite's stack with the small flows behind numbers of their own."""
    return with_small_flows(stack, tmp_path_factory.mktemp("flows"))


def values(call: Call) -> dict[str, object]:
    answers = call.record["answers"]
    assert isinstance(answers, Mapping)
    return {slot: answer["value"] for slot, answer in answers.items()}


async def test_a_lead_is_qualified_by_voice(site: Stack) -> None:
    from bot.speech.local import RECOGNISER, VOICE  # loads models, which other tests do not need
    from bot.speech.voice import ShiftedVoice

    flow, seen = load_flow("b2b-software"), list[LiveEvent]()
    persona = persona_for(flow)
    persona = replace(persona, says={**persona.says, **BY_VOICE})
    caller = SimulatedCaller(persona, ShiftedVoice(VOICE, 1.08), RECOGNISER, Heard(flow, {}))

    async def watch(events: RedisEvents) -> None:
        async for event in events.follow(since="0"):
            seen.append(event)

    async with RedisEvents(site.redis_url, lambda: 0.0) as events:
        watching = asyncio.create_task(watch(events))
        async with calling(site.at, B2B, "+12025550142") as call:
            await asyncio.wait_for(caller.talk(call), 100)
        (row,) = await finished(site.at, "+12025550142")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert values(row) == ANSWERS
    assert (row.disposition, row.score) == ("qualified", 90)
    assert "Thanks for calling" in (await said(site.at, row, "bot"))[0]
    answered = [turn for turn in await turns(site.at, row) if turn.response_ms is not None]
    assert len(answered) >= len(ANSWERS)
    await both_sides_were_recorded(site, row)
    kinds = {event.kind for event in seen if event.call_id == row.id}
    assert {"begun", "answered", "speaking", "said", "heard", "answer", "ended"} <= kinds


async def both_sides_were_recorded(stack: Stack, call: Call) -> None:
    """Caller left, bot right, each heard in the recording when the transcript says that it spoke; nothing before."""
    part = await recorded(stack.at, call)
    (path,) = parts_in(folder_of(stack.at.run_dir / "recordings", call.id, call.begun.created_at))
    sound = read_part(path)
    both = np.frombuffer(sound.frames, np.int16).reshape(-1, 2).astype(np.float64)
    assert call.ended_at is not None
    assert sound.seconds == pytest.approx(call.ended_at - part.began_at, abs=1.5)
    spoken = await turns(stack.at, call)
    disclosure, later = spoken[0], [turn for turn in spoken[1:] if turn.mode == "speech"]
    assert "may be recorded" in disclosure.text
    assert part.began_at > disclosure.at + 3
    for turn in later:
        place = max(0, round((turn.at - part.began_at + 0.1) * sound.rate))
        loud = np.sqrt((both[place : place + sound.rate // 4] ** 2).mean(axis=0))
        mine, other = (loud[1], loud[0]) if turn.who == "bot" else (loud[0], loud[1])
        assert mine > 300, (turn, loud)
        assert other < mine / 4, (turn, loud)


async def test_keys_alone_give_the_same_record_and_cut_prompts_short(site: Stack) -> None:
    async with calling(site.at, B2B, "+12025550143") as call:
        await bot_turn(call)
        for keys in BY_KEYS:
            await call.media.send_dtmf(keys, ms=100, gap_ms=60)
            await call.media.wait_speech(time.time())
        await call.wait_ended(20)
        assert call.ended_by == "remote"
    (row,) = await finished(site.at, "+12025550143")
    assert values(row) == ANSWERS
    assert (row.disposition, row.score) == ("qualified", 90)
    asked = [turn for turn in await turns(site.at, row) if turn.who == "bot"]
    assert sum(turn.interrupted for turn in asked) >= len(BY_KEYS) - 2


async def test_silence_is_asked_about_and_then_ends_the_call(site: Stack) -> None:
    async with calling(site.at, IMPATIENT, "+12025550144") as call:
        await call.wait_ended(45)
        assert call.ended_by == "remote"
    (row,) = await finished(site.at, "+12025550144")
    assert row.disposition == "no_input"
    words = await said(site.at, row, "bot")
    asked = [next((n for n, text in enumerate(words) if wanted in text), -1) for wanted in LADDER]
    assert asked == sorted(asked), words
    assert -1 not in asked, words
    assert await said(site.at, row, "caller") == []


async def test_noise_neither_stops_the_bot_nor_answers_for_the_caller(site: Stack) -> None:
    yes = await speech("Yes, I am.")
    async with calling(site.at, SHORT, "+12025550145") as call:
        noise = asyncio.create_task(make_noise(call))
        await bot_turn(call)
        await noise
        await call.media.say(yes)
        await call.wait_ended(20)
    (row,) = await finished(site.at, "+12025550145")
    heard = await turns(site.at, row)
    assert [turn.text for turn in heard if turn.interrupted] == []
    assert len([turn for turn in heard if turn.who == "caller"]) == 1, heard
    assert row.disposition == "qualified"


async def make_noise(call: PhoneCall) -> None:
    """A door, a keyboard, a street: bursts and clicks while the bot speaks, and for a moment after it, less than it waits for words."""
    for sound in (pink(1.5, -35), clicks(5), pink(0.4, -30), clicks(4), pink(1.0, -38)):
        await call.media.say(np.concatenate([sound, np.zeros(RATE // 4, np.int16)]))


def pink(seconds: float, dbfs: float) -> Pcm:
    """Noise whose power falls with the frequency, as in streets and rooms; the same at every run."""
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    samples = np.fft.irfft(spectrum, count)
    return to_pcm((samples / samples.std() * 10 ** (dbfs / 20)).astype(np.float32))


def clicks(count: int) -> Pcm:
    """Short loud impulses, five a second."""
    samples = np.zeros(count * RATE // 5, np.int16)
    for start in range(0, len(samples), RATE // 5):
        samples[start : start + 16] = 12_000
    return samples


@pytest.mark.nightly  # a minute of talking
async def test_a_monologue_is_heard_to_its_end_as_one_answer(site: Stack) -> None:
    spoken, pause = list[Pcm](), np.zeros(int(0.3 * RATE), np.int16)
    for sentence in cycle(MONOLOGUE):
        if sum(map(len, spoken)) > 42 * RATE:
            break
        spoken += [await speech(sentence), pause]
    spoken.append(await speech(LAST_SENTENCE))
    async with calling(site.at, STORY, "+12025550146") as call:
        _, silent = await bot_turn(call)
        mine = await call.media.say(np.concatenate(spoken))
        assert mine.end - mine.start > 44
        answered = await call.media.wait_speech(silent)
        assert answered > mine.end
        await call.wait_ended(20)
    (row,) = await finished(site.at, "+12025550146")
    (words,) = await said(site.at, row, "caller")
    assert "warehouse" in words
    assert "spring" in words[-60:]
    assert list(values(row)) == ["story"]
