"""Nearest examples in a call: a guessed opt-out is a question, an answer never waits for it, a slow machine goes on."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bot.near_mind import NearMind
from bot.rehearsal import ScriptedMind
from bot.speech.intents import NearestExample
from flows.engine import begin, step
from flows.model import Answered, Direction, Heard, Meaning
from flows.state import State
from flows.wishes import GUESS
from store.flowfiles import load_flow
from tests.test_bot_conversation import scene
from tests.waiting import eventually

AT = 1_795_446_000.0
B2B = load_flow("b2b-software")
ODD = "your calls are not welcome in this house"


@pytest.fixture(scope="module")
def nearest() -> NearestExample:
    return NearestExample()


class Slow:
    """A machine too busy to guess in time."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def classify(self, text: str) -> tuple[str | None, float]:
        self.free.wait(5)
        return "opt_out", 0.9


def at_size() -> State:
    state = begin(B2B, call_id="c", direction=Direction.OUTBOUND, at=AT)
    for event in (Answered(AT), Heard(AT, "yes")):
        state, _ = step(B2B, state, event)
    return state


async def test_a_guess_is_less_than_the_engine_acts_on(nearest: NearestExample) -> None:
    mind = NearMind(nearest)
    assert mind.unsure(B2B, at_size(), ODD, at=AT)
    assert await mind.understand(B2B, at_size(), ODD, at=AT) == Meaning("opt_out", GUESS)
    assert not mind.unsure(B2B, at_size(), "twenty five people", at=AT)
    assert await mind.understand(B2B, at_size(), "purple elephants", at=AT) is None


async def test_the_language_model_is_heard_first(nearest: NearestExample) -> None:
    human, silent = ScriptedMind(Meaning("human", 0.8)), ScriptedMind(None)
    human.think()
    silent.think()
    assert await NearMind(nearest, human).understand(B2B, at_size(), ODD, at=AT) == Meaning("human", 0.8)
    assert await NearMind(nearest, silent).understand(B2B, at_size(), ODD, at=AT) == Meaning("opt_out", GUESS)


async def test_a_machine_too_busy_to_guess_goes_on_with_the_rules() -> None:
    slow = Slow()
    assert await NearMind(slow).understand(B2B, at_size(), ODD, at=AT) is None
    slow.free.set()


async def test_in_a_call_the_caller_is_asked_and_says_yes(tmp_path: Path, nearest: NearestExample) -> None:
    async with scene(tmp_path, mind=NearMind(nearest)) as call:
        await call.hear_out()
        await call.says("Yeah, sure.")
        await call.hear_out()
        await call.says(ODD)
        await eventually(lambda: call.conversation.state.focus.guess != "")
        assert call.conversation.state.focus.guess == "opt_out"
        assert not call.conversation.state.notes.opted_out
        await call.hear_out()
        await call.says("Yes, please.")
        assert call.conversation.state.notes.opted_out
