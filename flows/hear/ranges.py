"""Counts and their ranges: "about twenty five people", "between fifty and a hundred", "over two hundred"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.hear.heard import NOTHING, Hearing
from flows.hear.numbers import Number, number_at, numbers
from flows.hear.words import BREAKS, Word, Words, plain, readings, span, spoken


@dataclass(frozen=True, slots=True)
class Range:
    """A range said: `high` None means no upper end. `certainty` is 1 when nothing was left open."""

    low: float
    high: float | None
    certainty: float
    span: tuple[int, int]


#: Certainty of a number left open by its words, as by "a few".
VAGUE = 0.8
_JOINS = frozenset(
    {
        "to",
        "-",
        "—",
        "and",
        "or",
        "maybe",
        "possibly",
        "perhaps",
        "/",
        "through",
        "til",
        "till",
        "up",
        "until",
        "even",
        "about",
        "at",
        "most",
        ",",
        "say",
        "like",
        "around",
    }
)
_ABOVE = tuple(f" {phrase}" for phrase in ("over", "above", "more than", "at least", "north of", "upwards of", "upward of", "no less than", "not less than",
          "no fewer than", "a minimum of", "minimum", "minimum of", "in excess of", "well over", "just over", "greater than", "exceeding"))  # fmt: skip
_BELOW = tuple(f" {phrase}" for phrase in ("as many as", "as much as", "under", "below", "less than", "fewer than", "at most", "up to", "no more than", "not more than", "no higher than",
          "south of", "a maximum of", "maximum", "maximum of", "max", "not over", "not above", "smaller than"))  # fmt: skip
#: Close to the number, so the number itself is the answer.
_NEAR = tuple(f" {phrase}" for phrase in ("just over", "just under", "a little over", "a little under", "a bit over", "a bit under", "a little more than", "a bit more than",
         "a little less than", "a bit less than", "a shade under", "a shade over", "slightly over", "slightly under", "a tad over", "a tad under"))  # fmt: skip
_ABOVE_AFTER = tuple(
    f"{phrase} "
    for phrase in (
        "or more",
        "plus",
        "+",
        "and up",
        "or above",
        "minimum",
        "at least",
        "and above",
        "or so more",
        "or over",
        "upwards",
        "or higher",
    )
)
_BELOW_AFTER = tuple(
    f"{phrase} "
    for phrase in (
        "or less",
        "or fewer",
        "max",
        "maximum",
        "at most",
        "tops",
        "or under",
        "or below",
        "at the most",
        "top",
    )
)
_HEDGES = re.compile(
    r"\b(?:about|around|roughly|maybe|approximately|approx|something like|or so|ish|nearly|almost|close to|i think|i guess|probably|give or take|say|some)\b"
)


def ranges(part: Sequence[Word]) -> list[Range]:
    """Return every count or range in `part`, in order."""
    said = numbers(part)
    found: list[Range] = []
    at = 0
    while at < len(said):
        first = said[at]
        second = said[at + 1] if at + 1 < len(said) else None
        if second and (joined := _join(part, first, second)):
            found.append(joined)
            at += 2
            continue
        found.append(_single(part, first))
        at += 1
    return found


def _join(part: Sequence[Word], first: Number, second: Number) -> Range | None:
    """Join two numbers into a range; a scale said once counts for both: "ten to twenty thousand"."""
    between = [word.text for word in part[first.end : second.first]]
    if any(word not in _JOINS and word not in ("$", "£", "€") for word in between) or (
        between == [","] and second.high > 2 * first.low
    ):
        return None
    low = first
    if second.scale >= 1000 and first.low < second.scale and (first.scale == 1.0 or first.scale == 100.0):
        scaled = first.times(second.scale)
        low = scaled if scaled.low < second.high else first
    elif second.scale == 100 and first.scale == 1.0 and first.low < 10:
        low = first.times(100)
    if low.low >= second.high:
        return None
    if not between and second.low > 12 * low.low:
        return None
    ends = span(part[first.first : second.end]) or (0, 0)
    return Range(low.low, second.high, 0.95 if between else 0.85, ends)


def _before(part: Sequence[Word], at: int) -> str:
    """Return the words before a number, each after a space."""
    said = [word.text for word in part[max(0, at - 5) : at] if word.text not in ("$", "£", "€")]
    return " " + " ".join(said) if said else ""


def _after(part: Sequence[Word], at: int) -> tuple[str, ...]:
    """Return three words from behind a number, past a unit, and past two words: "fifty people or more"."""
    said = [(word.text + " " if word.text not in BREAKS else "") for word in part[at : at + 5]]
    return tuple("".join(said[start : start + 3]) for start in range(min(3, len(said))))


def _single(part: Sequence[Word], number: Number) -> Range:
    low, high, certainty = number.low, number.high, VAGUE if number.vague else 1.0
    ends = span(part[number.first : number.end]) or (0, 0)
    before, after = _before(part, number.first), _after(part, number.end)
    if before.endswith(_NEAR):
        return Range(low, high, 0.85, ends)
    if before.endswith(_BELOW) or any(said.startswith(_BELOW_AFTER) for said in after):
        return Range(0, high, 0.85, ends)
    if before.endswith(_ABOVE) or any(said.startswith(_ABOVE_AFTER) for said in after):
        return Range(low, None, 0.85, ends)
    return Range(low, high, certainty, ends)


def whole(value: float) -> int | float:
    """Return an int where nothing is lost."""
    return int(value) if value == int(value) else round(value, 2)


_ALONE = re.compile(
    r"\b(?:just|only) (?:me|myself|us two|the one of me)\b|\bit's (?:just |only )?(?:me|myself)\b|\bwe're just me\b|\bone[- ]man\b|\bone[- ]person\b|"
    r"\bone[- ]woman\b|\bsole (?:trader|proprietor)\b|\bself[- ]employed\b|\bby myself\b|\bon my own\b|\bfreelancer?\b|"
    r"\bi'm (?:the only one|a solo|solo)\b|\bsolo (?:operator|founder|business)\b|\bnobody (?:but|except) me\b|\bno one (?:but|except) me\b|\bno employees\b|\bi work alone\b|\bmyself only\b"
)
_TWO = re.compile(
    r"\b(?:me and my (?:wife|husband|partner|brother|sister|business partner|co-?founder|son|daughter)|my (?:wife|husband|partner|brother|sister) and (?:me|i|myself)|the two of us|just us two|both of us)\b"
)
_WITH_ME = re.compile(r"\b(?:me|myself)\b|\bi (?:and|plus)\b")
_PLUS_ME = re.compile(r"\b(?:plus|and) (?:me|myself)\b")
_NOT_A_COUNT = frozenset(
    {
        "years",
        "year",
        "months",
        "month",
        "weeks",
        "days",
        "hours",
        "minutes",
        "o'clock",
        "percent",
        "%",
        "am",
        "pm",
        "dollars",
        "pounds",
        "bucks",
        "locations",
        "offices",
        "sites",
    }
)
_IDIOMS = re.compile(
    r"\b(?:one (?:second|sec|moment|minute|thing|more (?:time|thing)|-?time\b|-?off\b|- (?:time|off)|hand|by one|day|of (?:the|my|our|your|those|these|them))|quite a few|no one|any ?one|someone|everyone|this one|that one|which one|the one|a second|two seconds|a couple (?:of )?(?:seconds|minutes)|a hundred percent|one hundred percent|for one)\b"
)


def integer_range(text: str) -> Hearing:
    """Hear a count: (low, high), high None for an open end ("over fifty")."""
    best = _plus_me(text)
    if best:
        return best
    for part in readings(text):
        found = _counts(part)
        if not found:
            continue
        counted = found[-1] if len(found) > 1 and _restated(part) else found[0]
        high = None if counted.high is None else whole(counted.high)
        certainty = counted.certainty
        if certainty == 1.0 and _HEDGES.search(plain(text)):
            certainty = 0.9
        if len(found) > 1:
            certainty = min(certainty, 0.7)
        return Hearing((whole(counted.low), high), certainty, counted.span)
    return _in_words(text)


def _counts(part: Words) -> list[Range]:
    """Return the counts in `part`, those of other things ("for ten years") only when there is nothing else."""
    lowered = spoken(part)
    found = ranges(part)
    if found and _IDIOMS.search(lowered):
        found = [count for count in found if not _is_idiom(part, count)]
    ends = {word.end: at for at, word in enumerate(part)}
    people = [count for count in found if _unit(part, ends[count.span[1]]) not in _NOT_A_COUNT]
    return people


def _unit(part: Words, at: int) -> str:
    return part[at + 1].text if at + 1 < len(part) else ""


def _is_idiom(part: Words, count: Range) -> bool:
    around = [at for at, word in enumerate(part) if word.end > count.span[0] and word.start < count.span[1]]
    near = " ".join(word.text for word in part[max(0, around[0] - 2) : around[-1] + 3])
    return any(found for found in _IDIOMS.finditer(near))


def _restated(part: Words) -> bool:
    said = spoken(part)
    return bool(re.search(r"\b(?:now|these days|currently|today|at the moment|total|altogether|in all)\b", said))


def _plus_me(text: str) -> Hearing | None:
    """Hear "five plus me" as six and "me and three others" as four."""
    if not _WITH_ME.search(plain(text)):
        return None
    part = words_of(text)
    others = re.search(r"\b(?:me|myself|i) (?:and|plus) ", plain(text))
    for at, word in enumerate(part):
        number = number_at(part, at)
        if number is None or number.vague:
            continue
        after = plain(text)[part[number.end - 1].end :]
        if _PLUS_ME.match(after.lstrip(" ,")) or (others and others.end() == word.start):
            if (
                others
                and not re.match(r" (?:others?|more|people|staff|employees|guys|of us)", after)
                and not _PLUS_ME.match(after.lstrip(" ,"))
            ):
                return None
            total = whole(number.low + 1)
            return Hearing((total, total), 0.85, span(part[number.first : number.end]))
        return None
    return None


def words_of(text: str) -> Words:
    """Return the utterance's first reading."""
    return next(iter(readings(text)))


def _in_words(text: str) -> Hearing:
    for pattern, value, certainty in ((_TWO, 2, 0.85), (_ALONE, 1, 0.9)):
        found = pattern.search(plain(text))
        if found:
            return Hearing((value, value), certainty, found.span())
    return NOTHING


def scaled(found: Range, factor: float) -> Range:
    """Return the range in another unit."""
    return replace(found, low=found.low * factor, high=None if found.high is None else found.high * factor)
