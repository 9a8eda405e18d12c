"""English as it is read aloud: numbers, digits in groups, dates, times, spelled addresses.

Another language is another table of the same functions in `LANGUAGES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
_DIGITS = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_MARKS = {"@": "at", ".": "dot", "-": "dash", "_": "underscore", "+": "plus"}
_SAID_AS_WORDS = frozenset(
    [
        "gmail",
        "yahoo",
        "hotmail",
        "outlook",
        "icloud",
        "proton",
        "example",
        "info",
        "sales",
        "office",
        "contact",
        "hello",
        "mail",
        "com",
        "net",
        "org",
        "edu",
        "gov",
    ]
)


@dataclass(frozen=True, slots=True)
class Spoken:
    """How one language reads values aloud."""

    number: Callable[[float], str]
    digits: Callable[[str], str]  #: a telephone number or a code, grouped with pauses
    email: Callable[[str], str]
    day: Callable[[datetime], str]  #: "Tuesday, December first"
    time: Callable[[datetime], str]  #: "half past" is never said: "two thirty in the afternoon"


def number(value: float) -> str:
    """Return "two hundred and fifty thousand" for 250000; fractions are read to one place."""
    if value < 0:
        return f"minus {number(-value)}"
    whole = int(value)
    if value != whole:
        tenth = round((value - whole) * 10)
        return f"{number(whole)} point {_ONES[tenth]}" if tenth < 10 else number(whole + 1)
    return _whole(whole)


def _whole(value: int) -> str:
    if value < 20:
        return _ONES[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
    for scale, name in _SCALES:
        if value >= scale:
            count, rest = divmod(value, scale)
            head = f"{_whole(count)} {name}"
            if not rest:
                return head
            return f"{head} and {_whole(rest)}" if rest < 100 else f"{head} {_whole(rest)}"
    raise AssertionError("every number has a scale")


def digits(text: str) -> str:
    """Return digits in groups with pauses: "+12025550123" → "two oh two, five five five, oh one two three"."""
    plain = "".join(char for char in text if char.isdigit())
    if text.startswith("+1") and len(plain) == 11:
        plain = plain[1:]
    return ", ".join(" ".join(_DIGITS[int(digit)] for digit in group) for group in _groups(plain))


def _groups(plain: str) -> list[str]:
    """Cut digits as people say them: 3-3-4, the rest in threes with a last four where it fits."""
    if len(plain) <= 5:
        return [plain]
    groups = []
    while len(plain) > 4:
        groups.append(plain[:3])
        plain = plain[3:]
    return [*groups, plain]


def email(text: str) -> str:
    """Return an address to be heard without doubt: well-known words as words, the rest letter by letter."""
    parts, word = [], ""
    for char in [*text, ""]:
        if char and char.isalnum():
            word += char
            continue
        if word:
            parts.append(word if word in _SAID_AS_WORDS else _spell(word))
            word = ""
        if char:
            parts.append(_MARKS.get(char, char))
    return ", ".join(parts)


def _spell(word: str) -> str:
    return " ".join(_ONES[int(char)] if char.isdigit() else char.upper() for char in word)


def ordinal(value: int) -> str:
    """Return "twenty-first" for 21."""
    words = _whole(value)
    head, dash, last = words.rpartition("-")
    if last in _ORDINALS:
        return f"{head}{dash}{_ORDINALS[last]}"
    return f"{head}{dash}{last[:-1]}ieth" if last.endswith("y") else f"{head}{dash}{last}th"


def day(when: datetime) -> str:
    """Return "Tuesday, December first"."""
    return f"{_DAYS[when.weekday()]}, {_MONTHS[when.month - 1]} {ordinal(when.day)}"


def time(when: datetime) -> str:
    """Return "two thirty in the afternoon"."""
    if (when.hour, when.minute) == (12, 0):
        return "noon"
    hour = _whole((when.hour - 1) % 12 + 1)
    if when.minute == 0:
        minutes = ""
    elif when.minute < 10:
        minutes = f" oh {_whole(when.minute)}"
    else:
        minutes = f" {_whole(when.minute)}"
    part = "in the morning" if when.hour < 12 else "in the afternoon" if when.hour < 18 else "in the evening"
    return f"{hour}{minutes} {part}"


LANGUAGES = {"en": Spoken(number, digits, email, day, time)}
