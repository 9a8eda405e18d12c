"""How long a silence has to be, by what was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model import Expect, SlotType
from flows.patience import patience

YES_NO = Expect(SlotType.YES_NO, "good_time")
NUMBER = Expect(SlotType.INTEGER_RANGE, "company_size")
MONEY = Expect(SlotType.MONEY, "budget")
PHONE = Expect(SlotType.PHONE, "phone")
EMAIL = Expect(SlotType.EMAIL, "email")
ZIP = Expect(SlotType.DIGITS, "postcode")
CONFIRM = Expect("confirm", "phone")
TEXT = Expect(SlotType.TEXT, "need")
WHEN = Expect(SlotType.DATE_TIME, "visit")

SAID = [
    (YES_NO, "", 0.5),
    (YES_NO, "Yes.", 0.16),
    (YES_NO, "Yeah, sure.", 0.16),
    (YES_NO, "yes I am", 0.16),
    (YES_NO, "No, thanks.", 0.16),
    (YES_NO, "not really", 0.16),
    (YES_NO, "Go ahead.", 0.16),
    (YES_NO, "yes but", 0.9),
    (YES_NO, "yes we have fifty people", 0.25),
    (CONFIRM, "That's right.", 0.16),
    (CONFIRM, "correct", 0.16),
    (CONFIRM, "no, it's", 0.9),
    (NUMBER, "twenty five", 0.25),
    (NUMBER, "about", 0.9),
    (NUMBER, "We have around", 0.9),
    (NUMBER, "twenty and", 0.9),
    (NUMBER, "um", 0.9),
    (NUMBER, "between ten and", 0.9),
    (NUMBER, "25 people", 0.25),
    (NUMBER, "no", 0.16),
    (MONEY, "a thousand a month", 0.25),
    (MONEY, "maybe ten or", 0.9),
    (PHONE, "two oh two five five five", 1.2),
    (PHONE, "202 555 0189", 0.25),
    (PHONE, "two oh two five five five oh one eight nine", 0.25),
    (PHONE, "it's two", 1.2),
    (PHONE, "my number is", 0.9),
    (PHONE, "I don't know it", 0.25),
    (PHONE, "It's two or two, five, five, five, zero, one, eight, nine.", 0.25),
    (PHONE, "It's two or two, five, five, five.", 1.2),
    (PHONE, "It's too old.", 0.9),  # "two oh", misheard
    (NUMBER, "Add.", 0.6),  # no answer: perhaps half of one
    (NUMBER, "I don't know", 0.25),
    (EMAIL, "dana dot field", 1.2),
    (EMAIL, "dana at example dot com", 0.7),
    (EMAIL, "dana at", 0.9),
    (ZIP, "nine oh two", 0.7),
    (ZIP, "I have no idea", 0.25),
    (TEXT, "the boiler is leaking", 0.7),
    (WHEN, "tomorrow at ten", 0.25),
    (WHEN, "tomorrow at", 0.9),
    (Expect(), "it is five five five", 1.2),
]


@pytest.mark.parametrize(("expect", "text", "seconds"), SAID, ids=lambda part: str(part)[:40])
def test_patience(expect: Expect, text: str, seconds: float) -> None:
    assert patience(expect, text) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("nine oh two", 1.2), ("nine oh two one oh", 0.25)])
def test_a_known_length_tells_when_digits_are_complete(text: str, seconds: float) -> None:
    assert patience(ZIP, text, length=5) == seconds


@given(st.sampled_from([YES_NO, NUMBER, PHONE, EMAIL, ZIP, CONFIRM, TEXT, Expect()]), st.text(max_size=80))
def test_any_words_give_a_short_wait(expect: Expect, text: str) -> None:
    assert 0.1 <= patience(expect, text) <= 1.5
