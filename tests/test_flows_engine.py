"""What the engine does with each kind of event: tables of events and effects."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flows.codec import SCHEMA, StateError, dump_state, load_state
from flows.engine import begin, record, step
from flows.flow import Flow, TransferPlan
from flows.model import (
    Answered,
    BargeIn,
    Callback,
    Direction,
    Done,
    Effect,
    Event,
    Found,
    Heard,
    HungUp,
    Interrupted,
    Listen,
    Lookup,
    Machine,
    Meaning,
    Operator,
    OptOut,
    Pressed,
    Quote,
    Resumed,
    Say,
    Silence,
    SlotType,
    Transfer,
    TransferDone,
    TransferFailed,
)
from flows.schema import parse_flow
from flows.state import State
from store.flowfiles import read_flow

AT = 1_795_446_000.0
BODY, _ = read_flow("b2b-software")
B2B = parse_flow(BODY, "b2b-software.yaml")
TRANSFER = BODY[BODY.index("transfer:\n") : BODY.index("qualified_at")]
WITH_SALES = parse_flow(
    BODY.replace(TRANSFER, "transfer: {to: '+12025550100'}\n").replace(
        'Goodbye!", next_action: Call back today.', 'Goodbye!", then: transfer, next_action: Call back today.'
    ),
    "with-sales.yaml",
)
WARM = replace(WITH_SALES, closing=replace(WITH_SALES.closing, transfer=TransferPlan("+12025550100", "warm")))


def run(
    flow: Flow, *events: Event, direction: Direction = Direction.OUTBOUND, lead: dict[str, str] | None = None
) -> tuple[State, tuple[Effect, ...]]:
    """Play events after the call was answered; every prompt is heard to its end. Returns the last step's effects."""
    state = begin(flow, call_id="c1", direction=direction, at=AT, lead=lead or {})
    effects: tuple[Effect, ...] = ()
    for event in (Answered(AT), *events):
        state, effects = step(flow, state, event)
        for effect in effects:
            if isinstance(effect, Say | OptOut | Callback):
                state, more = step(flow, state, Done(AT, effect.id))
                assert not more
    return state, effects


def said(effects: tuple[Effect, ...]) -> str:
    return " ".join(effect.text for effect in effects if isinstance(effect, Say))


def kinds(effects: tuple[Effect, ...]) -> list[str]:
    return [type(effect).__name__ for effect in effects]


def heard(text: str) -> Heard:
    return Heard(AT, text)


def test_the_first_words_are_the_disclosure_and_cannot_be_interrupted() -> None:
    _, effects = run(B2B, lead={"first_name": "Dana"})
    disclosure, ask, listen = effects
    assert isinstance(disclosure, Say)
    assert (disclosure.kind, disclosure.barge_in) == ("disclosure", BargeIn.NONE)
    assert disclosure.text.startswith("Hi Dana! This is Lee, the automated assistant of Example Software.")
    assert isinstance(ask, Say)
    assert ask.slot == "good_time"
    assert isinstance(listen, Listen)
    assert listen.expect.kind is SlotType.YES_NO


def test_effects_are_numbered_and_wait_for_their_acknowledgement() -> None:
    state, effects = step(B2B, begin(B2B, call_id="c", direction=Direction.OUTBOUND, at=AT), Answered(AT))
    assert [effect.id for effect in effects] == ["e0", "e1", "e2"]
    assert state.pending == effects
    state, none = step(B2B, state, Done(AT + 4, "e0"))
    assert not none
    assert record(B2B, state)["disclosed_at"] == AT + 4
    assert state.pending == effects[1:]
    state, _ = step(B2B, state, Interrupted(AT, "e1", "Do you"))
    assert kinds(state.pending) == ["Listen"]


def test_a_disclosure_cut_off_is_said_again_once() -> None:
    state, _ = step(B2B, begin(B2B, call_id="c", direction=Direction.OUTBOUND, at=AT), Answered(AT))
    state, _ = step(B2B, state, Interrupted(AT, "e0", "Hi there"))
    state, effects = step(B2B, state, Pressed(AT, "1"))
    assert [effect.kind for effect in effects if isinstance(effect, Say)] == ["disclosure", "ask"]
    state, effects = step(B2B, state, Pressed(AT, "5"))
    assert [effect.kind for effect in effects if isinstance(effect, Say)] == ["ask"]


def test_answering_twice_changes_nothing() -> None:
    state, _ = run(B2B)
    assert step(B2B, state, Answered(AT)) == (state, ())


#: events after the first question, what must be said, the disposition
WAYS = {
    "opt-out by voice": ([heard("never call me again")], "You won't hear from us again", "opted_out"),
    "opt-out by key": ([Pressed(AT, "9")], "You won't hear from us again", "opted_out"),
    "opt-out instead of a number": ([heard("yes"), heard("take me off your list")], "won't hear", "opted_out"),
    "opt-out while a number is confirmed": (
        [
            heard("yes"),
            heard("5"),
            heard("1000"),
            heard("now"),
            heard("yes"),
            heard("202 555 0143"),
            heard("stop calling me"),
        ],
        "won't hear",
        "opted_out",
    ),
    "wrong number": ([heard("you've got the wrong number")], "wrong number", "wrong_number"),
    "not interested": ([heard("I'm not interested")], "No problem", "not_interested"),
    "goodbye": ([heard("yes"), heard("goodbye")], "Thanks for your time", "abandoned"),
    "nobody there": ([Silence(AT), Silence(AT, 2), Silence(AT, 3)], "I can't hear you", "no_input"),
    "a person, nobody takes transfers": ([Pressed(AT, "0")], "A colleague will call you back", "human_requested"),
    "busy": ([heard("I'm driving, I can't talk right now")], "When should we call you back?", None),
    "nothing understood": ([heard("brr")], "Sorry, I didn't catch that. Is now a good time?", None),
    "nothing recognised": ([heard("")], "Sorry, I didn't catch that. Is now a good time?", None),
    "a moment please": ([heard("hold on a second")], "take your time", None),
    "say again": ([heard("could you repeat that")], "Is now a good time?", None),
    "star repeats": ([Pressed(AT, "*")], "Is now a good time?", None),
    "star star repeats while digits are typed": ([heard("yes"), Pressed(AT, "**")], "Roughly how many", None),
    "a voicemail": ([Machine(AT, "voicemail")], "", "voicemail"),
    "a voicemail's words": ([heard("please leave a message after the tone")], "", "voicemail"),
    "a menu": ([Machine(AT, "ivr")], "", "machine"),
    "a menu's words": ([heard("for sales, press one")], "", "machine"),
    "a screener": ([Machine(AT, "screening")], "about our scheduling software", None),
    "a screener's words": ([heard("record your name and reason for calling")], "about our scheduling software", None),
    "a screener that connects": (
        [heard("say your name after the tone"), heard("please say your name and stay on the line")],
        "",
        None,
    ),
    "words of a machine after an answer": ([heard("yes"), heard("leave a message after the tone")], "Sorry, I", None),
    "a person after all": ([Machine(AT, "human")], "", None),
    "the operator ends it": ([Operator(AT, "end")], "A colleague will call you", "failed"),
    "the operator speaks": ([Operator(AT, "say", "One moment.")], "One moment.", None),
    "the operator takes over": ([Operator(AT, "takeover"), heard("hello?")], "", None),
    "the operator gives back": ([Operator(AT, "takeover"), Operator(AT, "release")], "Is now a good time?", None),
    "an unknown acknowledgement": ([Done(AT, "e99")], "", None),
    "hung up": ([HungUp(AT)], "", "abandoned"),
}


@pytest.mark.parametrize(("events", "words", "disposition"), WAYS.values(), ids=WAYS)
def test_way(events: list[Event], words: str, disposition: str | None) -> None:
    state, effects = run(B2B, *events)
    assert words in said(effects)
    assert bool(words) == bool(said(effects))
    assert state.disposition == disposition


HANG_UPS = {
    "before the call was answered": ([], "abandoned"),
    "after an opt-out": ([heard("stop calling me")], "opted_out"),
    "after wrong number": ([heard("wrong number")], "wrong_number"),
    "in a question": ([heard("yes")], "abandoned"),
    "after a callback was agreed": ([heard("call me tomorrow at three"), heard("yes")], "callback"),
    "before a callback was agreed": ([heard("call me tomorrow at three")], "abandoned"),
}


@pytest.mark.parametrize(("events", "disposition"), HANG_UPS.values(), ids=HANG_UPS)
def test_hung_up_at_any_moment(events: list[Event], disposition: str) -> None:
    state, effects = run(B2B, *events, HungUp(AT + 9))
    assert (state.disposition, state.ended, effects) == (disposition, True, ())
    assert record(B2B, state)["ended_at"] == AT + 9


def test_after_the_end_nothing_happens_but_acknowledgements() -> None:
    state, _ = step(B2B, begin(B2B, call_id="c", direction=Direction.OUTBOUND, at=AT), Answered(AT))
    state, effects = step(B2B, state, heard("stop calling me"))
    state, _ = step(B2B, state, HungUp(AT))
    assert kinds(state.pending) == ["OptOut"]
    state, _ = step(B2B, state, heard("and another thing"))
    state, none = step(B2B, state, Done(AT, effects[0].id))
    assert state.pending == none == ()


def qualify() -> list[Event]:
    return [
        heard("yes"),
        heard("300"),
        heard("$20,000 a year"),
        heard("right away"),
        heard("yes"),
        heard("202 555 0143"),
        heard("yes"),
    ]


def test_a_qualified_lead_is_put_through() -> None:
    state, effects = run(WITH_SALES, *qualify())
    assert kinds(effects) == ["Say", "Transfer"]
    transfer = effects[-1]
    assert isinstance(transfer, Transfer)
    state, effects = step(WITH_SALES, state, TransferDone(AT, transfer.id))
    assert kinds(effects) == ["End"]
    assert state.disposition == "qualified"
    assert record(WITH_SALES, state)["next_action"] == "None: a colleague has taken the call over."


def test_nobody_takes_the_transfer() -> None:
    state, effects = run(WITH_SALES, heard("I want to speak to a person"))
    assert kinds(effects) == ["Say", "Transfer"]
    state, effects = step(WITH_SALES, state, TransferFailed(AT, effects[-1].id, "busy"))
    assert "nobody is free right now. When should we call you back?" in said(effects)
    assert (state.disposition, state.notes.transfer_result) == ("human_requested", "busy")


def test_after_a_warm_transfer_we_stay_and_keep_silent_but_still_hear_an_opt_out() -> None:
    state, effects = run(WARM, heard("a human please"))
    state, effects = step(WARM, state, TransferDone(AT, effects[-1].id))
    assert (effects, state.disposition) == ((), "transferred")
    state, effects = step(WARM, state, heard("what does it cost?"))
    assert not effects
    state, effects = step(WARM, state, heard("never call me again"))
    assert kinds(effects) == ["OptOut"]
    state, _ = step(WARM, state, HungUp(AT))
    assert state.disposition == "opted_out"


def test_a_model_counts_only_with_words_that_were_said() -> None:
    said_so = Meaning(None, 0.9, (Quote("company_size", "a dozen folks"), Quote("budget", "a million dollars")))
    state, _ = run(B2B, heard("yes"), Heard(AT, "it's me and, let me see, a dozen folks or so", said_so))
    assert state.answers["company_size"].value == (12, 12)
    assert "budget" not in state.answers


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (
            "Most pay ten to twenty dollars a month. It depends on your team. Each person. More.",
            "Most pay ten to twenty dollars a month. It depends on your team.",
        ),
        ("We integrate with most calendars.", "I don't know that, but a colleague can tell you."),
        ("Most pay five dollars a month.", "I don't know that, but a colleague can tell you."),
    ],
)
def test_a_model_may_word_a_reply_from_the_facts_sheet(reply: str, answer: str) -> None:
    _, effects = run(
        B2B, heard("yes"), Heard(AT, "does it hook up with our calendar thing", Meaning(None, 0.0, (), reply))
    )
    assert said(effects) == f"{answer} Roughly how many employees do you have?"


def test_a_lookup_fills_what_is_not_asked_any_more() -> None:
    text = BODY.replace("    type: integer_range", "    type: integer_range\n    prefill: facts.headcount", 1)
    flow = parse_flow(
        text.replace("slots:\n", "lookups: [{tool: crm, args: {name: '{{ lead.first_name }}'}}]\nslots:\n", 1),
        "crm.yaml",
    )
    state, effects = step(
        flow, begin(flow, call_id="c", direction=Direction.OUTBOUND, at=AT, lead={"first_name": "Dana"}), Answered(AT)
    )
    lookup = effects[0]
    assert isinstance(lookup, Lookup)
    assert (lookup.tool, dict(lookup.args)) == ("crm", {"name": "Dana"})
    state, none = step(flow, state, Found(AT, lookup.id, {"headcount": "120"}))
    assert not none
    state, effects = step(flow, state, heard("yes"))
    assert "What budget" in said(effects)
    assert record(flow, state)["answers"]["company_size"]["mode"] == "prefill"  # type: ignore[index]


def test_what_is_known_of_a_number_is_confirmed_not_asked() -> None:
    text = BODY.replace("    type: phone", "    type: phone\n    prefill: lead.phone", 1)
    flow = parse_flow(text, "known.yaml")
    _, effects = run(
        flow,
        heard("yes"),
        heard("300"),
        heard("$20,000 a year"),
        heard("now"),
        heard("yes"),
        lead={"phone": "+12025550143"},
    )
    assert "Let me repeat that. Two oh two, five five five, oh one four three, right?" in said(effects)


def test_unsure_hearing_is_read_back_explicitly() -> None:
    text = BODY.replace("    type: integer_range", "    type: integer_range\n    explicit_above: 1000", 1)
    state, effects = run(parse_flow(text, "x.yaml"), heard("yes"), heard("five thousand people"))
    assert "Let me check. Five thousand. Is that right?" in said(effects)
    assert state.focus.stage == "confirm"


def test_resumed_while_closing_leaves_the_end_to_be_replayed() -> None:
    state, _ = run(B2B, heard("wrong number"))
    after, effects = step(B2B, state, Resumed(AT))
    assert not effects
    assert kinds(after.pending) == ["End"]
    done, _ = step(B2B, after, Done(AT, after.pending[0].id))
    assert done.ended


def test_a_state_of_another_version_is_refused() -> None:
    state, _ = run(B2B)
    data = dump_state(state)
    assert data["schema"] == SCHEMA
    with pytest.raises(StateError, match="finish the call with the version"):
        load_state({**data, "schema": SCHEMA + 1})
    with pytest.raises(StateError, match="cannot be read"):
        load_state({"schema": SCHEMA})
    assert load_state(json.loads(json.dumps(data))) == state
