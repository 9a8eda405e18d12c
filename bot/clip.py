"""A sentence as sound that may still be coming in: the mouth plays it while the voice goes on."""

from __future__ import annotations

import asyncio
from typing import Final

import numpy as np

from bot.speech.audio import Pcm
from bot.speech.voice import RATE

_SAMPLES_PER_LETTER: Final = RATE * 65 // 1000  #: to tell how long a sentence will be that is not whole yet


class Clip:
    """PCM16 at 24 kHz that grows until it is whole. One writer, any number of readers, one event loop."""

    def __init__(self, text: str, pcm: Pcm | None = None) -> None:
        """`pcm`: all of it, if it is known."""
        self.text = text
        self.whole = pcm is not None
        self._pcm: Pcm = np.zeros(0, np.int16) if pcm is None else pcm
        self._grown = asyncio.Event()

    def __len__(self) -> int:
        """Samples so far."""
        return len(self._pcm)

    @property
    def pcm(self) -> Pcm:
        """What there is so far."""
        return self._pcm

    @property
    def expected(self) -> int:
        """Samples that it will have, as far as can be told."""
        return len(self) if self.whole else max(len(self), _SAMPLES_PER_LETTER * len(self.text))

    def append(self, pcm: Pcm) -> None:
        """More of it has come."""
        if len(pcm):
            self._pcm = np.concatenate((self._pcm, pcm))
            self._grown.set()

    def finish(self) -> None:
        """No more will come."""
        self.whole = True
        self._grown.set()

    async def beyond(self, place: int) -> None:
        """Wait until there are samples beyond `place`, or the clip is whole. Its writer has a limit, so this has one."""
        while len(self) <= place and not self.whole:
            self._grown.clear()
            await self._grown.wait()


def unsaid(text: str, heard: int, whole: int) -> str:
    """The words of a sentence still to be said when `heard` of about `whole` samples were heard.

    One word is said twice rather than none; digits are said again from the beginning, a number must come whole.
    """
    if any(c.isdigit() for c in text) or whole <= 0:
        return text
    words = text.split()
    return " ".join(words[max(0, len(heard_part(text, heard / whole).split()) - 1) :])


def heard_part(sentence: str, fraction: float) -> str:
    """The words of a sentence whose sound had been heard to its end, by share of letters."""
    limit, spent, heard = fraction * len(sentence), 0, []
    for word in sentence.split():
        spent += len(word) + 1
        if spent - 1 > limit:
            break
        heard.append(word)
    return " ".join(heard)
