"""A caller who was cut off and calls again."""

from __future__ import annotations

import json

import pytest

from flows.again import carried
from flows.codec import dump_state, load_state
from flows.engine import begin, step
from flows.model import Answered, Direction, Event, Heard, Pressed, Say, Silence
from flows.state import State
from store.flowfiles import load_flow

FLOW = load_flow("b2b-software")
AT = 1_795_000_000.0


def talk(state: State, *events: Event) -> tuple[State, str]:
    words = ""
    for event in events:
        state, effects = step(FLOW, state, event)
        words = " ".join(effect.text for effect in effects if isinstance(effect, Say))
    return state, words


def broken_off(*events: Event) -> State:
    state = begin(FLOW, call_id="c1", direction=Direction.INBOUND, at=AT)
    return talk(state, Answered(AT), *events)[0]


def again(before: State) -> State:
    state = begin(FLOW, call_id="c2", direction=Direction.INBOUND, at=AT, earlier=carried(FLOW, before))
    return load_state(json.loads(json.dumps(dump_state(state))))


BEFORE = broken_off(Heard(AT, "yes"), Heard(AT, "about fifty people"))


def test_the_offer_says_nothing_of_the_earlier_call() -> None:
    _, words = talk(again(BEFORE), Answered(AT))
    assert words.endswith("Shall we go on where we stopped?")
    assert "fifty" not in words.lower()


@pytest.mark.parametrize("yes", [Heard(AT, "yes please"), Pressed(AT, "1")])
def test_a_yes_goes_on_with_the_open_question(yes: Event) -> None:
    state, words = talk(again(BEFORE), Answered(AT), yes)
    assert set(state.answers) == {"good_time", "company_size"}
    assert "budget" in words.lower()


@pytest.mark.parametrize("no", [Heard(AT, "no"), Pressed(AT, "2"), Silence(AT)])
def test_a_no_or_silence_begins_anew(no: Event) -> None:
    state, _ = talk(again(BEFORE), Answered(AT), no)
    assert state.answers == {}
    assert (state.focus.stage, state.focus.slot) == ("ask", "good_time")


def test_an_answer_that_must_be_read_back_is_asked_for_again() -> None:
    typed = ("1", "25", "12000", "2", "1", "2025550189")
    before = broken_off(*(Pressed(AT, keys) for keys in typed))
    assert before.focus.stage == "confirm"
    assert "phone" in before.answers
    assert "phone" not in carried(FLOW, before)


def test_who_is_cut_off_twice_keeps_what_the_first_call_had() -> None:
    second, _ = talk(again(BEFORE), Answered(AT))
    assert carried(FLOW, second) == carried(FLOW, BEFORE)


def test_without_an_earlier_call_nothing_is_offered() -> None:
    _, words = talk(again(broken_off()), Answered(AT))
    assert "where we stopped" not in words
