"""Digits read out: telephone numbers, ZIP codes and reference numbers; "double five", "triple oh", "fifty-five"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.hear.heard import NOTHING, Hearing
from flows.hear.numbers import TENS, UNITS
from flows.hear.words import Word, readings, span

_ZERO = frozenset({"oh", "o", "zero", "nought", "naught", "nil"})
_REPEAT = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
#: Recognisers write these for a digit when it is said between digits.
_SOUNDS_LIKE = {
    "to": "2",
    "too": "2",
    "for": "4",
    "ate": "8",
    "won": "1",
    "tree": "3",
    "niner": "9",
    "fife": "5",
    "or": "0",
    "old": "0",
    "owe": "0",
}
#: Scales that stand for so many zeros.
_ROUND = {"hundred": 2, "thousand": 3}
_BETWEEN = frozenset({"-", "—", ",", ".", "(", ")", "and", "then", "space", "dash", "hyphen", "/", "like"})
#: Country code and national number by length: geographic 2 and mobile 7 have ten digits, 1 and 8 may have fewer.
_BRITISH = re.compile(r"44(?:[237]\d{9}|1\d{8,9}|[589]\d{6,9})")
_MARKS = " .,;!?"
_PLUS = frozenset({"plus", "+"})


@dataclass(frozen=True, slots=True)
class Run:
    """Digits said in a row; `plus` tells whether a plus sign came first."""

    digits: str
    plus: bool
    span: tuple[int, int]


def runs(part: Sequence[Word], split: bool = False) -> list[Run]:
    """Return every row of digits in `part`; pauses, dashes and brackets do not end a row.

    `split` reads "twenty seven" as 20 and 7, as in "plus forty four, twenty, seven nine four six", instead of 27.
    """
    found: list[Run] = []
    digits, first, last, at = "", 0, 0, 0
    while at < len(part):
        piece, end = _piece(part, at, len(digits), split)
        if piece:
            first = first if digits else at
            digits, last, at = digits + piece, end, end
        elif digits and part[at].text in _BETWEEN:
            at += 1
        else:
            if digits:
                found.append(_run(part, digits, first, last))
            digits, at = "", at + 1
    if digits:
        found.append(_run(part, digits, first, last))
    return found


def _run(part: Sequence[Word], digits: str, first: int, last: int) -> Run:
    plus = first > 0 and part[first - 1].text in _PLUS
    start = first - 1 if plus else first
    return Run(digits, plus, span(part[start:last]) or (0, 0))


def _text(part: Sequence[Word], at: int) -> str:
    return part[at].text if 0 <= at < len(part) else ""


def _piece(part: Sequence[Word], at: int, before: int, split: bool) -> tuple[str, int]:
    """Return the digits said at `at` and where they end; "" when the word is no digit.

    `before` is how many digits the row has so far.
    """
    inside = before > 0
    word = part[at].text
    if word[0].isdecimal():
        return re.sub(r"\D", "", word), at + 1
    if word in _REPEAT:
        once, end = _single(part, at + 1)
        return (once * _REPEAT[word], end) if len(once) == 1 else ("", at)
    if word in _SOUNDS_LIKE and inside and (_single(part, at + 1)[0] or (before > 3 and at + 1 == len(part))):
        return _SOUNDS_LIKE[word], at + 1
    if word in ("oh", "o") and not inside and not _single(part, at + 1)[0] and _text(part, at + 1) not in _REPEAT:
        return "", at  # "oh, it's …"
    if split and before > 1 and word in TENS:
        return str(TENS[word]), at + 1
    once, end = _single(part, at)
    if word == "a" and _text(part, at + 1) in _ROUND and not inside:
        once, end = "1", at + 1
    if once and _text(part, end) in _ROUND:
        return _counted(part, once, end)
    return once, end


def _counted(part: Sequence[Word], once: str, at: int) -> tuple[str, int]:
    """Read "one hundred" as 100 and, with an "and", "a hundred and one" as 101."""
    zeros = _ROUND[part[at].text]
    added, end = _single(part, at + 2) if _text(part, at + 1) == "and" else ("", at + 1)
    if added and len(added) <= zeros and not _single(part, end)[0]:
        return once + added.rjust(zeros, "0"), end
    return once + "0" * zeros, at + 1


def _single(part: Sequence[Word], at: int) -> tuple[str, int]:
    word = _text(part, at)
    if word in _ZERO:
        return "0", at + 1
    if word in UNITS or word == "niner":
        return str(UNITS.get(word, 9)), at + 1
    if word[:1].isdecimal():
        return re.sub(r"\D", "", word), at + 1
    if word in TENS:
        after = at + 2 if _text(part, at + 1) == "-" else at + 1
        unit = UNITS.get(_text(part, after), 0)
        if 0 < unit < 10:
            return str(TENS[word] + unit), after + 1
        return str(TENS[word]), at + 1
    return "", at


def digits(text: str) -> Hearing:
    """Hear a row of digits as a string, leading zeros kept."""
    for part in readings(text):
        found = runs(part)
        if found:
            longest = max(found, key=lambda run: len(run.digits))
            return Hearing(longest.digits, 0.9 if len(found) == 1 else 0.7, longest.span)
    return NOTHING


def phone(text: str, region: str = "US") -> Hearing:
    """Hear a telephone number as E.164 (ITU-T E.164: at most 15 digits).

    `region` (ISO 3166 alpha-2) reads numbers said without a country code: "US" or "CA" by the North American plan,
    "GB" by the British one. An extension is not part of the value. An incomplete number is nothing.
    """
    before_extension = re.split(r"\b(?:extension|ext)\b", text, maxsplit=1, flags=re.IGNORECASE)[0]
    *corrected, whole = readings(before_extension)
    for part in (*corrected, whole):
        found = runs(part)
        if part is not whole and (mended := _mended(whole, found, region)):
            return mended
        for run in (*sorted(found, key=lambda run: -len(run.digits)), *_joined(found), *runs(part, split=True)):
            number, certainty = _e164(run, region)
            if number:
                return Hearing(number, certainty, run.span)
        if area := _area_last(part, found):
            return area
        if sum(len(run.digits) for run in found) > 2 and part[-1].end == len(before_extension.rstrip(_MARKS)):
            return NOTHING  # the end of a number was corrected: better to ask than to keep what was taken back
    return NOTHING


def _area_last(part: Sequence[Word], found: Sequence[Run]) -> Hearing | None:
    """Hear "555 0146, area code 213"."""
    if len(found) != 2 or [len(run.digits) for run in found] != [7, 3] or not any(word.text == "area" for word in part):
        return None
    number, certainty = _e164(replace(found[0], digits=found[1].digits + found[0].digits), "US")
    return Hearing(number, certainty, (found[0].span[0], found[1].span[1])) if number else None


def _mended(whole: Sequence[Word], after: Sequence[Run], region: str) -> Hearing | None:
    """Put a corrected end in its place: "702 555 0164, no, 0165" ends in 0165. Never a whole number: that stands alone."""
    if len(after) != 1 or not 2 <= len(after[0].digits) <= 7:
        return None
    tail = after[0]
    before = runs([word for word in whole if word.end <= tail.span[0]])
    for run in _joined(before) or before:  # the end was begun again before it was complete
        kept = (11 if run.digits.startswith("1") else 10) - len(tail.digits)
        if kept <= len(run.digits) < kept + len(tail.digits):
            number, certainty = _e164(replace(run, digits=run.digits[:kept] + tail.digits), region)
            if number:
                return Hearing(number, min(certainty, 0.7), (run.span[0], tail.span[1]))
    for run in (*sorted(before, key=lambda run: -len(run.digits)), *_joined(before)):
        if _e164(run, region)[0]:
            number, certainty = _e164(replace(run, digits=run.digits[: -len(tail.digits)] + tail.digits), region)
            if number:
                return Hearing(number, min(certainty, 0.75), (run.span[0], tail.span[1]))
    return None


def _joined(found: Sequence[Run]) -> list[Run]:
    """Join rows with words between them: "six one seven, that's five five five, oh one one oh"."""
    if len(found) < 2:
        return []
    ends = (found[0].span[0], found[-1].span[1])
    return [Run("".join(run.digits for run in found), found[0].plus, ends)]


def _e164(run: Run, region: str) -> tuple[str | None, float]:
    said, home = run.digits, "GB" if region in ("GB", "UK") else "US"
    if run.plus or said.startswith("00"):
        full = said if run.plus else said[2:]
        full = "44" + full[3:] if full.startswith("440") else full
        if full.startswith("1"):
            return ("+" + full, 0.95) if _north_american(full[1:]) else (None, 0.0)
        if full.startswith("44") and not _BRITISH.fullmatch(full):
            return None, 0.0
        return ("+" + full, 0.9) if 8 <= len(full) <= 15 and full[0] != "0" else (None, 0.0)
    if said.startswith("011") and len(said) > 11 and home == "US":
        return "+" + said[3:], 0.85
    if len(said) == 10 and _north_american(said) and home == "US":
        return "+1" + said, 0.95
    if len(said) == 11 and said[0] == "1" and _north_american(said[1:]):
        return "+" + said, 0.95
    if re.fullmatch(r"0[1-37-9]\d{8,9}", said):
        return "+44" + said[1:], 0.95 if home == "GB" else 0.6
    if re.fullmatch(r"440?[1-37]\d{9}", said):
        return "+44" + said[2:].lstrip("0"), 0.85
    return None, 0.0


def _north_american(said: str) -> bool:
    """Check the form NXX-NXX-XXXX of the North American Numbering Plan."""
    return bool(re.fullmatch(r"[2-9]\d\d[2-9]\d{6}", said))
