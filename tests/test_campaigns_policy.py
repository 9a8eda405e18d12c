"""Who may be called and when: tables of leads, records and moments, and what is decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.numbers import classify
from campaigns.policy.decide import decide
from campaigns.policy.places import places_of
from campaigns.policy.rulepack import hours_of
from campaigns.policy.terms import (
    Allowed,
    Attempt,
    CallerId,
    Campaign,
    Consent,
    Decision,
    Lead,
    Ledger,
    Limits,
    Refused,
    Registry,
    Suppression,
)
from campaigns.rulefiles import load_packs

PACKS = load_packs()
NOON = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)  # a Tuesday: 13:00 in New York, 12:00 in Chicago
WASHINGTON = Lead("+12025550134")
CONSENT = Consent("written", "telemarketing", "Seller", NOON - timedelta(days=30), "Yes, an automated call is fine.")
OURS = CallerId("+12025550100", owned=True, answered=True)
LEDGER = Ledger(consents=(CONSENT,), caller_id=OURS)
CAMPAIGN = Campaign(
    "spring",
    "telemarketing",
    "Seller",
    frozenset({"US", "CA", "GB"}),
    hours_of({"mon-fri": "10:00-18:00"}, on_holidays=False),
    acknowledged={"CA": "counsel, 2026-11-02"},
)
ALL_DAY = replace(CAMPAIGN, hours=hours_of({"mon-sun": "00:00-24:00"}))


def asked(
    lead: Lead = WASHINGTON, campaign: Campaign = CAMPAIGN, now: datetime = NOON, *, asked_for: bool = False, **on: Any
) -> Decision:
    return decide(lead, campaign, replace(LEDGER, **on), now, PACKS, asked_for=asked_for)


def rule(decision: Decision) -> str:
    return decision.rule if isinstance(decision, Refused) else "allowed"


def test_a_lead_with_everything_on_record_is_called_and_the_decision_says_why() -> None:
    decision = asked()
    assert isinstance(decision, Allowed)
    assert decision.states == ("DC",)
    assert decision.local_times == (("America/New_York", "2026-12-01T13:00"),)
    assert decision.rules == ("US", "US-DC", "campaign")
    assert decision.closes_at == datetime(2026, 12, 1, 22, 50, tzinfo=UTC)  # ten minutes before six


@pytest.mark.parametrize(
    ("consents", "expected"),
    [
        ((), "consent"),
        ((replace(CONSENT, revoked_at=NOON - timedelta(seconds=1)),), "consent"),
        ((replace(CONSENT, seller="Another"),), "consent"),
        ((replace(CONSENT, seller=" SELLER "),), "allowed"),
        ((replace(CONSENT, purpose="informational"),), "consent"),
        ((replace(CONSENT, kind="express"),), "consent"),
        ((replace(CONSENT, kind="inquiry"),), "consent"),
        ((replace(CONSENT, text="  "),), "consent"),
        ((replace(CONSENT, obtained_at=NOON + timedelta(seconds=1)),), "consent"),
        ((replace(CONSENT, obtained_at=NOON - timedelta(days=540)),), "allowed"),
        ((replace(CONSENT, obtained_at=NOON - timedelta(days=541)),), "consent"),
        ((replace(CONSENT, seller="Another"), CONSENT), "allowed"),
    ],
)
def test_consent(consents: tuple[Consent, ...], expected: str) -> None:
    assert rule(asked(consents=consents)) == expected


@pytest.mark.parametrize(
    ("checked_days_ago", "listed", "expected"),
    [(None, False, "registry"), (31, False, "allowed"), (32, False, "registry"), (1, True, "registry")],
)
def test_less_than_written_consent_needs_a_reason_and_the_registry(
    checked_days_ago: int | None, listed: bool, expected: str
) -> None:
    express = (replace(CONSENT, kind="express"),)
    assert rule(asked(consents=express)) == "consent"
    override = replace(CAMPAIGN, consent_override="counsel, 2026-11-02: oral consent is enough in this circuit")
    word = None if checked_days_ago is None else Registry(NOON - timedelta(days=checked_days_ago), listed)
    assert rule(asked(campaign=override, consents=express, registry=word)) == expected


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Suppression("global", NOON, source="spoken"), "suppressed"),
        (Suppression("seller", NOON, "seller", source="607"), "suppressed"),
        (Suppression("seller", NOON, "another"), "allowed"),
        (Suppression("campaign", NOON, "spring"), "suppressed"),
        (Suppression("campaign", NOON, "autumn"), "allowed"),
        (Suppression("campaign", NOON, "spring", until=NOON), "allowed"),
        (Suppression("global", NOON, until=NOON + timedelta(seconds=1)), "suppressed"),
    ],
)
def test_suppression(entry: Suppression, expected: str) -> None:
    assert rule(asked(suppressions=(entry,))) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("911", "number_kind"),
        ("411", "number_kind"),
        ("+12025551212", "number_kind"),
        ("+18005550199", "number_kind"),
        ("+19005550134", "number_kind"),
        ("+870773111632", "number_kind"),
        ("+33199001234", "country"),
        ("+5215550134", "number_kind"),
        ("+15215550134", "number_kind"),  # a personal number, which has no place
        ("+18765550134", "country"),  # Jamaica, under the same country code
        ("", "number_kind"),
    ],
)
def test_numbers_that_are_never_called(number: str, expected: str) -> None:
    assert rule(asked(Lead(number))) == expected


def test_a_country_without_a_rule_pack_is_not_called() -> None:
    french = replace(CAMPAIGN, countries=frozenset({"FR"}))
    assert rule(asked(Lead("+33142685300"), french)) == "country"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (None, "caller_id"),
        (replace(OURS, owned=False), "caller_id"),
        (replace(OURS, answered=False), "caller_id"),
        (replace(OURS, attempts_today=49), "allowed"),
        (replace(OURS, attempts_today=50), "caller_id"),
    ],
)
def test_caller_id(shown: CallerId | None, expected: str) -> None:
    assert rule(asked(caller_id=shown)) == expected


def hours_ago(*hours: float) -> tuple[Attempt, ...]:
    return tuple(Attempt(NOON - timedelta(hours=h)) for h in hours)


@pytest.mark.parametrize(
    ("attempts", "expected", "retry_h"),
    [
        (hours_ago(), "allowed", None),
        (hours_ago(3.9), "gap", 0.1),
        (hours_ago(4), "allowed", None),
        (hours_ago(5, 20), "cap", 4),
        (hours_ago(20, 5), "cap", 4),
        (hours_ago(5, 24), "allowed", None),
        (hours_ago(5, 9, 20), "cap", 15),
        ((Attempt(NOON - timedelta(hours=71), abandoned=True),), "abandoned", 1),
        ((Attempt(NOON - timedelta(hours=72), abandoned=True),), "allowed", None),
    ],
)
def test_how_often(attempts: tuple[Attempt, ...], expected: str, retry_h: float | None) -> None:
    decision = asked(attempts=attempts)
    assert rule(decision) == expected
    if isinstance(decision, Refused):
        assert retry_h is not None
        assert decision.retry_at == NOON + timedelta(hours=retry_h)


def test_a_state_caps_what_a_campaign_would_like() -> None:
    eager = replace(CAMPAIGN, limits=Limits(per_24h=10, gap=timedelta(0)))
    assert rule(asked(Lead("+13055550134"), eager, attempts=hours_ago(1, 2, 3))) == "cap"  # Florida: three
    assert rule(asked(WASHINGTON, eager, attempts=hours_ago(1, 2, 3))) == "allowed"
    assert rule(asked(tries=6)) == "tries"


@pytest.mark.parametrize(
    ("number", "local", "opens", "shuts"),
    [
        ("+12025550134", "America/New_York", "08:00", "20:50"),  # federal: 8 to 21, the last ten minutes left out
        ("+13055550134", "America/New_York", "08:00", "19:50"),  # Florida
        ("+12055550134", "America/Chicago", "08:00", "19:50"),  # Alabama
        ("+15025550134", "America/New_York", "10:00", "20:50"),  # Kentucky
        ("+15125550134", "America/Chicago", "09:00", "20:50"),  # Texas
        ("+19155550134", "America/Denver", "09:00", "19:50"),  # El Paso: Texas hours in Central time too
        ("+12075550134", "America/New_York", "09:00", "16:50"),  # Maine
        ("+14235550134", "America/New_York", "11:00", "17:50"),  # Tennessee: ten in Chicago, six in New York
        ("+16895550134", "America/New_York", "09:00", "19:50"),  # Orlando; libphonenumber says Chicago, so both
        ("+14165550134", "America/Toronto", "09:00", "21:20"),
        ("+442079460123", "Europe/London", "08:00", "20:50"),
    ],
)
def test_the_law_opens_and_shuts_to_the_minute(number: str, local: str, opens: str, shuts: str) -> None:
    zone = ZoneInfo(local)
    for clock, before, after in ((opens, "hours", "allowed"), (shuts, "allowed", "hours")):
        moment = datetime.fromisoformat(f"2026-12-02T{clock}").replace(tzinfo=zone)  # a Wednesday
        assert rule(asked(Lead(number), ALL_DAY, moment - timedelta(seconds=1))) == before
        assert rule(asked(Lead(number), ALL_DAY, moment)) == after


@pytest.mark.parametrize(
    ("number", "day", "expected"),
    [
        ("+12055550134", "2026-12-06", "hours"),  # Alabama on a Sunday
        ("+15125550134", "2026-12-06", "allowed"),  # Texas from noon
        ("+16055550134", "2026-12-05", "hours"),  # South Dakota on a Saturday
        ("+15045550134", "2027-02-09", "hours"),  # Louisiana on Mardi Gras
        ("+12255550134", "2026-12-25", "hours"),
        ("+12025550134", "2026-12-25", "allowed"),  # federal law knows no holidays
    ],
)
def test_days_without_calls(number: str, day: str, expected: str) -> None:
    at = datetime.fromisoformat(f"{day}T20:00:00+00:00")
    assert rule(asked(Lead(number), ALL_DAY, at, consents=(replace(CONSENT, obtained_at=at),))) == expected


def test_the_campaigns_own_hours_yield_to_a_wish_the_laws_never() -> None:
    evening = datetime(2026, 12, 2, 0, 30, tzinfo=UTC)  # 19:30 in Washington, 18:30 in Chicago
    night = datetime(2026, 12, 2, 3, 30, tzinfo=UTC)
    assert rule(asked(now=evening)) == "hours"
    assert rule(asked(now=evening, asked_for=True)) == "allowed"
    assert rule(asked(now=night, asked_for=True)) == "hours"


def test_every_place_that_a_lead_may_be_in_counts() -> None:
    early = datetime(2026, 12, 1, 15, 30, tzinfo=UTC)  # 10:30 in New York, 7:30 in Los Angeles
    assert rule(asked(now=early)) == "allowed"
    for moved in (
        replace(WASHINGTON, state="WA"),
        replace(WASHINGTON, postal_code="98101"),
        replace(WASHINGTON, timezone="America/Los_Angeles"),
    ):
        decision = asked(moved, now=early)
        assert isinstance(decision, Refused)
        assert decision.rule == "hours"
        assert decision.retry_at == datetime(2026, 12, 1, 18, 0, tzinfo=UTC)  # ten o'clock in Los Angeles


@pytest.mark.parametrize(
    "lead",
    [
        replace(WASHINGTON, state="ZZ"),
        replace(WASHINGTON, state="PR"),
        replace(WASHINGTON, postal_code="00601"),
        replace(WASHINGTON, postal_code="X"),
        replace(WASHINGTON, timezone="Mars/Olympus"),
    ],
)
def test_an_unknown_place_means_no(lead: Lead) -> None:
    assert rule(asked(lead)) == "place"


def test_california_needs_counsel() -> None:
    california = Lead("+14155550134")
    assert rule(asked(california)) == "allowed"
    assert rule(asked(california, replace(CAMPAIGN, acknowledged={}))) == "state"
    assert rule(asked(california, replace(CAMPAIGN, acknowledged={"CA": " "}))) == "state"


AREA_CODES = st.integers(201, 989).map(lambda npa: f"+1{npa}5550134")
#: Seconds of 2026 and 2027, and of the nights in which clocks change, in America and in Britain.
CHANGES = ("2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2027-03-14")
NIGHTS = [int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()) for day in CHANGES]
MOMENTS = st.one_of(
    st.integers(1_767_225_600, 1_830_297_600),
    st.sampled_from(NIGHTS).flatmap(lambda night: st.integers(night, night + 36 * 3600)),
).map(lambda second: datetime.fromtimestamp(second, UTC))


@settings(max_examples=300, deadline=None)
@given(AREA_CODES, MOMENTS)
def test_nobody_is_called_before_eight_or_after_nine_in_any_zone_that_may_be_theirs(number: str, now: datetime) -> None:
    decision = asked(Lead(number), ALL_DAY, now, consents=(replace(CONSENT, obtained_at=now),))
    if isinstance(decision, Allowed):
        latest = {"US": "20:50", "CA": "21:20"}[decision.rules[0]]
        assert all("08:00" <= local[11:] < latest for _, local in decision.local_times)
        assert now < decision.closes_at


@settings(max_examples=150, deadline=None)
@given(AREA_CODES, MOMENTS)
def test_when_to_try_again_is_a_moment_at_which_the_hours_are_open(number: str, now: datetime) -> None:
    consents = (replace(CONSENT, obtained_at=now),)
    decision = asked(Lead(number), CAMPAIGN, now, consents=consents)
    if isinstance(decision, Refused) and decision.rule == "hours" and decision.retry_at is not None:
        assert decision.retry_at > now
        assert rule(asked(Lead(number), CAMPAIGN, decision.retry_at, consents=consents)) == "allowed"
        just_before = decision.retry_at - timedelta(seconds=1)
        assert rule(asked(Lead(number), CAMPAIGN, just_before, consents=consents)) == "hours"


@settings(max_examples=200, deadline=None)
@given(
    AREA_CODES,
    st.sampled_from(["consents", "suppressions", "caller_id", "attempts"]),
)
def test_whatever_else_is_right_one_missing_record_means_no(number: str, spoiled: str) -> None:
    broken: dict[str, Any] = {
        "consents": (),
        "suppressions": (Suppression("global", NOON),),
        "caller_id": None,
        "attempts": hours_ago(1),
    }
    assert isinstance(asked(Lead(number), **{spoiled: broken[spoiled]}), Refused)


EDGES = (
    ("before it opens", 0, -1),
    ("as it opens", 0, 0),
    ("just before the margin", 1, -11),
    ("at the margin", 1, -10),
)


def law_allows(number: str, now: datetime) -> bool:
    """The law's hours told anew, without intersections: in every zone and by every state's rule it must be open now."""
    pack = PACKS[classify(number).country]
    places = places_of(Lead(number), number, pack)
    for rules in (pack.states[state] for state in places.states):
        for zone in {*places.zones, *([rules.also_in] if rules.also_in else [])}:
            local = now.astimezone(ZoneInfo(zone))
            span = (rules.hours or pack.hours).days[local.weekday()]
            minute = 60 * local.hour + local.minute
            if span is None or not span[0] <= minute < span[1] - 10:
                return False
            country = pack.hours.days[local.weekday()]
            if country is None or not country[0] <= minute < country[1] - 10:
                return False
    return True


def area_codes() -> list[str]:
    """A number of every area code of the packs whose places are known."""
    codes = {
        code
        for pack in PACKS.values()
        for rules in pack.states.values()
        for some in rules.area_codes.values()
        for code in some
    }
    numbers = [f"+1{code}5550134" for code in sorted(codes)]
    packs = [PACKS.get(classify(number).country) for number in numbers]
    known = [
        pack is not None and not places_of(Lead(n), n, pack).unknown for n, pack in zip(numbers, packs, strict=True)
    ]
    return [number for number, is_known in zip(numbers, known, strict=True) if is_known]


def judged_as_the_law(number: str, day: datetime, edge: int, which: int) -> None:
    """Compare policy and law at an edge of the hours of one of the places of a number."""
    pack = PACKS[classify(number).country]
    places = places_of(Lead(number), number, pack)
    rules = pack.states[places.states[which % len(places.states)]]
    span = (rules.hours or pack.hours).days[day.weekday()] or pack.hours.days[day.weekday()]
    assert span is not None
    _, end, minutes = EDGES[edge]
    minute, zone = span[end] + minutes, ZoneInfo(places.zones[which % len(places.zones)])
    now = day.astimezone(zone).replace(hour=minute // 60, minute=minute % 60).astimezone(UTC)
    decision = asked(Lead(number), ALL_DAY, now, consents=(replace(CONSENT, obtained_at=now),))
    assert isinstance(decision, Allowed) == law_allows(number, now), (number, now, decision)


def test_around_the_days_on_which_clocks_change_every_area_code_is_judged_as_the_law_has_it() -> None:
    """Every area code of the packs, at each edge of its own hours, on a day around a change: none is a public holiday."""
    numbers = area_codes()
    assert len(numbers) > 350
    for n, number in enumerate(numbers):
        day = datetime.fromisoformat(f"{CHANGES[n % 5]}T12:00:00+00:00") + timedelta(days=n % 3 - 1)
        for edge in range(len(EDGES)):
            judged_as_the_law(number, day, edge, n)
