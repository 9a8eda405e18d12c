"""What the caller's voice does to a prompt, as tables."""

from __future__ import annotations

import pytest

from bot.bargein import Onset, Verdict, at_onset, at_turn, is_backchannel
from flows.model import BargeIn

ONSETS = {
    BargeIn.STOP: Onset.PAUSE,
    BargeIn.RESUME: Onset.PAUSE,
    BargeIn.FINISH_SENTENCE: Onset.FINISH_SENTENCE,
    BargeIn.IGNORE_SHORT: Onset.KEEP_TALKING,
    BargeIn.NONE: Onset.KEEP_TALKING,
}

VERDICTS = [
    # strategy, words, seconds, a yes would answer -> verdict
    (BargeIn.STOP, "fifty people", 0.9, False, Verdict.STOP),
    (BargeIn.STOP, "mm-hmm", 0.4, False, Verdict.RESUME),
    (BargeIn.STOP, "", 0.6, False, Verdict.RESUME),
    (BargeIn.STOP, "yeah", 0.3, True, Verdict.STOP),
    (BargeIn.STOP, "okay", 0.3, False, Verdict.RESUME),
    (BargeIn.NONE, "stop calling me", 1.0, False, Verdict.HOLD),
    (BargeIn.NONE, "", 1.0, False, Verdict.RESUME),
    (BargeIn.IGNORE_SHORT, "wait", 0.3, False, Verdict.HOLD),
    (BargeIn.IGNORE_SHORT, "wait a moment please", 1.2, False, Verdict.STOP),
    (BargeIn.RESUME, "we have fifty people", 1.2, False, Verdict.HOLD),
    (BargeIn.FINISH_SENTENCE, "fifty people", 0.9, False, Verdict.FINISH),
    (BargeIn.FINISH_SENTENCE, "mm-hmm", 0.4, False, Verdict.RESUME),
]


@pytest.mark.parametrize("strategy", BargeIn)
def test_onset(strategy: BargeIn) -> None:
    assert at_onset(strategy) is ONSETS[strategy]


@pytest.mark.parametrize(("strategy", "text", "voiced_s", "answers", "verdict"), VERDICTS)
def test_turn(strategy: BargeIn, text: str, voiced_s: float, answers: bool, verdict: Verdict) -> None:
    assert at_turn(strategy, text, voiced_s, answers=answers) is verdict


@pytest.mark.parametrize(
    "text",
    ["Mm-hmm.", "mhm", "Uh-huh.", "Okay.", "right, right", "Yeah.", "I see.", "Oh, okay.", "Uh-uh. Okay.", "Aha!"],
)
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["Yeah, fifty.", "Okay, stop.", "No.", "Right now.", "I see no reason."])
def test_words_are_no_backchannel(text: str) -> None:
    assert not is_backchannel(text)
