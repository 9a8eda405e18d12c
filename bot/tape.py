"""Two sides of a call on one time axis: sound is laid where it was heard, corrected for late packets and cut for barge-in."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import soxr

from bot.speech.audio import Pcm
from bot.speech.voice import RATE as VOICE_RATE

RATE: Final = 16_000  #: samples a second in the file, for both sides
_RECENT: Final = 50  #: frames over which lateness is judged: two seconds
_SLIP: Final = RATE // 50  #: steady lateness or earliness above this is corrected
_JUMP: Final = RATE * 2 // 5  #: a frame further off than this is laid where it arrived


class Track:
    """One side: a growing row of samples at `rate`, of which the oldest are taken away as they are written."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._taken = 0
        self._samples = np.zeros(0, np.int16)
        self._end = 0  # the place behind the last sound
        self._late: deque[int] = deque(maxlen=_RECENT)

    def lay(self, seconds: float, pcm: Pcm) -> None:
        """Put sound where it was heard, `seconds` after the beginning; later sound covers earlier."""
        place = max(round(seconds * self._rate), self._taken)
        end = place + len(pcm)
        self._reach(end)
        self._samples[place - self._taken : end - self._taken] = pcm
        self._end = max(self._end, end)

    def follow(self, seconds: float, pcm: Pcm) -> None:
        """`lay`, without a click where it was meant to go on from the sound before."""
        gap = round(seconds * self._rate) - self._end
        self.lay(self._end / self._rate if abs(gap) <= self._rate // 50 else seconds, pcm)

    def append(self, arrived: float, pcm: Pcm) -> None:
        """Put a frame that arrived so many seconds after the beginning behind the one before it.

        Packets come late, never early: single late ones are not believed, what all of the last seconds agree on is.
        """
        late = round(arrived * self._rate) - len(pcm) - self._end
        self._late.append(late)
        steady = min(self._late)
        if abs(late) > _JUMP or self._end == 0:
            self._end += late
            self._late.clear()
        elif len(self._late) == _RECENT and abs(steady) > _SLIP:
            self._end += steady
            self._late.clear()
        self._end = max(self._end, 0)
        self.lay(self._end / self._rate, pcm)

    def cut(self, seconds: float) -> None:
        """Take back what was to be heard after this moment."""
        place = max(round(seconds * self._rate), self._taken)
        self._samples[place - self._taken :] = 0
        self._end = min(self._end, place)

    def take(self, seconds: float) -> Pcm:
        """The samples up to this moment, silence included; they can no longer change."""
        wanted = round(seconds * self._rate)
        self._reach(wanted)
        count = wanted - self._taken
        taken, self._samples = self._samples[:count], self._samples[count:]
        self._taken = wanted
        return taken

    def _reach(self, end: int) -> None:
        if (missing := end - self._taken - len(self._samples)) > 0:
            self._samples = np.concatenate([self._samples, np.zeros(missing, np.int16)])


class Tape:
    """The caller left, the bot right. Moments are seconds after the beginning."""

    def __init__(self) -> None:
        self.caller = Track(RATE)
        self.bot = Track(VOICE_RATE)
        self._seconds = 0.0
        self._resample = soxr.ResampleStream(VOICE_RATE, RATE, 1, dtype="int16")
        self._left = np.zeros(0, np.int16)
        self._right = np.zeros(0, np.int16)

    def take(self, seconds: float, *, last: bool = False) -> Pcm:
        """Finished sound, shape (n, 2), up to about this moment: all of it when `last`."""
        if seconds < self._seconds and not last:
            return np.zeros((0, 2), np.int16)
        self._seconds = max(seconds, self._seconds)
        self._left = np.concatenate([self._left, self.caller.take(self._seconds)])
        self._right = np.concatenate([self._right, self._resampled(self.bot.take(self._seconds), last=last)])
        count = len(self._left) if last else min(len(self._left), len(self._right))
        right = np.pad(self._right, (0, max(0, count - len(self._right))))
        both = np.stack([self._left[:count], right[:count]], axis=1)
        self._left, self._right = self._left[count:], self._right[count:]
        return both

    def _resampled(self, pcm: Pcm, *, last: bool) -> Pcm:
        resampled: Pcm = self._resample.resample_chunk(pcm, last=last)
        return resampled
