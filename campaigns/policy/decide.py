"""The one decision: may this lead be called now? Every rule is asked in order; the first that objects is the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from campaigns.numbers import DIALABLE, Number, classify
from campaigns.policy.places import Places, places_of
from campaigns.policy.rulepack import RulePack, StateRule
from campaigns.policy.terms import Allowed, Campaign, Consent, ConsentKind, Decision, Lead, Ledger, Refused
from campaigns.policy.windows import Window, openings

_STRENGTH: Final[Mapping[ConsentKind, int]] = {"inquiry": 0, "express": 1, "written": 2}
_DAY: Final = timedelta(hours=24)
#: Ofcom's list of 2010: a number that was left in silence is left alone for 72 hours.
_ABANDONED: Final = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules look at."""

    lead: Lead
    campaign: Campaign
    ledger: Ledger
    now: datetime
    number: Number
    pack: RulePack
    places: Places
    asked_for: bool  #: the person asked to be called at this time

    @property
    def states(self) -> Mapping[str, StateRule]:
        """The rules of the states concerned."""
        return {name: self.pack.states[name] for name in self.places.states}


Rule: TypeAlias = Callable[[Case], Refused | None]


def decide(
    lead: Lead,
    campaign: Campaign,
    ledger: Ledger,
    now: datetime,
    packs: Mapping[str, RulePack],
    *,
    asked_for: bool = False,
) -> Decision:
    """Return whether `lead` may be called at `now` (aware, any zone). What is unknown means no.

    `packs` are rule packs by country. `asked_for` lifts the campaign's own hours, never the law's.
    """
    case = _case_of(lead, campaign, ledger, now, packs, asked_for=asked_for)
    if isinstance(case, Refused):
        return case
    return _first(case, RULES) or _window(case)


def lasting(
    lead: Lead, campaign: Campaign, ledger: Ledger, now: datetime, packs: Mapping[str, RulePack]
) -> Case | Refused:
    """Return what waiting will not change: why this lead is not to be called at all, or the case if nothing is known
    that forbids it. What a list is screened by when it is imported; `decide` is asked again before each call."""
    case = _case_of(lead, campaign, ledger, now, packs, asked_for=False)
    if isinstance(case, Refused):
        return case
    return _first(case, (_suppressed, _consent, _acknowledged)) or case


def _case_of(
    lead: Lead,
    campaign: Campaign,
    ledger: Ledger,
    now: datetime,
    packs: Mapping[str, RulePack],
    *,
    asked_for: bool,
) -> Case | Refused:
    """What the rules look at; refused where number or place are none that they know."""
    number = classify(lead.number, campaign.region)
    if refused := _number(number, campaign, packs):
        return refused
    pack = packs[number.country]
    places = places_of(lead, number.e164, pack)
    if places.unknown:
        return Refused("place", f"{places.unknown}; without it the hours of the law cannot be kept")
    return Case(lead, campaign, ledger, now, number, pack, places, asked_for)


def _first(case: Case, rules: Iterable[Rule]) -> Refused | None:
    return next((refused for rule in rules if (refused := rule(case))), None)


def _number(number: Number, campaign: Campaign, packs: Mapping[str, RulePack]) -> Refused | None:
    if number.kind not in DIALABLE:
        return Refused("number_kind", f"numbers of this kind are never dialled: {number.kind.value}")
    if number.country not in campaign.countries:
        return Refused("country", f"{number.country} is not among the campaign's countries")
    if number.country not in packs:
        return Refused("country", f"no rule pack for {number.country} is installed")
    return None


def _suppressed(case: Case) -> Refused | None:
    for entry in case.ledger.suppressions:
        key = {"global": "", "seller": case.campaign.seller, "campaign": case.campaign.name}[entry.scope]
        about_us = entry.scope == "global" or _same(entry.key, key)
        if about_us and (entry.until is None or case.now < entry.until):
            return Refused("suppressed", f"asked not to be called ({entry.scope}, {entry.source or 'no source'})")
    return None


def _consent(case: Case) -> Refused | None:
    needed = case.pack.consent.get(case.campaign.purpose)
    if needed is None:
        return Refused("consent", f"the rules of {case.pack.country} say nothing about {case.campaign.purpose} calls")
    if needed == "written" and case.campaign.consent_override:
        needed = "express"
    why = "no consent is on record"
    for consent in case.ledger.consents:
        wrong = _wrong_with(consent, case, needed)
        if not wrong:
            return None
        why = wrong
    return Refused("consent", why)


def _wrong_with(consent: Consent, case: Case, needed: ConsentKind) -> str:
    campaign = case.campaign
    checks = (
        (consent.revoked_at is not None, "the consent was withdrawn"),
        (not consent.text.strip(), "the consent lacks the text that was shown"),
        (not _same(consent.seller, campaign.seller), "the consent was given to another seller"),
        (consent.purpose != campaign.purpose, f"the consent is for {consent.purpose} calls"),
        (_STRENGTH[consent.kind] < _STRENGTH[needed], f"{needed} consent is needed, this one is {consent.kind}"),
        (consent.obtained_at > case.now, "the consent is dated in the future"),
        (case.now - consent.obtained_at > campaign.consent_age, "the consent is too old"),
    )
    return next((why for wrong, why in checks if wrong), "")


def _registry(case: Case) -> Refused | None:
    """16 CFR 310.4(b)(1)(iii)(B): written consent stands above the registry; anything less needs its fresh word."""
    days = case.pack.registry_days
    if days is None or case.campaign.purpose != "telemarketing" or not case.campaign.consent_override:
        return None
    word = case.ledger.registry
    if word is None or case.now - word.checked_at > timedelta(days=days):
        return Refused("registry", f"the do-not-call registry was not asked in the last {days} days")
    if word.listed:
        return Refused("registry", "the number is on the do-not-call registry")
    return None


def _caller_id(case: Case) -> Refused | None:
    shown = case.ledger.caller_id
    if shown is None or not shown.owned:
        return Refused("caller_id", "the caller ID is not on record as the operator's own")
    if not shown.answered:
        return Refused("caller_id", f"nobody answers {shown.number}: whoever calls back must be able to opt out")
    if shown.attempts_today >= case.campaign.limits.per_caller_id:
        return Refused("caller_id", "this caller ID has made its calls of the day", case.now + _DAY)
    return None


def _acknowledged(case: Case) -> Refused | None:
    for name, rule in case.states.items():
        if rule.acknowledge and not case.campaign.acknowledged.get(name, "").strip():
            return Refused("state", f"{name}: {rule.acknowledge}")
    return None


def _tries(case: Case) -> Refused | None:
    if case.ledger.tries >= case.campaign.limits.tries:
        return Refused("tries", f"called {case.ledger.tries} times in this campaign, which is all it may be")
    return None


def _often(case: Case) -> Refused | None:
    """Caps and gaps, over all campaigns: it is one telephone that rings."""
    limits, now = case.campaign.limits, case.now
    for attempt in case.ledger.attempts:
        if attempt.abandoned and now < attempt.at + _ABANDONED:
            return Refused("abandoned", "was left in silence less than 72 hours ago", attempt.at + _ABANDONED)
    recent = sorted(attempt.at for attempt in case.ledger.attempts if now < attempt.at + _DAY)
    caps = [rule.per_24h for rule in case.states.values() if rule.per_24h is not None]
    cap = min([limits.per_24h, *caps])
    if len(recent) >= cap:
        return Refused("cap", f"called {len(recent)} times in 24 hours, {cap} is the most", recent[-cap] + _DAY)
    if recent and now < recent[-1] + limits.gap:
        return Refused("gap", "called too short a time ago", recent[-1] + limits.gap)
    return None


#: In the order they are asked: what can never change first, what changes by waiting last.
RULES: Final[tuple[Rule, ...]] = (_suppressed, _consent, _registry, _caller_id, _acknowledged, _tries, _often)


def windows_of(case: Case) -> tuple[Window, ...]:
    """All hours that must hold: the country's, each state's, and the campaign's own."""
    country, zones = case.pack.country, case.places.zones
    windows = [Window(country, case.pack.hours, zones, (country, ""))]
    for name, rule in case.states.items():
        hours = replace(rule.hours or case.pack.hours, on_holidays=rule.holidays)
        also = (rule.also_in,) if rule.also_in else ()
        windows.append(Window(f"{country}-{name}", hours, tuple({*zones, *also}), (country, _subdivision(case, name))))
        if not case.asked_for:
            windows.append(Window("campaign", case.campaign.hours, zones, (country, _subdivision(case, name))))
    return tuple(windows)


def _subdivision(case: Case, state: str) -> str:
    return state if len(case.pack.states) > 1 else ""


def _window(case: Case) -> Decision:
    windows = windows_of(case)
    names = tuple(dict.fromkeys(window.name for window in windows))
    now = case.now
    span = next(openings(windows, now), None)
    if span is None:
        return Refused("hours", "the zones concerned have no common hours in the next days")
    if now < span[0]:
        return Refused("hours", f"outside the hours of {', '.join(names)} in {', '.join(case.places.zones)}", span[0])
    local = tuple((zone, now.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")) for zone in case.places.zones)
    return Allowed(case.number.e164, case.places.states, local, names, span[1])


def _same(left: str, right: str) -> bool:
    return left.strip().casefold() == right.strip().casefold()
