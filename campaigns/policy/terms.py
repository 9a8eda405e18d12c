"""What a decision is made from, and what it comes to. Immutable; times are aware datetimes in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, TypeAlias

Purpose: TypeAlias = Literal["telemarketing", "informational", "callback"]
ConsentKind: TypeAlias = Literal["written", "express", "inquiry"]
Scope: TypeAlias = Literal["global", "seller", "campaign"]

NO_STATES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Lead:
    """A person to call. `state` and `timezone` are what the list says; the number's own places are added to them."""

    number: str  #: as the list has it
    state: str = ""  #: two letters
    postal_code: str = ""
    timezone: str = ""  #: IANA name


@dataclass(frozen=True, slots=True)
class Consent:
    """A permission as it was given. Without the exact text that was shown it counts for nothing (16 CFR 310.5)."""

    kind: ConsentKind
    purpose: Purpose
    seller: str
    obtained_at: datetime
    text: str
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """A wish not to be called. `key` is the seller or the campaign it is about, "" for everyone."""

    scope: Scope
    since: datetime
    key: str = ""
    until: datetime | None = None
    source: str = ""  #: spoken, dtmf, inbound, import, 607, …


@dataclass(frozen=True, slots=True)
class Attempt:
    """An INVITE that was sent to this number, by whichever campaign."""

    at: datetime
    abandoned: bool = False  #: a person answered and heard no bot within two seconds


@dataclass(frozen=True, slots=True)
class CallerId:
    """A number that calls are shown to come from."""

    number: str  #: E.164
    owned: bool  #: the operator's right to it is on record
    answered: bool  #: the bot answers it inbound, says who called and takes opt-outs
    attempts_today: int = 0


@dataclass(frozen=True, slots=True)
class Registry:
    """When the national do-not-call registry was last asked about this number, and what it said."""

    checked_at: datetime
    listed: bool


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that is on record about a number at the moment of the decision."""

    consents: tuple[Consent, ...] = ()
    suppressions: tuple[Suppression, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    tries: int = 0  #: attempts of this lead in this campaign
    registry: Registry | None = None
    caller_id: CallerId | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours by weekday, Monday first: minutes from midnight, None on days without calls."""

    days: tuple[tuple[int, int] | None, ...]
    on_holidays: bool = True

    def __post_init__(self) -> None:
        assert len(self.days) == 7, "a week has seven days"


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one number is called, whatever the law allows beyond it."""

    per_24h: int = 2
    gap: timedelta = timedelta(hours=4)
    tries: int = 6
    per_caller_id: int = 50  #: attempts a day from one caller ID


@dataclass(frozen=True, slots=True)
class Campaign:
    """What a campaign wants and what its operator stands for."""

    name: str
    purpose: Purpose
    seller: str
    countries: frozenset[str]
    hours: Hours
    limits: Limits = Limits()
    consent_age: timedelta = timedelta(days=540)
    #: "express" only by an override that names its reason; telemarketing by an artificial voice needs written consent.
    consent_override: str = ""
    #: State → counsel's reference, for states that no bot may call without one.
    acknowledged: Mapping[str, str] = field(default_factory=lambda: NO_STATES)
    region: str = "US"  #: where numbers without a country code are from


@dataclass(frozen=True, slots=True)
class Allowed:
    """Yes, with what it rests on: the places considered, their local times, and the rules that were asked."""

    number: str  #: E.164
    states: tuple[str, ...]
    local_times: tuple[tuple[str, str], ...]  #: zone, ISO minute
    rules: tuple[str, ...]
    closes_at: datetime  #: from when on the answer is another one


@dataclass(frozen=True, slots=True)
class Refused:
    """No, by which rule and why; `retry_at` is None when waiting will not help."""

    rule: str
    why: str
    retry_at: datetime | None = None


Decision: TypeAlias = Allowed | Refused
