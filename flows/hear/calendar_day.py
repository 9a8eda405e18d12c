"""A day as said: "next Tuesday", "March fifteenth", "the day after tomorrow", "in two weeks"; months, quarters, seasons."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flows.hear.numbers import TENS, UNITS
from flows.hear.words import Word, match_at

MONTHS = {
    name: number
    for number, names in enumerate(
        ("january jan", "february feb", "march mar", "april apr", "may", "june jun", "july jul", "august aug", "september sept sep",
         "october oct", "november nov", "december dec"), 1)
    for name in names.split()
}  # fmt: skip
WEEKDAYS = {
    name: number
    for number, names in enumerate(
        ("monday mon mondays", "tuesday tues tue tuesdays", "wednesday wed weds wednesdays", "thursday thurs thur thu thursdays", "friday fri fridays", "saturday sat saturdays", "sunday sun sundays"))
    for name in names.split()
}  # fmt: skip
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
    "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17,
    "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip
_SUFFIXES = ("st", "nd", "rd", "th")


@dataclass(frozen=True, slots=True)
class Day:
    """A day, how sure we are, and its words."""

    day: date
    certainty: float
    first: int
    end: int


def day(part: Sequence[Word], today: date, day_first: bool = False) -> Day | None:
    """Return the day said in `part`, never one in the past; `day_first` reads 3/4 as the third of April."""
    for at in range(len(part)):
        found = (
            _named(part, at, today)
            or _weekday(part, at, today)
            or _month_day(part, at, today)
            or _figures(part, at, today, day_first)
            or _distance(part, at, today)
        )
        if found:
            return found
    return _bare_ordinal(part, today) or _bare_next(part, today)


def month_day(part: Sequence[Word], today: date) -> Day | None:
    """Return the day of a named month said in `part`, "the first of December"; a weekday or "tomorrow" is none."""
    for at, word in enumerate(part):
        if word.text in MONTHS:
            for first in range(max(0, at - 4), at + 1):
                if (found := _month_day(part, first, today)) is not None:
                    return found
    return None


def ordinal_at(part: Sequence[Word], at: int) -> tuple[int, int] | None:
    """Read "fifteenth", "twenty first", "15th" or "15"; return the number and where it ends."""
    word = part[at].text if at < len(part) else ""
    following = part[at + 1].text if at + 1 < len(part) else ""
    if word in _ORDINALS:
        return _ORDINALS[word], at + 1
    if word in ("twenty", "thirty"):
        after = at + 2 if following == "-" else at + 1
        unit = _ORDINALS.get(part[after].text, 0) if after < len(part) else 0
        return (TENS[word] + unit, after + 1) if 0 < unit < 10 else None
    if word.isdecimal() and following in _SUFFIXES and 1 <= int(word) <= 31:
        return int(word), at + 2
    return None


def _number_of_day(part: Sequence[Word], at: int) -> tuple[int, int] | None:
    """Read a day of the month beside a month's name, ordinal or not: "March fifteen"."""
    said = ordinal_at(part, at)
    if said:
        return said
    word = part[at].text if at < len(part) else ""
    if word.isdecimal() and 1 <= int(word) <= 31:
        return int(word), at + 1
    if word in TENS and TENS[word] <= 30:
        unit = UNITS.get(part[at + 1].text, 0) if at + 1 < len(part) else 0
        return (TENS[word] + unit, at + 2) if 0 < unit < 10 and TENS[word] + unit <= 31 else (TENS[word], at + 1)
    if UNITS.get(word, 0) > 0:
        return UNITS[word], at + 1
    return None


_NAMED = (("day after tomorrow", 2), ("tomorrow", 1), ("tmrw", 1), ("today", 0), ("tonight", 0), ("this morning", 0), ("this afternoon", 0),
          ("this evening", 0), ("later on today", 0), ("later today", 0))  # fmt: skip


def _named(part: Sequence[Word], at: int, today: date) -> Day | None:
    for phrase, days in _NAMED:
        length = match_at(part, at, phrase)
        if length and match_at(part, at + length, "week"):
            return Day(today + timedelta(days=days + 7), 0.9, at, at + length + 1)
        if length:
            return Day(today + timedelta(days=days), 0.95, at, at + length)
    return None


def _weekday(part: Sequence[Word], at: int, today: date) -> Day | None:
    """Read a weekday. "next Tuesday" is the one in the coming Monday-to-Sunday week, a bare one the nearest ahead."""
    if part[at].text not in WEEKDAYS or (
        part[at].text in ("sun", "mon", "wed", "sat") and at and part[at - 1].text in ("the", "a", "we")
    ):
        return None
    ahead = (WEEKDAYS[part[at].text] - today.weekday()) % 7 or 7
    before = [word.text for word in part[max(0, at - 3) : at]]
    after = [word.text for word in part[at + 1 : at + 4]]
    first, end, certainty = at, at + 1, 0.95
    if before[-1:] == ["next"]:
        monday = today + timedelta(days=7 - today.weekday())
        return Day(monday + timedelta(days=WEEKDAYS[part[at].text]), 0.9, at - 1, end)
    if before[-1:] == ["this"]:
        first = at - 1
    if before[-2:] == ["next", "week"] or before[-3:] == ["next", "week", "on"]:
        monday = today + timedelta(days=7 - today.weekday())
        return Day(
            monday + timedelta(days=WEEKDAYS[part[at].text]),
            0.9,
            at - len(before[-3:]) + (before[-2:] == ["next", "week"]),
            end,
        )
    if (
        after[:1] == ["week"]
        or after[:2] == ["next", "week"]
        or after[:3] == ["of", "next", "week"]
        or after[:3] == ["the", "following", "week"]
    ):
        monday = today + timedelta(days=7 - today.weekday())
        plain_next = monday + timedelta(days=WEEKDAYS[part[at].text])
        skip = after.index("week") + 1
        chosen = today + timedelta(days=ahead + 7) if after[0] == "week" else plain_next
        return Day(chosen, 0.9, first, end + skip)
    if _month_day_near(part, at) or _ordinal_agrees(part, at, today):
        return None
    return Day(today + timedelta(days=ahead), certainty, first, end)


def _month_day_near(part: Sequence[Word], at: int) -> bool:
    """Tell whether a date follows the weekday ("Tuesday the first of December"), which says more."""
    tail = part[at + 1 : at + 6]
    return any(word.text in MONTHS and word.text not in ("may", "mar") for word in tail)


def _ordinal_agrees(part: Sequence[Word], at: int, today: date) -> bool:
    """Tell whether "Tuesday the first" names a day of the month that is such a weekday: the number says more."""
    following = part[at + 1 : at + 3]
    if not following or following[0].text not in ("the", ","):
        return False
    found = _bare_ordinal(part[at + 1 :], today)
    return found is not None and found.first <= 2 and found.day.weekday() == WEEKDAYS[part[at].text]


def _on(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None


def _ahead(today: date, month: int, number: int, year: int | None = None) -> date | None:
    if year is not None:
        return _on(year, month, number)
    found = _on(today.year, month, number)
    return found if found and found >= today else _on(today.year + 1, month, number)


def _month_day(part: Sequence[Word], at: int, today: date) -> Day | None:
    """Read "March fifteenth", "March the fifteenth", "the fifteenth of March", "15 March"."""
    if part[at].text in MONTHS:
        skip = at + 2 if match_at(part, at + 1, "the") else at + 1
        said = _number_of_day(part, skip)
        if said and not _is_clock(part, said[1]):
            return _dated(part, MONTHS[part[at].text], said[0], at, said[1], today)
    said = ordinal_at(part, at) or (_number_of_day(part, at) if _month_follows(part, at) else None)
    if said:
        here = said[1] + 1 if match_at(part, said[1], "of") else said[1]
        if here < len(part) and part[here].text in MONTHS:
            return _dated(part, MONTHS[part[here].text], said[0], at, here + 1, today)
    return None


def _month_follows(part: Sequence[Word], at: int) -> bool:
    said = _number_of_day(part, at)
    if not said or said[1] >= len(part):
        return False
    here = said[1] + 1 if part[said[1]].text == "of" else said[1]
    return here < len(part) and part[here].text in MONTHS and part[here].text != "may"


def _is_clock(part: Sequence[Word], at: int) -> bool:
    return at < len(part) and part[at].text in ("o'clock", "am", "pm", ":")


def _dated(part: Sequence[Word], month: int, number: int, first: int, end: int, today: date) -> Day | None:
    here = end + 1 if end < len(part) and part[end].text == "," else end
    year = int(part[here].text) if here < len(part) and re.fullmatch(r"20\d\d", part[here].text) else None
    found = _ahead(today, month, number, year)
    return Day(found, 0.95, first, here + 1 if year else end) if found else None


def _figures(part: Sequence[Word], at: int, today: date, day_first: bool) -> Day | None:
    """Read "12/1", "12/1/2026" and "2026-12-01"."""
    texts = [word.text for word in part[at : at + 5]]
    if (
        len(texts) == 5
        and re.fullmatch(r"20\d\d", texts[0])
        and texts[1] == texts[3] == "-"
        and texts[2].isdecimal()
        and texts[4].isdecimal()
    ):
        found = _on(int(texts[0]), int(texts[2]), int(texts[4]))
        return Day(found, 1.0, at, at + 5) if found else None
    if len(texts) < 3 or texts[1] != "/" or not (texts[0].isdecimal() and texts[2].isdecimal()):
        return None
    one, two = int(texts[0]), int(texts[2])
    month, number = (two, one) if (day_first and two <= 12) or one > 12 else (one, two)
    if not (1 <= month <= 12 and 1 <= number <= 31):
        return None
    year = int(texts[4]) if len(texts) == 5 and texts[3] == "/" and re.fullmatch(r"20\d\d", texts[4]) else None
    found = _ahead(today, month, number, year)
    return (
        Day(found, 0.8 if one <= 12 and two <= 12 and one != two else 0.95, at, at + (5 if year else 3))
        if found
        else None
    )


_SPANS = {"day": 1, "days": 1, "week": 7, "weeks": 7, "fortnight": 14, "fortnights": 14}


def _distance(part: Sequence[Word], at: int, today: date) -> Day | None:
    """Read "in two weeks", "a week from tomorrow", "three days from now", "in a month"."""
    here = at + 1 if part[at].text in ("in", "within") else at
    word = part[here].text if here < len(part) else ""
    if word == "a" and here + 1 < len(part) and part[here + 1].text == "couple":
        count, here = 2, here + (3 if match_at(part, here + 2, "of") else 2)
    elif word in ("a", "an", "one"):
        count, here = 1, here + 1
    elif word.isdecimal() or UNITS.get(word, 0):
        count, here = int(word) if word.isdecimal() else UNITS[word], here + 1
    else:
        return None
    unit = part[here].text if here < len(part) else ""
    if unit in ("month", "months") and part[at].text == "in" and count <= 24:
        return Day(add_months(today, count), 0.7, at, here + 1)
    if unit not in _SPANS or count > 366:
        return None
    end, certainty, start = here + 1, 0.9, today
    following = [word.text for word in part[end : end + 2]]
    if following[:1] in (["from"], ["after"]) and len(following) == 2:
        base = day(part[end + 1 :], today) if following[1] not in ("now", "today") else None
        start, end = (base.day if base else today), end + 2
    elif part[at].text not in ("in", "within"):
        return None
    return Day(start + timedelta(days=count * _SPANS[unit]), certainty, at, end)


def add_months(start: date, months: int) -> date:
    """Return the same day `months` later, or the month's last day where it has fewer."""
    total = start.month - 1 + months
    year, month = start.year + total // 12, total % 12 + 1
    for number in range(start.day, 27, -1):
        found = _on(year, month, number)
        if found:
            return found
    return date(year, month, start.day)


def _bare_ordinal(part: Sequence[Word], today: date) -> Day | None:
    """Read "the fifteenth": of this month, or the next when it has passed."""
    for at in range(len(part)):
        if part[at].text in ("first", "second") and not (
            at and part[at - 1].text == "the" and not match_at(part, at + 1, "thing")
        ):
            continue
        said = ordinal_at(part, at)
        if said is None:
            continue
        for months in range(3):
            month_start = add_months(today.replace(day=1), months)
            found = _on(month_start.year, month_start.month, said[0])
            if found and found > today:
                return Day(found, 0.8, at, said[1])
    return None


def _bare_next(part: Sequence[Word], today: date) -> Day | None:
    """Read "next week" as its Monday, "this weekend" as Saturday, "end of the week" as Friday."""
    for at in range(len(part)):
        monday = today + timedelta(days=7 - today.weekday())
        for phrase, found in (
            ("end of next week", monday + timedelta(days=4)),
            ("early next week", monday),
            ("later next week", monday + timedelta(days=3)),
            ("middle of next week", monday + timedelta(days=2)),
            ("week after next", monday + timedelta(days=7)),
            ("next week", monday),
            ("end of the week", today + timedelta(days=(4 - today.weekday()) % 7)),
            ("weekend", today + timedelta(days=(5 - today.weekday()) % 7)),
            ("later this week", today + timedelta(days=2)),
            ("next month", add_months(today.replace(day=1), 1)),
        ):
            length = match_at(part, at, phrase)
            if length:
                return Day(found, 0.55, at, at + length)
    return None
