"""Nearest-example intents with the real weights: better than rules alone on wording never seen, and the same contract."""

from __future__ import annotations

import json

import pytest

from bot.speech.intents import NearestExample, read_examples
from flows.hear import NAMES, IntentModel, RuleIntents, intent
from tests.data.written import DATA, lines

#: Asked about by rule (`flows.wishes.guess`), without the model.
ASKED_BY_RULE = ("no more",)


@pytest.fixture(scope="module")
def nearest() -> NearestExample:
    return NearestExample()


@pytest.fixture(params=["rules", "nearest"])
def model(request: pytest.FixtureRequest, nearest: NearestExample) -> IntentModel:
    return RuleIntents() if request.param == "rules" else nearest


@pytest.mark.parametrize("text", ["", "   ", "stop calling me", "about twenty five people", "é ß 漢字", "word " * 500])
def test_every_model_answers_a_known_name_and_a_similarity(model: IntentModel, text: str) -> None:
    name, certainty = model.classify(text)
    assert name is None or name in NAMES
    assert 0 <= certainty <= 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("how did you come by my telephone number", "ask_source"),
        ("could I have a word with one of your colleagues", "human"),
        ("we employ thirty people", None),
    ],
)
def test_near_wording_is_understood(nearest: NearestExample, text: str, name: str | None) -> None:
    assert nearest.classify(text)[0] == name


def test_the_shipped_vectors_are_of_the_shipped_examples(nearest: NearestExample) -> None:
    name, certainty = NearestExample(read_examples("[opt_out]\nstop calling me\n[-]\nfifty people\n")).classify(
        "stop phoning me"
    )
    assert (name, certainty > 0.5) == ("opt_out", True)
    assert nearest.shipped, "run python -m bot.speech.intents: the examples have been changed"


@pytest.mark.parametrize("name", ["tune", "held_out", "fresh", "last_look", "varied", "second", "last"])
def test_what_no_rule_claims_is_asked_about(nearest: NearestExample, name: str) -> None:
    missed = [text for text in lines(DATA / "opt_out" / f"{name}.txt") if intent(text).name != "opt_out"]
    found = [text for text in missed if nearest.classify(text)[0] != "opt_out" and text not in ASKED_BY_RULE]
    assert found == []


def test_it_helps_where_rules_are_silent(nearest: NearestExample) -> None:
    said = [
        (text.strip(), json.loads(name))
        for text, _, name in (line.rpartition("|") for line in lines(DATA / "intents" / "held_out.txt"))
    ]
    rules = sum(intent(text).name == name for text, name in said)
    both = sum((intent(text).name or nearest.classify(text)[0]) == name for text, name in said)
    assert both >= rules + 5
    assert both / len(said) >= 0.75


def test_a_phrase_without_a_heading_is_refused() -> None:
    with pytest.raises(ValueError, match="heading"):
        read_examples("hello\n[busy]\n")
