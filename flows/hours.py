"""Opening hours: when people take calls, in their own time zone. Pure: the moment is an argument."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)\s*-\s*([01]\d|2[0-4]):([0-5]\d)")
_DAYS_AHEAD: Final = 14  #: how far the next opening is looked for


class HoursError(ValueError):
    """Opening hours that cannot be read: what is wrong, and how to write it."""

    def __init__(self, wrong: str, fix: str) -> None:
        super().__init__(wrong)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a day, in minutes after midnight; `until` is not in it."""

    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Hours:
    """A week of opening hours. `days` has seven entries, Monday first; `closed` are whole days off."""

    zone: str
    days: tuple[tuple[Span, ...], ...]
    closed: frozenset[date] = frozenset()


def parse_hours(zone: str, days: Mapping[str, str], closed: tuple[str, ...]) -> Hours:
    """Read `{"mon-fri": "09:00-12:00, 13:00-17:00"}` and days off like "2026-12-25". Raises HoursError."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise HoursError(f"{zone!r} is no time zone", "Use an IANA name such as America/New_York.") from None
    week: list[tuple[Span, ...]] = [()] * len(DAYS)
    for key, text in days.items():
        spans = _spans(text)
        for day in _days(key):
            if week[day]:
                raise HoursError(f"{DAYS[day]} is there twice", "Write all its hours in one line, with commas.")
            week[day] = spans
    if not any(week):
        raise HoursError("nobody is ever there", "Add a day: 'mon-fri: \"09:00-17:00\"'.")
    return Hours(zone, tuple(week), frozenset(_date(text) for text in closed))


def is_open(hours: Hours, at: float) -> bool:
    """Whether somebody is there at `at`, Unix seconds."""
    local = datetime.fromtimestamp(at, ZoneInfo(hours.zone))
    if local.date() in hours.closed:
        return False
    minute = local.hour * 60 + local.minute
    return any(span.since <= minute < span.until for span in hours.days[local.weekday()])


def opens_next(hours: Hours, at: float) -> datetime | None:
    """The next opening after `at` in local time; None when there is none within two weeks."""
    local = datetime.fromtimestamp(at, ZoneInfo(hours.zone))
    for ahead in range(_DAYS_AHEAD + 1):
        day = local.date() + timedelta(days=ahead)
        if day in hours.closed:
            continue
        for span in hours.days[day.weekday()]:
            hour, minute = divmod(span.since, 60)
            opening = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(hours.zone))
            if opening.timestamp() > at:
                return opening
    return None


def _days(key: str) -> range:
    first, dash, last = key.strip().lower().partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise HoursError(f"{key!r} is no day", f"Use {', '.join(DAYS)}, or a range such as mon-fri.")
    begin, end = DAYS.index(first), DAYS.index(last if dash else first)
    if end < begin:
        raise HoursError(f"{key!r} runs backwards", "Write two lines, one up to sun and one from mon.")
    return range(begin, end + 1)


def _spans(text: str) -> tuple[Span, ...]:
    spans: list[Span] = []
    for part in text.split(","):
        found = _SPAN.fullmatch(part.strip())
        if not found:
            raise HoursError(f"{part.strip()!r} is no part of a day", 'Write it like "09:00-17:00".')
        since, until = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if not since < until <= 24 * 60:
            wrong = f"{part.strip()!r} does not end after it begins"
            raise HoursError(wrong, 'Over midnight takes two days: "22:00-24:00" and, the day after, "00:00-02:00".')
        if spans and since < spans[-1].until:
            raise HoursError(f"{part.strip()!r} begins before the part before it ends", "Write them in order.")
        spans.append(Span(since, until))
    return tuple(spans)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise HoursError(f"{text!r} is no date", "Write it like 2026-12-25.") from None
