"""Many ways of saying a thing, searched fast: a pattern is tried only where letters were said that it cannot do without."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]

#: Strings of which a pattern needs at least one. Empty: it may do without any.
Needs = frozenset[str]

_GRAM = 3
_ENOUGH = 4  # letters after which a longer string tells no more
_COMMON_FIRST = " etaoinshrdlucmwfgypbvkjxqz"


class Phrases:
    """Patterns with names, weightiest first. Most of a caller's turns touch a few of them at most."""

    def __init__(self, named: Iterable[tuple[str, str]]) -> None:
        """Compile `(name, pattern)`; a name may come more than once. Raises re.error for a pattern that is none."""
        self._names: list[str] = []
        self._patterns: list[re.Pattern[str]] = []
        # Two things that a pattern needs are looked for, so it has two bits: the even one for the first, the odd one
        # for the second. Nearly all that one of them lets through is ordinary talk.
        self._by_gram: dict[str, int] = {}  # three letters to the bits of patterns that may need them
        self._short: dict[str, int] = {}  # the same for what is shorter
        self._always = 0
        for name, pattern in named:
            for alternative in alternatives(pattern):
                self._add(name, alternative)
        self._firsts = sum(1 << (2 * at) for at in range(len(self._patterns)))

    def _add(self, name: str, pattern: str) -> None:
        place = 2 * len(self._patterns)
        self._names.append(name)
        self._patterns.append(re.compile(pattern))
        needs = sorted(_all_needs(_parser.parse(pattern)), key=_weight)
        for bit, need in ((1 << place, needs[:1]), (2 << place, needs[1:2])):
            if not need:
                self._always |= bit
            for text in frozenset().union(*need):
                known, key = (self._by_gram, _gram(text)) if len(text) >= _GRAM else (self._short, text)
                known[key] = known.get(key, 0) | bit

    def find(self, text: str) -> Iterator[tuple[str, tuple[int, int]]]:
        """Yield each name that is said and where first, weightiest first. `text` is as `words.plain` returns it."""
        left = self._candidates(text)
        name, span = "", (0, 0)
        while left:
            at = (left & -left).bit_length() // 2
            left &= left - 1
            if name and self._names[at] != name:
                yield name, span
                name = ""
            found = self._patterns[at].search(text)
            if found and (not name or found.start() < span[0]):
                name, span = self._names[at], found.span()
        if name:
            yield name, span

    def search(self, text: str) -> tuple[int, int] | None:
        """Return where the weightiest of them is said first, None if none is."""
        return next((span for _, span in self.find(text)), None)

    def _candidates(self, text: str) -> int:
        found = self._always
        by_gram = self._by_gram
        for gram in {text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)}:
            found |= by_gram.get(gram, 0)
        for short, patterns in self._short.items():
            if short in text:
                found |= patterns
        return found & (found >> 1) & self._firsts


def alternatives(pattern: str) -> list[str]:
    """Split a pattern at the bars that stand in no group and no class."""
    parts, depth, in_class, began, at = list[str](), 0, False, 0, 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and depth == 0:
            parts.append(pattern[began:at])
            began = at + 1
        at += 1
    return [*parts, pattern[began:]]


def _gram(text: str) -> str:
    """Return the three characters of `text` that are said least often."""
    runs = [text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)]
    return max(runs, key=lambda run: sum(_COMMON_FIRST.find(char) % len(_COMMON_FIRST) for char in run))


def _all_needs(parsed: Iterable[tuple[object, Sequence[object]]]) -> list[Needs]:
    """Find all that a parsed pattern cannot do without."""
    needs: list[Needs] = []
    run = ""
    for kind, given in parsed:
        if kind is op.LITERAL:
            run += chr(given)  # type: ignore[arg-type]
        elif kind is not op.AT:  # a place, such as the edge of a word, stands between no two letters
            needs += [frozenset({run})] if run else []
            needs += _within(kind, given)
            run = ""
    return [*needs, frozenset({run})] if run else needs


def _within(kind: object, given: Sequence[object]) -> list[Needs]:
    if kind is op.SUBPATTERN:
        return _all_needs(given[3])  # type: ignore[arg-type]
    if kind is op.BRANCH:
        each = [min(_all_needs(branch), key=_weight, default=frozenset()) for branch in given[1]]  # type: ignore[attr-defined]
        return [frozenset().union(*each)] if all(each) else []
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT) and given[0]:
        return _all_needs(given[2])  # type: ignore[arg-type]
    return []


def _weight(needs: Needs) -> tuple[int, int]:
    """Order needs: first those of long strings, of equals those of few."""
    return -min(*map(len, needs), _ENOUGH), len(needs)
