"""Voice activity, 32 ms at a time: LiveKit's built-in detector, called where the audio already is.

The framework's own VAD stream copies every frame and hops to a thread per window; the native call takes 0.02 ms,
so it runs in line here. The weights are licensed for use with LiveKit Agents, which is what this worker is.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from livekit.local_inference import VAD as NATIVE
from livekit.local_inference import VAD_WINDOW_SAMPLES

from bot.speech.audio import Pcm

WINDOW: Final[int] = VAD_WINDOW_SAMPLES
WINDOW_S: Final = WINDOW / 16_000
_ON, _OFF = 0.5, 0.35
_SURE: Final = 0.8  #: one window of it is an onset; what is less sure needs `_MIN_SPEECH_S`
_MIN_SPEECH_S: Final = 0.05


class Detector(Protocol):
    """Probability of speech for one window."""

    def predict(self, window: Pcm) -> float: ...


class Activity(Protocol):
    """Whether somebody speaks, as the ear asks it."""

    @property
    def silence_s(self) -> float:
        """Seconds of silence so far."""
        ...

    @property
    def fading_s(self) -> float:
        """Seconds since it last was sure of speech: earlier than silence, and right only where energy agrees."""
        ...

    def push(self, pcm: Pcm) -> bool:
        """Take PCM16 at 16 kHz; True when speech has just begun."""
        ...

    def settle(self) -> None:
        """The turn is over: the next speech is a new onset."""
        ...


def builtin() -> Detector:
    """A detector with its own state; one per call."""
    detector: Detector = NATIVE()
    return detector


class VoiceActivity:
    """Turns window probabilities into "speaking" and "silent for": the hysteresis of the framework's VAD."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._rest = np.zeros(0, np.int16)
        self._speech_s = 0.0
        self.silence_s = 0.0  #: seconds of silence so far, as the detector sees it (it falls 110-160 ms late)
        self.fading_s = 0.0
        self.speaking = False

    def push(self, pcm: Pcm) -> bool:
        """Take PCM16 at 16 kHz; True when speech has just begun."""
        data = np.concatenate((self._rest, pcm)) if len(self._rest) else pcm
        began = False
        whole = len(data) // WINDOW * WINDOW
        for start in range(0, whole, WINDOW):
            began |= self._window(self._detector.predict(data[start : start + WINDOW]))
        self._rest = data[whole:]
        return began

    def settle(self) -> None:
        """The turn is over: the next speech is a new onset."""
        self.speaking, self._speech_s = False, 0.0

    def _window(self, probability: float) -> bool:
        self.fading_s = 0.0 if probability >= _SURE else self.fading_s + WINDOW_S
        if probability >= _ON or (self.speaking and probability > _OFF):
            self._speech_s += WINDOW_S
            self.silence_s = 0.0
            if not self.speaking and (self._speech_s >= _MIN_SPEECH_S or probability >= _SURE):
                self.speaking = True
                return True
        else:
            self.silence_s += WINDOW_S
            self._speech_s = 0.0
        return False
