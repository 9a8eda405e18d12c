"""When the caller wants to start, in bands: asap, 1-3m, 3-6m, 6m+, or none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from flows.hear.calendar_day import MONTHS, day, month_day
from flows.hear.date_time import local_time
from flows.hear.heard import NOTHING, Hearing
from flows.hear.numbers import number_at
from flows.hear.ranges import VAGUE, ranges
from flows.hear.words import Words, plain, readings

_NONE = re.compile(
    r"\b(?:(?:no|not any|don't have (?:a|any)|haven't (?:got )?(?:a|any|set a)|without a|there's no|there isn't (?:a|any)|isn't (?:a|any)) (?:real |particular |specific |fixed |firm |set |clear |immediate |concrete |actual )?"
    r"(?:timeline|time ?frame|plans?|date|schedule|deadline|rush|hurry|time ?scale|urgency|intention)s?|never|not (?:any ?time soon|looking|planning|in the market|in a (?:rush|hurry)|soon|in the (?:near|foreseeable) future)|(?:just|only|merely|simply) (?:\w+ )?(?:looking|browsing|researching|exploring|curious|shopping around|window shopping|gathering|comparing|checking|asking|kicking|testing the)|kicking (?:the |some )?t[iy]res|looking around|information gathering|"
    r"(?:some ?day|one day|eventually|whenever)\b|at some point|no plans|not for (?:a (?:long )?while|ages|years)|don't (?:plan|intend)|aren't (?:planning|looking)|not (?:at all|really looking)|in the distant future|still (?:exploring|researching|looking around)|"
    r"(?:haven't|have not|hasn't|didn't|not) (?:\w+ )?(?:decided|thought|figured|planned|worked|settled|discussed|committed)|not sure(?: yet)?|too early to (?:say|tell)|undecided|hard to say|don't know(?: yet)?|not decided|up in the air|to be (?:decided|determined)|tbd|(?:just|only|merely) an? (?:vague )?(?:idea|thought)|early days|idea stage|just (?:doing|starting) (?:some |our |my )?research|open ended|open-ended|no (?:idea|clue)|(?:couldn't|can't|cannot|could not) (?:really )?(?:say|tell)|who knows|dunno|beats me|flexible|whatever works|i'm easy|no time in particular|nothing (?:is )?(?:planned|scheduled|decided|fixed)|in no (?:rush|hurry)|not in any (?:rush|hurry)|when (?:the time is right|i retire|hell freezes)|if ever|ever)"
)  # fmt: skip
_ASAP = re.compile(
    r"\b(?:asap|a\.?s\.?a\.?p|as soon as (?:possible|we can|you can|i can|humanly)|right away|straight ?away|immediately|urgent(?:ly)?|right now|(?<!from )now|today|tomorrow|tonight|yesterday|this week|next week|this month|"
    r"the sooner the better|sooner the better|soonest|as quick(?:ly)? as|as fast as|in (?:the )?(?:next|coming) (?:few |couple of |several )?(?:days|weeks)|(?:few|couple of|couple) (?:of )?(?:days|weeks)|within (?:the|a) (?:week|fortnight|month)|inside (?:a|the|of a) month|"
    r"straight off|pronto|at once|end of (?:the|this) (?:week|month)|immediate|without (?:any )?delay|instantly|this (?:instant|minute|very minute|coming week)|at the (?:very )?earliest|as early as (?:possible|we can|you can)|earliest possible|overdue|long ago|already late|running out of time|as we speak|(?:before|by) (?:the )?(?:end of )?(?:the|this|next) week(?:end| is out)?|before the month is (?:out|over)|before (?:the )?month end|ready to (?:go|start)|in a (?:hurry|rush)|no time to (?:lose|waste)|in a (?:week|fortnight)|a (?:week|fortnight) or (?:so|two)|(?:in|within) days|quickly)\b(?! until)"
)
_SOONISH = re.compile(r"\b(?:next month|few months|couple of months|couple months|this quarter|(?:by|within|inside|during|before) (?:the )?(?:end of )?(?:the |this )?quarter|next (?:few|couple of) months|month or two|month or so|fairly soon|pretty soon|quite soon|soon|in a month|(?:over|in) the coming months|near future|short term|short-term|next quarter)\b")  # fmt: skip
_HALF = re.compile(
    r"\b(?:half a year|half year|second half|back half|later (?:on )?this year|later in the year|mid[- ]term|medium term|several months|two quarters|couple of quarters|six[- ]month)\b"
)
_LATE = re.compile(
    r"\b(?:next year|a year|year or (?:so|two)|years?|long[- ]term|long way off|couple of years|few years|twelve months|18 months|year from now|down the (?:road|line)|way off|a while (?:off|away|yet)|three quarters)\b"
)
_NOT_THESE_YEARS = re.compile(
    r"\bnot (?:for )?(?:this|next|the next|the coming) (?:year\b(?=.*\bnot next year)|few years)|\bnot next year\b"
)
_LENGTH = {
    "day": 1 / 30,
    "days": 1 / 30,
    "week": 0.25,
    "weeks": 0.25,
    "wks": 0.25,
    "fortnight": 0.5,
    "month": 1.0,
    "months": 1.0,
    "mo": 1.0,
    "quarter": 3.0,
    "quarters": 3.0,
    "year": 12.0,
    "years": 12.0,
    "day's": 1 / 30,
    "week's": 0.25,
    "month's": 1.0,
    "year's": 12.0,
}
_QUARTER = re.compile(
    r"\bq ?([1-4])\b|\b(?:cue|queue|q) (one|two|three|four)\b|\b(first|second|third|fourth|last) quarter\b|\bquarter (one|two|three|four|[1-4])\b"
)
_ORDER = {
    "1": 1,
    "2": 2,
    "3": 3,
    "4": 4,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "first": 1,
    "second": 2,
    "third": 3,
    "fourth": 4,
    "last": 4,
}
#: The month in the middle of a season, or the one a phrase names.
_SEASONS = {
    "spring": 4,
    "summer": 7,
    "fall": 10,
    "autumn": 10,
    "christmas": 12,
    "thanksgiving": 11,
    "easter": 4,
    "halloween": 10,
    "the holidays": 12,
    "new year": 1,
    "the new year": 1,
    "winter": 1,
}


@dataclass(frozen=True, slots=True)
class _When:
    months: float
    span: tuple[int, int]
    certainty: float = 0.85


def timeline(text: str, now: float | None, zone: str | None) -> Hearing:
    """Hear when something is to start: "asap" (within a month), "1-3m", "3-6m", "6m+" or "none".

    A stretch counts by its far end ("three to six months" is 3-6m), a month of the calendar by how many months it is
    ahead of `now`, a quarter or a season by its middle. Without `now` calendar words are not understood.
    """
    today = local_time(now, zone).date() if now is not None else None
    for part in readings(text):
        said = plain(text)[part[0].start : part[-1].end] if part else ""
        offset = part[0].start if part else 0
        heard = _band_in(said, part, today, offset)
        if heard:
            return heard
    return NOTHING


def _band_in(said: str, part: Words, today: date | None, offset: int) -> Hearing | None:
    denied = _NONE.search(said)
    if later := _NOT_THESE_YEARS.search(said):
        return Hearing("6m+", 0.8, _moved(later, offset))
    when = _stretch(part) or (_calendar(said, part, today, offset) if today else None)
    if when:
        return Hearing(band(when.months), when.certainty, when.span)
    if denied:
        unsure = re.match(r"not sure|don't know|hard to say|too early", denied.group())
        return Hearing("none", 0.6 if unsure else 0.85, _moved(denied, offset))
    for pattern, value, certainty in (
        (_ASAP, "asap", 0.9),
        (_HALF, "3-6m", 0.7),
        (_SOONISH, "1-3m", 0.8),
        (_LATE, "6m+", 0.85),
    ):
        found = pattern.search(said)
        if found and not re.search(r"\bnot\b[\w\s']{0,12}$", said[: found.start()]):
            return Hearing(value, certainty, _moved(found, offset))
    dated = day(part, today) if today else None
    if today and dated and dated.certainty > 0.6:
        ends = (part[dated.first].start, part[dated.end - 1].end)
        return Hearing(band((dated.day - today).days / 30.4), 0.85, ends)
    return None


def _moved(found: re.Match[str], offset: int) -> tuple[int, int]:
    return found.start() + offset, found.end() + offset


def band(months: float) -> str:
    """Return the band a distance in months falls in; a boundary belongs to the nearer band."""
    if months < 0.95:
        return "asap"
    if months <= 3.05:
        return "1-3m"
    return "3-6m" if months <= 6.05 else "6m+"


def _stretch(part: Words) -> _When | None:
    """Read "in the next three months", "six to nine months", "a month and a half", "within two weeks"."""
    for at, word in enumerate(part[:-3]):
        if word.text in ("month", "year", "week") and [w.text for w in part[at + 1 : at + 4]] == ["and", "a", "half"]:
            return _When(1.5 * _LENGTH[word.text], (word.start, part[at + 3].end), 0.9)
    for at, word in enumerate(part[:-1]):  # "to months from now", as recognisers write it
        following = part[at + 1].text
        if (
            word.text in ("to", "too")
            and following in ("months", "weeks", "years")
            and not (at and number_at(part, at - 1))
        ):
            return _When(2 * _LENGTH[following], (word.start, part[at + 1].end), 0.7)
    for said in ranges(part):
        after = [word for word in part if word.start >= said.span[1]]
        if not after:
            continue
        unit = after[1].text if after[0].text in ("-", "more") and len(after) > 1 else after[0].text
        if unit not in _LENGTH:
            continue
        far = said.low * 1.01 if said.high is None else said.high
        if said.certainty == VAGUE:
            far = said.low  # "a few weeks" is soon, whatever "few" is
        if said.high is None and said.low in (3, 6):
            far = said.low + 0.5
        return _When(far * _LENGTH[unit], (said.span[0], after[0].end), 0.9)
    return None


def _calendar(said: str, part: Words, today: date, offset: int) -> _When | None:
    year = _year_said(said, today)
    if dated := _date_said(part, today):
        return dated
    quarter = _QUARTER.search(said)
    if quarter:
        number = _ORDER[next(group for group in quarter.groups() if group)]
        return _When(_ahead(today, number * 3 - 1, year, slack=1), _moved(quarter, offset))
    ending = re.search(
        r"\b(?:end of (?:the |this )?(?:calendar )?year|year[- ]?end|before (?:the )?(?:new year|year is out)|this year|by the end of the year)\b",
        said,
    )
    if ending:
        return _When(float(12 - today.month), _moved(ending, offset))
    part_of_year = re.search(
        r"\b(early|start of|beginning of|first half of|first thing|middle of|mid|late|end of|second half of) (?:in )?(?:the )?(?:next year|new year)\b",
        said,
    )
    if part_of_year:
        month = {
            "early": 2,
            "start of": 1,
            "beginning of": 1,
            "first half of": 4,
            "first thing": 1,
            "middle of": 6,
            "mid": 6,
        }.get(part_of_year.group(1), 11)
        return _When(float(month + 12 - today.month), _moved(part_of_year, offset))
    named = re.search(
        rf"\b({'|'.join(name for name in MONTHS if name not in ('may', 'mar', 'sep', 'jan', 'dec'))}|(?<=in )may|(?<=by )may|(?<=until )may|(?<=before )may|may(?= (?:or|time))|^may$|(?<=mid )may|mar|jan|dec)\b",
        said,
    )
    if named:
        return _When(_ahead(today, MONTHS[named.group(1)], year), _moved(named, offset))
    season = re.search(rf"\b(this |next )?({'|'.join(sorted(_SEASONS, key=len, reverse=True))})\b", said)
    if season:
        name, slack = season.group(2), 1 if season.group(1) == "this " else 0
        return _When(_ahead(today, _SEASONS[name], year, slack=slack), _moved(season, offset), 0.8)
    alone = re.search(r"\b20\d\d\b", said)
    if alone and year is not None:
        return _When(_ahead(today, 6 if year > today.year else 12, year), _moved(alone, offset), 0.7)
    return None


def _date_said(part: Words, today: date) -> _When | None:
    """Read a day of a month, "the first of December", which says more than its month does."""
    dated = month_day(part, today)
    if dated is None:
        return None
    ends = (part[dated.first].start, part[dated.end - 1].end)
    return _When((dated.day - today).days / 30.4, ends)


def _year_said(said: str, today: date) -> int | None:
    written = re.search(r"\b(20\d\d)\b", said)
    if written:
        return int(written.group(1))
    return today.year + 1 if re.search(r"\b(?:next year|of next year)\b", said) else None


def _ahead(today: date, month: int, year: int | None, slack: int = 0) -> float:
    """Return how many months ahead a month is, 0 for this one; with `slack` one just past may still be meant."""
    if year is not None:
        return float(max(0, (year - today.year) * 12 + month - today.month))
    ahead = (month - today.month) % 12
    return 0.0 if slack and ahead == 11 else float(ahead)
