"""Amounts of money with their period: "five grand", "$1,500 a month", "between ten and twenty thousand a year"."""

from __future__ import annotations

import re

from flows.hear.heard import NOTHING, Hearing
from flows.hear.ranges import Range, ranges, scaled, whole
from flows.hear.words import Words, plain, readings, spoken

_PER = r"(?:a|an|per|each|every|/|the|by the)"
#: Pattern, period reported, factor to that period.
_PERIODS: tuple[tuple[re.Pattern[str], str, float], ...] = (
    (re.compile(rf"{_PER} ?(?:month|mo|calendar month)\b|\bmonthly\b|\bp\.?c\.?m\b|\bmonth on month\b|\bin a month\b"), "month", 1),
    (re.compile(rf"{_PER} ?quarter\b(?! (?:of|million))|\bquarterly\b"), "year", 4),
    (re.compile(rf"{_PER} ?(?:week|wk)\b|\bweekly\b"), "year", 52),
    (re.compile(rf"{_PER} ?(?:year|yr|annum)\b|\byearly\b|\bannually\b|\bannual\b|\bp\.?a\b|\bthis year\b|\bfor the year\b|\bnext year\b|\ba financial year\b"), "year", 1),
)  # fmt: skip
_UNITS = re.compile(
    r"[$£€]|\b(?:dollars?|bucks|pounds?|quid|euros?|usd|gbp|eur|grand|k|thousand|million|hundred|budget)\b|\d,\d{3}"
)
_NOT_MONEY = re.compile(
    r"^(?:figures?|people|users|seats|employees|staff|years?|months?|weeks?|days?|percent|%|o'clock|of us|locations|licen[cs]es|of them)\b"
)
_ONCE = re.compile(r"^one (?:- )?(?:time|off|of|thing|second|sec|moment|minute|more)\b")
_NOTHING = re.compile(r"\b(?:nothing|zero|nought|free|not a penny|not a cent)\b")


def money(text: str) -> Hearing:
    """Hear an amount: (low, high, "once" | "month" | "year"), high None for an open end.

    Weeks and quarters are turned into years (52 and 4 of them). No period said is "once".
    """
    for part in readings(text):
        found = _amounts(part)
        if not found:
            continue
        amount = found[0]
        period, factor = _period(text)
        amount = scaled(amount, factor)
        certainty = amount.certainty * (1.0 if _UNITS.search(plain(text)) else 0.8)
        if len(found) > 1:
            certainty = min(certainty, 0.6)
        high = None if amount.high is None else whole(amount.high)
        return Hearing((whole(amount.low), high, period), round(certainty, 2), amount.span)
    free = _NOTHING.search(plain(text))
    if free and len(text.split()) <= 4:
        return Hearing((0, 0, "once"), 0.7, free.span())
    return NOTHING


def _period(text: str) -> tuple[str, float]:
    """Return the period said last and the factor that turns the amount into it."""
    found = [
        (match.start(), name, factor) for pattern, name, factor in _PERIODS for match in pattern.finditer(plain(text))
    ]
    return max(found)[1:] if found else ("once", 1.0)


def _amounts(part: Words) -> list[Range]:
    """Return the amounts in `part`, without counts of other things ("for ten users")."""
    found = []
    for amount in ranges(part):
        after = [word for word in part if word.start >= amount.span[1]]
        before = [word for word in part if word.end <= amount.span[0]]
        marked = bool(before) and before[-1].text in "$£€"
        if marked or not _NOT_MONEY.match(spoken(after[:2])):
            found.append(amount)
    found = [
        amount for amount in found if not _ONCE.search(spoken([w for w in part if w.start >= amount.span[0]][:3]))
    ] or found
    certain = [amount for amount in found if _marked(part, amount)]
    return certain or found


def _marked(part: Words, amount: Range) -> bool:
    """Tell whether a currency or a scale was said with the amount."""
    near = [word.text for word in part if amount.span[0] - 2 <= word.start <= amount.span[1] + 1]
    return bool(_UNITS.search(" ".join(near)))
