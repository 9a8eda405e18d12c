"""Does it sound finished? LiveKit's local end-of-turn model v1-mini on the last 1.2 s of sound; nothing is downloaded.

Its weights come inside the wheel livekit-local-inference and are licensed for use with LiveKit Agents, which is what
this worker is. The call takes about 25 ms, so it belongs beside recognition, off the event loop.
"""

from __future__ import annotations

from typing import Final, Protocol

from livekit.local_inference import EOT, EOT_MAX_SAMPLES

from bot.speech.audio import Pcm

WINDOW: Final[int] = EOT_MAX_SAMPLES


class TurnModel(Protocol):
    """Probability that a caller who is silent now has finished."""

    def finished(self, pcm: Pcm) -> float | None:
        """0 to 1, from the last sound up to now: mono PCM16 at 16 kHz, of which the last 1.2 s count. Blocking.

        None when it cannot be told in time.
        """
        ...


class SoundsFinished:
    """v1-mini behind `TurnModel`. All instances share one set of weights."""

    def __init__(self) -> None:
        """Map the weights (0.3 s the first time in a process, shared after a fork)."""
        self._model = EOT()

    def finished(self, pcm: Pcm) -> float:
        """See `TurnModel`."""
        return float(self._model.predict(pcm[-WINDOW:]))
