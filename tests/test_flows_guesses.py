"""A guess at a wish is a question: the caller's yes does it, a no goes on, other words count as what they are."""

from __future__ import annotations

import pytest

from flows.codec import dump_state, load_state
from flows.engine import begin, step
from flows.flow import Flow
from flows.model import (
    Answered,
    Callback,
    Direction,
    End,
    Event,
    Expect,
    Heard,
    Listen,
    Meaning,
    OptOut,
    Pressed,
    Say,
    Silence,
)
from flows.schema import parse_flow
from flows.state import State
from flows.wishes import GUESS
from store.flowfiles import load_flow, read_flow

AT = 1_795_446_000.0
B2B = load_flow("b2b-software")
ODD = Heard(AT, "your calls are not welcome in this house", Meaning("opt_out", GUESS))
ASKED = "Shall I take you off our list, so that we never call you again?"


def after(*events: Event, flow: Flow = B2B) -> tuple[State, list[object]]:
    state = begin(flow, call_id="c", direction=Direction.OUTBOUND, at=AT)
    effects: tuple[object, ...] = ()
    for event in (Answered(AT), Heard(AT, "yes"), *events):
        state, effects = step(flow, state, event)
    return state, list(effects)


def said(effects: list[object]) -> str:
    return " ".join(effect.text for effect in effects if isinstance(effect, Say))


def test_a_guess_asks_before_anything_is_done() -> None:
    state, effects = after(ODD)
    assert said(effects) == ASKED
    assert not any(isinstance(effect, OptOut | End) for effect in effects)
    assert effects[-1].expect == Expect("confirm", "company_size") if isinstance(effects[-1], Listen) else False
    assert load_state(dump_state(state)) == state


@pytest.mark.parametrize("text", ["No more.", "please, no more", "no more, thank you"])
def test_words_that_say_too_little_are_asked_about_without_any_model(text: str) -> None:
    assert said(after(Heard(AT, text))[1]) == ASKED


@pytest.mark.parametrize("answer", [Heard(AT, "yes please do"), Pressed(AT, "1")])
def test_a_yes_does_it(answer: Event) -> None:
    state, effects = after(ODD, answer)
    assert state.disposition == "opted_out"
    assert any(isinstance(effect, OptOut) for effect in effects)


@pytest.mark.parametrize("answer", [Heard(AT, "no, no"), Pressed(AT, "2")])
def test_a_no_asks_the_open_question_again(answer: Event) -> None:
    state, effects = after(ODD, answer)
    assert "employees" in said(effects) or "people" in said(effects)
    assert (state.focus.guess, state.focus.misses, state.disposition) == ("", 0, None)


def test_an_answer_instead_counts_as_one() -> None:
    state, _ = after(ODD, Heard(AT, "no, we're twenty five people"))
    assert state.answers["company_size"].value == (25, 25)


def test_keys_of_an_answer_count_too() -> None:
    state, _ = after(ODD, Pressed(AT, "25"))
    assert state.answers["company_size"].value == (25, 25)
    assert state.focus.guess == ""


def test_a_refusal_that_may_be_more_is_asked_about() -> None:
    more = "no thanks and let your whole office know about it too"
    _, effects = after(Heard(AT, more, Meaning("opt_out", GUESS)))
    assert said(effects) == ASKED
    state, _ = after(Heard(AT, more))
    assert state.disposition == "not_interested"


def test_it_is_asked_once() -> None:
    _, effects = after(ODD, Heard(AT, "no"), ODD)
    assert ASKED not in said(effects)


def test_silence_drops_it() -> None:
    state, effects = after(ODD, Silence(AT), Heard(AT, "yes"))
    assert state.disposition is None
    assert not any(isinstance(effect, OptOut) for effect in effects)


def test_a_clear_answer_is_no_reason_to_ask() -> None:
    state, effects = after(Heard(AT, "twenty five people", Meaning("opt_out", GUESS)))
    assert state.answers["company_size"].value == (25, 25)
    assert ASKED not in said(effects)


@pytest.mark.parametrize(
    ("wish", "disposition", "effect"),
    [
        ("wrong_number", "wrong_number", End),
        ("not_interested", "not_interested", End),
        ("goodbye", "abandoned", End),
        ("human", "human_requested", End),
        ("busy", None, Listen),
        ("callback", None, Listen),
    ],
)
def test_other_wishes_are_asked_about_as_well(wish: str, disposition: str | None, effect: type) -> None:
    guess = Heard(AT, "mumble mumble", Meaning(wish, GUESS))
    before, effects = after(guess)
    assert (before.disposition, before.focus.guess) == (None, wish)
    assert not any(isinstance(done, End | Callback) for done in effects)
    state, effects = after(guess, Heard(AT, "yes"))
    assert state.disposition == disposition
    assert any(isinstance(done, effect) for done in effects)


@pytest.mark.parametrize(("wish", "words"), [("repeat", "employees"), ("price", "depends"), ("wait", "take your time")])
def test_what_harms_nobody_is_done_at_once(wish: str, words: str) -> None:
    _, effects = after(Heard(AT, "mumble mumble", Meaning(wish, GUESS)))
    assert words in said(effects)


def test_a_flow_without_the_line_does_not_ask() -> None:
    body, source = read_flow("b2b-software")
    bare = parse_flow("\n".join(line for line in body.splitlines() if "guess_opt_out" not in line), source)
    state, effects = after(ODD, flow=bare)
    assert (state.focus.guess, state.focus.misses) == ("", 1)
    assert ASKED not in said(effects)
