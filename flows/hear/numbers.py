"""Numbers as people say them: "twenty five", "a couple of dozen", "one point five million", "fifty k", "1,500"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.hear.words import Word

UNITS = {
    "zero": 0, "nought": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
SCALES = {
    "hundred": 100.0, "thousand": 1e3, "grand": 1e3, "k": 1e3, "kay": 1e3, "million": 1e6, "mil": 1e6, "mill": 1e6,
    "m": 1e6, "billion": 1e9, "bn": 1e9,
}  # fmt: skip
#: Said without a count: "hundreds of people". Low and high end of what is meant.
_PLURALS = {"dozens": (24, 99), "hundreds": (200, 999), "thousands": (2000, 9999), "millions": (2e6, 9e6)}
#: Figures longer than this are no count or amount but something read out.
LONGEST = 15
_FEW = {"few": (3, 5), "handful": (3, 6), "several": (5, 9), "couple": (2, 2), "pair": (2, 2)}
#: What a number in words begins with; most words are none of these, which spares them the rest.
_BEGINS = frozenset({"a", "an", "the", "half", "quarter", "dozen", *UNITS, *TENS, *SCALES, *_PLURALS, *_FEW})


@dataclass(frozen=True, slots=True)
class Number:
    """A number said: its low and high end (equal unless vague), its word range, and the last scale said with it."""

    low: float
    high: float
    first: int
    end: int
    scale: float = 1.0

    @property
    def vague(self) -> bool:
        """Whether the words leave the number open, as "a few" does."""
        return self.low != self.high

    def times(self, factor: float) -> Number:
        """Return the number with a unit that was said later: the "ten" of "ten and twenty thousand"."""
        return Number(self.low * factor, self.high * factor, self.first, self.end, factor)


def number_at(part: Sequence[Word], at: int) -> Number | None:
    """Return the number that starts at word `at`, as long as it goes, or None."""
    word = _text(part, at)
    if word not in _BEGINS and not word[:1].isdecimal():
        return None
    return _vague(part, at) or _counted(part, at)


def numbers(part: Sequence[Word]) -> list[Number]:
    """Return every number in `part`, in order."""
    found: list[Number] = []
    at = 0
    while at < len(part):
        number = number_at(part, at)
        if number:
            found.append(number)
            at = number.end
        else:
            at += 1
    return found


def _text(part: Sequence[Word], at: int) -> str:
    return part[at].text if at < len(part) else ""


def _vague(part: Sequence[Word], at: int) -> Number | None:
    """Read "a couple of dozen", "a few hundred", "half a million", "a dozen", "hundreds"."""
    here = at
    if _text(part, here) in ("a", "an", "the"):
        here += 1
    word = _text(part, here)
    if here == at and word in _PLURALS:
        low, high = _PLURALS[word]
        return Number(low, high, at, at + 1, low)
    if word in _FEW:
        low, high = _FEW[word]
        return _scaled(part, at, _skip_of(part, here + 1), low, high)
    if here == at and word == "three" and _text(part, at + 1) == "quarters":
        return _fraction(part, at, at + 1, 0.75)
    if word in ("half", "quarter"):
        return _fraction(part, at, here, 0.5 if word == "half" else 0.25)
    if word == "dozen":
        half = _and_a_half(part, here + 1) if _text(part, here + 1) == "and" else None
        return Number(18, 18, at, half[1]) if half else Number(12, 12, at, here + 1)
    if here == at and word in ("hundred", "thousand") and not _counts_more(part, at):
        return _compound(part, at, here + 1, SCALES[word])
    if here > at and word in ("hundred", "thousand", "grand", "million", "billion"):
        return _compound(part, at, here + 1, SCALES[word])
    return None


def _counts_more(part: Sequence[Word], at: int) -> bool:
    """Tell whether the word before belongs to the number too, so that a bare "thousand" is no number of its own."""
    before = _text(part, at - 1) if at else ""
    return bool(at and _small(part, at - 1)) or before in (
        *SCALES,
        *_FEW,
        *_PLURALS,
        "half",
        "quarter",
        "of",
        "and",
        "point",
        "per",
    )


def _skip_of(part: Sequence[Word], at: int) -> int:
    return at + 1 if _text(part, at) == "of" else at


def _scaled(part: Sequence[Word], first: int, at: int, low: float, high: float) -> Number:
    word = _text(part, at)
    if word == "dozen":
        return Number(low * 12, high * 12, first, at + 1)
    if word in SCALES:
        factor = SCALES[word]
        if word == "hundred" and _text(part, at + 1) in ("thousand", "grand", "k", "million"):
            return Number(
                low * 100 * SCALES[part[at + 1].text], high * 100 * SCALES[part[at + 1].text], first, at + 2, 1e5
            )
        return Number(low * factor, high * factor, first, at + 1, factor)
    return Number(low, high, first, at)


def _fraction(part: Sequence[Word], first: int, at: int, share: float) -> Number | None:
    here = _skip_of(part, at + 1)
    if _text(part, here) in ("a", "an"):
        here += 1
    word = _text(part, here)
    if word == "dozen":
        return Number(12 * share, 12 * share, first, here + 1)
    if word in ("hundred", "thousand", "million", "billion", "mil"):
        return Number(SCALES[word] * share, SCALES[word] * share, first, here + 1, SCALES[word] * share)
    return None


def _digits_at(part: Sequence[Word], at: int) -> float | None:
    text = _text(part, at)
    if not text[:1].isdecimal() or len(text) > LONGEST:
        return None
    return float(text.replace(",", ""))


def _small(part: Sequence[Word], at: int) -> tuple[float, int] | None:
    """Read a number below one hundred in words, or any in figures; return it and where it ends."""
    figures = _digits_at(part, at)
    if figures is not None:
        return figures, at + 1
    word = _text(part, at)
    if word in UNITS:
        return float(UNITS[word]), at + 1
    if word in TENS:
        end = at + 1
        joined = end + 1 if _text(part, end) == "-" else end
        unit = UNITS.get(_text(part, joined), 0)
        if 0 < unit < 10:
            return float(TENS[word] + unit), joined + 1
        return float(TENS[word]), end
    return None


def _counted(part: Sequence[Word], at: int) -> Number | None:
    start = _small(part, at)
    if start is None:
        return None
    value, here = start
    value, here = _point(part, here, value)
    value, here = _spoken_pair(part, at, here, value)
    word = _text(part, here)
    if word == "-" and _text(part, here + 1) in SCALES:
        here, word = here + 1, _text(part, here + 1)
    if word == "and" and (half := _and_a_half(part, here)):
        value, here = value + half[0], half[1]
        word = _text(part, here)
    if word in ("dozen", "dozens"):
        return Number(value * 12, value * 12, at, here + 1)
    if word in SCALES:
        return _compound(part, at, here + 1, value * SCALES[word], SCALES[word])
    return Number(value, value, at, here)


def _and_a_half(part: Sequence[Word], at: int) -> tuple[float, int] | None:
    said = (_text(part, at + 1), _text(part, at + 2))
    if said == ("a", "half"):
        return 0.5, at + 3
    if said == ("a", "quarter"):
        return 0.25, at + 3
    return None


def _point(part: Sequence[Word], at: int, value: float) -> tuple[float, int]:
    """Read the decimals of "one point two five"."""
    if _text(part, at) != "point":
        return value, at
    decimals, here = "", at + 1
    while (small := _small(part, here)) and small[0] < 100:
        decimals += str(int(small[0]))
        here = small[1]
    return (value + float(f"0.{decimals}"), here) if decimals else (value, at)


def _spoken_pair(part: Sequence[Word], first: int, at: int, value: float) -> tuple[float, int]:
    """Read "one fifty" as 150, "one oh five" as 105 and "twelve fifty" as 1250; "ten fifteen" stays two numbers, a range."""
    if part[first].text[0].isdecimal() or not 1 <= value < 100 or value != int(value):
        return value, at
    word = _text(part, at)
    if word in ("oh", "o") and value < 10 and 0 < (unit := UNITS.get(_text(part, at + 1), 0)) < 10:
        return value * 100 + unit, at + 2  # "one oh five"
    if word not in TENS and not 10 <= UNITS.get(word, 0) < 20:
        return value, at
    after = _small(part, at)
    if after is None:
        return value, at
    second, end = after
    below_ten = value < 10
    if below_ten or second > 3.5 * value or second <= value - 10:
        return value * 100 + second, end
    return value, at


def _compound(part: Sequence[Word], first: int, at: int, value: float, scale: float | None = None) -> Number:
    """Go on after a scale: "two hundred" + "and fifty", "thousand", "three hundred thousand" + "five hundred"."""
    scale = scale or value
    word = _text(part, at)
    if scale == 100 and word in SCALES and word != "hundred":
        factor = SCALES[word]
        return _compound(part, first, at + 1, value * factor, factor)
    here = at + 1 if word == "and" else at
    if word == "and" and (half := _and_a_half(part, at)) and scale > 1:
        return Number(value + half[0] * scale, value + half[0] * scale, first, half[1], scale)
    rest = _remainder(part, here, scale)
    if rest is None:
        return Number(value, value, first, at, scale)
    total = value + rest.low
    if scale == 100 and rest.scale == 1 and _text(part, rest.end) in ("thousand", "grand", "k", "million"):
        factor = SCALES[part[rest.end].text]
        return _compound(part, first, rest.end + 1, total * factor, factor)
    return Number(total, total, first, rest.end, rest.scale if scale == 100 else 1.0)


def _remainder(part: Sequence[Word], at: int, scale: float) -> Number | None:
    """Read what may follow a scale; "fifty to a hundred and twenty" must not swallow a second number."""
    if _text(part, at) in ("a", "an") or part[at - 1].text in ("k", "m", "grand"):
        return None
    rest = _small(part, at)
    if rest is None or rest[0] >= scale:
        return None
    value, here = rest
    if scale > 100 and _text(part, here) == "hundred":
        value, here = value * 100, here + 1
        more = _small(part, here + 1 if _text(part, here) == "and" else here)
        if more and more[0] < 100:
            value, here = value + more[0], more[1]
    following = _text(part, here)
    if value >= scale or following == "hundred":
        return None
    if following in SCALES and SCALES[following] >= scale:
        return Number(value, value, at, here) if scale == 100 else None
    return Number(value, value, at, here)
