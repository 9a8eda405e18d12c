"""A hosted voice: LiveKit TTS plugins, played while they speak, with limits that a caller's patience sets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import soxr
from livekit.agents import APIConnectOptions, APIError, tts

from bot.speech.audio import Pcm, Samples, to_float, to_pcm
from bot.speech.polish import Polish
from bot.speech.voice import RATE, VoiceFailed

#: No retries: a failing provider would cost 4 s of silence per turn.
_CONNECT: Final = APIConnectOptions(max_retry=0, timeout=5.0)
_CLOSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a voice may keep a caller waiting, in seconds."""

    first_s: float = 1.2  #: until the first sound
    stall_s: float = 0.6  #: without sound, once what came before has been played


async def _next(stream: tts.ChunkedStream, wait_s: float) -> tts.SynthesizedAudio | None:
    """The next piece, None at the end. Raises TimeoutError. Can be cancelled, which `anext` with a default cannot."""
    async with asyncio.timeout(wait_s):
        try:
            return await anext(stream)
        except StopAsyncIteration:
            return None


class HostedVoice:
    """A plugin's `synthesize`, sentence by sentence, on the event loop."""

    def __init__(self, plugin: tts.TTS[Any], limits: Limits | None = None) -> None:
        self._plugin = plugin
        self._limits = limits or Limits()
        self._gain: float | None = None
        self.name = hashlib.sha256(f"{plugin.provider}/{plugin.model}".encode()).hexdigest()[:12]

    async def stream(self, text: str) -> AsyncGenerator[Pcm, None]:
        """PCM16 at 24 kHz as it comes, trimmed and levelled.

        Raises:
            VoiceFailed: refused, unreachable, late, stalled or broken off; what came before was good.
        """
        polish, came = Polish(RATE, self._gain), 0
        try:
            async with contextlib.aclosing(self._pieces(text)) as pieces:
                async for samples in pieces:
                    if len(clean := polish.push(samples)):
                        came += len(clean)
                        yield to_pcm(clean)
        except (APIError, TimeoutError) as wrong:
            raise VoiceFailed(f"{self._plugin.label}: {type(wrong).__name__} {wrong}".strip()) from wrong
        if len(rest := polish.end()):
            yield to_pcm(rest)
        if came + len(rest) == 0:
            raise VoiceFailed(f"{self._plugin.label}: no sound came")
        self._gain = polish.gain

    async def _pieces(self, text: str) -> AsyncGenerator[Samples, None]:
        """What the plugin sends, at 24 kHz. Raises APIError, TimeoutError."""
        loop = asyncio.get_running_loop()
        resampler: soxr.ResampleStream | None = None
        began, sent_s, wait_s = loop.time(), 0.0, self._limits.first_s
        stream = self._plugin.synthesize(text, conn_options=_CONNECT)
        try:
            while (audio := await _next(stream, wait_s)) is not None:
                frame = audio.frame
                began = began if sent_s else loop.time()
                sent_s += frame.samples_per_channel / frame.sample_rate
                wait_s = max(0.0, began + sent_s - loop.time()) + self._limits.stall_s
                samples = to_float(np.frombuffer(frame.data, np.int16))
                if frame.sample_rate != RATE:
                    resampler = resampler or soxr.ResampleStream(frame.sample_rate, RATE, 1, dtype="float32")
                    samples = np.asarray(resampler.resample_chunk(samples), np.float32)
                yield samples
            if resampler is not None:
                yield np.asarray(resampler.resample_chunk(np.zeros(0, np.float32), last=True), np.float32)
        finally:
            with contextlib.suppress(TimeoutError, APIError):
                await asyncio.wait_for(stream.aclose(), _CLOSE_S)
