"""Hosted streaming recognition behind the ear: it listens along, the ear's silence asks for final words, faults cost no turn.

The ear decides when a turn ends, as with the local model. When it sees silence it flushes the stream (Deepgram's
Finalize, ElevenLabs' commit) instead of waiting for the provider's own end of speech. Words that come too late, a
stalled or a broken stream: the turn is recognised by the spare (the local model), the stream is dropped, so that late
words cannot enter a later turn, and a new one is opened in the background.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, stt

from bot.speech.audio import Pcm, Samples
from bot.speech.moonshine import RATE, Recogniser, Transcript

log = logging.getLogger("leadline.stt")

#: No retries of the plugin's own: it would be silent for seconds, and we have a spare.
_CONNECT: Final = APIConnectOptions(max_retry=0, timeout=3.0)
_THREAD_GRACE_S: Final = 2.0
_CLOSE_S: Final = 1.0
_NAMES_MAX: Final = 50  #: what providers take in one connection

Preferring = Callable[[list[str]], None]  #: tells a plugin which names to prefer from now on


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a provider may keep a caller waiting, in seconds."""

    final_s: float = 0.7  #: after the flush, until the final words
    settle_s: float = 0.15  #: the same, when everything heard so far is final already
    again_s: tuple[float, float] = (0.5, 30.0)  #: pause before the first new stream, and the longest


@dataclass(slots=True)
class _Heard:
    """Of one turn, from one stream."""

    finals: list[tuple[str, float]] = field(default_factory=list)
    interim: str = ""
    whole: bool = True  #: the stream was there from the turn's first sound

    def transcript(self) -> Transcript:
        words = " ".join(text for text, _ in self.finals if text)
        sure = [confidence for text, confidence in self.finals if text]
        return Transcript(words, min(sure, default=0.0))


class HostedStream:
    """One per call, made on the event loop. `transcribe` is called in the recogniser's thread, the rest on the loop."""

    def __init__(
        self,
        plugin: stt.STT[Any],
        spare: Recogniser | None,
        limits: Limits | None = None,
        preferring: Preferring | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._preferring = preferring
        self._names: tuple[str, ...] = ()
        self._spare = spare
        self._limits = limits or Limits()
        self._link = _Link(plugin, self._limits.again_s, now)
        self._loop = asyncio.get_running_loop()
        self._heard = _Heard()
        self._moved = asyncio.Event()
        self._link.told = self._take
        self._link.open()

    def feed(self, pcm: Pcm) -> None:
        """See `StreamingRecogniser`."""
        if not self._link.push(pcm):
            self._heard.whole = False

    def prefer(self, hotwords: tuple[str, ...]) -> None:
        """See `StreamingRecogniser`. Names are kept for the whole call: every new one costs a new connection."""
        names = tuple(dict.fromkeys((*self._names, *hotwords)))[:_NAMES_MAX]
        if self._preferring is None or names == self._names:
            return
        self._names = names
        try:
            self._preferring(list(names))
        except ValueError as refused:  # a model without them: words are recognised as before
            self._preferring = None
            log.warning("names are not preferred: %s", refused)

    def speech_goes_on(self) -> None:
        """See `StreamingRecogniser`."""
        self._moved.set()

    def settle(self) -> None:
        """See `StreamingRecogniser`. Callable from any thread."""
        self._heard = _Heard(whole=self._link.up)

    def transcribe(
        self,
        samples: Samples,
        hotwords: tuple[str, ...] = (),
        *,
        digits: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Transcript:
        """See `Recogniser`. The provider's words; the spare's where they do not come in time."""
        limit = self._limits.final_s + _THREAD_GRACE_S
        found: Transcript | None = None
        with contextlib.suppress(TimeoutError):
            found = asyncio.run_coroutine_threadsafe(self._ask(), self._loop).result(limit)
        if found is not None and found.text:
            return found
        if self._spare is None:
            return found or Transcript("", 0.0)
        instead = self._spare.transcribe(samples, hotwords, digits=digits, wanted=wanted)
        if found is not None and instead.text and instead.confidence > 0.5:
            self._loop.call_soon_threadsafe(self._link.drop, "it hears nothing where there are words")
        return instead

    async def aclose(self) -> None:
        """The call is over."""
        await self._link.aclose()

    async def _ask(self) -> Transcript | None:
        """Ask for final words; None when they do not come, "" when there is nothing."""
        heard = self._heard
        if not heard.whole or not self._link.flush():
            return None
        known = len(heard.finals)
        everything = bool(heard.finals) and not heard.interim
        self._moved.clear()
        try:
            await asyncio.wait_for(self._moved.wait(), self._limits.settle_s if everything else self._limits.final_s)
        except TimeoutError:
            if heard.interim:
                self._link.drop("its final words are late")
        if not heard.whole or (len(heard.finals) == known and heard.interim):
            return None
        return heard.transcript()

    def _take(self, event: stt.SpeechEvent | None) -> None:
        """An event of the stream; None when it is gone."""
        heard = self._heard
        if event is None:
            heard.whole = False
        elif event.type is stt.SpeechEventType.INTERIM_TRANSCRIPT and event.alternatives:
            heard.interim = event.alternatives[0].text
            return
        elif event.type is stt.SpeechEventType.FINAL_TRANSCRIPT and event.alternatives:
            best = event.alternatives[0]
            heard.finals.append((best.text, best.confidence or 1.0))
            heard.interim = ""
        else:
            return
        self._moved.set()


class _Link:
    """The stream to the provider: opened, followed, dropped and opened again."""

    def __init__(self, plugin: stt.STT[Any], again_s: tuple[float, float], now: Callable[[], float]) -> None:
        self.told: Callable[[stt.SpeechEvent | None], None] = lambda _event: None
        self._plugin = plugin
        self._again_s = again_s
        self._now = now
        self._stream: stt.RecognizeStream | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._not_before = 0.0

    @property
    def up(self) -> bool:
        """Whether there is a stream."""
        return self._stream is not None

    def open(self) -> None:
        """Begin a stream; it connects while sound already queues."""
        try:
            self._stream = self._plugin.stream(conn_options=_CONNECT)
        except (APIError, ValueError, RuntimeError) as wrong:
            self._failed(f"{type(wrong).__name__}: {wrong}")
            return
        self._task = asyncio.create_task(self._follow(self._stream), name="stt.follow")

    def push(self, pcm: Pcm) -> bool:
        """Send sound; False when it was lost, because there is no stream or only now a new one."""
        if self._stream is None:
            if self._now() >= self._not_before:
                self.open()
            return False
        try:
            self._stream.push_frame(rtc.AudioFrame(np.ascontiguousarray(pcm).tobytes(), RATE, 1, len(pcm)))
        except RuntimeError:  # it has ended; `_follow` is about to learn why
            return False
        return True

    def flush(self) -> bool:
        """Ask for final words."""
        if self._stream is None:
            return False
        try:
            self._stream.flush()
        except RuntimeError:
            return False
        return True

    def drop(self, why: str) -> None:
        """End this stream; what it still has to say is not wanted."""
        stream, task = self._stream, self._task
        if stream is None:
            return
        self._failed(why)
        closing = asyncio.create_task(_close(stream, task), name="stt.close")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """End it for good."""
        stream, self._stream, self._not_before = self._stream, None, float("inf")
        if stream is not None:
            await _close(stream, self._task)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _follow(self, stream: stt.RecognizeStream) -> None:
        why = "it ended"
        try:
            async for event in stream:
                if stream is not self._stream:
                    return
                if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
                    self._failures = 0
                self.told(event)
        except APIError as wrong:
            why = f"{type(wrong).__name__}: {wrong}"
        if stream is self._stream:
            self.drop(why)

    def _failed(self, why: str) -> None:
        first, longest = self._again_s
        pause = min(longest, first * 2**self._failures)
        self._failures += 1
        self._stream, self._not_before = None, self._now() + pause
        log.warning("%s is given up (%s); a new stream after %.1f s", self._plugin.label, why, pause)
        self.told(None)


async def _close(stream: stt.RecognizeStream, task: asyncio.Task[None] | None) -> None:
    with contextlib.suppress(TimeoutError, APIError):
        await asyncio.wait_for(stream.aclose(), _CLOSE_S)
    if task is not None and task is not asyncio.current_task():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
