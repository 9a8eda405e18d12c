"""One of several named options: by its name or a synonym, by its place ("the second one"), or nearly so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import TypeAlias

from flows.hear.heard import NOTHING, Hearing
from flows.hear.words import plain, readings

#: From 0 to 1, and where it was said.
_Likeness: TypeAlias = tuple[float, tuple[int, int]]

_PLACES = (("first", "one", "1", "former"), ("second", "two", "2"), ("third", "three", "3"), ("fourth", "four", "4"), ("fifth", "five", "5"), ("sixth", "six", "6"), ("seventh", "seven", "7"), ("eighth", "eight", "8"))  # fmt: skip
_NEAR_ENOUGH = 0.82
_SHORTEST = 5
_BY_SOUND = 0.5
_FOLDED = str.maketrans("eiouymckqgzvtb", "aaaaankkkksfdp")
_DENIED = re.compile(
    r"\b(?:not|isn't|don't|doesn't|neither|never|without|no)\b[\w\s']{0,20}$"
    r"|\b(?:instead of|rather than|got rid of|(?:switched|changed|moved|converted)(?: over)?(?: away)? from|replac(?:ed|ing) (?:the|our)?|used to (?:have|be|use|run on|burn)|no longer)\b[\w\s']{0,12}$"
)
#: Said of what was, it counts only when nothing else is named: "we had oil but switched to gas".
_PAST = re.compile(r"\b(?:was|had|were|before it|previously|formerly)\b[\w\s']{0,12}$")
_ASKS = re.compile(r"^\W*(?:what|which|can you|could you|sorry what)\b")
_NONE = re.compile(r"\b(?:neither|none of|not any|something else|both|all of (?:them|the above)|either)\b")


def choice(text: str, choices: Mapping[str, Sequence[str]]) -> Hearing:
    """Hear which of `choices` (key to synonyms) was meant; two named equally well are nothing."""
    named: dict[str, tuple[int, tuple[int, int]]] = {}
    for part in readings(text):
        if not part:
            continue
        start, end = part[0].start, part[-1].end
        named = _named(plain(text)[start:end], choices, start)
        if len(named) == 1:
            ((key, (_, ends)),) = named.items()
            return Hearing(key, 0.95, ends)
        if len(named) > 1:
            break
    if len(named) > 1 or _NONE.search(plain(text)) or _ASKS.search(plain(text)):
        return _longest(named)
    return _placed(text, list(choices)) or _near(text, choices) or _sounding(text, choices)


def _longest(named: Mapping[str, tuple[int, tuple[int, int]]]) -> Hearing:
    """Prefer the option whose words contain the other's ("heat pump" over "pump"); otherwise nothing."""
    for key, (_, ends) in named.items():
        others = [other for name, (_, other) in named.items() if name != key]
        if others and all(ends[0] <= other[0] and other[1] <= ends[1] and ends != other for other in others):
            return Hearing(key, 0.9, ends)
    return NOTHING


def _named(said: str, choices: Mapping[str, Sequence[str]], offset: int) -> dict[str, tuple[int, tuple[int, int]]]:
    found: dict[str, tuple[int, tuple[int, int]]] = {}
    past: dict[str, tuple[int, tuple[int, int]]] = {}
    for key, synonyms in choices.items():
        for phrase in (key.replace("_", " "), *synonyms):
            together = "[ -]?".join(re.escape(word) for word in phrase.lower().split())
            pattern = rf"\b{together}(?:s|es|ing|'s)?\b"
            for match in re.finditer(pattern, said):
                if _DENIED.search(said[: match.start()]):
                    continue
                length = match.end() - match.start()
                kept = past if _PAST.search(said[: match.start()]) else found
                if length > kept.get(key, (0, (0, 0)))[0]:
                    kept[key] = (length, (match.start() + offset, match.end() + offset))
    return found or past


def _placed(text: str, keys: Sequence[str]) -> Hearing | None:
    said = plain(text)
    if found := re.search(r"\b(?:the )?(?:last|latter)(?: one| option)?\b", said):
        return Hearing(keys[-1], 0.85, found.span())
    for at, names in enumerate(_PLACES[: len(keys)]):
        ordinal, *numbers = names
        pattern = rf"\b(?:the {ordinal}(?: one| option| choice)?|{ordinal} (?:one|option|choice)|(?:option|number|choice)s? (?:number )?(?:{'|'.join(numbers)}))\b|^\W*(?:{'|'.join(names)})\W*$"
        if found := re.search(pattern, said):
            return Hearing(keys[at], 0.85, found.span())
    return None


def _near(text: str, choices: Mapping[str, Sequence[str]]) -> Hearing | None:
    """Find the option whose spelling is near what the recogniser wrote."""
    said = [found for found in re.finditer(r"[a-z]+", plain(text))]
    found = _nearest(choices, lambda phrase: _likeness(phrase.lower(), said, plain(text)))
    return None if found is None else Hearing(found[0], round(0.8 * found[1], 2), found[2])


def _sounding(text: str, choices: Mapping[str, Sequence[str]]) -> Hearing:
    """Find the option that sounds like the one word heard: "planning" for plumbing. Unsure enough to be read back."""
    said = list(re.finditer(r"[a-z']+", plain(text)))
    if len(said) != 1 or len(said[0].group()) < _SHORTEST:
        return NOTHING
    heard, ends = _sound(said[0].group()), said[0].span()
    found = _nearest(choices, lambda phrase: (_alike(heard, _sound(phrase)), ends))
    return NOTHING if found is None else Hearing(found[0], _BY_SOUND, ends)


def _nearest(
    choices: Mapping[str, Sequence[str]], likeness: Callable[[str], _Likeness]
) -> tuple[str, float, tuple[int, int]] | None:
    """The option that is near enough, and clearly nearer than all others: its key, likeness and place."""
    best, second = ("", 0.0, (0, 0)), 0.0
    for key, synonyms in choices.items():
        nearest, ends = max(map(likeness, (key.replace("_", " "), *synonyms)), key=lambda pair: pair[0])
        if nearest > best[1]:
            best, second = (key, nearest, ends), best[1]
        else:
            second = max(second, nearest)
    return best if best[1] >= _NEAR_ENOUGH and best[1] - second > 0.05 else None


def _alike(one: str, other: str) -> float:
    """Compare two sounds, 0 to 1; the first of them must be the same, since that is what is heard best."""
    return SequenceMatcher(None, one, other).ratio() if one[:1] == other[:1] else 0.0


def _sound(word: str) -> str:
    """Fold a word to what a telephone leaves of it: vowels, nasals and voicing are what it loses."""
    folded = word.lower().replace("mb", "m").replace("ph", "f")
    return re.sub(r"(.)\1+", r"\1", folded.translate(_FOLDED))


def _likeness(phrase: str, said: Sequence[re.Match[str]], text: str) -> _Likeness:
    count = len(phrase.split())
    best, ends = 0.0, (0, 0)
    for at in range(max(0, len(said) - count + 1)):
        start, end = said[at].start(), said[at + count - 1].end()
        ratio = SequenceMatcher(None, phrase, text[start:end]).ratio() if end - start > 3 else 0.0
        if ratio > best:
            best, ends = ratio, (start, end)
    return best, ends
