"""Rule packs: the law of a country and its states as dated data, checked when it is read. Text in, rules out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic import BeforeValidator as Before

from campaigns.policy.terms import ConsentKind, Hours

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ANY: Final = "any"
_SPAN: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


class RulePackError(ValueError):
    """A rule pack that cannot be used; the message names the file, the key and what is wrong."""


def _minutes(span: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(span)
    if found is None:
        raise ValueError(f"{span!r} is no span of hours; write it like 09:00-20:00")
    h1, m1, h2, m2 = map(int, found.groups())
    begin, end = 60 * h1 + m1, 60 * h2 + m2
    if not begin < end <= 24 * 60:
        raise ValueError(f"{span!r} ends before it begins")
    return begin, end


def hours_of(spec: Mapping[str, str], *, on_holidays: bool = True) -> Hours:
    """Return hours from `{"mon-sat": "08:00-20:00", "sun": "12:00-21:00"}`; days not named have no calls.

    Raises ValueError for a day or a span that is none, or a day named twice.
    """
    days: list[tuple[int, int] | None] = [None] * 7
    for names, span in spec.items():
        first, _, last = names.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise ValueError(f"{names!r} names no days; write them like mon-fri or sun")
        for day in range(_DAYS.index(first), _DAYS.index(last or first) + 1):
            if days[day] is not None:
                raise ValueError(f"{_DAYS[day]} is named twice")
            days[day] = _minutes(span)
    return Hours(tuple(days), on_holidays)


def _hours(value: object) -> object:
    return hours_of(value) if isinstance(value, dict) else value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Source(_Strict):
    """Where a rule comes from. `read` says how well we know it; "conservative" is narrower than any law we know of."""

    cite: str = Field(min_length=1)
    url: str = Field(pattern=r"^https://")
    verified_on: date
    read: Literal["statute", "secondary", "conservative"]


class StateRule(_Strict):
    """What a state adds to its country's rules. `hours` None adds nothing."""

    zones: tuple[str, ...] = Field(min_length=1)
    #: Zone → the area codes that lie in it alone; under `any` those that may lie in each of the state's zones.
    area_codes: Mapping[str, tuple[str, ...]] = {}
    hours: Annotated[Hours | None, Before(_hours)] = None
    holidays: bool = True  #: whether calls are made on public holidays
    #: A zone in which the hours must hold too, for laws that name one.
    also_in: str = ""
    per_24h: int | None = Field(default=None, ge=1)
    acknowledge: str = ""  #: why a bot may not call there unless counsel has said how
    source: Source | None = None


def _sound(states: Mapping[str, StateRule]) -> Mapping[str, StateRule]:
    for name, rule in states.items():
        if strange := set(rule.area_codes) - {ANY, *rule.zones}:
            raise ValueError(f"{name} has area codes in {', '.join(sorted(strange))}, which is none of its zones")
        if rule.source is None and (rule.hours or rule.per_24h or rule.acknowledge or not rule.holidays):
            raise ValueError(f"{name} has a rule without a source")
    return states


class RulePack(_Strict):
    """The rules of one country. A state that is not in it is unknown, and nobody there is called."""

    country: str = Field(pattern=r"^[A-Z]{2}$")
    version: str = Field(min_length=1)
    hours: Annotated[Hours, Before(_hours)]
    consent: Mapping[str, ConsentKind]  #: by purpose: the least that is needed
    registry_days: int | None = None  #: how old the registry's word may be; None where there is none to ask
    source: Source
    postal_prefixes: Mapping[str, str] = {}  #: "100-149" → one state or more
    states: Annotated[Mapping[str, StateRule], AfterValidator(_sound)]


#: libyaml's loader where PyYAML was built with it: 5 ms for the longest pack instead of 40.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_pack(text: str, name: str) -> RulePack:
    """Read a rule pack. Raises RulePackError naming `name`, the key and the fault."""
    try:
        return RulePack.model_validate(yaml.load(text, _LOADER))  # noqa: S506 -- both are safe loaders
    except yaml.YAMLError as wrong:
        raise RulePackError(f"{name}: {wrong}") from None
    except ValidationError as wrong:
        first = wrong.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RulePackError(f"{name}: {key}: {first['msg']}") from None
