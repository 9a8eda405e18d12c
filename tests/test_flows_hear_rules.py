"""What must hold for any words: grammars never fail, stay within bounds, and read back what they are told."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.hear import hear, intent
from flows.model import SlotType
from flows.spoken import LANGUAGES
from tests.data.written import CHOICES, NOW, ZONE

ENGLISH = LANGUAGES["en"]
_WORDS = st.sampled_from(
    [
        "a",
        "the",
        "no",
        "not",
        "yes",
        "to",
        "and",
        "or",
        "of",
        "at",
        "dot",
        "dash",
        "plus",
        "oh",
        "one",
        "two",
        "twelve",
        "twenty",
        "fifty",
        "hundred",
        "thousand",
        "million",
        "k",
        "half",
        "dozen",
        "couple",
        "few",
        "point",
        "double",
        "triple",
        "past",
        "quarter",
        "monday",
        "tuesday",
        "next",
        "march",
        "may",
        "first",
        "fifteenth",
        "tomorrow",
        "noon",
        "am",
        "pm",
        "in",
        "week",
        "month",
        "year",
        "q1",
        "summer",
        "before",
        "between",
        "over",
        "under",
        "sorry",
        "actually",
        "stop",
        "call",
        "me",
        "list",
        "remove",
        "from",
        "my",
        "name",
        "is",
        "sierra",
        "s",
        "x",
        "@",
        "$",
        "5",
        "12",
        "1,500",
        "3.5",
        "12/1",
        "10:30",
        "-",
        "—",
        ",",
        ".",
        "?",
        "'",
    ]
)
SPEECH = st.one_of(
    st.lists(_WORDS, max_size=14).map(" ".join), st.text(max_size=60), st.text("0123456789 .,$khin", max_size=60)
)


@given(text=SPEECH, kind=st.sampled_from(list(SlotType)))
def test_any_words_in_any_slot_are_safe(text: str, kind: SlotType) -> None:
    found = hear(kind, text, now=NOW, zone=ZONE, choices=CHOICES)
    assert 0 <= found.certainty <= 1
    assert (found.value is None) == (found.certainty == 0)
    if found.span is not None:
        assert 0 <= found.span[0] <= found.span[1] <= len(text)
    if kind in (SlotType.INTEGER_RANGE, SlotType.MONEY) and isinstance(found.value, tuple):
        low, high = found.value[:2]
        assert isinstance(low, int | float)
        assert high is None or (isinstance(high, int | float) and low <= high)


@given(text=SPEECH)
def test_a_heard_time_is_ahead(text: str) -> None:
    found = hear(SlotType.DATE_TIME, text, now=NOW, zone=ZONE)
    if found.value is not None:
        when = datetime.fromisoformat(str(found.value)).replace(tzinfo=ZoneInfo(ZONE))
        assert when.timestamp() >= NOW - 60


@given(text=SPEECH)
def test_any_words_have_at_most_one_intent(text: str) -> None:
    found = intent(text)
    assert (found.name is None) == (found.span is None)


@given(number=st.integers(0, 999_999))
def test_numbers_are_heard_as_they_are_read_aloud(number: int) -> None:
    said = ENGLISH.number(number)
    assert hear(SlotType.INTEGER_RANGE, said).value == (number, number)
    assert hear(SlotType.INTEGER_RANGE, said.replace("-", " ").replace(" and ", " ")).value == (number, number)
    assert hear(SlotType.INTEGER_RANGE, f"{number:,}").value == (number, number)


@given(line=st.integers(100, 199), area=st.sampled_from(["202", "312", "415", "646", "917"]))
def test_telephone_numbers_said_digit_by_digit_are_heard(line: int, area: str) -> None:
    number = f"{area}5550{line}"
    assert hear(SlotType.PHONE, ENGLISH.digits(number)).value == f"+1{number}"


@given(hour=st.integers(1, 12), minute=st.sampled_from([0, 5, 15, 30, 45]), half=st.sampled_from(["am", "pm"]))
def test_clock_times_are_heard(hour: int, minute: int, half: str) -> None:
    found = hear(SlotType.DATE_TIME, f"tomorrow at {hour}:{minute:02d} {half}", now=NOW, zone=ZONE).value
    assert found == f"2026-11-24T{hour % 12 + (12 if half == 'pm' else 0):02d}:{minute:02d}"


@pytest.mark.parametrize(
    "text", ["9" * 400, "in " + "9" * 12 + " hours", "in 999 months", "1.5.5", "² people", "٣ people"]
)
@pytest.mark.parametrize("kind", list(SlotType))
def test_odd_figures_are_safe(kind: SlotType, text: str) -> None:
    assert 0 <= hear(kind, text, now=NOW, zone=ZONE, choices=CHOICES).certainty <= 1


@pytest.mark.parametrize("kind", list(SlotType))
def test_a_very_long_turn_is_no_burden(kind: SlotType) -> None:
    hear(kind, "fifty or sixty, no, at three, " * 2000, now=NOW, zone=ZONE, choices=CHOICES)
