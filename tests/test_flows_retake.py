"""A caller who goes on just after the turn was taken for finished: both parts are one turn."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from flows.engine import begin, step
from flows.flow import Flow
from flows.model import Answered, Direction, Event, Heard
from flows.retake import WITHIN_S, Step, taken, whole
from flows.state import State
from store.flowfiles import load_flow

AT = 1_795_021_600.0


@dataclass
class Talk:
    """A call to b2b-software, moved by hand."""

    flow: Flow
    state: State
    last: Step | None = None
    at: float = AT

    def happen(self, event: Event) -> None:
        before = self.state
        self.state, made = step(self.flow, before, event)
        if isinstance(event, Heard):
            self.last = taken(before, self.state, event, made)

    def hear(self, text: str, after_s: float = 5.0) -> bool:
        """Words whose first sound comes so long after the last decision; True when they were joined to the last."""
        began_at, self.at = self.at + after_s, self.at + after_s + 1.0
        event = Heard(self.at, text)
        joined = whole(self.flow, self.last, self.state, began_at, event)
        if joined is not None:
            self.state, event = joined
        self.happen(event)
        return joined is not None

    def size(self) -> object:
        answer = self.state.answers.get("company_size")
        return answer.value if answer is not None else None


@pytest.fixture
def talk() -> Talk:
    flow = load_flow("b2b-software")
    talk = Talk(flow, begin(flow, call_id="c", direction=Direction.INBOUND, at=AT, facts={"caller": "+12025550142"}))
    talk.happen(Answered(AT))
    talk.hear("Yes.")
    return talk


@pytest.mark.parametrize(
    ("first", "more", "size"),
    [
        ("About fifty.", "or sixty people", (50, 60)),
        ("We are", "twenty five people", (25, 25)),
        ("Fifty.", "no, sixty", (60, 60)),
    ],
)
def test_what_follows_at_once_belongs_to_the_same_answer(talk: Talk, first: str, more: str, size: object) -> None:
    asked = talk.state.focus.slot
    talk.hear(first)
    assert talk.hear(more, after_s=0.4)
    assert asked == "company_size"
    assert talk.size() == size
    assert talk.state.focus.slot != asked


def test_what_was_said_last_counts_where_both_parts_together_say_nothing(talk: Talk) -> None:
    talk.hear("Fifty.")
    talk.hear("Five thousand dollars.")
    talk.hear("In three months.")
    asked = talk.state.focus.slot
    assert asked is not None
    talk.hear("Yes.")  # an "uh", misheard
    assert talk.hear("No, I'm not.", after_s=0.6)
    assert talk.state.answers[asked].value == "no"


def test_effects_are_counted_on(talk: Talk) -> None:
    talk.hear("Fifty.")
    before = talk.state.counts.effects
    talk.hear("or sixty", after_s=0.4)
    assert talk.state.counts.effects > before


def test_later_words_are_a_turn_of_their_own(talk: Talk) -> None:
    talk.hear("Fifty.")
    assert not talk.hear("five thousand dollars", after_s=WITHIN_S + 0.1)
    assert talk.size() == (50, 50)


def test_an_opt_out_is_never_taken_back(talk: Talk) -> None:
    talk.hear("Take me off your list.")
    assert talk.last is None
    assert not talk.hear("and fifty people", after_s=0.3)
    assert talk.state.notes.opted_out
