"""The mouth: speaks one prompt at a time, can pause, resume and stop, and knows what was really heard of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import numpy as np

from bot.clip import Clip, heard_part
from bot.speech.audio import Pcm
from bot.speech.voice import RATE
from bot.studio import Studio, sentences
from bot.uttered import Uttered

T = TypeVar("T")

_FRAME: Final = RATE // 10  # 100 ms: half the wake-ups of 50; the source cuts it into 10 ms by itself
_AHEAD_S: Final = 0.1  #: with so much queued we wait: it outlasts a stalled loop, and is dropped at once for barge-in
_HEARD_S: Final = 0.005  #: less than this still queued counts as heard


class Speaker(Protocol):
    """Where sound goes: a bounded queue of PCM16 at 24 kHz that plays in real time."""

    async def write(self, pcm: Pcm) -> None:
        """Queue samples. Only called when `wait_below` has made room, so it does not wait for long."""
        ...

    async def wait_below(self, seconds: float) -> None:
        """Until no more than so much is queued, or the queue is cleared."""
        ...

    def clear(self) -> None:
        """Drop what is queued: silence at once."""
        ...

    @property
    def queued_s(self) -> float:
        """Seconds queued and not played yet."""
        ...


@dataclass(frozen=True, slots=True)
class Spoken:
    """What became of a prompt."""

    text: str  #: the words that were heard
    finished: bool
    began_at: float | None  #: when the first sample was queued, Unix seconds; None when nothing was


class _Tape:
    """The clips of one prompt in a row, and the place on it that has been handed to the speaker."""

    def __init__(self) -> None:
        self.clips: list[Clip] = []
        self.place = 0  # samples

    def next_frame(self, uttered: Uttered, at: float) -> Pcm:
        """Up to 100 ms from the place on, within one clip, which will play at `at`; advances. Empty when there is no more yet."""
        start = 0
        for clip in self.clips:
            if self.place < start + len(clip):
                since = self.place - start
                frame = clip.pcm[since : since + _FRAME]
                uttered.play(clip, since, since + len(frame), at)
                self.place += len(frame)
                return frame
            start += len(clip)
        return np.zeros(0, np.int16)

    def left(self) -> int:
        """Samples beyond the place that are there by now."""
        return sum(map(len, self.clips)) - self.place

    async def more(self) -> None:
        """Wait until the last clip has more, or is whole."""
        await self.clips[-1].beyond(len(self.clips[-1]))

    def heard(self) -> str:
        """The words before the place."""
        words, start = [], 0
        for clip in self.clips:
            part = min(max(self.place - start, 0), len(clip))
            whole = clip.whole and part == len(clip)
            words.append(clip.text if whole else heard_part(clip.text, part / max(1, clip.expected)))
            start += len(clip)
        return " ".join(word for word in words if word)


class Mouth:
    """One per call; one prompt at a time."""

    def __init__(self, speaker: Speaker, studio: Studio, now: Callable[[], float] = time.time) -> None:
        self._speaker = speaker
        self._now = now
        self._studio = studio
        self._tape = _Tape()
        self._going = asyncio.Event()
        self._stopped = asyncio.Event()
        self._last_sentence = False
        self._halting = False  # a pause is due where the sentence ends
        self.speaking = False
        self.uttered = Uttered()

    async def prepare(self, text: str) -> None:
        """Render what will be said soon."""
        for sentence in sentences(text):
            await self._studio.clip(sentence)

    async def say(self, text: str) -> Spoken:
        """Speak until the end, `stop()`, or the end of the sentence in which `finish_sentence()` was called."""
        self._tape = tape = _Tape()
        self._going.set()
        self._stopped.clear()
        self._last_sentence = self._halting = False
        self.speaking = True
        began_at: float | None = None
        todo = sentences(text)
        try:
            while not self._stopped.is_set() and todo and not (self._last_sentence and tape.clips):
                sentence = todo.pop(0)
                clip = await self._unless_stopped(self._studio.clip(sentence))
                if clip is None:
                    break
                tape.clips.append(clip)
                began_at = self._now() if began_at is None else began_at
                await self._play_to_end_of_tape(lambda: not todo or self._last_sentence or self._halting)
                if self._halting and todo and not self._last_sentence:
                    self._going.clear()
                    await self._going.wait()  # the next sentence is not begun before it is known whether it is wanted
            finished = not self._stopped.is_set() and not todo
            return Spoken(text if finished else tape.heard(), finished, began_at)
        finally:
            self.speaking = False
            self._speaker.clear()

    def ahead(self, texts: Iterable[str]) -> None:
        """These may be said next: begin to render them."""
        self._studio.ahead(texts)

    def pause(self) -> None:
        """Fall silent at once and remember the place."""
        if self.speaking and self._going.is_set():
            self._going.clear()
            self._rewind()

    def resume(self) -> None:
        """Go on from where the last sound was heard."""
        self._halting = False
        self._going.set()

    def stop(self) -> None:
        """Fall silent for good."""
        if self.speaking and not self._stopped.is_set():
            if self._going.is_set():
                self._rewind()
            self._stopped.set()
            self._going.set()

    def finish_sentence(self) -> None:
        """Stop after the sentence being spoken."""
        self._last_sentence = True
        self._going.set()  # a pause at its end is over

    def pause_after_sentence(self) -> None:
        """Pause when the sentence being spoken is over; `resume` goes on."""
        self._halting = True

    @property
    def paused(self) -> bool:
        """True between `pause` and `resume`."""
        return self.speaking and not self._going.is_set()

    @property
    def sounded_at(self) -> float:
        """When the last sound was handed to the speaker, Unix seconds."""
        return self.uttered.sounded_at

    @property
    def audible(self) -> bool:
        """Whether sound is on its way to the caller."""
        return self._speaker.queued_s > 0

    async def _unless_stopped(self, waiting: Coroutine[None, None, T]) -> T | None:
        """What is waited for, or None when `stop()` comes first: a voice that hangs holds nobody."""
        task, stopped = asyncio.create_task(waiting), asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            task.cancel()
            stopped.cancel()

    def _rewind(self) -> None:
        unheard = int(self._speaker.queued_s * RATE)
        self._speaker.clear()
        self.uttered.drop(self._now())
        self._tape.place = max(0, self._tape.place - unheard)

    async def _play_to_end_of_tape(self, last: Callable[[], bool]) -> None:
        """Feed the speaker; after what may be the last sentence, also wait until it has been heard (a pause may take it back)."""
        tape = self._tape
        while not self._stopped.is_set():
            await self._going.wait()
            if self._stopped.is_set():
                return
            if tape.left():
                if self._speaker.queued_s > _AHEAD_S:
                    await self._speaker.wait_below(_AHEAD_S)
                else:  # nothing was awaited since the pause was looked at
                    self.uttered.sounded_at = now = self._now()
                    await self._speaker.write(tape.next_frame(self.uttered, now + self._speaker.queued_s))
            elif not tape.clips[-1].whole:
                await self._unless_stopped(tape.more())
            elif last() and self._speaker.queued_s > _HEARD_S:
                await self._speaker.wait_below(_HEARD_S)
            else:
                return
