"""Hosted speech behind the local interfaces: LiveKit STT, TTS and VAD plugins as `Recogniser`, `Voice` and activity.

The ear and the studio call from worker threads; the plugins live on the event loop, where the calls are sent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt, vad

from bot.speech.audio import Pcm, Samples, to_pcm
from bot.speech.moonshine import RATE as EAR_RATE
from bot.speech.moonshine import Recogniser, Transcript

log = logging.getLogger("leadline.stt")

_LIMIT_S: Final = 6.0  #: the plugins' own time-outs are longer than a caller's patience
#: No retries: a failing provider would cost 4 s of silence per turn.
CONNECT: Final = APIConnectOptions(max_retry=0, timeout=5.0)

T = TypeVar("T")


class _OnLoop:
    """Runs a coroutine on the loop from another thread, with a limit."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, _LIMIT_S), self._loop).result(_LIMIT_S + 1)


class HostedRecogniser:
    """A plugin's `recognize` on whole utterances; the ear decides when they end, as with the local model."""

    def __init__(self, plugin: stt.STT[Any], loop: asyncio.AbstractEventLoop, spare: Recogniser | None = None) -> None:
        self._plugin = plugin
        self._on_loop = _OnLoop(loop)
        self._spare = spare

    def transcribe(
        self,
        samples: Samples,
        hotwords: tuple[str, ...] = (),
        *,
        digits: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Transcript:
        """See `Recogniser`. Hotwords are the plugin's own affair; the spare hears what the provider does not answer."""
        pcm = to_pcm(samples)
        frame = rtc.AudioFrame(pcm.tobytes(), EAR_RATE, 1, len(pcm))
        try:
            event = self._on_loop.run(self._plugin.recognize([frame], conn_options=CONNECT))
        except (APIError, TimeoutError) as wrong:
            log.warning("%s did not answer (%s)", self._plugin.label, type(wrong).__name__)
            if self._spare is None:
                return Transcript("", 0.0)
            return self._spare.transcribe(samples, hotwords, digits=digits, wanted=wanted)
        best = event.alternatives[0] if event.alternatives else None
        return Transcript(best.text, best.confidence or 1.0) if best is not None else Transcript("", 0.0)


class PluginActivity:
    """A plugin's VAD stream with the face of `VoiceActivity`."""

    def __init__(self, plugin: vad.VAD) -> None:
        self._stream = plugin.stream()
        self._task = asyncio.create_task(self._follow(), name="vad.plugin")
        self._began = False
        self.silence_s = 0.0
        self.speaking = False

    def push(self, pcm: Pcm) -> bool:
        """Take PCM16 at 16 kHz; True once after speech began."""
        self._stream.push_frame(rtc.AudioFrame(pcm.tobytes(), EAR_RATE, 1, len(pcm)))
        began, self._began = self._began, False
        return began

    @property
    def fading_s(self) -> float:
        """See `Activity`."""
        return self.silence_s

    def settle(self) -> None:
        """The turn is over."""
        self.speaking = False

    async def aclose(self) -> None:
        """Stop the stream."""
        await self._stream.aclose()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        async for event in self._stream:
            self.silence_s = event.raw_accumulated_silence
            if event.type is vad.VADEventType.START_OF_SPEECH:
                self._began = self.speaking = True
