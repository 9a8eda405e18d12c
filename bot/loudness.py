"""The sound of the turn that is being spoken, and its loudness per 10 ms, which tells speech from the line's noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from bot.speech.audio import Pcm, Samples, decibels, to_float

_RATE: Final = 16_000
_CLEAR_DB: Final = 30.0  #: where speech stands so far above the floor, energy alone tells silence
_CONTRAST_DB: Final = 10.0  #: where it stands less than so far, energy tells nothing
_MARGINS_DB: Final = ((_CLEAR_DB, 12.0), (18.0, 6.0), (_CONTRAST_DB, 4.0))  #: above the floor is sound, by contrast
_ONSET_DB: Final = 6.0
_BELOW_DB: Final = 30.0  #: what is so far below the voice is not the voice
_STEP: Final = _RATE // 100  # samples in 10 ms
_JUDGE_EVERY: Final = 5  # levels: speech and noise are told apart anew every 50 ms
_REMEMBERED: Final = 1000  # levels by which they are told apart
_RECENT: Final = 150  # levels searched for the last sound: longer than any patience

Levels = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Judgement:
    threshold: float  #: dBFS
    clear: bool


class TurnSound:
    """Holds at most `longest_s` of it."""

    def __init__(self, longest_s: float) -> None:
        self._longest_s = longest_s
        self._data = np.zeros(int((longest_s + 2) * _RATE), np.int16)
        self._size = 0
        self._levels = np.zeros(len(self._data) // _STEP, np.float32)
        self._measured = 0  # levels known
        self._judged = -_JUDGE_EVERY  # how many were known when speech and floor were last told apart
        self._judgement: _Judgement | None = None

    @property
    def seconds(self) -> float:
        """How much there is."""
        return self._size / _RATE

    @property
    def pcm(self) -> Pcm:
        """All of it. A view: copy what outlasts the next `append`."""
        return self._data[: self._size]

    def append(self, pcm: Pcm) -> None:
        """Add the newest frame."""
        if self._size + len(pcm) > len(self._data):  # silence past every limit: keep the newest
            self.keep_last(self._longest_s)
        self._data[self._size : self._size + len(pcm)] = pcm
        self._size += len(pcm)

    def keep_last(self, seconds: float) -> None:
        """Forget what is older."""
        keep = min(self._size // _STEP, int(seconds * 100))
        if keep * _STEP == self._size:
            return
        start = self._size - keep * _STEP
        self._data[: keep * _STEP] = self._data[start : self._size].copy()
        self._size = keep * _STEP
        self._measured, self._judged, self._judgement = 0, -_JUDGE_EVERY, None

    def samples(self) -> Samples:
        """All of it as floats, copied."""
        return to_float(self.pcm)

    @property
    def clear(self) -> bool:
        """Whether the voice stands so far above the line's noise that even a soft sound does."""
        return self._judgement is not None and self._judgement.clear

    def quiet_s(self) -> float:
        """Seconds since the last sound, by energy; 0 when speech does not stand above the noise."""
        self._measure()
        if self._measured - self._judged >= _JUDGE_EVERY:
            self._judged, self._judgement = self._measured, _judge(self._levels[: self._measured][-_REMEMBERED:])
        if self._judgement is None:
            return 0.0
        recent = self._levels[max(0, self._measured - _RECENT) : self._measured]
        loud = np.flatnonzero(recent > self._judgement.threshold)
        return (len(recent) - 1 - int(loud[-1])) * 0.01 if len(loud) else len(recent) * 0.01

    def sounding_s(self) -> float:
        """Seconds back to where the present sound began, which is somewhat before anybody can be sure of it."""
        self._measure()
        levels = self._levels[: self._measured]
        if len(levels) < 20:
            return 0.0
        threshold = max(-80.0, float(np.percentile(levels, 20))) + _ONSET_DB
        still = np.convolve(levels <= threshold, np.ones(3), "valid") == 3  # three quiet steps in a row
        before = np.flatnonzero(still[:-2]) if len(still) > 2 else np.zeros(0, np.int64)
        return (len(levels) - 3 - int(before[-1])) * 0.01 if len(before) else 0.0

    def cut_quietest(self) -> Samples:
        """Take everything up to the quietest moment of the last two seconds; the rest stays."""
        self._measure()
        tail = self._levels[max(0, self._measured - 200) : self._measured]
        cut = (self._measured - len(tail) + int(tail.argmin())) * _STEP
        head = to_float(self._data[:cut])
        self.keep_last((self._size - cut) / _RATE)
        return head

    def _measure(self) -> None:
        """Only when somebody asks: while nobody speaks, no frame is measured."""
        known, whole = self._measured, self._size // _STEP
        if whole > known:
            fresh = to_float(self._data[known * _STEP : whole * _STEP])
            self._levels[known:whole] = decibels(fresh, _STEP)
            self._measured = whole


def _judge(levels: Levels) -> _Judgement | None:
    """Tell sound from silence in this turn; None when the two are too close to tell."""
    if len(levels) < 10:
        return None
    speech, floor = (float(x) for x in np.percentile(levels, (90, 5)))
    floor = max(floor, -90.0)
    contrast = speech - floor
    margin = next((margin for least, margin in _MARGINS_DB if contrast >= least), None)
    if margin is None:
        return None
    return _Judgement(max(speech - _BELOW_DB, floor + margin), contrast >= _CLEAR_DB)
