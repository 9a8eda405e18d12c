"""The tone after which a mailbox records: a steady single tone, then silence, heard beside everything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from bot.speech.audio import Pcm

_RATE: Final = 16_000
_WINDOW: Final = 1024  # 64 ms; bins of 15.6 Hz
_HOP: Final = 256
_HOP_S: Final = _HOP / _RATE
_LOW, _HIGH = 400.0, 2000.0  #: Hz: mailboxes lie here; fax answers (2100) and most toys lie above
_LOUD_DB: Final = -45.0  #: below is silence
_PURE: Final = 0.9  #: of the energy lies in the tone; a key of a telephone has two, a voice has many
_STEADY_HZ: Final = 20.0  #: no voice holds its pitch so well
TONE_S: Final = 0.15
_TONE_MAX_S: Final = 4.0  #: longer is a ringing or engaged tone, or a line that whistles
_BLUR: Final = 3  #: windows at a tone's edge that have no clear pitch
_AFTER_S: Final = 0.1  #: of silence: then it was the tone's end
_PAUSE_S: Final = 2.0  #: what was spoken before a longer pause is not the tone's announcement
_BANDS = np.fft.rfftfreq(_WINDOW, 1 / _RATE)
_HANN = np.hanning(_WINDOW).astype(np.float32)
_TELEPHONE: Final = (_BANDS > 100) & (_BANDS < 3900)


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone that has ended. `spoken_s`: how long somebody spoke right before it."""

    ended_at: float  #: Unix seconds
    seconds: float
    hertz: float
    spoken_s: float


class ToneSense(Protocol):
    """Listens for tones; `bot.senses` says which one does."""

    def push(self, pcm: Pcm, at: float) -> Tone | None:
        """Take one frame of PCM16 at 16 kHz that ended at `at` (Unix seconds); a tone, when one has just ended."""
        ...


class BeepSense:
    """`ToneSense` by Fourier transform, every 16 ms: 0.2 % of a processor."""

    def __init__(self) -> None:
        self._held = np.zeros(0, np.int16)
        self._pitches: list[float] = []  # of the tone that goes on, in Hz
        self._blurred = 0  # windows since the last of them
        self._silent_s = _PAUSE_S
        self._spoken_s = 0.0

    def push(self, pcm: Pcm, at: float) -> Tone | None:
        self._held = np.concatenate((self._held, pcm))
        found = None
        while len(self._held) >= _WINDOW:
            found = self._look(self._held[:_WINDOW], at - (len(self._held) - _WINDOW) / _RATE) or found
            self._held = self._held[_HOP:]
        return found

    def _look(self, window: Pcm, at: float) -> Tone | None:
        loud, hertz = _pitch(window)
        if not loud:
            self._silent_s += _HOP_S
            return self._ended(at)
        if hertz is not None and (not self._pitches or abs(hertz - self._pitches[0]) <= _STEADY_HZ):
            self._pitches.append(hertz)
            self._blurred, self._silent_s = 0, 0.0
            return None
        if self._pitches and self._silent_s == 0.0 and self._blurred < _BLUR:
            self._blurred += 1
            return None
        if self._silent_s >= _PAUSE_S:
            self._spoken_s = 0.0
        self._spoken_s += _HOP_S * (1 + self._blurred + len(self._pitches))  # what goes over into speech was no tone
        self._pitches, self._blurred, self._silent_s = [], 0, 0.0
        return None

    def _ended(self, at: float) -> Tone | None:
        seconds = len(self._pitches) * _HOP_S
        if self._silent_s < _AFTER_S or not self._pitches:
            return None
        hertz, self._pitches, self._blurred = float(np.mean(self._pitches)), [], 0
        if not TONE_S <= seconds <= _TONE_MAX_S:
            self._spoken_s += seconds
            return None
        spoken_s, self._spoken_s = self._spoken_s, 0.0
        return Tone(at - self._silent_s, seconds, hertz, spoken_s)


def _pitch(window: Pcm) -> tuple[bool, float | None]:
    """Whether there is sound, and the pitch of a single tone in Hz."""
    samples = window.astype(np.float32) / 32768
    level = 10 * np.log10(float(np.mean(samples * samples)) + 1e-12)
    if level < _LOUD_DB:
        return False, None
    power = np.abs(np.fft.rfft(samples * _HANN)) ** 2
    power[~_TELEPHONE] = 0.0
    peak = int(np.argmax(power))
    around = power[max(0, peak - 2) : peak + 3]
    if not _LOW <= _BANDS[peak] <= _HIGH or around.sum() < _PURE * power.sum():
        return True, None
    left, middle, right = (float(np.log(one + 1e-20)) for one in power[peak - 1 : peak + 2])
    offset = 0.5 * (left - right) / (left - 2 * middle + right - 1e-20)
    return True, float(_BANDS[peak] + offset * (_BANDS[1] - _BANDS[0]))
