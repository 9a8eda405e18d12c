"""The endpointing bench: what is tuned on is not what is scored on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.endpointing_set import SCORING, TUNING
from bench.endpointing_voices import callers
from cli.stack.problem import StackError


def test_no_answer_is_in_both_sets() -> None:
    assert not {said for lines in SCORING.values() for said in lines} & {s for lines in TUNING.values() for s in lines}


def test_no_made_voice_is_in_both_sets() -> None:
    assert not {caller.name for caller in callers("scoring")} & {caller.name for caller in callers("tuning")}


@pytest.mark.parametrize(
    ("which", "voice"), [("tuning", "en_US-joe-medium.onnx"), ("scoring", "am_puck.bin"), ("scoring", "bf_emma.bin")]
)
def test_a_voice_that_speaks_one_set_is_refused_for_the_other(which: str, voice: str) -> None:
    with pytest.raises(StackError, match="speaks the other set"):
        callers(which, [Path(voice)])
