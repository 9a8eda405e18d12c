"""The bot's own words, come back as an echo, and the caller's, which are never dropped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.own_words import own_words
from store.flowfiles import load_flow

NEED = "What are you looking for? A few words are enough, there is no need for every detail."
TIMELINE, SERVICE = load_flow("b2b-software").slot("timeline"), load_flow("home-services").slot("service")
START = "When would you like to start: as soon as possible, in three months, or later this year?"
KIND = "Is it about heating, plumbing, electrics or something else?"
NUMBER = "I have two oh two, five five five, oh one four two. Is that right?"
STAFF = "So you have about twenty-five people in your company, and you want to begin next month."
PERSON = "You can say talk to a person at any time, or stop calling me."

OWN = [
    # what was heard, what the bot was saying
    ("Words are enough, there is no need", NEED),
    ("words are enough there is no need for every detail", NEED),
    ("Looking for? A few words are enough.", NEED),
    ("Birds are enough, there is no need for every deed", NEED),  # cut within a word at both ends
    ("are enough bear is no need for every detail", NEED),  # one word of eight misheard
    ("there is no need", NEED),
    ("Just say yes or no", "Just say yes or no."),
    ("have about 25 people in your company", STAFF),
    ("you have about twenty five people in your company", STAFF),
    ("heating plumbing electrics or something else", KIND),
    ("say, talk to a person at any time", PERSON),
    ("at any time or stop calling me", PERSON),
]
CALLERS = [
    ("", NEED),
    ("No need.", NEED),  # two words may be an answer
    ("Yes.", "Just say yes or no."),
    ("There is no way", NEED),
    ("enough, is there any need", NEED),  # not in this order
    ("what is it that you are offering for so few words", NEED),
    ("Words are enough there is no need. Yes.", NEED),  # an echo, and the caller behind it
    ("Yes. Words are enough, there is no need", NEED),
    ("Are enough, there is no, yes, need for", NEED),
    ("Words are enough there is no need. Software.", NEED),
    ("about fifty people in your company", STAFF),  # another number
    ("25 people", STAFF),
    ("two oh two five five five", NUMBER),
    ("202-555-0142", NUMBER),
    ("five five five oh one four three", NUMBER),
    ("stop calling me", NEED),
    ("there is no need to call me again", NEED),
    ("stop calling me", PERSON),  # the wish that was offered
    ("please stop calling me", PERSON),
    ("talk to a person", PERSON),
    ("A person please", PERSON),
]


@pytest.mark.parametrize(("heard", "said"), OWN)
def test_an_echo_is_known(heard: str, said: str) -> None:
    assert own_words(heard, said)


@pytest.mark.parametrize(("heard", "said"), CALLERS)
def test_what_the_caller_may_have_said_counts(heard: str, said: str) -> None:
    assert not own_words(heard, said)


def test_a_choice_that_the_question_named_is_an_answer() -> None:
    assert not own_words("as soon as possible", START, TIMELINE)
    assert not own_words("as soon as possible please", START, TIMELINE)
    assert not own_words("something else", KIND, SERVICE)
    assert own_words("you like to start as soon as possible", START, TIMELINE)
    assert own_words("heating plumbing electrics or something", KIND, SERVICE)


def test_nothing_is_an_echo_of_silence() -> None:
    assert not own_words("words are enough there is no need", "")


PROMPT = "the seller wants to learn what kind of program would help your team with their daily paper work"
PLAIN = PROMPT.split()
FOREIGN = st.text("bfgjkqvxz", min_size=2, max_size=7)


@given(st.lists(FOREIGN, min_size=1, max_size=12), st.sampled_from([NEED, START, STAFF, PROMPT]))
def test_words_that_are_not_in_the_prompt_are_never_dropped(heard: list[str], said: str) -> None:
    assert not own_words(" ".join(heard), said)


@given(st.data())
def test_any_stretch_of_the_prompt_is_its_echo_and_is_none_with_an_answer_behind_it(data: st.DataObject) -> None:
    begins = data.draw(st.integers(0, len(PLAIN) - 3))
    part = PLAIN[begins : data.draw(st.integers(begins + 3, len(PLAIN)))]
    said, answer = PROMPT, data.draw(st.sampled_from(["yes", "no", "five", "2025550142", "stop calling me"]))
    assert own_words(" ".join(part), said)
    assert not own_words(" ".join([*part, answer]), said)
    assert not own_words(" ".join([answer, *part]), said)


@given(st.text(max_size=60), st.text(max_size=80))
def test_whatever_was_heard_there_is_an_answer(heard: str, said: str) -> None:
    assert own_words(heard, said) in (True, False)
