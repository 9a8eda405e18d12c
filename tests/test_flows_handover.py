"""Handing over to a person: opening hours in any zone, the briefing, and what follows when nobody takes the call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.codec import dump_state, load_state
from flows.engine import begin, record, step
from flows.flow import Flow, TransferPlan
from flows.hours import Hours, is_open, opens_next, parse_hours
from flows.model import (
    Answered,
    Direction,
    Done,
    Effect,
    Event,
    Heard,
    HumanLeft,
    HungUp,
    Operator,
    Press,
    Pressed,
    Say,
    Transfer,
    TransferDone,
    TransferFailed,
)
from flows.state import State
from store.flowfiles import load_flow

B2B = load_flow("b2b-software")
OFFICE = parse_hours("America/New_York", {"mon-fri": "09:00-12:00, 13:00-17:00", "sat": "10:00-14:00"}, ("2026-11-26",))


def moment(text: str, zone: str = "America/New_York") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("at", "zone", "open_"),
    [
        ("2026-11-23T09:00", "America/New_York", True),
        ("2026-11-23T08:59", "America/New_York", False),
        ("2026-11-23T12:00", "America/New_York", False),
        ("2026-11-23T16:59", "America/New_York", True),
        ("2026-11-23T17:00", "America/New_York", False),
        ("2026-11-23T08:00", "America/Chicago", True),
        ("2026-11-23T06:00", "America/Los_Angeles", True),
        ("2026-11-21T13:00", "America/New_York", True),
        ("2026-11-22T13:00", "America/New_York", False),
        ("2026-11-26T10:00", "America/New_York", False),  # a day off
        ("2026-03-09T09:00", "America/New_York", True),  # the Monday after the clocks went forward
    ],
)
def test_opening_hours(at: str, zone: str, open_: bool) -> None:
    assert is_open(OFFICE, moment(at, zone)) is open_


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-11-23T08:00", "2026-11-23T09:00"),
        ("2026-11-23T12:30", "2026-11-23T13:00"),
        ("2026-11-25T17:30", "2026-11-27T09:00"),  # over a day off
        ("2026-11-28T15:00", "2026-11-30T09:00"),  # over a Sunday
    ],
)
def test_the_next_opening(at: str, opens: str) -> None:
    found = opens_next(OFFICE, moment(at))
    assert found is not None
    assert found.isoformat(timespec="minutes")[:16] == opens


@given(st.floats(1.7e9, 1.9e9), st.sampled_from(["America/New_York", "Europe/London", "Asia/Kolkata"]))
def test_when_it_opens_it_is_open(at: float, zone: str) -> None:
    hours = Hours(zone, OFFICE.days)
    opening = opens_next(hours, at)
    assert opening is not None
    assert opening.timestamp() > at
    assert is_open(hours, opening.timestamp())


# -- in a call

MONDAY = moment("2026-11-23T10:00")
NIGHT = moment("2026-11-23T20:00")
KNOWN = {"destinations": "support,sales"}


def play(
    flow: Flow, *said: str, at: float = MONDAY, facts: dict[str, str] | None = None
) -> tuple[State, tuple[Effect, ...]]:
    state = begin(flow, call_id="c1", direction=Direction.INBOUND, at=at, facts=KNOWN if facts is None else facts)
    state, effects = step(flow, state, Answered(at))
    for text in said:
        state = heard_out(flow, state, effects)
        state, effects = step(flow, state, Heard(at, text))
    return state, effects


def heard_out(flow: Flow, state: State, effects: tuple[Effect, ...]) -> State:
    for effect in effects:
        if isinstance(effect, Say):
            state, _ = step(flow, state, Done(MONDAY, effect.id))
    return state


def words(effects: tuple[Effect, ...]) -> str:
    return " ".join(effect.text for effect in effects if isinstance(effect, Say))


def transfer_in(effects: tuple[Effect, ...]) -> Transfer:
    return next(effect for effect in effects if isinstance(effect, Transfer))


def put_through(flow: Flow, *said: str) -> tuple[State, Transfer]:
    state, effects = play(flow, *said, "can I talk to a person")
    state = heard_out(flow, state, effects)
    return state, transfer_in(effects)


def test_a_person_is_briefed_with_what_is_sure() -> None:
    _, transfer = put_through(B2B, "sure", "about sixty people", "eight hundred dollars a month")
    assert (transfer.to, transfer.mode) == ("sales", "warm")
    assert "automated assistant of Example Software" in transfer.briefing
    assert "company size: sixty people" in transfer.briefing.replace("sixty.", "sixty people.")
    assert "Press one" in transfer.briefing_keys


def test_a_destination_that_the_settings_do_not_know_is_nobody() -> None:
    _, effects = play(B2B, "can I talk to a person", facts={"destinations": "support"})
    assert "will call you back" in words(effects)
    assert not [effect for effect in effects if isinstance(effect, Transfer)]


def test_outside_the_hours_a_callback_is_offered() -> None:
    state, effects = play(B2B, "can I talk to a person", at=NIGHT)
    assert not [effect for effect in effects if isinstance(effect, Transfer)]
    assert "Our team is back Tuesday" in words(effects)
    assert "When should we call you back?" in words(effects)
    assert record(B2B, state)["transfer"] == "closed"


FAILED: dict[str, tuple[list[str], str | None, str]] = {
    # what the caller says next → when the callback is, how the call is filed
    "a time": (["tomorrow at ten", "yes"], "2026-11-24T10:00", "callback"),
    "no thanks": (["no thanks, I'm not interested"], None, "not_interested"),
    "nothing more": ([], None, "human_requested"),
}


@pytest.mark.parametrize(("said", "when", "disposition"), FAILED.values(), ids=FAILED)
def test_when_nobody_takes_it(said: list[str], when: str | None, disposition: str) -> None:
    state, transfer = put_through(B2B, "sure")
    state, effects = step(B2B, state, TransferFailed(MONDAY, transfer.id, "unanswered"))
    assert words(effects) == "I'm sorry, nobody is free right now. When should we call you back?"
    for text in said:
        state = heard_out(B2B, state, effects)
        state, effects = step(B2B, state, Heard(MONDAY, text))
    state, _ = step(B2B, state, HungUp(MONDAY))
    kept = record(B2B, state)
    assert (kept["disposition"], kept["transfer"]) == (disposition, "unanswered")
    assert (kept["callback"] or {}).get("when") == when  # type: ignore[attr-defined]


def test_a_qualified_lead_stays_qualified_whatever_becomes_of_the_transfer() -> None:
    state, transfer = put_through(B2B, "sure")
    state = replace(state, disposition="qualified")
    state, effects = step(B2B, state, TransferFailed(MONDAY, transfer.id, "busy"))
    for text in ("tomorrow at ten", "yes"):
        state = heard_out(B2B, state, effects)
        state, effects = step(B2B, state, Heard(MONDAY, text))
    assert (state.disposition, state.notes.callback) == ("qualified", ("2026-11-24T10:00", "America/New_York"))


def test_a_person_is_tried_twice_at_most() -> None:
    state, transfer = put_through(B2B, "sure")
    for _ in range(2):
        state, effects = step(B2B, state, TransferFailed(MONDAY, transfer.id, "busy"))
        state = heard_out(B2B, state, effects)
        state, effects = step(B2B, state, Heard(MONDAY, "no, put me through to a person"))
        state = heard_out(B2B, state, effects)
        found = [effect for effect in effects if isinstance(effect, Transfer)]
        transfer = found[0] if found else transfer
    assert "will call you back" in words(effects)


@pytest.mark.parametrize(("talked", "ends"), [(2.0, False), (60.0, True)])
def test_the_person_hangs_up(talked: float, ends: bool) -> None:
    state, transfer = put_through(B2B, "sure")
    state, effects = step(B2B, state, TransferDone(MONDAY, transfer.id))
    assert (effects, state.disposition, state.focus.stage) == ((), "transferred", "human")
    state, effects = step(B2B, state, HumanLeft(MONDAY, talked))
    assert [type(effect).__name__ for effect in effects] == (["End"] if ends else ["Say", "Listen"])
    assert record(B2B, state)["transfer"] == ("accepted" if ends else "dropped")


def test_without_a_callback_block_it_ends_with_a_goodbye() -> None:
    flow = replace(B2B, closing=replace(B2B.closing, callback=None))
    state, transfer = put_through(flow, "sure")
    state, effects = step(flow, state, TransferFailed(MONDAY, transfer.id, "busy"))
    assert words(effects).endswith("A colleague will call you back. Goodbye!")
    assert [type(effect).__name__ for effect in effects] == ["Say", "End"]


def test_nine_opts_out_on_hold() -> None:
    flow = B2B
    state = begin(flow, call_id="c1", direction=Direction.OUTBOUND, at=MONDAY, facts=KNOWN)
    state, effects = step(flow, state, Answered(MONDAY))
    state, effects = step(flow, heard_out(flow, state, effects), Heard(MONDAY, "can I talk to a person"))
    state, effects = step(flow, heard_out(flow, state, effects), Pressed(MONDAY, "9"))
    assert [type(effect).__name__ for effect in effects] == ["OptOut", "Say", "End"]


def test_an_operator_presses_keys() -> None:
    state, _ = play(B2B, "sure")
    _, effects = step(B2B, state, Operator(MONDAY, "press", "ww12#"))
    assert [(type(effect), getattr(effect, "digits", "")) for effect in effects] == [(Press, "ww12#")]


def test_a_pending_transfer_survives_as_json() -> None:
    plan = TransferPlan("+12025550177", "warm", ring_s=9, digits="ww12#")
    flow = replace(B2B, closing=replace(B2B.closing, transfer=plan))
    state, transfer = put_through(flow, "sure")
    assert transfer.digits == "ww12#"
    assert load_state(dump_state(state)) == state


EVENTS: list[Event] = [TransferDone(MONDAY, "none"), TransferFailed(MONDAY, "none"), HumanLeft(MONDAY, 1.0)]


@pytest.mark.parametrize("event", EVENTS)
def test_news_of_no_transfer_changes_nothing(event: Event) -> None:
    state, _ = play(B2B, "sure")
    assert step(B2B, state, event) == (state, ())
