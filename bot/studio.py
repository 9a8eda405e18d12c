"""The studio: sentences become PCM, from the prompt cache where they were rendered before, from the voice otherwise."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections import OrderedDict
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

import numpy as np

from bot.speech.audio import Pcm, to_pcm
from bot.speech.voice import Voice

_KEPT: Final = 512  #: clips in memory per process, beyond those that came with the fork
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
    """Voice and cache together."""

    def __init__(self, voice: Voice, cache: PromptCache, executor: Executor) -> None:
        self._voice = voice
        self._cache = cache
        self._executor = executor

    def prepare(self, text: str) -> None:
        """Render fixed words now and keep them on disk. Blocking: for start-up."""
        for sentence in sentences(text):
            key = self._cache.key(self._voice.name, sentence)
            if self._cache.get(key) is None:
                self._cache.put(key, to_pcm(self._voice.render(sentence)), to_disk=True)

    async def clip(self, sentence: str) -> Pcm:
        """One sentence as PCM16 at 24 kHz. Words with variables stay in memory: they hold the lead's name."""
        key = self._cache.key(self._voice.name, sentence)
        if (clip := self._cache.get(key)) is not None:
            return clip
        samples = await asyncio.get_running_loop().run_in_executor(self._executor, self._voice.render, sentence)
        clip = to_pcm(samples)
        self._cache.put(key, clip, to_disk=False)
        return clip
