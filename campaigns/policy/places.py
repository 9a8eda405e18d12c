"""Where the called party may be: every state and every zone that the number and the list allow for.

libphonenumber's zone of a number is a guess that errs in the dangerous direction (689 is Orlando, it says Chicago), so
a state with several zones counts with all of them unless its area code is known to lie in one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import available_timezones

import phonenumbers
from phonenumbers import timezone

from campaigns.policy.rulepack import ANY, RulePack, StateRule
from campaigns.policy.terms import Lead

_ZONES = frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Places:
    """States (two letters) and IANA zones, sorted. `unknown` says what could not be placed, "" when all could."""

    states: tuple[str, ...]
    zones: tuple[str, ...]
    unknown: str = ""


def places_of(lead: Lead, e164: str, pack: RulePack) -> Places:
    """Return all places in which the called party may be; `unknown` is set when that is not known well enough."""
    number = phonenumbers.parse(e164)
    named = [lead.state.strip().upper()] if lead.state.strip() else []
    by_code = _by_postal_code(lead.postal_code, pack) if lead.postal_code.strip() else []
    by_number = list(_by_number(e164, pack))
    for state in named:
        if state not in pack.states:
            return Places((), (), f"no rules for the state {state!r} are known")
    if not by_number:
        return Places((), (), "the number belongs to no place that is known")
    if lead.postal_code.strip() and not by_code:
        return Places((), (), f"the postal code {lead.postal_code.strip()!r} belongs to no place that is known")
    states = tuple(sorted({*named, *by_code, *by_number}))
    zones = {zone for zone in timezone.time_zones_for_number(number) if zone in _ZONES}
    for state in states:
        zones |= set(_zones(pack.states[state], e164))
    if lead.timezone.strip():
        if lead.timezone.strip() not in _ZONES:
            return Places((), (), f"{lead.timezone.strip()!r} is no time zone")
        zones.add(lead.timezone.strip())
    return Places(states, tuple(sorted(zones)))


def _zones(rule: StateRule, e164: str) -> tuple[str, ...]:
    one = tuple(zone for zone, codes in rule.area_codes.items() if zone != ANY and area_code(e164) in codes)
    return one or rule.zones


def area_code(e164: str) -> str:
    """The three digits behind +1."""
    return e164[2:5]


def _by_number(e164: str, pack: RulePack) -> Iterator[str]:
    """The states that a number's area code belongs to; a country without states that matter is one."""
    code = area_code(e164)
    for state, rule in pack.states.items():
        if len(pack.states) == 1 or any(code in codes for codes in rule.area_codes.values()):
            yield state


def _by_postal_code(code: str, pack: RulePack) -> list[str]:
    if len(pack.states) == 1:
        return list(pack.states)
    code = code.strip().upper()
    found = []
    for span, state in pack.postal_prefixes.items():
        first, _, last = span.partition("-")
        if first <= code[: len(first)] <= (last or first):
            found.extend(state.split())  # some prefixes lie in two states
    return found
