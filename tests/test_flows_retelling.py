"""The summary in a model's words: taken when every sentence stands on its sources, else not at all."""

from __future__ import annotations

import json

import pytest

from flows.rehearsal import Rehearsal
from flows.retelling import read_summary, retellable, sources, summary_schema, summary_turn
from flows.suggestion import Unreadable
from store.flowfiles import load_flow

AT = 1_795_446_000.0
B2B = load_flow("b2b-software")


def at_size() -> Rehearsal:
    """A call at the question for the company's size."""
    call = Rehearsal.start(B2B, at=AT)
    call.say("yes")
    return call


def finished() -> Rehearsal:
    call = at_size()
    for said in ("about fifty people", "one thousand five hundred a month", "next month", "no", "212 555 0142", "yes"):
        call.say(said)
    return call


def told(*said: tuple[str, list[str]]) -> str:
    return json.dumps({"sentences": [{"text": text, "sources": named} for text, named in said]})


def test_sources_hold_what_identifies_nobody() -> None:
    call = finished()
    found = sources(B2B, call.state)
    assert found["company_size"] == "company size: 50"
    assert "phone" not in found
    assert "0142" not in summary_turn(B2B, call.state) + json.dumps(summary_schema(B2B, call.state))


@pytest.mark.parametrize(
    ("said", "counts"),
    [
        ([("Qualified with 50 people and 1,500 a month.", ["disposition", "company_size", "budget"])], True),
        ([("Qualified.", ["disposition"]), ("They want to start in 1-3m.", ["timeline"])], True),
        ([("Qualified.", ["disposition"]), ("Does not decide alone.", ["decision_maker"])], True),
        ([("Qualified.", ["disposition"]), ("Decides alone.", ["decision_maker"])], False),  # the answer was no
        ([("Qualified.", ["disposition"]), ("They are 60 people.", ["company_size"])], False),
        ([("Qualified.", ["disposition"]), ("They are sixty people.", ["company_size"])], False),
        ([("Qualified.", ["disposition"]), ("They are 50 people.", ["budget"])], False),  # not in its source
        ([("Qualified.", ["disposition"]), ("They use Globex.", ["company_size"])], False),
        ([("Not qualified.", ["disposition"])], False),
        ([("Unqualified.", ["disposition"])], False),
        ([("They are 50 people.", ["company_size"])], False),  # the outcome is missing
        ([("Qualified.", ["gossip"])], False),
        ([("Qualified. They will buy 50.", ["disposition", "company_size"])], False),  # two claims in one
        ([("Qualified.", ["disposition"])] * 6, False),
        ([], False),
    ],
)
def test_a_summary_is_taken_whole_or_not_at_all(said: list[tuple[str, list[str]]], counts: bool) -> None:
    call = finished()
    assert call.state.disposition == "qualified"
    assert (read_summary(B2B, call.state, told(*said)) is not None) is counts


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"sentences": 3}', '{"sentences": [{"text": "x"}]}', "[" * 50_000])
def test_a_broken_summary_is_unreadable(broken: str) -> None:
    with pytest.raises(Unreadable):
        read_summary(B2B, finished().state, broken)


def test_an_opt_out_is_never_reworded() -> None:
    call = at_size()
    call.say("fifty people")
    call.say("never call me again")
    assert not retellable(call.state)
