"""A day and a time of day together, as a local ISO minute: "next Tuesday at half past two" is "2026-12-01T14:30"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.hear.calendar_day import Day, day
from flows.hear.daytime import Clock, clock
from flows.hear.heard import NOTHING, Hearing
from flows.hear.numbers import number_at
from flows.hear.words import Word, Words, readings, span

_DEFAULT_MINUTE = 9 * 60
#: "In so many hours" is said of the next month at most.
_FARTHEST_MINUTES = 31 * 24 * 60
_DAY_FIRST_ZONES = ("Europe/", "Australia/", "Pacific/Auckland", "Africa/", "Asia/")


def local_time(now: float, zone: str | None) -> datetime:
    """Return `now` (Unix seconds) as wall-clock time in an IANA zone, UTC for None. Raises ZoneInfoNotFoundError."""
    return datetime.fromtimestamp(now, ZoneInfo(zone) if zone else UTC)


def date_time(text: str, now: float | None, zone: str | None) -> Hearing:
    """Hear a point in time ahead of `now`, as "YYYY-MM-DDTHH:MM" in `zone`.

    Nothing is heard without `now`. A day without a time is nine in the morning with certainty at most 0.5, and a part
    of the day its usual hour with certainty at most 0.6: both are guesses to be read back.
    """
    if now is None:
        return NOTHING
    here = local_time(now, zone)
    day_first = bool(zone) and str(zone).startswith(_DAY_FIRST_ZONES)
    missing: Hearing = NOTHING
    whole = _read(list(readings(text))[-1], here, day_first)
    for part in readings(text):
        heard = _read(part, here, day_first)
        if heard is None:
            continue
        said_day, said_clock = heard
        if whole and len(part) < len(list(readings(text))[-1]):
            said_day, said_clock = said_day or whole[0], said_clock or whole[1]
        return _joined(part, said_day, said_clock, here)
    soon = _from_now(list(readings(text))[-1], here)
    return soon or missing


def _read(part: Words, here: datetime, day_first: bool) -> tuple[Day | None, Clock | None] | None:
    if _from_now(part, here):
        return None
    said_day = day(part, here.date(), day_first)
    taken = frozenset(range(said_day.first, said_day.end)) if said_day else frozenset[int]()
    said_clock = clock(part, taken)
    return (said_day, said_clock) if said_day or said_clock else None


def _joined(part: Words, said_day: Day | None, said_clock: Clock | None, here: datetime) -> Hearing:
    minute = said_clock.minute if said_clock else _DEFAULT_MINUTE
    on = said_day.day if said_day else _next_day(here, minute)
    when = datetime.combine(on, datetime.min.time()) + timedelta(minutes=minute)
    certainty = min(said_day.certainty if said_day else 0.8, said_clock.certainty if said_clock else 0.5)
    if when <= here.replace(tzinfo=None):
        if said_day is None or on != here.date():
            return NOTHING
        if minute < 12 * 60 and said_clock and said_clock.certainty < 0.95:
            when += timedelta(hours=12)
        if when <= here.replace(tzinfo=None):
            return NOTHING
    first = min(found.first for found in (said_day, said_clock) if found)
    end = max(found.end for found in (said_day, said_clock) if found)
    return Hearing(when.strftime("%Y-%m-%dT%H:%M"), round(certainty, 2), span(part[first:end]))


def _next_day(here: datetime, minute: int) -> date:
    """A time without a day is its next occurrence."""
    passed = minute <= here.hour * 60 + here.minute
    return here.date() + timedelta(days=1) if passed else here.date()


_UNITS = {"minute": 1, "minutes": 1, "mins": 1, "min": 1, "hour": 60, "hours": 60, "hrs": 60, "hr": 60}


def _from_now(part: Sequence[Word], here: datetime) -> Hearing | None:
    """Read "in an hour", "in twenty minutes", "half an hour from now", "in an hour and a half"."""
    texts = [word.text for word in part]
    for at, word in enumerate(part):
        minutes, end = _stretch(part, at)
        if not 0 < minutes <= _FARTHEST_MINUTES:
            continue
        leads = at > 0 and texts[at - 1] in ("in", "within", "about", "another", "give", "me", "like", "after")
        follows = end < len(texts) and texts[end] in ("from", "time", "later")
        if not (leads or follows or len(texts) <= 4):
            continue
        when = here + timedelta(minutes=minutes)
        return Hearing(when.strftime("%Y-%m-%dT%H:%M"), 0.85, (word.start, part[end - 1].end))
    return None


def _stretch(part: Sequence[Word], at: int) -> tuple[float, int]:
    """Return how many minutes the words from `at` on say and where they end."""
    texts = [word.text for word in part[at : at + 6]]
    if texts[:3] == ["half", "an", "hour"]:
        return 30, at + 3
    if texts[:4] == ["half", "a", "n", "hour"] or texts[:3] == ["a", "half", "hour"]:
        return 30, at + 3
    if texts[:1] in (["an"], ["a"]) and texts[1:2] and texts[1] in _UNITS:
        minutes: float = _UNITS[texts[1]]
        return (90, at + 5) if texts[1] == "hour" and texts[2:5] == ["and", "a", "half"] else (minutes, at + 2)
    number = number_at(part, at)
    if number is None or number.end >= len(part):
        return 0, at
    end = number.end + 1 if part[number.end].text == "of" else number.end
    unit = _UNITS.get(part[end].text if end < len(part) else "", 0)
    return number.low * unit, end + 1
