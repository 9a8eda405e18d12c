"""The ear: caller audio in, "speech began" and "the turn is over" out. It alone decides that the caller has finished.

A turn opens with voice activity. After 40 ms of silence, the whole turn is decoded speculatively; the turn closes
as soon as the silence reaches `patience(expect, text, finished, ending)`, which knows what was asked. Silence is the longer of
the detector's and an energy measure: the detector alone hangs on 110-160 ms too long on telephone audio.
Everything happens in `push`, driven by the frames themselves: no task, no clock of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final, Protocol

from bot.guesses import Decoded, Guesses, Recognition
from bot.loudness import TurnSound
from bot.speech.audio import Pcm
from bot.speech.moonshine import RATE
from bot.speech.vad import Activity
from flows.model import Expect

_PREROLL_S: Final = 0.4  # context before the onset that the recogniser gets
_STILL_SPEAKING_S: Final = 0.04
_SEGMENT_S: Final = 18.0  # a monologue is decoded in segments: Moonshine takes 30 s
_SEGMENT_MAX_S: Final = 24.0
TURN_MAX_S: Final = 60.0
_GLIMPSE_MIN: Final = 0.4  # of half a sentence, which is less certain than a whole one


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller said, and when. Times are those of the frames (Unix seconds)."""

    text: str  #: "" when nothing could be recognised
    confidence: float
    began_at: float  #: of the first sound
    ended_at: float  #: end of the last sound, not of the silence behind it
    decided_at: float
    voiced_s: float
    decode_began_at: float | None = None  #: of the guess that became the turn
    decoded_at: float | None = None


class EarSink(Protocol):
    """Who listens to the ear."""

    def on_onset(self, at: float) -> None: ...

    def on_turn(self, turn: Turn) -> None: ...


class Ear:
    """One per call. Holds the audio of the turn that is being spoken."""

    def __init__(self, sink: EarSink, recognition: Recognition, activity: Activity) -> None:
        self._expect = Expect()
        self._sink = sink
        self._activity = activity
        self._guesses = Guesses(recognition)
        self._sound = TurnSound(_SEGMENT_MAX_S)
        self._began_at: float | None = None

    @property
    def expect(self) -> Expect:
        """What was asked. Set it before the caller can answer: a hosted recogniser needs a moment for new names."""
        return self._expect

    @expect.setter
    def expect(self, expect: Expect) -> None:
        self._expect = expect
        self._guesses.prefer(expect.hotwords)

    def push(self, pcm: Pcm, at: float) -> None:
        """Take one frame of PCM16 at 16 kHz that ended at `at`."""
        self._sound.append(pcm)
        began = self._activity.push(pcm)
        if self._began_at is not None:
            self._guesses.feed(pcm)
            self._follow(self._began_at, at)
        elif began:
            self._began_at = at - self._sound.sounding_s()
            self._sound.keep_last(_PREROLL_S + 0.1)
            self._guesses.restart()
            self._guesses.feed(self._sound.pcm.copy())
            self._sink.on_onset(at)
            self._follow(self._began_at, at)
        elif self._sound.seconds > 3 * _PREROLL_S:  # now and then, not at every frame
            self._sound.keep_last(_PREROLL_S)

    async def glimpse(self, seconds: float) -> str:
        """The words in the last `seconds` of a turn that is still being spoken; "" for noise."""
        samples = self._sound.samples()[-round(seconds * RATE) :]
        seen = await self._guesses.look(samples, self.expect)
        return seen.text if seen.biased or seen.confidence >= _GLIMPSE_MIN else ""

    async def finish(self, at: float, limit_s: float = 2.0) -> Turn | None:
        """The caller is gone: what was said of the turn still open, or None when there is none."""
        if self._began_at is None:
            return None
        began_at, self._began_at = self._began_at, None
        if self._guesses.idle:
            self._guess(at)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._guesses.settled(), limit_s)
        words = self._guesses.words(self.expect)
        if words is None:
            return None
        return Turn(words.text, words.confidence, began_at, at, at, at - began_at)

    def _silence_s(self) -> float:
        quiet = self._sound.quiet_s()
        if not self._sound.clear:  # in noise a soft consonant looks like silence: the detector must doubt it too
            quiet = min(quiet, self._activity.fading_s)
        return max(self._activity.silence_s, quiet)

    def _guess(self, at: float) -> None:
        self._guesses.start(self._sound.samples(), self._sound.pcm, self.expect, at)

    def _follow(self, began_at: float, at: float) -> None:
        silence = self._silence_s()
        over = at - began_at >= TURN_MAX_S
        if silence < _STILL_SPEAKING_S and not over:
            self._guesses.drop()
            if self._sound.seconds > _SEGMENT_MAX_S:
                self._guesses.commit(self._sound.cut_quietest(), self.expect)
            return
        if (silence >= self._guesses.start_after_s or over) and self._guesses.idle:
            self._guess(at)
        words = self._guesses.words(self.expect)
        if words is None:
            return
        if silence >= words.patience or over:
            self._close(words, began_at, at, silence)
        elif self._sound.seconds > _SEGMENT_S:
            self._guesses.accept()
            self._sound.keep_last(0.1)

    def _close(self, words: Decoded, began_at: float, at: float, silence: float) -> None:
        ended_at = max(began_at, at - silence)
        self._began_at = None
        self._guesses.restart()
        self._activity.settle()
        self._sound.keep_last(_PREROLL_S)
        voiced_s = ended_at - began_at
        self._sink.on_turn(
            Turn(words.text, words.confidence, began_at, ended_at, at, voiced_s, words.began_at, words.done_at)
        )
