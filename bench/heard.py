"""How much of a sentence arrived, and with which pauses: a recording is laid over another one of the same words.

Levels alone cannot tell a cut from a breath, nor a question that was said twice from one that was heard out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from bot.speech.audio import Pcm, correlate, energies
from sip.ua.audio import RATE

Wave = npt.NDArray[np.float64]

BLOCK_S: Final = 0.24  #: looked for at a time, about a syllable and a half
_BLOCK: Final = round(BLOCK_S * RATE)
_LOUD: Final = 10 ** (-40 / 20) * 32768
_NEAR: Final = round(0.06 * RATE)  #: jitter buffers stretch and shorten sound by so much
_FAR: Final = round(5.0 * RATE)  #: longest pause that is looked beyond
_ALIKE_NEAR, _ALIKE_FAR = 0.6, 0.75  #: likeness of a block where it should be, and elsewhere


@dataclass(frozen=True, slots=True)
class Heard:
    """What of the words arrived, in milliseconds."""

    missing_ms: float
    pause_ms: float  #: the longest one that is not in the other recording


def compare(whole: Pcm, arrived: Pcm) -> Heard:
    """Lay `whole`, a recording of the words without any disturbance, over what arrived, both at 8 kHz.

    What arrived may begin up to five seconds earlier or later, and have other words before and behind them.
    """
    found: list[int] = []  # how much later each block came
    missing = 0
    for at in range(0, len(whole) - _BLOCK + 1, _BLOCK):
        block = whole[at : at + _BLOCK].astype(np.float64)
        if float(np.sqrt(np.mean(block**2))) < _LOUD:
            continue
        expected = at + (found[-1] if found else 0)
        place = _near(block, arrived, expected) if found else None
        place = _far(block, arrived, expected, first=not found) if place is None else place
        if place is None:
            missing += 1
        else:
            found.append(place - at)
    away = max((later - earlier for earlier, later in pairwise(found)), default=0)
    return Heard(missing * BLOCK_S * 1e3, max(0.0, away / RATE * 1e3))


def _near(block: Wave, arrived: Pcm, expected: int) -> int | None:
    return _best(block, arrived, expected - _NEAR, expected + _NEAR, _ALIKE_NEAR)


def _far(block: Wave, arrived: Pcm, expected: int, *, first: bool) -> int | None:
    earliest = expected - _FAR if first else expected
    return _best(block, arrived, earliest, expected + _FAR, _ALIKE_FAR)


def _best(block: Wave, arrived: Pcm, earliest: int, latest: int, alike: float) -> int | None:
    """Where between two places the block is most alike, if it is alike enough."""
    earliest = max(0, earliest)
    within = arrived[earliest : max(0, latest) + _BLOCK].astype(np.float64)
    if len(within) < _BLOCK:
        return None
    energy = np.maximum(energies(within, _BLOCK), 1.0)
    likeness = correlate(within, block) / np.sqrt(energy * float(np.dot(block, block)))
    best = int(likeness.argmax())
    return earliest + best if likeness[best] >= alike else None
