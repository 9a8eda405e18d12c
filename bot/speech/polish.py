"""Speech that comes in pieces, trimmed at both ends and brought to one loudness while it comes."""

from __future__ import annotations

from typing import Final

import numpy as np

from bot.speech.audio import Samples, gain_for

_SILENT: Final = 10 ** (-40 / 20)
_LEAD_S, _TAIL_S = 0.005, 0.05
_JUDGE_S: Final = 0.2  #: so much sound tells how loud a voice is


class Polish:
    """One sentence. `gain` is the voice's, when it is known from an earlier sentence."""

    def __init__(self, rate: int, gain: float | None = None) -> None:
        self.gain = gain
        self._rate = rate
        self._raw: Samples = np.zeros(0, np.float32)  # not given out yet
        self._began = False

    def push(self, samples: Samples) -> Samples:
        """Take a piece, give what can be played: no silence that may turn out to be the end."""
        self._raw = np.concatenate((self._raw, samples))
        loud = np.flatnonzero(np.abs(self._raw) > _SILENT)
        if not len(loud):
            return self._raw[:0]
        if not self._began:
            self._raw = self._raw[max(0, int(loud[0]) - int(_LEAD_S * self._rate)) :]
            self._began = True
            loud = np.flatnonzero(np.abs(self._raw) > _SILENT)
        if self.gain is None:
            if int(loud[-1]) < _JUDGE_S * self._rate:
                return self._raw[:0]
            self.gain = gain_for(self._raw)
        return self._take(int(loud[-1]) + 1)

    def end(self) -> Samples:
        """The rest, with a short tail of silence."""
        loud = np.flatnonzero(np.abs(self._raw) > _SILENT)
        if self.gain is None:
            self.gain = gain_for(self._raw)
        last = int(loud[-1]) + 1 if len(loud) else 0
        return self._take(min(len(self._raw), last + int(_TAIL_S * self._rate))) if self._began else self._raw[:0]

    def _take(self, count: int) -> Samples:
        taken, self._raw = self._raw[:count], self._raw[count:]
        assert self.gain is not None
        return np.asarray(np.clip(taken * np.float32(self.gain), -1.0, 1.0), np.float32)
