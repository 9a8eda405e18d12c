"""Cut an utterance into words that remember where they were said, and undo what the caller took back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias


class Word(NamedTuple):
    """One word, number or mark, in lower case, with its half-open character range in the utterance."""

    text: str
    start: int
    end: int


Words: TypeAlias = tuple[Word, ...]

_TOKEN = re.compile(r"to-(?:morrow|day|night)|\d+(?:,\d{3})*(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*'?|[^\s\w]|_")
#: Typographic apostrophes and dashes, by code point, as recognisers write them.
_CURLY = str.maketrans({0x2019: "'", 0x2018: "'", 0x60: "'", 0x2013: "—", 0x2212: "-"})

#: Old spellings that recognisers write.
_AS_ONE = {"to-morrow": "tomorrow", "to-day": "today", "to-night": "tonight"}
#: Sounds and phrases that carry nothing. "like" only counts between words, so it stays with the grammars.
HESITATIONS = frozenset({"uh", "um", "uhm", "er", "erm", "ah", "hmm", "hm", "mm", "umm", "uhh", "err", "eh"})
#: Marks that end a thought.
BREAKS = frozenset({",", ".", ";", "—", "?", "!", "…", ":"})

_RETRACT = re.compile(
    r"\b(?:sorry|i mean|i meant|actually|rather|scratch that|make (?:that|it)|correction|strike that|or rather|"
    r"let me correct that|no wait|wait no|hang on|hold on|no)\b(?! (?:more|less|later|earlier|fewer|sooner|problem|idea))"
)


@lru_cache(maxsize=256)
def plain(text: str) -> str:
    """Lower-case `text` with straight apostrophes; every character keeps its place."""
    lowered = text.translate(_CURLY).lower()
    return lowered if len(lowered) == len(text) else text.translate(_CURLY)


@lru_cache(maxsize=256)
def words(text: str) -> Words:
    """Return the words and marks of `text`, hesitations left out."""
    found = []
    for token in _TOKEN.finditer(plain(text)):
        said = token[0]
        if said not in HESITATIONS:
            found.append(Word(_AS_ONE.get(said) or said.rstrip("'") or "'", *token.span()))
    return tuple(found)


def span(part: Sequence[Word]) -> tuple[int, int] | None:
    """Return the character range that `part` covers, None for no words."""
    return (part[0].start, part[-1].end) if part else None


def spoken(part: Sequence[Word]) -> str:
    """Return the words of `part` joined by single spaces, marks left out."""
    return " ".join(word.text for word in part if word.text not in BREAKS)


def match_at(part: Sequence[Word], at: int, phrase: str) -> int:
    """Return how many words of `part` from `at` on spell `phrase`: all of them or 0."""
    wanted = phrase.split()
    if at + len(wanted) > len(part):
        return 0
    return len(wanted) if all(part[at + k].text == word for k, word in enumerate(wanted)) else 0


def readings(text: str) -> Iterator[Words]:
    """Yield the utterance as it should be read, best first: after what was taken back, then as a whole.

    "fifty — no, sixty" is read as "sixty"; "fifteen, not fifty" as "fifteen".
    """
    whole = words(text)
    lowered = plain(text)
    marks = [found.end() for found in _RETRACT.finditer(lowered) if found.start() > 0 or found.group() == "no"]
    for cut in reversed(marks):
        after = tuple(word for word in whole if word.start >= cut)
        if after:
            yield _without_denied(after)
            yield after
    kept = _without_denied(whole)
    if kept != whole:
        yield kept
    yield whole


_DENIES = frozenset({"not", "isn't", "wasn't", "aren't"})
_NOT_A_DENIAL = frozenset(
    {"before", "until", "till", "sure", "more", "less", "later", "earlier", "over", "quite", "that", "far"}
)
_DENIAL_ENDS = BREAKS | {"but", "it's", "we're", "it", "rather", "more", "just"}


def _without_denied(part: Words) -> Words:
    """Drop "not fifty": from the denial to the end of its clause."""
    kept: list[Word] = []
    denied = False
    for at, word in enumerate(part):
        following = part[at + 1].text if at + 1 < len(part) else ""
        if word.text in _DENIES and following not in _NOT_A_DENIAL:
            denied = True
        elif denied and word.text in _DENIAL_ENDS:
            denied = False
        if not denied:
            kept.append(word)
    return tuple(kept)
