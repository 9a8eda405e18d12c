"""Silences that the bot owes an answer: bridged while a model thinks, noticed and ended when something has broken."""

from __future__ import annotations

from pathlib import Path

from bot.inbox import Onset
from bot.patter import ACKNOWLEDGE_S, DEAD_AIR_S, DEFECTS_MAX, DeadAir, Patter
from bot.rehearsal import ScriptedMind
from flows.model import Meaning
from tests.test_bot_conversation import AT, scene

OPEN = "do you work with my calendar?"
REPLY = Meaning(reply="It depends on your team.")
BRIDGES = ("Let me see.", "One moment.")


def test_a_wait_is_bridged_once_and_not_twice_in_a_row() -> None:
    patter = Patter()
    patter.wait(100.0)
    assert not patter.take(100.0 + ACKNOWLEDGE_S - 0.1)
    assert patter.take(100.0 + ACKNOWLEDGE_S)
    assert not patter.take(103.0)
    patter.wait(110.0)
    assert not patter.take(112.0)
    patter.wait(120.0)
    assert patter.take(121.0)


def test_an_answer_in_time_needs_no_bridge() -> None:
    patter = Patter()
    patter.wait(100.0)
    patter.answered()
    assert not patter.take(101.0)


def test_only_a_silence_that_is_owed_is_dead_air() -> None:
    watch = DeadAir()
    assert not watch.see(100.0, owes=True)
    assert not watch.see(102.0, owes=False)  # a question was asked meanwhile
    assert not watch.see(104.0, owes=True)
    assert watch.due == 104.0 + DEAD_AIR_S
    assert watch.see(107.0, owes=True)
    assert watch.defects == 1
    watch.sounded()
    assert watch.defects == 0


def test_what_was_said_between_two_looks_is_no_silence() -> None:
    watch = DeadAir()
    assert not watch.see(100.0, owes=True)
    assert not watch.see(103.0, owes=True, sounded_at=102.9)  # between two sentences
    assert watch.due == 102.9 + DEAD_AIR_S
    assert watch.see(106.0, owes=True, sounded_at=102.9)


async def test_a_slow_model_is_bridged_and_its_answer_follows(tmp_path: Path) -> None:
    mind = ScriptedMind(REPLY)
    async with scene(tmp_path, mind=mind) as call:
        await call.hear_out()
        await call.says("Yeah, sure.")
        await call.hear_out()
        asked = call.clock.at
        await call.says(OPEN)
        await call.pass_time(asked + 1.0 + ACKNOWLEDGE_S - call.clock.at + 0.01)
        await call.hear_out()
        said = [text for who, text, _ in await call.words() if who == "bot"]
        assert said[-1] in BRIDGES
        mind.think()
        await call.hear_out()
        said = [text for who, text, _ in await call.words() if who == "bot"]
        assert any("It depends on your team." in text for text in said[-2:])
        await call.says(OPEN)
        await call.pass_time(5)
        await call.hear_out()
        said = [text for who, text, _ in await call.words() if who == "bot"]
        assert sum(text in BRIDGES for text in said) == 1


async def test_a_voice_that_never_comes_is_noticed_and_the_question_is_asked_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        call.inbox.put(Onset(AT))
        await call.says("Sure.")
        call.mouth.pause()  # a pause that nothing ends stands for whatever may break
        await call.pass_time(0.1)
        for _ in range(DEFECTS_MAX - 1):
            await call.pass_time(DEAD_AIR_S + 0.1)
        await call.hear_out()
        said = [text for who, text, _ in await call.words() if who == "bot"]
        assert any("the line dropped" in text for text in said)
        assert not call.conversation.state.ended
