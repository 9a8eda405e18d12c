"""An echo of the bot's voice that is let through and recognised: the conversation knows its own words and goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bot.clip import Clip
from bot.doubt import FIRST_LOOK_S
from bot.ear import Turn
from bot.inbox import Glimpse, Gone, Onset
from bot.speech.voice import RATE
from bot.uttered import Uttered
from tests.test_bot_conversation import CALLER, Scene, scene

ASKED = "How many people work at your company?"
OWN = "Many people work at"


async def let_sound(call: Scene, seconds: float) -> None:
    """The bot's sound is heard while time goes by."""
    for _ in range(round(seconds / 0.05)):
        call.clock.at += 0.05
        call.speaker.play(0.05)
        await call.turns(20)


async def at_the_second_question(call: Scene, seconds: float) -> None:
    """So far into "Okay. How many people work at your company?"."""
    await call.hear_out()
    call.clock.at += 10
    await heard(call, "Sure.", 0.4)
    await let_sound(call, seconds)
    assert call.mouth.speaking


async def onset(call: Scene) -> None:
    call.inbox.put(Onset(call.clock.at))
    await call.turns()


async def heard(call: Scene, text: str, voiced_s: float = 1.0, ago_s: float = 0.0) -> None:
    """A turn that began `ago_s` seconds ago."""
    began = call.clock.at - ago_s
    call.inbox.put(Turn(text, 0.9, began, began + voiced_s, began + voiced_s + 0.2, voiced_s))
    await call.turns()


async def asked(call: Scene) -> list[tuple[str, bool]]:
    return [(text, interrupted) for who, text, interrupted in await call.words() if who == "bot" and "people" in text]


async def caller(call: Scene) -> list[str]:
    return [text for who, text, _ in await call.words() if who == "caller"]


async def test_own_words_over_a_question_are_no_turn_and_the_question_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await at_the_second_question(call, 2.2)
        await onset(call)
        assert call.mouth.paused
        await heard(call, OWN, ago_s=0.2)
        assert not call.mouth.paused
        await call.hear_out()
        assert await caller(call) == ["Sure."]
        ((text, interrupted),) = await asked(call)
        assert (text.endswith(ASKED), interrupted) == (True, False)


async def test_own_words_that_would_decline_do_not_end_the_call(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        flow = call.flow
        asks = "How large is your company? A rough figure is enough, there is no need for the exact one."
        slots = [replace(s, words=replace(s.words, ask=(asks,))) if s.name == "company_size" else s for s in flow.slots]
        call.conversation._flow = replace(flow, slots=tuple(slots))
        await at_the_second_question(call, 4.5)
        await onset(call)
        await heard(call, "figure is enough, there is no need", ago_s=0.5)
        await call.hear_out()
        assert (call.conversation.state.disposition, await caller(call)) == (None, ["Sure."])
        await heard(call, "There is no need, thank you.")
        await call.hear_out()
        assert call.conversation.state.disposition == "not_interested"


async def test_own_words_need_not_be_decided_before_the_question_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await at_the_second_question(call, 2.2)
        await onset(call)
        call.conversation.guessed(OWN)
        assert not call.mouth.paused


async def test_own_words_in_a_sound_that_goes_on_give_the_floor_back_and_take_it_no_more(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await at_the_second_question(call, 2.2)
        began = call.clock.at
        await onset(call)
        call.clock.at += FIRST_LOOK_S - 0.1
        call.inbox.put(Glimpse(call.clock.at, began, OWN))
        await call.turns()
        assert not call.mouth.paused
        await heard(call, OWN, ago_s=0.6)
        await onset(call)  # the next piece of it
        assert not call.mouth.paused


CALLERS = [
    ("Twenty five.", (25, 25)),
    ("We have about fifty people in the company", (50, 50)),
    ("Many people work at all fifty of them.", (50, 50)),
]


@pytest.mark.parametrize(("text", "size"), CALLERS)
async def test_an_answer_over_the_question_counts(tmp_path: Path, text: str, size: tuple[int, int]) -> None:
    async with scene(tmp_path) as call:
        await at_the_second_question(call, 2.2)
        await onset(call)
        await heard(call, text, ago_s=0.2)
        await call.hear_out()
        assert call.conversation.state.answers["company_size"].value == size
        assert (await caller(call))[-1] == text


async def test_a_wish_to_be_left_alone_counts_over_any_prompt(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await at_the_second_question(call, 2.2)
        await onset(call)
        await heard(call, "Stop calling me.", ago_s=0.2)
        assert await call.calls.is_suppressed(CALLER)


@pytest.mark.parametrize(("after_s", "words"), [(0.2, []), (0.8, ["Work at your company."])])
async def test_an_echo_comes_soon_after_its_prompt(tmp_path: Path, after_s: float, words: list[str]) -> None:
    async with scene(tmp_path) as call:
        await at_the_second_question(call, 0.5)
        while call.mouth.speaking:
            await let_sound(call, 0.05)
        call.clock.at += after_s
        await heard(call, "Work at your company.")
        await call.hear_out()
        assert await caller(call) == ["Sure.", *words]
        spoken = len(await call.words())
        await call.pass_time(10)
        await call.hear_out()
        assert len(await call.words()) == spoken + 1, "silence is asked about as ever"


async def test_own_words_are_not_the_callers_last_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(tmp_path) as call:
        await at_the_second_question(call, 2.2)
        began = call.clock.at

        async def finish(at: float) -> Turn:
            return Turn(OWN, 0.9, began, at, at, at - began)

        monkeypatch.setattr(call.conversation._body.ear, "finish", finish)
        call.inbox.put(Gone(began + 0.8, "hung up"))
        await asyncio.wait_for(call.running, 5)
        assert await caller(call) == ["Sure."]


# -- what was said when


def play(uttered: Uttered, clip: Clip, at: float, since_s: float = 0.0, upto_s: float = 9.9) -> None:
    """A clip is handed over from `at` on, 100 ms at a time."""
    for n in range(round(since_s * 10), min(len(clip) * 10 // RATE, round(upto_s * 10))):
        uttered.play(clip, n * RATE // 10, (n + 1) * RATE // 10, at - since_s + n / 10)


def five() -> Clip:
    return Clip("One two three four five.", np.zeros(24 * RATE // 10, np.int16))


def test_words_are_found_by_the_time_at_which_they_were_played() -> None:
    uttered = Uttered()
    play(uttered, five(), 100.0)
    play(uttered, Clip("And six.", np.zeros(8 * RATE // 10, np.int16)), 102.5)
    assert uttered.between(99.0, 99.9) == ""
    assert uttered.between(100.85, 101.3) == "three"
    assert uttered.between(101.5, 102.65) == "four five. And"
    assert uttered.between(0.0, 200.0) == "One two three four five. And six."
    assert [uttered.sounding(at, 0.4) for at in (99.9, 100.0, 103.6, 103.8)] == [False, True, True, False]


def test_what_was_stopped_before_it_was_heard_was_not_said() -> None:
    uttered, clip = Uttered(), five()
    play(uttered, clip, 100.0, upto_s=1.2)
    uttered.drop(100.65)
    assert uttered.between(99.0, 110.0) == "One two"
    play(uttered, clip, 105.0, since_s=0.6)  # and goes on where it stopped
    assert uttered.between(99.0, 110.0) == "One two three four five."
