"""What the caller's voice does to a prompt: the four strategies and the disclosure, as two pure tables."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from flows.model import BargeIn

#: A burst shorter than this does not stop an `ignore_short` prompt.
SHORT_S: Final = 0.5

_BACKCHANNEL = re.compile(
    r"^\W*(?:(?:mm+|m+-?hm+|mhm|uh[- ]?h?uh|a+ha+|hm+|ah|oh|right|okay|ok|i see|sure|yeah|yep|yup|got it|alright)\W*){1,3}$",
    re.IGNORECASE,
)


class Onset(StrEnum):
    """What to do when the caller begins to speak over a prompt."""

    PAUSE = "pause"
    FINISH_SENTENCE = "finish_sentence"
    KEEP_TALKING = "keep_talking"


class Verdict(StrEnum):
    """What to do when the caller's words over a prompt are known."""

    STOP = "stop"  #: drop the rest of the prompt; the words are the answer
    RESUME = "resume"  #: it was nothing: go on where we were
    FINISH = "finish"  #: stop where the sentence ends, then use the words
    HOLD = "hold"  #: keep the words until the prompt has ended


_ONSET: Final = {
    BargeIn.STOP: Onset.PAUSE,
    BargeIn.RESUME: Onset.PAUSE,
    BargeIn.FINISH_SENTENCE: Onset.FINISH_SENTENCE,
    BargeIn.IGNORE_SHORT: Onset.KEEP_TALKING,
    BargeIn.NONE: Onset.KEEP_TALKING,
}


def at_onset(strategy: BargeIn) -> Onset:
    """The caller has begun to make sound over a prompt."""
    return _ONSET[strategy]


def at_turn(strategy: BargeIn, text: str, voiced_s: float, *, answers: bool) -> Verdict:
    """The caller's words over a prompt are known.

    Args:
        strategy: of the prompt being spoken.
        text: what was recognised, "" for noise.
        voiced_s: how long the sound lasted, in seconds.
        answers: whether a bare yes would answer the question being asked ("Okay" is then no backchannel).
    """
    if strategy is BargeIn.NONE:
        return Verdict.HOLD if text else Verdict.RESUME
    if not text:
        return Verdict.RESUME
    if is_backchannel(text) and not answers:
        return Verdict.RESUME
    if strategy is BargeIn.IGNORE_SHORT and voiced_s < SHORT_S:
        return Verdict.HOLD
    if strategy is BargeIn.RESUME:
        return Verdict.HOLD
    if strategy is BargeIn.FINISH_SENTENCE:
        return Verdict.FINISH
    return Verdict.STOP


def is_backchannel(text: str) -> bool:
    """Whether the words only say "I am listening"."""
    return bool(_BACKCHANNEL.match(text))
