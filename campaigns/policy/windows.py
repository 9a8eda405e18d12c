"""When calls are open: hours of several rules in several zones, intersected in UTC so that clock changes cost nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias
from zoneinfo import ZoneInfo

from campaigns.policy.terms import Hours

if TYPE_CHECKING:
    from holidays import HolidayBase

Span: TypeAlias = tuple[datetime, datetime]

#: How far ahead an opening is looked for; a longer closure than this is no calling window at all.
HORIZON: Final = timedelta(days=15)
#: No call begins in the last minutes of a window: it would still ring, or be in its first sentence, when it closes.
MARGIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours that must hold in every one of some zones. `holidays_of` is country and state, for hours that skip them."""

    name: str
    hours: Hours
    zones: tuple[str, ...]
    holidays_of: tuple[str, str] = ("", "")


def openings(windows: Sequence[Window], since: datetime) -> Iterator[Span]:
    """Yield the spans in UTC in which all windows are open, margin taken off, from `since` to the horizon."""
    spans: list[Span] = [(since - timedelta(days=2), since + HORIZON)]
    for window in windows:
        for zone in window.zones:
            spans = list(_both(spans, _spans(window, ZoneInfo(zone), since)))
    for begin, end in spans:
        if since < end - MARGIN and begin < end - MARGIN:
            yield begin, end - MARGIN


def _spans(window: Window, zone: ZoneInfo, since: datetime) -> Iterator[Span]:
    first = since.astimezone(zone).date() - timedelta(days=2)
    for ahead in range((HORIZON + timedelta(days=4)).days):
        day = first + timedelta(days=ahead)
        hours = window.hours.days[day.weekday()]
        if hours is None or (not window.hours.on_holidays and is_holiday(day, *window.holidays_of)):
            continue
        yield _moment(day, hours[0], zone), _moment(day, hours[1], zone)


def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    midnight = time(minute // 60 % 24, minute % 60)
    local = datetime.combine(day + timedelta(days=minute // (24 * 60)), midnight, zone)
    return local.astimezone(UTC)


def _both(left: Iterable[Span], right: Iterable[Span]) -> Iterator[Span]:
    """Intersect two ordered rows of spans."""
    rest = list(right)
    for begin, end in left:
        for other_begin, other_end in rest:
            lower, upper = max(begin, other_begin), min(end, other_end)
            if lower < upper:
                yield lower, upper


def is_holiday(day: date, country: str, state: str) -> bool:
    """Whether a day is a public holiday there, by the `holidays` library; statutes' own lists may differ."""
    return day in _calendar(country, state)


@lru_cache(maxsize=256)
def _calendar(country: str, state: str) -> HolidayBase:
    import holidays  # half a second, which a command that asks for no day should not pay

    return holidays.country_holidays(country, subdiv=state or None)
