"""Whether words that came in from the caller's phone are the bot's own, back as an echo of what it was saying.

Wrong either way costs something: own words taken for the caller's answer a question, an answer taken for own words is
lost. So in doubt they are the caller's: short words, numbers, what answers the question by itself, and wishes that a
prompt offers ("say stop calling me").
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from flows.flow import Slot
from flows.hear import hear, intent
from flows.hear.numbers import number_at
from flows.hear.words import words
from flows.hear.yes_no import yes_no
from flows.model import SlotType

#: How long after a prompt a sound may begin and still be its echo, in seconds.
AFTER_S: Final = 0.4
#: So much earlier the words of an echo may have been said: a second is the longest way there and back that the echo
#: gate knows, and half a second is how far off a word's place in a sentence is by its letters.
WAY_S: Final = 1.0
NEAR_S: Final = 0.5

#: Fewer words than this could be anybody's. Numbers and single letters do not count: they are dictated back.
_LEAST: Final = 3
_SHARE: Final = 0.8  #: of the heard words, which must be the prompt's
_STRETCH: Final = 5  #: of so many words the recogniser may have lost one
#: The first and the last word may be a piece of the prompt's: an echo is let through from the middle of a word.
_PIECE: Final = 0.6
_PIECE_LETTERS: Final = 4
_BEGINNING, _ENDING = 2, 3  #: letters that tell a piece as well
_BESIDES: Final = 2  #: words that are said beside an answer or a wish if it is only a part of what was said
#: Kinds whose answers are words of the question.
_OFFERED_ANSWERS: Final = frozenset({SlotType.CHOICE, SlotType.TIMELINE, SlotType.DATE_TIME})
_OFFERED_WISHES: Final = frozenset({"opt_out", "human", "callback"})


def own_words(heard: str, said: str, slot: Slot | None = None) -> bool:
    """Tell whether a turn holds the bot's own words and nothing of the caller's.

    Args:
        heard: what was recognised.
        said: what the bot said in that time, as far as it was played.
        slot: the question that is open.
    """
    mine, prompt = _tokens(heard), _tokens(said)
    if sum(map(_weighs, mine)) < _LEAST or (matched := _laid_over(mine, prompt)) is None:
        return False
    rest = [word for at, word in enumerate(mine) if at not in matched]
    if any(_is_number(word) for word in rest) or yes_no(" ".join(rest)).value is not None:
        return False
    return not _answers(heard, slot) and not _wishes(heard, prompt)


def _tokens(text: str) -> list[str]:
    """The words without marks; a number is one word, however it is written."""
    part = tuple(word for word in words(text) if word.text[0].isalnum() or word.text == "-")
    found, at = [], 0
    while at < len(part):
        number = number_at(part, at)
        if number is not None:
            found.append(f"{number.low:g}" if not number.vague else f"{number.low:g}-{number.high:g}")
        elif part[at].text != "-":
            found.append(part[at].text)
        at = number.end if number is not None else at + 1
    return found


def _is_number(word: str) -> bool:
    return word[0].isdigit()


def _weighs(word: str) -> bool:
    return len(word) > 1 and not _is_number(word)


def _laid_over(mine: Sequence[str], prompt: Sequence[str]) -> frozenset[int] | None:
    """The places of the words that are the prompt's, where nearly all are, in order and close together; else None."""
    reach = len(mine) + max(1, len(mine) // _STRETCH)
    for start, word in enumerate(prompt):
        if mine[0] != word and not _piece(mine[0], word):
            continue
        matched = _common(mine, prompt[start : start + reach])
        exact = sum(_weighs(mine[at]) for at, place in matched.items() if mine[at] == prompt[start + place])
        whole = 0 in matched and len(mine) - 1 in matched  # at the ends the caller's own words may stand
        if whole and exact >= _LEAST and len(matched) >= _SHARE * len(mine):
            return frozenset(matched)
    return None


def _common(mine: Sequence[str], window: Sequence[str]) -> dict[int, int]:
    """The longest row of words that both have in this order: places in `mine` to places in `window`."""
    ends = (0, len(mine) - 1)
    longest = [[0] * (len(window) + 1) for _ in range(len(mine) + 1)]
    same = [[m == w or (at in ends and _piece(m, w)) for w in window] for at, m in enumerate(mine)]
    for at in reversed(range(len(mine))):
        for place in reversed(range(len(window))):
            skipped = max(longest[at + 1][place], longest[at][place + 1])
            longest[at][place] = max(skipped, longest[at + 1][place + 1] + 1) if same[at][place] else skipped
    matched, at, place = {}, 0, 0
    while at < len(mine) and place < len(window):
        if same[at][place] and longest[at][place] == longest[at + 1][place + 1] + 1:
            matched[at] = place
            at, place = at + 1, place + 1
        elif longest[at + 1][place] > longest[at][place + 1]:
            at += 1
        else:
            place += 1
    return matched


def _piece(heard: str, word: str) -> bool:
    """Tell whether a word may be what is left of another one; a yes, a no or a number never is."""
    if len(heard) < _PIECE_LETTERS or _is_number(heard) or yes_no(heard).value is not None:
        return False
    cut = heard[:_BEGINNING] == word[:_BEGINNING] or heard[-_ENDING:] == word[-_ENDING:]
    return cut or SequenceMatcher(None, heard, word).ratio() >= _PIECE


def _answers(heard: str, slot: Slot | None) -> bool:
    """Tell whether the words are nothing but an answer that the question may have named."""
    if slot is None or slot.type not in _OFFERED_ANSWERS:
        return False
    found = hear(slot.type, heard, choices=slot.choices or None)
    return found.value is not None and _besides(heard, found.span) < _BESIDES


def _wishes(heard: str, prompt: Sequence[str]) -> bool:
    """Tell whether the caller wishes something: what the prompt does not say, or what it offers and no word more."""
    wish = intent(heard)
    if wish.name not in _OFFERED_WISHES:
        return False
    start, end = wish.span or (0, len(heard))
    wording = _tokens(heard[start:end])
    offered = any(prompt[at : at + len(wording)] == wording for at in range(len(prompt)))
    return _besides(heard, wish.span) < _BESIDES or (wish.name == "opt_out" and not offered)


def _besides(heard: str, span: tuple[int, int] | None) -> int:
    start, end = span or (0, len(heard))
    return len(_tokens(heard[:start])) + len(_tokens(heard[end:]))
