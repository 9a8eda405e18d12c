"""A day and a time of day together, as a local ISO minute: "next Tuesday at half past two" is "2026-12-01T14:30"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from flows.hear.calendar_day import Day, day
from flows.hear.daytime import Clock, clock
from flows.hear.heard import NOTHING, Hearing
from flows.hear.numbers import number_at
from flows.hear.words import Word, Words, match_at, readings, span

_DEFAULT_MINUTE = 9 * 60
_GUESSED = 0.55
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
    *corrected, whole = readings(text)
    said = _read(whole, here, day_first)
    for part in corrected:
        restated = _read(part, here, day_first)
        if restated:
            return _joined(restated.over(said), here)
    return _joined(said, here) if said else _from_now(whole, here) or NOTHING


@dataclass(frozen=True, slots=True)
class _Said:
    """The day and the time of day in one reading, with the character range of each."""

    day: Day | None
    clock: Clock | None
    day_span: tuple[int, int] | None
    clock_span: tuple[int, int] | None

    def over(self, before: _Said | None) -> _Said:
        """Keep what a correction left unsaid: "Tuesday at three — no, at four" stays on Tuesday."""
        if before is None:
            return self
        kept_day = self if self.day else before
        kept_clock = self if self.clock else before
        return _Said(kept_day.day, kept_clock.clock, kept_day.day_span, kept_clock.clock_span)


def _read(part: Words, here: datetime, day_first: bool) -> _Said | None:
    if _from_now(part, here):
        return None
    said_day = day(part, here.date(), day_first)
    taken = frozenset(range(said_day.first, said_day.end)) if said_day else frozenset[int]()
    said_clock = clock(part, taken) or _same_time(part, here)
    if said_clock and not said_day and (restored := _wednesday(part, said_clock.first)):
        found = _read(restored, here, day_first)
        return replace(found, day=replace(found.day, certainty=_GUESSED)) if found and found.day else found
    if not (said_day or said_clock):
        return None
    day_span = span(part[said_day.first : said_day.end]) if said_day else None
    return _Said(said_day, said_clock, day_span, span(part[said_clock.first : said_clock.end]) if said_clock else None)


def _wednesday(part: Words, at: int) -> Words | None:
    """Read "one day, three thirty", as recognisers write a Wednesday over the telephone; `at` is where the time begins."""
    for first in range(max(0, at - 4), at - 1):
        if match_at(part, first, "one day"):
            day_said = Word("wednesday", part[first].start, part[first + 1].end)
            return (*part[:first], day_said, *part[first + 2 :])
    return None


def _same_time(part: Words, here: datetime) -> Clock | None:
    """Read "same time tomorrow" and "this time next week" as the time it is."""
    for at in range(len(part)):
        if match_at(part, at, "same time") or match_at(part, at, "this time"):
            return Clock(here.hour * 60 + here.minute, 0.85, at, at + 2)
    return None


def _joined(said: _Said, here: datetime) -> Hearing:
    minute = said.clock.minute if said.clock else _DEFAULT_MINUTE
    on = said.day.day if said.day else _next_day(here, minute)
    when = datetime.combine(on, datetime.min.time()) + timedelta(minutes=minute)
    certainty = min(said.day.certainty if said.day else 0.8, said.clock.certainty if said.clock else 0.5)
    present = here.replace(tzinfo=None)
    if when <= present and on == here.date() and minute < 12 * 60 and said.clock and said.clock.certainty < 0.95:
        when += timedelta(hours=12)  # "today at eight", said at ten, is this evening
    if when <= present:
        return NOTHING
    spans = [found for found in (said.day_span, said.clock_span) if found]
    ends = (min(first for first, _ in spans), max(end for _, end in spans))
    return Hearing(when.strftime("%Y-%m-%dT%H:%M"), round(certainty, 2), ends)


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
