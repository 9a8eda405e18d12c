"""The studio: sentences become sound, from the prompt cache where they were rendered before, from a voice otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

import numpy as np

from bot.clip import Clip, unsaid
from bot.speech.audio import Pcm, to_pcm
from bot.speech.voice import StreamingVoice, Voice, VoiceFailed

log = logging.getLogger("leadline.studio")

_KEPT: Final = 512  #: clips in memory per process, beyond those that came with the fork
_AHEAD_MAX: Final = 6  #: sentences rendered before they are asked for, at a time
_FAILURES_MAX: Final = 2  #: failures in a row after which the rest of the call is spoken by the spare voice
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'])")


def sentences(text: str) -> list[str]:
    """Split into sentences that can be rendered, cached and interrupted one by one."""
    return [part for part in (piece.strip() for piece in _SENTENCE_END.split(text)) if part]


class PromptCache:
    """Rendered clips by content: the same words in the same voice are rendered once per machine.

    Files are raw PCM16 mono at 24 kHz, named by SHA-256 of voice and text, so a changed word is a new file.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._clips: OrderedDict[str, Pcm] = OrderedDict()

    def key(self, voice: str, text: str) -> str:
        """Content address of a clip."""
        return hashlib.sha256(f"{voice}\n{text}".encode()).hexdigest()

    def get(self, key: str) -> Pcm | None:
        """The clip, or None when it was never rendered here."""
        if (clip := self._clips.get(key)) is not None:
            self._clips.move_to_end(key)
            return clip
        if self._folder is None:
            return None
        try:
            clip = np.frombuffer((self._folder / f"{key}.pcm").read_bytes(), np.int16)
        except OSError:
            return None
        self._remember(key, clip)
        return clip

    def put(self, key: str, clip: Pcm, *, to_disk: bool) -> None:
        """Keep a clip; on disk only what holds no personal data."""
        self._remember(key, clip)
        if not to_disk or self._folder is None:
            return
        # Written whole or not at all: another process may be rendering the same words.
        partial = self._folder / f"{key}.{os.getpid()}.tmp"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(clip.tobytes())
            partial.replace(self._folder / f"{key}.pcm")
        except OSError:
            partial.unlink(missing_ok=True)  # a full disk costs speed, not the call

    def _remember(self, key: str, clip: Pcm) -> None:
        self._clips[key] = clip
        while len(self._clips) > _KEPT:
            self._clips.popitem(last=False)


class Studio:
    """Voice and cache together; one per call. `fixed` are the sentences that name nobody: they may be kept on disk.

    A hosted voice that fails, stalls or breaks off is taken over by `spare`, in the middle of a sentence if need be.
    """

    def __init__(
        self,
        voice: Voice | StreamingVoice,
        cache: PromptCache,
        executor: Executor,
        *,
        spare: Voice | None = None,
        fixed: Iterable[str] = (),
    ) -> None:
        self._voice = voice
        self._cache = cache
        self._executor = executor
        self._spare = spare
        self.fixed = frozenset(fixed)
        self._failures = 0
        self._coming: dict[str, tuple[Clip, asyncio.Task[None]]] = {}

    def prepare(self, text: str) -> None:
        """Render fixed words now and keep them on disk. Blocking: for start-up, with a voice that is no streaming one."""
        assert not isinstance(self._voice, StreamingVoice)
        for sentence in sentences(text):
            key = self._cache.key(self._voice.name, sentence)
            if self._cache.get(key) is None:
                self._cache.put(key, to_pcm(self._voice.render(sentence)), to_disk=True)

    async def clip(self, sentence: str) -> Clip:
        """One sentence, once its first sound is there; the rest may still come."""
        clip = self._begin(sentence)
        await clip.beyond(0)
        return clip

    def ahead(self, texts: Iterable[str]) -> None:
        """Begin to render what may be said next; what is there already costs nothing."""
        for text in texts:
            for sentence in sentences(text):
                if len(self._coming) < _AHEAD_MAX:
                    self._begin(sentence)

    async def close(self) -> None:
        """Render no more."""
        tasks = [task for _, task in self._coming.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, sentence: str) -> Clip:
        if (coming := self._coming.get(sentence)) is not None:
            return coming[0]
        voice = self._voice if self._spare is None or self._failures < _FAILURES_MAX else self._spare
        if (pcm := self._cache.get(self._cache.key(voice.name, sentence))) is not None:
            return Clip(sentence, pcm)
        clip = Clip(sentence)
        task = asyncio.create_task(self._render(voice, clip), name="studio.render")
        self._coming[sentence] = clip, task
        task.add_done_callback(lambda _: self._coming.pop(sentence, None))
        return clip

    async def _render(self, voice: Voice | StreamingVoice, clip: Clip) -> None:
        """Fill the clip, whatever happens: a clip that is whole ends every wait for it."""
        try:
            if isinstance(voice, StreamingVoice):
                await self._stream(voice, clip)
            else:
                await self._at_once(voice, clip.text, clip)
                self._keep(voice, clip)
        except VoiceFailed as wrong:
            log.error("DEFECT no voice: %s", wrong)
        finally:
            clip.finish()

    async def _stream(self, voice: StreamingVoice, clip: Clip) -> None:
        try:
            async with contextlib.aclosing(voice.stream(clip.text)) as pieces:
                async for pcm in pieces:
                    clip.append(pcm)
        except VoiceFailed as wrong:
            self._failures += 1
            if self._spare is None:
                raise
            log.warning("the hosted voice failed after %d samples, the local voice goes on: %s", len(clip), wrong)
            local = Clip(clip.text)
            await self._at_once(self._spare, clip.text, local)
            rest = unsaid(clip.text, len(clip), len(local)) if len(clip) else clip.text
            await self._at_once(self._spare, rest, clip)
        else:
            self._failures = 0
            self._keep(voice, clip)

    async def _at_once(self, voice: Voice, text: str, clip: Clip) -> None:
        clip.append(to_pcm(await asyncio.get_running_loop().run_in_executor(self._executor, voice.render, text)))

    def _keep(self, voice: Voice | StreamingVoice, clip: Clip) -> None:
        """Words with variables stay in memory: they hold the lead's name."""
        self._cache.put(self._cache.key(voice.name, clip.text), clip.pcm, to_disk=clip.text in self.fixed)
