"""Rows of a list against the policy: which become leads, with which numbers, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from campaigns.campaign_file import CampaignFile
from campaigns.leadlist import Row
from campaigns.ledger import consent_of
from campaigns.numbers import classify
from campaigns.policy.decide import Case, lasting, windows_of
from campaigns.policy.rulepack import RulePack
from campaigns.policy.terms import Consent, ConsentKind, Lead, Ledger, Purpose, Refused
from campaigns.policy.windows import openings
from store.consents import Given, Kept
from store.staging import NewLead, NewPhone, Place

#: What may become of a row, by the rule that refuses it.
RESULT_OF: Final[Mapping[str, str]] = {
    "number_kind": "invalid",
    "country": "not-allowed",
    "state": "not-allowed",
    "place": "no-timezone",
    "hours": "no-timezone",
    "consent": "no-consent",
    "suppressed": "suppressed",
}


@dataclass(frozen=True, slots=True)
class Screened:
    """Rows that may become leads, and why not the others, by line: "result: reason"."""

    leads: tuple[NewLead, ...]
    refused: Mapping[int, str]


class Screen:
    """The policy as it looks at a list before anybody is called: what waiting will not change."""

    def __init__(self, campaign: CampaignFile, packs: Mapping[str, RulePack]) -> None:
        self._policy = campaign.for_policy()
        self._packs = packs
        self._hours: dict[Place, bool] = {}

    def numbers(self, rows: Sequence[Row]) -> list[str]:
        """All numbers of some rows in full, those that are none left out."""
        found = (classify(phone, self._policy.region).e164 for row in rows for phone in row.phones)
        return list(dict.fromkeys(number for number in found if number))

    def look(self, rows: Sequence[Row], on_record: Mapping[str, Sequence[Kept]], now: datetime) -> Screened:
        """Judge rows by what they say and what is on record about their numbers."""
        leads, refused = [], {}
        for row in rows:
            phones, why = self._phones(row, on_record, now)
            if phones:
                theirs = classify(row.phones[0], self._policy.region).e164 == phones[0].number
                leads.append(_lead(row, phones, row.consent if theirs else None))
            else:
                refused[row.line] = why
        return Screened(tuple(leads), refused)

    def _phones(
        self, row: Row, on_record: Mapping[str, Sequence[Kept]], now: datetime
    ) -> tuple[tuple[NewPhone, ...], str]:
        """The numbers that may be called; without one, why not the first."""
        phones: list[NewPhone] = []
        first = ""
        for position, written in enumerate(row.phones):
            given = row.consent if position == 0 else None  # the permission was given for the number beside it
            found = self._judge(row, written, given, on_record, now)
            if isinstance(found, Refused):
                first = first or f"{RESULT_OF[found.rule]}: {found.why}"
            elif all(phone.number != found.number.e164 for phone in phones):
                place = Place(found.pack.country, found.places.states, found.places.zones)
                phones.append(NewPhone(found.number.e164, found.number.kind.value, place))
        return tuple(phones), first

    def _judge(
        self,
        row: Row,
        written: str,
        given: Given | None,
        on_record: Mapping[str, Sequence[Kept]],
        now: datetime,
    ) -> Case | Refused:
        lead = Lead(written, *(str(row.person.get(name, "")) for name in ("state", "postal_code", "timezone")))
        kept = on_record.get(classify(written, self._policy.region).e164, ())
        consents = [consent_of(one) for one in kept]
        revoked = any(_same(one, given) and one.revoked_at is not None for one in kept) if given else False
        if given and not revoked:  # what was withdrawn does not come back with the list that it came from
            consents.append(_consent(given))
        found = lasting(lead, self._policy, Ledger(tuple(consents)), now, self._packs)
        if isinstance(found, Case) and not self._has_hours(found, now):
            return Refused("hours", f"{', '.join(found.places.zones)} have no common hours in which calls are allowed")
        return found

    def _has_hours(self, case: Case, now: datetime) -> bool:
        place = Place(case.pack.country, case.places.states, case.places.zones)
        if place not in self._hours:
            self._hours[place] = next(openings(windows_of(case), now), None) is not None
        return self._hours[place]


def _same(kept: Kept, given: Given) -> bool:
    one, other = kept.given, given
    return (one.kind, one.purpose, one.seller, one.obtained_at) == (
        other.kind,
        other.purpose,
        other.seller,
        other.obtained_at,
    )


def _consent(given: Given) -> Consent:
    kind, purpose = cast(ConsentKind, given.kind), cast(Purpose, given.purpose)
    return Consent(kind, purpose, given.seller, datetime.fromtimestamp(given.obtained_at, UTC), given.text)


def _lead(row: Row, phones: tuple[NewPhone, ...], consent: Given | None) -> NewLead:
    return NewLead(
        row.line,
        phones,
        row.person,
        external_id=row.external_id,
        priority=row.priority,
        not_before=row.not_before,
        expires_at=row.expires_at,
        consent=consent,
    )
