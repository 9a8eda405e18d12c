"""The local voice: hibari (Apache-2.0), text in, trimmed and levelled samples out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final, Protocol, runtime_checkable

import numpy as np
import onnxruntime as ort
from hibari import Hibari

from bot.speech import weights
from bot.speech.audio import Pcm, Samples, level, resample, trim

RATE: Final = 24_000


class VoiceFailed(RuntimeError):
    """A hosted voice did not speak, or not to the end."""


class Voice(Protocol):
    """Turns a sentence into sound. Blocking: call it in a thread."""

    @property
    def name(self) -> str:
        """Identifies voice and version; part of the prompt cache's key."""
        ...

    def render(self, text: str) -> Samples:
        """Mono float32 at 24 kHz, trimmed at both ends; empty for text without words."""
        ...


@runtime_checkable
class StreamingVoice(Protocol):
    """Speaks while it is still at work, on the event loop."""

    @property
    def name(self) -> str:
        """See `Voice`."""
        ...

    def stream(self, text: str) -> AsyncGenerator[Pcm, None]:
        """PCM16 at 24 kHz as it comes, trimmed at both ends. Raises VoiceFailed; what came before was good."""
        ...


class LocalVoice:
    """hibari behind `Voice`. 126 times faster than speech on one core."""

    name = "hibari-0.2.1-heart"

    def __init__(self) -> None:
        """Load and warm up (the first synthesis takes 0.25 s, later ones 0.02 s).

        Raises:
            weights.WeightsMissing: the wheel is absent or its file is not the one we tested.
        """
        path = weights.verify(weights.VOICE)
        self._hibari = Hibari(threads=1)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # what a sentence used is given back: memory is counted per call
        self._hibari.sess = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.render("Hello.")

    def render(self, text: str, speed: float = 1.0) -> Samples:
        """See `Voice`. `speed` 1.2 speaks a fifth faster at the same pitch."""
        chunks = [np.asarray(chunk, np.float32) for chunk in self._hibari.stream(text, speed=speed)]
        return level(trim(np.concatenate(chunks), RATE)) if chunks else np.zeros(0, np.float32)


class ShiftedVoice:
    """Another person made of the same voice: pitch and pace moved by one factor (1.1: higher and faster)."""

    def __init__(self, voice: Voice, factor: float) -> None:
        self._voice = voice
        self._factor = factor
        self.name = f"{voice.name}*{factor:g}"

    def render(self, text: str) -> Samples:
        """See `Voice`."""
        return resample(self._voice.render(text), round(RATE * self._factor), RATE)
