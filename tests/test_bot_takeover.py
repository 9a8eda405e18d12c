"""A process that takes a call over at any point of it: last words and acts are done again, nothing filled is asked."""

from __future__ import annotations

import pytest

from bot.floor import Clock
from bot.memory import unfinished
from flows.engine import begin, step
from flows.model import Answered, Direction, Done, Event, Heard, Interrupted, OptOut, Pressed, Resumed, Say
from flows.state import State
from store.calls import NewCall
from store.flowfiles import load_flow
from store.live import Snapshot

FLOW = load_flow("b2b-software")
AT = 1_795_000_000.0
CALL = NewCall("c1", Direction.INBOUND, FLOW.name, FLOW.hash, "call-x", "+12025550142", "+12025550100", AT)
NEEDED = {
    "good_time": "1",
    "company_size": "25",
    "budget": "12000",
    "timeline": "2",
    "decision_maker": "1",
    "phone": "2025550189",
}
TYPED = (*NEEDED.values(), "1")  # and yes, that is the number


def handed_on(state: State) -> tuple[State, list[str]]:
    """What the next process makes of the last snapshot; the words that it says."""
    state = Snapshot.load(Snapshot(CALL, state).dump()).state
    again = unfinished(state.pending)
    state, made = step(FLOW, state, Resumed(AT))
    return state, [effect.text for effect in (*again, *made) if isinstance(effect, Say)]


def played(events: list[Event]) -> list[State]:
    state, states = begin(FLOW, call_id="c1", direction=Direction.INBOUND, at=AT), []
    for event in events:
        state, effects = step(FLOW, state, event)
        states.append(state)
        for n, effect in enumerate(effect for effect in effects if isinstance(effect, Say)):
            done = Done(AT, effect.id) if n else Interrupted(AT, effect.id, "")
            state, _ = step(FLOW, state, done)
            states.append(state)
    return states


WHOLE = played([Answered(AT), *(Pressed(AT, keys) for keys in TYPED)])


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_whenever_the_process_dies_every_answer_stays_and_the_next_words_are_right(cut: int) -> None:
    before = WHOLE[cut]
    after, words = handed_on(before)
    assert after.answers == before.answers
    assert after.focus.slot == before.focus.slot
    if before.focus.stage in ("ask", "confirm"):
        assert "Sorry, the line dropped" in " ".join(words)
    elif any(isinstance(effect, Say) for effect in before.pending):
        assert "oodbye" in words[-1]
    else:
        assert (before.focus.stage, words) == ("closing", [])  # all was said: only the hanging up is left


def test_from_any_point_the_call_comes_to_the_same_end() -> None:
    for before in WHOLE[:-2]:
        state, _ = handed_on(before)
        while state.focus.stage in ("ask", "confirm"):
            state, _ = step(
                FLOW, state, Pressed(AT, "1" if state.focus.stage == "confirm" else NEEDED[state.focus.slot or ""])
            )
        assert state.answers.keys() == WHOLE[-1].answers.keys(), before.focus
        assert state.disposition == "qualified"


def test_an_opt_out_that_was_not_acknowledged_is_done_again() -> None:
    state = played([Answered(AT), Heard(AT, "take me off your list")])[-1]
    assert any(isinstance(effect, OptOut) for effect in unfinished(state.pending))


def test_the_rest_of_an_entry_that_died_with_its_process_is_dropped_to_its_last_key() -> None:
    clock = Clock(keys_from=10.0)
    typed = [9.9, 10.1, 10.3, 10.5, 11.4]
    assert [clock.is_rest(at) for at in typed] == [True, True, True, True, False]
    assert not Clock().is_rest(10.0)
