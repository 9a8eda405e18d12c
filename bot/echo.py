"""The echo gate: the bot's own voice, coming back from the caller's phone, must not sound like the caller to the ear.

What was played is kept for a while. A frame that is quieter than that and is explained by it, shifted in time, becomes
silence. Words of the caller are louder than an echo and pass untouched; on a line without echo nothing is computed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from bot.mouth import Speaker
from bot.speech.audio import Pcm, correlate, energies
from bot.speech.voice import RATE

Wave = npt.NDArray[np.float32]

_RATE: Final = 8_000  #: the telephone's own; nothing above 4 kHz comes back
_PLAYED_S: Final = 2.0
_WINDOW: Final = _RATE * 24 // 100  #: compared at a time
_LAGS_S: Final = 1.0  #: longest way to the phone's loudspeaker and back
_NEAR: Final = _RATE * 6 // 100  #: once known, the way changes by no more than jitter
_SILENCE: Final = 10 ** (-58 / 20) * 32768
_WEAKER: Final = 10 ** (-6 / 20)  #: an echo loses at least 6 dB
#: Share of the sound that is explained by what was played. Codecs leave half of an echo: a way that is known needs less.
_FOUND, _AGAIN, _HINT = 0.45, 0.3, 0.12
_LOUDER: Final = 1.6  #: than the echo is expected to be: somebody speaks over it
_HELD_MAX: Final = 3  #: frames that may wait for the decision


class EchoGate:
    """Between the line and the ear, one per call; `hear` gets every frame, cleaned."""

    def __init__(self, hear: Callable[[Pcm, float], None]) -> None:
        self._hear = hear
        self._played = np.zeros(int(_PLAYED_S * _RATE), np.float32)
        self._until = 0.0  # time of the end of `_played`
        self._near = np.zeros(_WINDOW, np.float32)
        self._lag: int | None = None  # samples from playing to hearing, once an echo was found
        self._gain = 0.0  # of the echo
        self._held: list[tuple[Pcm, float]] = []

    def played(self, pcm: Pcm, rate: int, at: float) -> None:
        """Samples that begin to play at `at` (Unix seconds)."""
        wave = _decimate(pcm, rate // _RATE)
        self._advance(max(self._until, at + len(wave) / _RATE))
        end = len(self._played) - round((self._until - at) * _RATE) + len(wave)
        self._played[max(0, end - len(wave)) : end] = wave[max(0, len(wave) - end) :]

    def dropped(self, at: float) -> None:
        """What was to be played from `at` on was not."""
        if (unheard := round((self._until - at) * _RATE)) > 0:
            self._played[-unheard:] = 0.0

    def push(self, pcm: Pcm, at: float) -> None:
        """A frame of the caller at 16 kHz that ended at `at`."""
        wave = _decimate(pcm, 2)
        self._near = np.concatenate((self._near, wave))[-_WINDOW:]
        if self._until < at - _PLAYED_S or _rms(wave) < _SILENCE:
            self._release(pcm, at)
            return
        self._advance(max(self._until, at))
        match self._judge(at):
            case True:
                self._held = [(np.zeros_like(held), when) for held, when in self._held]
                self._release(np.zeros_like(pcm), at)
            case None if len(self._held) < _HELD_MAX:
                self._held.append((pcm, at))  # perhaps the beginning of an echo: the next frame tells
            case _:
                self._release(pcm, at)

    def _release(self, pcm: Pcm, at: float) -> None:
        held, self._held = self._held, []
        for frame, when in (*held, (pcm, at)):
            self._hear(frame, when)

    def _judge(self, at: float) -> bool | None:
        """Whether the newest sound is an echo; None: it may become one."""
        loudness, share = _rms(self._near), 0.0
        if self._lag is not None:
            share, lag, played = self._explained(at, max(0, self._lag - _NEAR), self._lag + _NEAR)
            if share > _AGAIN and loudness < _WEAKER * played:
                self._gain = 0.8 * self._gain + 0.2 * loudness / played
                self._lag = lag
                return True
            if share > _HINT and loudness < _LOUDER * self._gain * played:
                return True
        # The way is not known, or has changed: a stall of this process moves it, a new route does.
        share, lag, played = self._explained(at, 0, int(_LAGS_S * _RATE))
        if loudness >= _WEAKER * played:
            return False
        if share > _FOUND:
            self._lag, self._gain = lag, loudness / played
            return True
        return None if self._lag is None and share > _AGAIN else False

    def _explained(self, at: float, shortest: int, longest: int) -> tuple[float, int, float]:
        """Share of the newest sound that what was played explains, after how many samples, and how loud that was."""
        end = len(self._played) - round((self._until - at) * _RATE)
        past = self._played[max(0, end - longest - _WINDOW) : max(0, end - shortest)]
        if len(past) < _WINDOW or _rms(past) < _SILENCE:
            return 0.0, 0, 1.0
        energy = np.maximum(energies(past, _WINDOW), _WINDOW * _SILENCE**2)  # what was hardly audible explains nothing
        product = correlate(past, self._near)
        likeness = np.abs(product) / np.sqrt(energy * float(np.dot(self._near, self._near)) + 1.0)
        best = int(likeness.argmax())
        lag = len(past) - _WINDOW - best + shortest
        return float(likeness[best]) ** 2, lag, float(np.sqrt(energy[best] / _WINDOW))

    def _advance(self, until: float) -> None:
        shift = round((until - self._until) * _RATE)
        if shift <= 0:
            return
        if shift >= len(self._played):
            self._played[:] = 0.0
        else:
            self._played[:-shift] = self._played[shift:].copy()
            self._played[-shift:] = 0.0
        self._until = until


def _decimate(pcm: Pcm, factor: int) -> Wave:
    whole = pcm[: len(pcm) // factor * factor].reshape(-1, factor)
    return whole.astype(np.float32) @ np.full(factor, 1 / factor, np.float32)  # `mean` takes twenty times as long


def _rms(wave: Wave) -> float:
    return float(np.sqrt(np.dot(wave, wave) / max(1, len(wave))))


class EchoingSpeaker:
    """A `Speaker` that tells the gate what is played, and when."""

    def __init__(self, speaker: Speaker, gate: EchoGate, clock: Callable[[], float] = time.time) -> None:
        self._speaker = speaker
        self._gate = gate
        self._clock = clock

    async def write(self, pcm: Pcm) -> None:
        """See `Speaker`."""
        self._gate.played(pcm, RATE, self._clock() + self._speaker.queued_s)
        await self._speaker.write(pcm)

    async def wait_below(self, seconds: float) -> None:
        """See `Speaker`."""
        await self._speaker.wait_below(seconds)

    def clear(self) -> None:
        """See `Speaker`."""
        self._gate.dropped(self._clock())
        self._speaker.clear()

    @property
    def queued_s(self) -> float:
        """See `Speaker`."""
        return self._speaker.queued_s
