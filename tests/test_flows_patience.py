"""How long a silence has to be, by what was said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model import Expect, SlotType
from flows.patience import may_be_number, may_be_yes, patience, words_tell

YES_NO = Expect(SlotType.YES_NO, "good_time")
NUMBER = Expect(SlotType.INTEGER_RANGE, "company_size")
MONEY = Expect(SlotType.MONEY, "budget")
PHONE = Expect(SlotType.PHONE, "phone")
EMAIL = Expect(SlotType.EMAIL, "email")
ZIP = Expect(SlotType.DIGITS, "postcode")
CONFIRM = Expect("confirm", "phone")
TEXT = Expect(SlotType.TEXT, "need")
COMPANY = Expect(SlotType.COMPANY, "company")
WHEN = Expect(SlotType.DATE_TIME, "visit")

KINDS = [YES_NO, NUMBER, PHONE, EMAIL, ZIP, CONFIRM, TEXT, COMPANY, WHEN, Expect()]

SAID = [
    (YES_NO, "", 0.6),
    (PHONE, "", 1.2),
    (YES_NO, "Yes.", 0.14),
    (YES_NO, "Yeah, sure.", 0.1),
    (YES_NO, "yes I am", 0.1),
    (YES_NO, "No, thanks.", 0.14),
    (YES_NO, "not really", 0.1),
    (YES_NO, "Go ahead.", 0.14),
    (CONFIRM, "No, that's wrong.", 0.1),
    (NUMBER, "Eight.", 0.14),
    (NUMBER, "60", 0.14),
    (YES_NO, "yes but", 1.1),
    (YES_NO, "I am flesh.", 0.7),  # "I am, but", misheard
    (YES_NO, "Yes, sir.", 0.7),  # "yes, so", misheard
    (NUMBER, "Yes.", 0.7),  # "uh", misheard, or a number is to come
    (YES_NO, "No end", 1.1),  # "no, and"
    (MONEY, "two hundred a month ends", 1.1),
    (YES_NO, "Let me look.", 1.1),
    (WHEN, "One second.", 1.1),
    (YES_NO, "yes we have fifty people", 0.12),
    (CONFIRM, "That's right.", 0.14),
    (CONFIRM, "correct", 0.14),
    (CONFIRM, "no, it's", 1.1),
    (NUMBER, "twenty five", 0.12),
    (NUMBER, "about", 1.1),
    (NUMBER, "We have around", 1.1),
    (NUMBER, "twenty and", 1.1),
    (NUMBER, "um", 1.1),
    (NUMBER, "between ten and", 1.1),
    (NUMBER, "25 people", 0.12),
    (NUMBER, "no", 0.7),  # "um", misheard, or "nine"
    (NUMBER, "no idea", 0.12),
    (Expect(SlotType.CHOICE), "No.", 0.3),  # "uh", misheard, or not the first one
    (MONEY, "a thousand a month", 0.16),
    (MONEY, "maybe ten or", 1.1),
    (PHONE, "two oh two five five five", 1.2),
    (PHONE, "202 555 0189", 0.12),
    (PHONE, "two oh two five five five oh one eight nine", 0.12),
    (PHONE, "it's two", 1.2),
    (PHONE, "my number is", 1.1),
    (PHONE, "I don't know it", 0.16),
    (PHONE, "It's two or two, five, five, five, zero, one, eight, nine.", 0.12),
    (PHONE, "It's two or two, five, five, five.", 1.2),
    (PHONE, "It's too old.", 1.1),  # "two oh", misheard
    (NUMBER, "Add.", 0.7),  # no answer: perhaps half of one
    (NUMBER, "I don't know", 0.12),
    (EMAIL, "dana dot field", 1.2),
    (EMAIL, "dana at example dot com", 0.7),
    (EMAIL, "dana at", 1.1),
    (ZIP, "nine oh two", 1.0),
    (ZIP, "nine oh two one", 0.7),
    (ZIP, "I have no idea", 0.12),
    (TEXT, "the boiler is leaking", 0.7),
    (NUMBER, "25 people,", 0.12),  # the recogniser sets commas at ends too
    (NUMBER, "well, let me think", 1.1),
    (WHEN, "a Monday war", 1.1),  # "or", misheard
    (YES_NO, "this year butt", 1.1),
    (COMPANY, "we are called Northwind", 0.7),
    (YES_NO, "I think so.", 0.12),
    (YES_NO, "No, it is.", 0.7),
    (CONFIRM, "No, I'm not.", 0.14),
    (CONFIRM, "Yes, it is.", 0.14),
    (MONEY, "five hundred more", 1.1),  # "or", misheard
    (NUMBER, "fifty or more", 0.12),
    (WHEN, "Well, it depends.", 1.1),
    (YES_NO, "Yeah, so", 1.1),
    (YES_NO, "Yeah, so what is it about?", 0.16),
    (NUMBER, "fifty or so", 0.12),
    (NUMBER, "fifty, so", 1.1),
    (NUMBER, "we are about", 1.1),
    (Expect(), "I have a question", 0.3),
    (WHEN, "tomorrow at ten", 0.12),
    (WHEN, "the blue house", 0.7),
    (WHEN, "tomorrow at", 1.1),
    (Expect(), "it is five five five", 1.2),
]


@pytest.mark.parametrize(("expect", "text", "seconds"), SAID, ids=lambda part: str(part)[:40])
def test_patience(expect: Expect, text: str, seconds: float) -> None:
    assert patience(expect, text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("expect", "words", "seconds"),
    [
        (YES_NO, "Of course.", 0.14),
        (YES_NO, "Yes.", 0.14),
        (YES_NO, "Yeah, sure.", 0.1),
        (YES_NO, "No.", 0.14),
        (YES_NO, "Yeah.", 0.14),  # perhaps the "yes" of "yes, that is right"
        (WHEN, "Monday at eight.", 0.16),
        (WHEN, "next week", 0.16),
        (WHEN, "Monday at seven", 0.12),
        (WHEN, "tomorrow at 10", 0.12),
        (WHEN, "tomorrow at 8", 0.16),
        (MONEY, "nine hundred dollars", 0.12),
        (MONEY, "nine hundred bucks", 0.16),
    ],
)
def test_a_last_stop_may_close_the_mouth_for_long(expect: Expect, words: str, seconds: float) -> None:
    assert patience(expect, words) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "seconds"), [("nine oh two", 1.2), ("nine oh two one oh", 0.12)])
def test_a_known_length_tells_when_digits_are_complete(text: str, seconds: float) -> None:
    assert patience(Expect(SlotType.DIGITS, "postcode", length=5), text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("expect", "text", "finished", "seconds"),
    [
        (TEXT, "the boiler is leaking", 1.0, 0.4),
        (TEXT, "the boiler is leaking", 0.75, 0.4),
        (TEXT, "the boiler is leaking", 0.525, 0.65),
        (TEXT, "the boiler is leaking", 0.0, 0.9),
        (YES_NO, "", 0.9, 0.5),
        (NUMBER, "Add.", 0.1, 1.1),
        (ZIP, "nine oh two one", 0.3, 0.9),
        (ZIP, "nine oh two", 0.3, 1.2),
        (NUMBER, "forty nine", 0.45, 0.12),
        (NUMBER, "forty nine", 0.4, 0.2),  # a breath: "or fifty"
        (YES_NO, "yes", 0.0, 0.14),  # words tell: the voice is not asked
        (NUMBER, "about", 1.0, 1.1),
        (PHONE, "two oh two", 1.0, 1.2),
    ],
)
def test_the_voice_decides_where_words_do_not(expect: Expect, text: str, finished: float, seconds: float) -> None:
    assert patience(expect, text, finished) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("expect", "text", "ending", "seconds"),
    [
        (NUMBER, "forty-eight", 0.9, 0.16),
        (NUMBER, "forty-eight", 0.1, 0.95),  # "forty, or", misheard
        (NUMBER, "forty-eight", 0.55, 0.792),
        (YES_NO, "yes", 0.5, 0.14),
        (YES_NO, "yes", 0.2, 0.95),  # "uh", misheard
        (NUMBER, "about", 0.1, 1.1),
        (NUMBER, "Five.", 0.4, 0.14),  # perhaps another number, hardly the beginning of more
        (NUMBER, "Eight.", 0.1, 0.95),  # anything
        (WHEN, "tomorrow at three bus", 0.95, 0.16),
        (WHEN, "tomorrow at three bus", 0.76, 0.555),  # "but", misheard
        (MONEY, "nine hundred bucks", 0.6, 0.95),  # "but", too
        (MONEY, "nine hundred dollars", 0.76, 0.12),
        (WHEN, "tomorrow at three", 0.76, 0.12),  # the last word is needed
        (TEXT, "the boiler is leaking", 0.1, 0.95),
    ],
)
def test_an_unsure_last_word_may_be_another(expect: Expect, text: str, ending: float, seconds: float) -> None:
    assert patience(expect, text, None, ending) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("expect", "text", "ending", "onward", "seconds"),
    [
        (CONFIRM, "Yes.", 0.38, 0.03, 0.14),  # through noise
        (CONFIRM, "Yes.", 0.73, 0.06, 0.95),  # "uh", misheard
        (YES_NO, "No.", 0.96, 0.1, 0.14),
        (YES_NO, "Yes, I am.", 0.2, 0.0, 0.95),  # of more words, the last one counts
        (YES_NO, "Yes, sir.", 0.25, 0.02, 0.1),
        (YES_NO, "Yes, sir.", 0.9, 0.1, 0.7),  # "yes, so", misheard
        (YES_NO, "Yes, mother.", 0.9, 0.02, 0.7),
        (NUMBER, "Nice.", 0.5, 0.01, 0.16),  # "nine"
        (NUMBER, "Morty.", 0.1, 0.0475, 0.555),
        (NUMBER, "Nice.", 0.9, 0.1, 0.7),  # may be "um"
        (NUMBER, "Well.", 0.9, 0.9, 1.1),
        (CONFIRM, "Oh,", 0.8, 0.8, 0.95),
        (NUMBER, "There.", 0.9, 0.0, 0.7),  # "there are nine of us"
        (NUMBER, "Nine.", 0.2, 0.01, 0.638),  # heard as a number, how sure it is tells
        (MONEY, "Nice.", 0.9, 0.0, 0.7),
    ],
)
def test_a_single_word_may_be_a_hesitation(
    expect: Expect, text: str, ending: float, onward: float, seconds: float
) -> None:
    assert patience(expect, text, None, ending, onward) == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize(("onward", "seconds"), [(None, 0.65), (0.001, 0.65), (0.01, 0.872), (1.0, 0.9), (0.0, 0.428)])
def test_an_and_that_was_hardly_heard_counts_beside_the_voice(onward: float | None, seconds: float) -> None:
    assert patience(TEXT, "the boiler is leaking", 0.525, 1.0, onward) == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize("text", ["Morty.", "And?", "Aids", "You.", "Hey."])
def test_a_single_word_that_is_no_number_may_be_one(text: str) -> None:
    assert may_be_number(NUMBER, text)


@pytest.mark.parametrize(
    ("expect", "text"),
    [
        *((NUMBER, text) for text in ("", "Eight.", "um", "Uh?", "Mm-hmm,", "Well,", "Yes.", "no", "Bye.", "Sorry?")),
        (NUMBER, "none of them"),
        (NUMBER, "I don't know"),
        (YES_NO, "Morty."),
        (MONEY, "Morty."),
    ],
)
def test_anything_else_is_not_heard_as_a_number(expect: Expect, text: str) -> None:
    assert not may_be_number(expect, text)


@given(st.sampled_from(KINDS), st.text(max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_the_surer_the_last_word_the_shorter_the_wait(expect: Expect, text: str, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert patience(expect, text, None, less) >= patience(expect, text, None, more) >= patience(expect, text)


@given(st.sampled_from(KINDS), st.text(max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_the_surer_the_end_the_shorter_the_wait(expect: Expect, text: str, one: float, other: float) -> None:
    least, most = sorted((patience(expect, text, one), patience(expect, text, other)))
    assert patience(expect, text, max(one, other)) == least
    assert words_tell(expect, text) <= (least == most == patience(expect, text))


@given(st.sampled_from(KINDS), st.text(max_size=60), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_more_an_and_is_likely_the_longer_the_wait(
    expect: Expect, text: str, finished: float, one: float, other: float
) -> None:
    less, more = sorted((one, other))
    short, long = (patience(expect, text, finished, 1.0, onward) for onward in (less, more))
    assert 0.1 <= short <= long <= 1.5


@given(st.sampled_from(KINDS), st.text(max_size=80))
def test_any_words_give_a_short_wait(expect: Expect, text: str) -> None:
    assert 0.099 <= patience(expect, text) <= 1.5


@pytest.mark.parametrize(
    ("expect", "text", "may"),
    [
        (YES_NO, "Yes, sir.", True),
        (YES_NO, "Yes, or?", True),
        (CONFIRM, "No, that's wrong.", True),
        (YES_NO, "Yes.", False),
        (YES_NO, "I'm a", False),
        (NUMBER, "Yes, sir.", False),
    ],
)
def test_a_yes_with_a_word_behind_it_may_be_another_yes(expect: Expect, text: str, may: bool) -> None:
    assert may_be_yes(expect, text) is may
