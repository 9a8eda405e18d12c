"""A decision in words that a person without the code can follow: what was looked at, and what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.policy.decide import Case, lasting, windows_of
from campaigns.policy.rulepack import RulePack
from campaigns.policy.terms import Allowed, Campaign, Decision, Hours, Lead, Ledger

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def explained(
    decision: Decision, lead: Lead, campaign: Campaign, ledger: Ledger, now: datetime, packs: Mapping[str, RulePack]
) -> Iterator[str]:
    """Yield lines: the answer, then each thing that was looked at."""
    yield verdict(decision, campaign.name)
    yield from _permission(ledger)
    for entry in ledger.suppressions:
        about = f" of {entry.key}" if entry.key else ""
        yield f"opted out on {entry.since:%Y-%m-%d}: {entry.scope}{about}, by {entry.source or 'a source that is not known'}"
    if not ledger.suppressions:
        yield "opt-outs: none"
    if ledger.registry is not None:
        said = "lists it" if ledger.registry.listed else "does not list it"
        yield f"the do-not-call registry {said}, by its list of {ledger.registry.checked_at:%Y-%m-%d}"
    limits = campaign.limits
    yield f"tries in this campaign: {ledger.tries} of {limits.tries}"
    recent = [f"{attempt.at:%Y-%m-%d %H:%M UTC}" for attempt in ledger.attempts]
    yield f"this number in the last 72 hours, in all campaigns: {', '.join(recent) or 'not called'}"
    if ledger.caller_id is not None:
        shown = ledger.caller_id
        owned = "yours" if shown.owned else "not yours"
        answered = "answered by the bot" if shown.answered else "answered by nobody"
        yield f"caller ID {shown.number}: {owned}, {answered}, {shown.attempts_today} calls in 24 hours"
    found = lasting(lead, campaign, ledger, now, packs)
    if isinstance(found, Case):
        yield from _hours(found, now)


def verdict(decision: Decision, campaign: str) -> str:
    """The answer in one line."""
    if isinstance(decision, Allowed):
        return f"{decision.number} may be called now by {campaign}, until {decision.closes_at:%Y-%m-%d %H:%M UTC}"
    again = f"; may be asked again from {decision.retry_at:%Y-%m-%d %H:%M UTC}" if decision.retry_at else ""
    return f"not now, by the rule “{decision.rule}”: {decision.why}{again or '; waiting will not change that'}"


def kept(told: Mapping[str, Any]) -> str:
    """A decision as it was kept with an attempt or a lead, in one line."""
    if not told:
        return "no decision is on record"
    if told.get("allowed"):
        places = ", ".join(f"{local[11:]} in {zone}" for zone, local in told.get("local_times", ()))
        return f"allowed at {told.get('at', '?')}: {places}; rules {', '.join(told.get('rules', ()))}"
    again = f"; again from {told['retry_at']}" if told.get("retry_at") else ""
    return f"refused at {told.get('at', '?')} by “{told.get('rule', '?')}”: {told.get('why', '')}{again}"


def _permission(ledger: Ledger) -> Iterator[str]:
    if not ledger.consents:
        yield "permission: none on record"
    for consent in ledger.consents:
        state = f"withdrawn {consent.revoked_at:%Y-%m-%d}" if consent.revoked_at else "in force"
        told = f"permission: {consent.kind}, for {consent.purpose} calls of {consent.seller}, given"
        yield f"{told} {consent.obtained_at:%Y-%m-%d}, {state}"


def _hours(case: Case, now: datetime) -> Iterator[str]:
    yield f"may be in: {', '.join(case.places.states)}; zones: {', '.join(case.places.zones)}"
    for window in windows_of(case):
        for zone in window.zones:
            local = now.astimezone(ZoneInfo(zone))
            holidays = "" if window.hours.on_holidays else ", not on public holidays"
            yield f"hours by {window.name}: {told_hours(window.hours)}{holidays}; now {local:%a %H:%M} in {zone}"


def told_hours(hours: Hours) -> str:
    """Hours as a person reads them: "Mon-Sat 8:00-20:00, Sun no calls"."""
    spans: list[tuple[int, int, str]] = []
    for day, span in enumerate(hours.days):
        text = "no calls" if span is None else "-".join(f"{minute // 60}:{minute % 60:02}" for minute in span)
        if spans and spans[-1][2] == text:
            spans[-1] = (spans[-1][0], day, text)
        else:
            spans.append((day, day, text))
    names = [(_DAYS[first] if first == last else f"{_DAYS[first]}-{_DAYS[last]}", text) for first, last, text in spans]
    return ", ".join(f"{name} {text}" for name, text in names)
