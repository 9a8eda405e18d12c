"""Outcomes, what follows from them, breakers and figures: tables of what happened and what it comes to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.again import AGAIN, CALLBACK_MOST, Past, Rules, in_zone, next_day, what_next
from campaigns.breakers import Seen, tripped, warnings
from campaigns.kpis import Made, Tried, by_outcome, connected_by, kpis
from campaigns.outcomes import Talk, answered, kind, names, unanswered
from sip.outcome import Ending, Outcome, of_status
from store.attempts import CallBack, Close, Retry

NOW = datetime(2026, 12, 1, 15, 0, tzinfo=UTC).timestamp()
HOUR, DAY = 3600.0, 86_400.0
RULES = Rules({}, tries=6, gap_s=4 * HOUR)

STATUSES = [
    (408, "", "no_answer"),
    (480, "Temporarily Unavailable", "no_answer"),
    (487, "", "no_answer"),
    (486, "", "busy"),
    (600, "", "busy"),
    (603, "Decline", "declined"),
    (603, "Network Blocked", "network_blocked"),
    (607, "Unwanted", "unwanted"),
    (608, "Rejected", "network_blocked"),
    (404, "", "invalid_number"),
    (410, "", "invalid_number"),
    (484, "", "invalid_number"),
    (604, "", "invalid_number"),
    (500, "", "congestion"),
    (503, "", "congestion"),
    (503, "CPS limit exceeded", "congestion"),
    (403, "concurrent call limit exceeded", "congestion"),
    (401, "", "config_error"),
    (403, "", "config_error"),
    (407, "", "config_error"),
    (488, "", "config_error"),
    (420, "", "config_error"),
]


@pytest.mark.parametrize(("status", "phrase", "name"), STATUSES)
def test_a_sip_status_has_an_outcome(status: int, phrase: str, name: str) -> None:
    assert unanswered(of_status(status, phrase)).name == name


@pytest.mark.parametrize("ending", [ending for ending in Ending if ending is not Ending.ANSWERED])
def test_every_ending_without_a_status_has_one_too(ending: Ending) -> None:
    assert unanswered(Outcome(ending)).name in names()


TALKS = [
    (Talk("qualified", 60, first_audio_ms=200), "conversation", {"human", "contact", "completed", "right_party"}),
    (Talk("opted_out", 5, first_audio_ms=200), "conversation", {"dnc", "right_party"}),
    (Talk("wrong_number", 9, first_audio_ms=200), "conversation", {"human"}),
    (Talk("failed", 90, first_audio_ms=200), "conversation", {"human"}),
    (Talk("abandoned", 4, first_audio_ms=200), "hangup_early", {"human"}),
    (Talk("abandoned", 40, first_audio_ms=200), "dropped", {"human", "contact"}),
    (Talk("abandoned", 40, first_audio_ms=200, disclosed=False), "hangup_early", {"human"}),
    (Talk("voicemail", 8, first_audio_ms=200, machine="voicemail"), "voicemail", {"machine"}),
    (Talk("voicemail", 8, first_audio_ms=200), "voicemail", {"machine"}),
    (Talk("machine", 8, first_audio_ms=200), "ivr_gatekeeper", {"machine"}),
    (Talk("no_input", 20, first_audio_ms=200, machine="screening"), "call_screened", {"screened"}),
    (Talk("qualified", 60, first_audio_ms=200, machine="screening"), "conversation", {"completed"}),
    (Talk("opted_out", 9, first_audio_ms=200, machine="screening"), "conversation", {"human", "dnc", "screened"}),
    (Talk("abandoned", 9, first_audio_ms=200, machine="screening"), "call_screened", {"screened"}),
    (
        Talk("abandoned", 40, record={"answers": {"x": {"mode": "speech"}}}, first_audio_ms=200, machine="screening"),
        "dropped",
        {"human", "screened"},
    ),
    (Talk("", 6), "abandoned", {"human", "abandoned"}),
    (Talk("abandoned", 6, first_audio_ms=2400), "abandoned", {"abandoned"}),
    (Talk("", 30, first_audio_ms=200), "dropped", {"human"}),
]


@pytest.mark.parametrize(("talk", "name", "flags"), TALKS)
def test_a_talk_has_an_outcome(talk: Talk, name: str, flags: set[str]) -> None:
    found = answered(talk)
    assert (found.name, flags <= set(found.flags), "answered" in found.flags) == (name, True, True)


#: outcome, which one of its kind, tries → after how many hours again (at least), None: closed
WAITS = [
    ("no_answer", 1, 1, 4),
    ("no_answer", 2, 2, 24),
    ("no_answer", 5, 5, 120),
    ("no_answer", 6, 6, None),
    ("busy", 1, 1, 1 / 3),
    ("busy", 3, 3, 4),
    ("declined", 1, 1, 24),
    ("declined", 2, 2, None),
    ("call_screened", 2, 2, 48),
    ("call_screened", 3, 3, None),
    ("congestion", 1, 6, 1 / 12),
    ("system_error", 1, 6, 0.0),
    ("system_error", 9, 6, 0.5),
    ("hangup_early", 2, 2, None),
    ("voicemail", 1, 1, 24),
    ("unknown", 1, 1, 4),
    ("unwanted", 1, 1, None),
]


@pytest.mark.parametrize(("name", "nth", "tries", "hours"), WAITS)
def test_when_to_call_again(name: str, nth: int, tries: int, hours: float | None) -> None:
    then = what_next(kind(name), None, Past(7, [name] * nth, tries), RULES, NOW)
    if hours is None:
        assert isinstance(then, Close)
        return
    assert isinstance(then, Retry)
    assert hours * HOUR <= then.due_at - NOW <= hours * HOUR + 2 * HOUR + 300
    assert then.same_try == (not kind(name).counts)


def test_a_campaigns_own_waits_stand_above_the_table() -> None:
    own = Rules({"no_answer": (600.0,)}, 6, HOUR)
    then = what_next(kind("no_answer"), None, Past(0, ["no_answer"] * 3, 3), own, NOW)
    assert then == Retry(NOW + 600.0)


@pytest.mark.parametrize(
    ("disposition", "reason", "phone"),
    [
        ("qualified", "qualified", ""),
        ("transferred", "qualified", ""),
        ("unqualified", "disqualified", ""),
        ("not_interested", "not_interested", ""),
        ("opted_out", "dnc", ""),
        ("wrong_number", "wrong_number", "wrong_number"),
    ],
)
def test_a_disposition_closes(disposition: str, reason: str, phone: str) -> None:
    talk = Talk(disposition, 60, first_audio_ms=100)
    assert what_next(answered(talk), talk, Past(1, ["conversation"], 1), RULES, NOW) == Close(reason, phone)


def test_a_callback_is_at_the_time_that_the_person_said_in_their_zone() -> None:
    record = {"callback": {"when": "2026-12-03T10:30", "zone": "America/Denver", "raw": "Thursday half past ten"}}
    talk = Talk("callback", 60, record=record, first_audio_ms=100)
    then = what_next(answered(talk), talk, Past(1, ["conversation"], 1), RULES, NOW)
    assert then == CallBack(
        datetime(2026, 12, 3, 17, 30, tzinfo=UTC).timestamp(),
        "2026-12-03T10:30",
        "America/Denver",
        "Thursday half past ten",
    )
    for broken in ({}, {"callback": {"when": "soon", "zone": "x"}}, {"callback": {"when": "2020-01-01T10:00"}}):
        assert isinstance(
            what_next(answered(talk), Talk("callback", 60, record=broken), Past(1, [], 1), RULES, NOW), Retry
        )


@given(
    name=st.sampled_from(sorted(AGAIN)),
    before=st.lists(st.sampled_from(sorted(AGAIN)), max_size=12),
    lead=st.integers(0, 10**7),
    now=st.floats(1.7e9, 1.9e9),
)
def test_no_lead_is_called_for_ever_or_at_once(name: str, before: list[str], lead: int, now: float) -> None:
    outcomes = [*before, name]
    tries = sum(not AGAIN[one].same_try for one in outcomes)
    then = what_next(kind(name), None, Past(lead, outcomes, tries), RULES, now)
    if isinstance(then, Retry):
        at_once = name == "system_error"  # no INVITE was sent: nobody's telephone rang
        assert now + (2 if at_once else 300) <= then.due_at <= now + 6 * DAY
        assert then.same_try or tries < RULES.tries


@given(hour=st.integers(0, 23), day=st.integers(1, 28), month=st.integers(1, 12), later=st.floats(0, 5 * DAY))
def test_a_missed_callback_keeps_its_hour(hour: int, day: int, month: int, later: float) -> None:
    local, zone = f"2026-{month:02}-{day:02}T{hour:02}:15", "America/New_York"
    now = in_zone(local, zone) + later
    moved, due = next_day(local, zone, now)
    assert moved[11:] == local[11:]
    assert now < due <= now + DAY + HOUR
    assert due - now < CALLBACK_MOST.total_seconds()


def seen(outcome: str, *flags: str, talked: float | None = None, n: int = 1) -> list[Seen]:
    return [Seen(outcome, flags, talked)] * n


PEOPLE = seen("conversation", "human", talked=60.0, n=49)
STOPS = [
    ("credentials", seen("config_error"), "refuses"),
    ("five trunk failures", seen("congestion", n=5), "in a row failed"),
    ("four are not enough", seen("congestion", n=4), ""),
    ("not in a row", [*seen("congestion", n=4), *seen("busy"), *seen("congestion")], ""),
    ("five without an agent", seen("system_error", n=5), "no agent came"),
    ("four without an agent", seen("system_error", n=4), ""),
    ("blocked", [*PEOPLE, *seen("network_blocked", n=2), *seen("unwanted")], "labelled"),
    ("blocked long ago", [*seen("network_blocked", n=3), *PEOPLE, *seen("busy", n=10)], ""),
    ("short", [*PEOPLE, *seen("hangup_early", "human", talked=5, n=6)], "12 s or less"),
    ("few short ones", [*PEOPLE, *seen("hangup_early", "human", talked=5, n=5)], ""),
    ("short on average", seen("conversation", "human", talked=20.0, n=50), "on average"),
    ("abandoned", [*PEOPLE, *seen("abandoned", "human", "abandoned", talked=60), *PEOPLE[:9]], ""),
    (
        "abandoned often",
        [*PEOPLE[:30], *seen("abandoned", "human", "abandoned", talked=60), *PEOPLE[:2]],
        "heard nothing",
    ),
    ("silence twice", seen("abandoned", "human", "abandoned", talked=6, n=2), "did not hear the bot"),
    ("opt-outs", [*PEOPLE, *seen("conversation", "human", "dnc", talked=60, n=3)], "not to be called"),
    ("nobody", seen("no_answer", n=30), "nobody answered"),
    ("nothing yet", [], ""),
]


@pytest.mark.parametrize(("name", "past", "words"), STOPS)
def test_a_breaker_trips_with_its_reason(name: str, past: list[Seen], words: str) -> None:
    why = tripped(past)
    assert (words in why) if words else why == "", name


def test_a_warning_comes_before_the_stop() -> None:
    past = [*PEOPLE, *PEOPLE, *seen("abandoned", "human", "abandoned", talked=60)]
    assert "stops it" in warnings(past)[0]
    assert tripped(past) == ""


def test_the_figures_add_up() -> None:
    flags = {row[1]: frozenset(answered(row[0]).flags) for row in TALKS}
    past = [
        Tried(1, "no_answer", frozenset()),
        Tried(1, "conversation", frozenset(answered(TALKS[0][0]).flags), "qualified", 60.0, cost=0.5, heard_ms=300),
        Tried(2, "voicemail", flags["voicemail"], "voicemail", 8.0, cost=0.25, heard_ms=200),
        Tried(3, "hangup_early", flags["hangup_early"], "abandoned", 4.0),
        Tried(4, "busy", frozenset()),
    ]
    found = {kpi.name: kpi for kpi in kpis(past, 8)}
    shares = {
        "answer-seizure ratio": (3, 5),
        "connect rate": (2, 5),
        "contact rate": (2, 4),
        "machine rate": (1, 3),
        "right-party rate": (1, 2),
        "qualified rate": (1, 1),
        "list penetration": (4, 8),
        "short calls": (2, 3),
        "very short calls": (1, 3),
    }
    assert {name: found[name].parts for name in shares} == shares
    assert found["attempts per contact"].value == 2.5
    assert (found["first words p50"].value, found["first words p95"].value) == (200, 300)
    costs = ("cost", "cost per attempt", "cost per right party", "cost per qualified lead")
    assert [found[name].value for name in costs] == [0.75, 0.38, 0.75, 0.75]
    assert sum(by_outcome(past).values()) == len(past)
    assert all(kpi.formula for kpi in kpis([], 0))


def test_people_reached_are_counted_by_hour_and_by_caller_id() -> None:
    human = frozenset({"answered", "human"})
    past = [
        Tried(1, "conversation", human, made=Made("+12025550100", "14:00")),
        Tried(2, "no_answer", frozenset(), made=Made("+12025550100", "09:00")),
        Tried(3, "busy", frozenset(), made=Made("+12025550101", "14:00")),
        Tried(4, "no_agent", frozenset(), sent=False, made=Made("+12025550101", "14:00")),
        Tried(5, "busy", frozenset()),
    ]
    assert connected_by(past, lambda made: made.hour) == {"09:00": (0, 1), "14:00": (1, 2)}
    assert connected_by(past, lambda made: made.caller_id) == {"+12025550100": (1, 2), "+12025550101": (0, 1)}
