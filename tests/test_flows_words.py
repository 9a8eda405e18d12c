"""What is spoken: numbers, digits, addresses, dates, templates, read-backs; and what expressions see."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.expressions import ExpressionError, Scope, parse, true
from flows.model import SlotType, Value
from flows.prompts import fixed, render, sentences, variables
from flows.readback import say_value, show_value
from flows.spoken import day, digits, email, number, ordinal, time
from store.flowfiles import load_flow

B2B = load_flow("b2b-software")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "zero"),
        (15, "fifteen"),
        (21, "twenty-one"),
        (100, "one hundred"),
        (250, "two hundred and fifty"),
        (1005, "one thousand and five"),
        (12_500, "twelve thousand five hundred"),
        (250_000, "two hundred and fifty thousand"),
        (1_000_000, "one million"),
        (2.5, "two point five"),
        (2.96, "three"),
        (-3, "minus three"),
    ],
)
def test_numbers(value: float, words: str) -> None:
    assert number(value) == words


@given(st.integers(0, 10**12 - 1))
def test_every_number_has_words(value: int) -> None:
    assert set(number(value)) <= set("abcdefghijklmnopqrstuvwxyz -")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("+12025550123", "two oh two, five five five, oh one two three"),
        ("90210", "nine oh two one oh"),
        ("+442079460123", "four four two, oh seven nine, four six oh, one two three"),
        ("7", "seven"),
    ],
)
def test_digits_in_groups(text: str, words: str) -> None:
    assert digits(text) == words


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("sales@example.com", "sales, at, example, dot, com"),
        ("jon_2@gmail.com", "J O N, underscore, two, at, gmail, dot, com"),
    ],
)
def test_addresses_are_spelled(address: str, words: str) -> None:
    assert email(address) == words


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("2026-12-01T15:00", "Tuesday, December first, three in the afternoon"),
        ("2026-11-20T12:00", "Friday, November twentieth, noon"),
        ("2026-11-23T08:05", "Monday, November twenty-third, eight oh five in the morning"),
        ("2026-11-12T00:30", "Thursday, November twelfth, twelve thirty in the morning"),
        ("2026-11-30T19:45", "Monday, November thirtieth, seven forty-five in the evening"),
    ],
)
def test_dates(when: str, words: str) -> None:
    moment = datetime.fromisoformat(when)
    assert f"{day(moment)}, {time(moment)}" == words


@pytest.mark.parametrize("value", range(1, 32))
def test_ordinals_end_well(value: int) -> None:
    assert ordinal(value).endswith(("st", "nd", "rd", "th", "first", "second", "third"))


READ_BACKS: list[tuple[str, Value, str, str]] = [
    ("company_size", (25, 25), "twenty-five", "25"),
    ("company_size", (20, 50), "twenty to fifty", "20-50"),
    ("company_size", (200, None), "at least two hundred", "200+"),
    ("company_size", (1, 10), "up to ten", "1-10"),
    ("budget", (1000, 1000, "month"), "one thousand dollars a month", "1000 a month"),
    ("budget", (1000, 2000, "year"), "one thousand to two thousand dollars a year", "1000-2000 a year"),
    ("budget", (500, 500, "once"), "five hundred dollars", "500"),
    ("timeline", "asap", "as soon as possible", "asap"),
    ("decision_maker", "no", "no", "no"),
    ("phone", "+12025550189", "two oh two, five five five, oh one eight nine", "+12025550189"),
    (
        "callback",
        "2026-12-01T15:00",
        "Tuesday, December first, at three in the afternoon, Eastern time",
        "2026-12-01T15:00",
    ),
]


@pytest.mark.parametrize(("slot", "value", "spoken", "shown"), READ_BACKS)
def test_read_back(slot: str, value: Value, spoken: str, shown: str) -> None:
    found = B2B.slot(slot)
    assert found is not None
    assert say_value(B2B, found, value, {}) == spoken
    assert show_value(value) == shown


def test_another_zone_is_named() -> None:
    slot = B2B.slot("callback")
    assert slot is not None
    assert slot.type is SlotType.DATE_TIME
    assert say_value(B2B, slot, "2026-12-01T15:00", {"zone": "America/Los_Angeles"}).endswith("Los Angeles time")
    assert say_value(B2B, slot, "2026-12-01T15:00", {"zone": "America/Denver", "zone_name": "Mountain time"}).endswith(
        "Mountain time"
    )


def test_templates_fall_back() -> None:
    fallback = {"lead.first_name": "there", "seller": "Example Software"}
    template = "Hi {{ lead.first_name }}, this is {{ seller }}."
    assert render(template, fallback, {"first_name": "Dana"}) == "Hi Dana, this is Example Software."
    assert render(template, fallback) == "Hi there, this is Example Software."
    assert render(template, fallback, {"first_name": "  "}) == "Hi there, this is Example Software."
    assert (
        render("{{ lead.first_name }}", fallback, {"first_name": "{{ seller }}\n" + "x" * 200})
        == ("seller " + "x" * 200)[:80]
    )
    assert variables(template) == ("lead.first_name", "seller")
    with pytest.raises(KeyError):
        render("{{ lead.unknown }}", fallback)


def test_fixed_prompts_need_nothing_and_fill_in_what_the_flow_knows() -> None:
    found = fixed(B2B)
    assert "This is Lee, the automated assistant of Example Software." in found
    assert "How many people work at your company?" in found
    assert "Sorry, I didn't hear you." in found
    assert not any("{{" in text or "Hi " in text for text in found)
    assert len(set(found)) == len(found)
    assert all(sentences(text) == (text,) for text in found)


SCOPE = Scope(
    {
        "size": (20, 50),
        "open": (200, None),
        "budget": (1000, 2000, "month"),
        "who": "yes",
        "name": {"name": "Dana", "company": None},
    },
    {"role": "ceo", "employees": "12"},
    {"source": "web"},
    (7, 9),
)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("answers.size >= 20", True),
        ("answers.size > 20", False),
        ("answers.size.high == 50", True),
        ("answers.open.high < 1000", False),
        ("not answers.open.high < 1000", True),
        ("answers.budget.period == 'month' and answers.budget.low >= 1000", True),
        ("answers.who in ['yes', 'maybe']", True),
        ("answers.who not in ['yes']", False),
        ("answers.missing == 'yes'", False),
        ("answers.missing != 'yes'", False),
        ("facts.role == 'ceo' or answers.who == 'no'", True),
        ("facts.employees >= 12", True),
        ("facts.role >= 12", False),
        ("lead.source == 'web'", True),
        ("answers.name.name == 'Dana'", True),
        ("answers.name.company == 'x'", False),
        ("5 <= value < 8", True),
        ("value.high == 9", True),
        ("answers.size >= -1", True),
    ],
)
def test_expression(text: str, outcome: bool) -> None:
    assert true(parse(text), SCOPE) is outcome


@pytest.mark.parametrize(("text", "outcome"), [(">= 7", True), ("in [1, 7]", True), ("== 8", False), ("!= 8", True)])
def test_short_expression(text: str, outcome: bool) -> None:
    assert true(parse(text, short=True), SCOPE) is outcome


@pytest.mark.parametrize(
    "text",
    ["", "import os", "open('/etc/passwd')", "answers", "answers.a.b.c", "().__class__", "facts['x']", "lambda: 1", "1 + 1", "x is y", "f'{facts.x}'", "[a for a in b]", "answers.x == [[1]]"],
)  # fmt: skip
def test_nothing_else_is_an_expression(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@given(st.text(max_size=30))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        condition = parse(text)
    except ExpressionError:
        return
    assert true(condition, SCOPE) in (True, False)
