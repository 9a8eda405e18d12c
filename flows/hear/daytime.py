"""A time of day as said: "half past two", "ten thirty", "3pm", "quarter to four", "tomorrow afternoon"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.hear.numbers import TENS, UNITS
from flows.hear.words import Word, match_at

#: Parts of the day and the time meant when nothing closer is said: (hour, minute, "am" | "pm").
PARTS = {
    "first thing in the morning": (9, 0, "am"), "first thing": (9, 0, "am"), "early morning": (8, 0, "am"), "early in the morning": (8, 0, "am"), "mid morning": (10, 30, "am"),
    "mid - morning": (10, 30, "am"), "late morning": (11, 0, "am"), "late in the morning": (11, 0, "am"), "morning": (10, 0, "am"), "early afternoon": (13, 0, "pm"),
    "mid afternoon": (15, 0, "pm"), "mid - afternoon": (15, 0, "pm"), "late afternoon": (16, 0, "pm"), "late in the afternoon": (16, 0, "pm"), "early in the afternoon": (13, 0, "pm"),
    "afternoon": (14, 0, "pm"), "early evening": (18, 0, "pm"), "evening": (18, 0, "pm"), "tonight": (19, 0, "pm"), "night": (19, 0, "pm"), "after lunch": (14, 0, "pm"),
    "before lunch": (11, 0, "am"), "after work": (18, 0, "pm"), "end of the day": (17, 0, "pm"), "end of day": (17, 0, "pm"), "end of business": (17, 0, "pm"), "close of business": (17, 0, "pm"),
    "lunchtime": (12, 0, "pm"), "lunch time": (12, 0, "pm"), "lunch": (12, 0, "pm"), "breakfast": (8, 0, "am"), "mornings": (10, 0, "am"), "afternoons": (14, 0, "pm"), "evenings": (18, 0, "pm"),
}  # fmt: skip
_EXACT = {"noon": (12, 0), "midday": (12, 0), "mid day": (12, 0), "midnight": (0, 0)}
_LEAD = frozenset({"at", "around", "about", "by", "after", "@", "before", "from", "say", "like", "between", "until"})
_PAST = frozenset({"past", "after", "gone"})
_TO = frozenset({"to", "till", "of", "til", "before"})
_QUARTERS = {"half": 30, "quarter": 15}


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day: minute of the day, how it was said, and its words."""

    minute: int
    certainty: float
    first: int
    end: int
    vague: bool = False


def clock(part: Sequence[Word], taken: frozenset[int] = frozenset()) -> Clock | None:
    """Return the time of day said in `part`; words in `taken` belong to a date.

    A bare hour is read as business hours: 7 to 11 in the morning, 12 to 6 after noon.
    """
    half = _half_of_day(part)
    best: Clock | None = None
    for at in range(len(part)):
        if at in taken:
            continue
        said = _time_at(part, at, taken)
        if said is None:
            continue
        hour, minute, end, certainty, known = said
        if not known:
            hour, certainty = _in_half(hour, half, certainty)
        if best is None or certainty > best.certainty + 0.05:
            best = Clock(hour * 60 + minute, certainty, at, end)
    return best or _part_of_day(part, taken)


def _in_half(hour: int, half: str | None, certainty: float) -> tuple[int, float]:
    if hour > 12 or hour == 0:
        return hour, certainty
    if half == "am":
        return hour % 12, certainty
    if half == "pm":
        return hour % 12 + 12, certainty
    return (hour if 7 <= hour <= 12 else hour + 12), certainty - 0.1


def _half_of_day(part: Sequence[Word]) -> str | None:
    """Return which half of the day the words around name: "two in the afternoon", "tonight at eight"."""
    said = {word.text for word in part}
    if said & {"morning", "mornings"}:
        return "am"
    if said & {"afternoon", "evening", "tonight", "night", "pm", "p.m", "afternoons", "evenings"}:
        return "pm"
    return None


def _part_of_day(part: Sequence[Word], taken: frozenset[int]) -> Clock | None:
    for phrase, (hour, minute, _) in PARTS.items():
        for at in range(len(part)):
            length = match_at(part, at, phrase)
            if length and (at not in taken or phrase == "tonight"):
                return Clock(hour * 60 + minute, 0.6, at, at + length, vague=True)
    return None


def _time_at(part: Sequence[Word], at: int, taken: frozenset[int]) -> tuple[int, int, int, float, bool] | None:
    """Return (hour, minute, end, certainty, whether am or pm is known) for a time that starts at `at`."""
    for phrase, (hour, minute) in _EXACT.items():
        length = match_at(part, at, phrase)
        if length:
            return hour, minute, at + length, 0.95, True
    relative = _relative(part, at)
    if relative:
        hour, minute, end = relative
        return _with_half(part, hour, minute, end, 0.95)
    plain_time = _hour_minute(part, at)
    if plain_time is None or any(k in taken for k in range(at, plain_time[2])):
        return None
    hour, minute, end, shape = plain_time
    hour, minute, end, certainty, known = _with_half(part, hour, minute, end, 0.95 if shape else 0.9)
    if shape or known:
        return hour, minute, end, certainty, known
    led = at > 0 and part[at - 1].text in _LEAD
    following = part[end].text if end < len(part) else ""
    if following in _UNITS_OF_OTHER_THINGS:
        return None
    return hour, minute, end, (certainty if led else 0.75), known


_UNITS_OF_OTHER_THINGS = frozenset(
    {
        "hours",
        "hour",
        "minutes",
        "minute",
        "days",
        "day",
        "weeks",
        "week",
        "months",
        "people",
        "st",
        "nd",
        "rd",
        "th",
        "/",
        "years",
    }
)


def _with_half(
    part: Sequence[Word], hour: int, minute: int, end: int, certainty: float
) -> tuple[int, int, int, float, bool]:
    """Read "a.m.", "p m" or "o'clock" behind a time."""
    if end < len(part) and part[end].text in ("o'clock", "oclock", "sharp", "ish"):
        end, certainty = end + 1, 0.95
    text = [word.text for word in part[end : end + 4]]
    for name, offset in (("a", 0), ("p", 12)):
        for shape in ([f"{name}m"], [name, "m"], [name, ".", "m", "."], [name, ".", "m"]):
            if text[: len(shape)] == shape and 1 <= hour <= 12:
                return hour % 12 + offset, minute, end + len(shape), 1.0, True
    return hour, minute, end, certainty, hour > 12 or hour == 0


def _small_number(part: Sequence[Word], at: int) -> tuple[int, int] | None:
    word = part[at].text if at < len(part) else ""
    if word.isdecimal() and len(word) <= 2:
        return int(word), at + 1
    if word in UNITS:
        return UNITS[word], at + 1
    if word in TENS:
        after = at + 2 if at + 1 < len(part) and part[at + 1].text == "-" else at + 1
        unit = UNITS.get(part[after].text, 0) if after < len(part) else 0
        return (TENS[word] + unit, after + 1) if 0 < unit < 10 else (TENS[word], at + 1)
    return None


def _relative(part: Sequence[Word], at: int) -> tuple[int, int, int] | None:
    """Read "half past two", "quarter to four", "twenty to five", "half two" (British: half past)."""
    here = at + 1 if part[at].text == "a" else at
    word = part[here].text if here < len(part) else ""
    minutes, end = (_QUARTERS[word], here + 1) if word in _QUARTERS else (_small_number(part, here) or (0, here))
    if not 0 < minutes < 60:
        return None
    if end < len(part) and part[end].text == "-":
        end += 1  # "half-past"
    if end < len(part) and part[end].text == "minutes":
        end += 1
    joint = part[end].text if end < len(part) else ""
    if word == "half" and (hour := _small_number(part, end)) and 1 <= hour[0] <= 12:
        return hour[0], 30, hour[1]
    if joint not in _PAST | _TO:
        return None
    said = _small_number(part, end + 1) or (
        (12, end + 2) if end + 1 < len(part) and part[end + 1].text in ("noon", "midday") else None
    )
    if (
        said is None
        or not 1 <= said[0] <= 12
        or minutes % 5
        or (word not in _QUARTERS and joint in ("of", "before", "after"))
    ):
        return None
    if joint in _PAST:
        return said[0], minutes, said[1]
    if word not in _QUARTERS and minutes <= 12 and minutes not in (5, 10):
        return None
    return (said[0] - 1) or 12, 60 - minutes, said[1]


def _hour_minute(part: Sequence[Word], at: int) -> tuple[int, int, int, bool] | None:
    """Return (hour, minute, end, whether minutes were said): "10:30", "ten thirty", "two oh five", "14 30", "three"."""
    texts = [word.text for word in part[at : at + 3]]
    if (
        len(texts) == 3
        and texts[0].isdecimal()
        and texts[1] in (":", ".")
        and len(texts[2]) == 2
        and texts[2].isdecimal()
    ):
        hour, minute = int(texts[0]), int(texts[2])
        return (hour, minute, at + 3, True) if hour < 24 and minute < 60 else None
    if texts and "." in texts[0] and texts[0].replace(".", "").isdecimal() and len(texts[0].split(".")[1]) == 2:
        hour, minute = int(texts[0].split(".")[0]), int(texts[0].split(".")[1])
        return (hour, minute, at + 1, True) if 0 < hour < 24 and minute < 60 else None
    if texts and texts[0].isdecimal() and len(texts[0]) in (3, 4):
        hour, minute = int(texts[0][:-2]), int(texts[0][-2:])
        return (hour, minute, at + 1, True) if hour < 24 and minute < 60 and minute % 5 == 0 else None
    first = _small_number(part, at)
    if first is None or not 0 < first[0] < 24:
        return None
    hour, end = first
    following = part[end].text if end < len(part) else ""
    if following in ("oh", "o") and (unit := _small_number(part, end + 1)) and unit[0] < 10:
        return hour, unit[0], unit[1], True
    if following == "hundred" and part[end + 1 : end + 2] and part[end + 1].text == "hours":
        return hour, 0, end + 2, True
    minutes = _small_number(part, end)
    if minutes and 10 <= minutes[0] < 60 and hour <= 23:
        return hour, minutes[0], minutes[1], True
    return hour, 0, end, False
