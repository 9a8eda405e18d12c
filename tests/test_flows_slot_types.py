"""Every type of slot can be asked, answered by voice, corrected, and left or answered by keypad."""

from __future__ import annotations

import pytest

from flows.flow import Flow
from flows.model import Value
from flows.rehearsal import Rehearsal
from flows.schema import parse_flow
from store.flowfiles import read_flow

AT = 1_795_446_000.0  # Monday 2026-11-23 10:00 in New York
BODY, _ = read_flow("b2b-software")
HEAD, TAIL = BODY[: BODY.index("slots:\n")], BODY[BODY.index("callback:\n") :]


def flow_of(slot: str) -> Flow:
    """Return a flow with one question of ours and a yes/no behind it."""
    last = "  - {name: last, type: yes_no, ask: ['Is that all?', 'All?']}\n"
    text = f"{HEAD}slots:\n  - {{name: it, ask: ['What is it?', 'It?'], example: 'Well.', {slot}}}\n{last}{TAIL}"
    return parse_flow(text, "one.yaml")


PROMPT = "keypad: {prompt: 'Or press keys.'}"
#: slot, what the caller says, the value, keys for it, the value by keys
TYPES: dict[str, tuple[str, list[str], Value, str, Value | None]] = {
    "yes_no": ("type: yes_no", ["yes please"], "yes", "2", "no"),
    "integer_range": (f"type: integer_range, {PROMPT}", ["between fifty and a hundred"], (50, 100), "75#", (75, 75)),
    "money": (f"type: money, {PROMPT}", ["five grand a month"], (5000, 5000, "month"), "900#", (900, 900, "once")),
    "timeline": (f"type: timeline, {PROMPT}", ["next month"], "1-3m", "4", "6m+"),
    "date_time": (
        f"type: date_time, {PROMPT}",
        ["tomorrow at ten", "yes"],
        "2026-11-24T10:00",
        "012009301",
        "2027-01-20T09:30",
    ),
    "phone": (f"type: phone, {PROMPT}", ["202 555 0143", "yes"], "+12025550143", "2025550144#1", "+12025550144"),
    "email": (
        f"type: email, {PROMPT}",
        ["dana dot field at example dot com", "yes"],
        "dana.field@example.com",
        "1",
        None,
    ),
    "name": (f"type: name, {PROMPT}", ["my name is Dana Field"], {"name": "Dana Field", "company": None}, "1", None),
    "company": (f"type: company, {PROMPT}", ["we're called Example Software"], "Example Software", "1", None),
    "choice": (
        f"type: choice, choices: {{red: [red, crimson], blue: [blue]}}, {PROMPT}",
        ["the crimson one"],
        "red",
        "2",
        "blue",
    ),
    "digits": (
        "type: digits, keypad: {prompt: Type it., length: 5}",
        ["nine oh two one oh"],
        "90210",
        "33101",
        "33101",
    ),
    "text": (
        f"type: text, {PROMPT}",
        ["the boiler makes a strange noise"],
        "the boiler makes a strange noise",
        "1",
        None,
    ),
}


@pytest.mark.parametrize(("slot", "words", "value"), [case[:3] for case in TYPES.values()], ids=TYPES)
def test_by_voice(slot: str, words: list[str], value: Value) -> None:
    call = Rehearsal.start(flow_of(slot), at=AT)
    replies = [call.say(text) for text in words]
    assert call.state.answers["it"].value == value
    assert "Is that all?" in replies[-1]


@pytest.mark.parametrize(("slot", "keys", "value"), [(case[0], *case[3:]) for case in TYPES.values()], ids=TYPES)
def test_by_keypad(slot: str, keys: str, value: Value | None) -> None:
    call = Rehearsal.start(flow_of(slot), at=AT)
    reply = call.keys(keys)
    assert "Is that all?" in reply
    if value is None:
        assert call.state.notes.skipped == {"it": "asked_to"}
    else:
        assert call.state.answers["it"].value == value


@pytest.mark.parametrize("slot", [case[0] for case in TYPES.values()], ids=TYPES)
def test_questions_back_are_answered_not_taken(slot: str) -> None:
    call = Rehearsal.start(flow_of(slot), at=AT)
    assert call.say("are you a robot?") == "Yes, I'm an automated assistant. It?"
    assert not call.state.answers


@pytest.mark.parametrize("slot", [case[0] for case in TYPES.values()], ids=TYPES)
def test_opt_out_is_no_answer(slot: str) -> None:
    call = Rehearsal.start(flow_of(slot), at=AT)
    call.say("please take me off your list")
    assert call.state.disposition == "opted_out"
    assert not call.state.answers


BRANCHES = f"{HEAD}slots:\n" + (
    "  - {name: first, type: yes_no, ask: ['First?'], next: [{when: \"== 'yes'\", go: third}, {when: \"== 'no'\", go: finish}]}\n"
    "  - {name: second, type: yes_no, ask: ['Second?']}\n"
    "  - {name: third, type: yes_no, ask: ['Third?']}\n"
)


@pytest.mark.parametrize(("answer", "says"), [("yes", "Third?"), ("no", "We will send you some information")])
def test_branches(answer: str, says: str) -> None:
    call = Rehearsal.start(parse_flow(BRANCHES + TAIL, "branches.yaml"), at=AT)
    assert says in call.say(answer)


def test_a_branch_whose_slot_was_left_open_falls_through() -> None:
    call = Rehearsal.start(parse_flow(BRANCHES + TAIL, "branches.yaml"), at=AT)
    replies = [call.say("purple") for _ in range(3)]
    assert "Second?" in replies[-1]
