"""Opt-outs: none missed on the written phrasings, at most 0.5 % false alarms on ordinary answers."""

from __future__ import annotations

import json

import pytest

from flows.hear import intent
from flows.hear.intents import by_rules, only_answers
from flows.model import SlotType
from tests.data.ordinary import Part as Templates
from tests.data.ordinary import ordinary
from tests.data.written import DATA, Part, lines, utterances

FALSE_ALARMS = 0.005


@pytest.mark.parametrize("name", ["tune", "held_out", "fresh", "last_look", "varied"])
def test_no_opt_out_is_missed(name: str) -> None:
    said = lines(DATA / "opt_out" / f"{name}.txt")
    assert [text for text in said if intent(text).name != "opt_out"] == []


@pytest.mark.parametrize("name", ["second", "last"])
def test_hardly_an_opt_out_needs_the_nearest_example(name: str) -> None:
    said = lines(DATA / "opt_out" / f"{name}.txt")
    assert len([text for text in said if intent(text).name != "opt_out"]) <= 1  # "no more" alone says too little


def test_there_are_enough_phrasings() -> None:
    every = [
        text
        for name in ("tune", "held_out", "fresh", "last_look", "varied", "second", "last")
        for text in lines(DATA / "opt_out" / f"{name}.txt")
    ]
    assert len(set(every)) >= 500


@pytest.mark.parametrize("part", ["tune", "held_out"])
def test_ordinary_answers_raise_no_alarm(part: Templates) -> None:
    said = ordinary(part) + [item.text for kind in SlotType for item in utterances(kind, part)]
    alarms = [text for text in said if intent(text).name == "opt_out"]
    assert len(said) >= 1000
    assert len(alarms) / len(said) <= FALSE_ALARMS, alarms


@pytest.mark.parametrize(
    "name", ["near_misses", "fresh_ordinary", "varied_ordinary", "second_ordinary", "last_ordinary"]
)
def test_near_misses_raise_no_alarm(name: str) -> None:
    assert [text for text in lines(DATA / "opt_out" / f"{name}.txt") if intent(text).name == "opt_out"] == []


def test_the_wish_wins_over_everything_else_in_the_turn() -> None:
    assert intent("I'm driving, who is this, just take me off your list").name == "opt_out"


def labelled(part: str) -> list[tuple[str, str | None]]:
    pairs = (line.rpartition("|") for line in lines(DATA / "intents" / f"{part}.txt"))
    return [(text.strip(), json.loads(name)) for text, _, name in pairs]


@pytest.mark.parametrize(
    ("part", "floor"), [("tune", 0.98), ("varied", 0.95), ("second", 0.85), ("last", 0.8), ("held_out", 0.75)]
)
def test_rules_alone_on_the_other_intents(part: str, floor: float) -> None:
    said = labelled(part)
    right = sum(intent(text).name == name for text, name in said)
    assert right / len(said) >= floor


@pytest.mark.parametrize("part", ["tune", "varied", "held_out"])
def test_sparing_plain_answers_the_rules_loses_no_wish(part: Part) -> None:
    said = [text for text, _ in labelled(part)] + lines(DATA / "opt_out" / f"{part}.txt")
    assert [text for text in said if only_answers(text) and by_rules(text).name] == []
    assert only_answers("about twenty five people")


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("Wait who am I talking to?", "ask_identity"),
        ("hold on, what does it cost", "price"),
        ("wait, we already have someone for that", "has_vendor"),
        ("hang on, I'm in the middle of something", "wait"),
        ("one moment please", "wait"),
    ],
)
def test_a_wait_before_another_wish_only_begins_it(text: str, wish: str) -> None:
    assert intent(text).name == wish


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("no need to call back", "not_interested"),
        ("there's no point calling me back", None),
        ("not calling back would be great", None),
        ("why didn't you call back", None),
        ("nobody called us back last time", None),
        ("the sales team stopped phoning", None),
        ("don't forget to call me back", "callback"),
        ("I can't talk, call me back", "callback"),
        ("no callbacks please", "opt_out"),
        ("have your people stop phoning my wife", "opt_out"),
        ("why don't you stop calling", "opt_out"),
        ("We have never had any trouble with the old one", None),
    ],
)
def test_a_call_back_is_wanted_refused_or_missed(text: str, wish: str | None) -> None:
    assert intent(text).name == wish
