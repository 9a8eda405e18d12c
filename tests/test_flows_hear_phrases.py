"""Phrases find what plain regular expressions find, though most of them are never tried."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.hear.intent_phrases import CERTAINTY, PHRASES
from flows.hear.phrases import Phrases, alternatives
from flows.hear.words import plain

PLAIN = {name: re.compile("|".join(patterns)) for name, patterns in PHRASES.items()}
KNOWN = Phrases((name, pattern) for name, patterns in PHRASES.items() for pattern in patterns)
#: Words and pieces of the patterns themselves: what most often nearly matches.
PIECES = sorted(
    {piece for patterns in PHRASES.values() for text in patterns for piece in re.findall(r"[a-z']{2,}", text)}
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_the_same_is_found_in_the_same_place(text: str) -> None:
    said = plain(text)
    slow = {name: found.span() for name, pattern in PLAIN.items() if (found := pattern.search(said))}
    fast = list(KNOWN.find(said))
    assert [name for name, _ in fast] == [name for name in PLAIN if name in slow]
    assert {name: span[0] for name, span in fast} == {name: span[0] for name, span in slow.items()}


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("a|b", ["a", "b"]),
        ("(?:a|b)c|d", ["(?:a|b)c", "d"]),
        (r"\(|[|)]|x", [r"\(", "[|)]", "x"]),
        ("", [""]),
    ],
)
def test_a_pattern_is_split_at_its_outer_bars(pattern: str, parts: list[str]) -> None:
    assert alternatives(pattern) == parts


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\w+", "anything"),
        ("(?:never)?", "anything"),
        ("(?:abc|x?)z?", "q"),
        (r"n\.?o", "n.o"),
        ("(?<!no )wait", "wait"),
        ("wait(?! for it)", "wait"),
        ("(?:ha){2,}", "haha"),
        ("a|bc|def", "xbcx"),
    ],
)
def test_nothing_is_missed_for_want_of_letters(pattern: str, text: str) -> None:
    assert Phrases([("it", pattern)]).search(text)


def test_every_name_has_its_certainty() -> None:
    assert list(CERTAINTY) == list(PHRASES)
