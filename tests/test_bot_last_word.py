"""What a recogniser tells of the last word, token by token."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bot.speech.last_word import spelling

WORDS = ["<unk>", "<s>", "</s>", "▁yes", "▁no", "pe", "▁and", "▁Um", ".", ","]
BY = spelling([word.encode() for word in WORDS], 2)
YES, NO, PE, AND, UM, STOP = (WORDS.index(word) for word in ("▁yes", "▁no", "pe", "▁and", "▁Um", "."))


def heard(**probabilities: float) -> npt.NDArray[np.float32]:
    """Log-probabilities of a step: what is not named is hardly possible."""
    found = np.full(len(WORDS), -9.0, np.float32)
    for word, probability in probabilities.items():
        found[{"yes": YES, "no": NO, "pe": PE, "and_": AND, "um": UM, "stop": STOP}[word]] = np.log(probability)
    return found


@pytest.mark.parametrize(
    ("ids", "before", "token", "step", "onward"),
    [
        ((), 0.0, YES, heard(yes=0.7, um=0.2), 0.2),  # the first word may be "um"
        ((), 0.0, UM, heard(um=0.9), 0.9),
        ((STOP,), 0.0, YES, heard(yes=0.7, um=0.2), 0.2),
        ((YES,), 0.0, NO, heard(no=0.8, um=0.1, and_=0.05), 0.05),  # later ones only "and" or "or"
        ((NO,), 0.3, PE, heard(pe=0.9, and_=0.1), 0.3),  # the same word goes on
        ((YES,), 0.3, STOP, heard(stop=0.9, and_=0.1), 0.3),
    ],
)
def test_how_probable_a_word_that_goes_on_was(
    ids: tuple[int, ...], before: float, token: int, step: npt.NDArray[np.float32], onward: float
) -> None:
    assert BY.onward(ids, before, token, step) == pytest.approx(onward, abs=0.001)


@pytest.mark.parametrize(
    ("before", "token", "step", "ending"),
    [
        (0.5, NO, heard(no=0.9), 0.9),
        (0.5, NO, heard(no=0.9, and_=0.05), 0.3),  # it may be "and"
        (0.5, PE, heard(pe=0.8), 0.4),
        (0.5, STOP, heard(stop=0.1), 0.5),
        (0.5, AND, heard(and_=0.9), 0.9),  # heard as it is
    ],
)
def test_how_sure_the_last_word_is(before: float, token: int, step: npt.NDArray[np.float32], ending: float) -> None:
    assert np.exp(BY.ending(float(np.log(before)), token, step)) == pytest.approx(ending, abs=0.001)
