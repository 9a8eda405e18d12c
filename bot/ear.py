"""The ear: caller audio in, "speech began" and "the turn is over" out. It alone decides that the caller has finished.

A turn opens with voice activity. After 70 to 150 ms of silence, the whole turn is decoded speculatively; the turn closes
as soon as the silence reaches `patience(expect, text)`, which knows what was asked. Silence is the longer of the
detector's and an energy measure: the detector alone hangs on 110-160 ms too long on telephone audio.
Everything happens in `push`, driven by the frames themselves: no task, no clock of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from bot.speech.audio import Pcm, Samples, decibels, to_float
from bot.speech.moonshine import RATE, Recogniser, Transcript
from bot.speech.vad import Activity
from flows.model import Expect, SlotType

_PREROLL_S: Final = 0.4  # context before the onset that the recogniser gets
_DECODE_AFTER_S: Final = 0.15  #: guesses this late are ready when the shortest patience of most questions ends
_DECODE_SOON_S: Final = 0.07  #: after a bare yes or no, where patience is shorter
_DECODE_LATER_S: Final = 0.25  #: in dictation, which pauses at every group of digits
_QUICK: Final = frozenset({SlotType.YES_NO, "confirm", "open"})
_LONG_S: Final = 0.5
_STILL_SPEAKING_S: Final = 0.05
_CONTRAST_DB: Final = 25.0  # energy tells silence only when speech stands this far above the floor
_STEP: Final = RATE // 100  # samples in 10 ms
_JUDGE_EVERY: Final = 5  # levels: speech and noise are told apart anew every 50 ms
_SEGMENT_S: Final = 18.0  # a monologue is decoded in segments: Moonshine takes 30 s
_SEGMENT_MAX_S: Final = 24.0
TURN_MAX_S: Final = 60.0
_GLIMPSE_MIN: Final = 0.4  # of half a sentence, which is less certain than a whole one
_CONFIDENCE_MIN: Final = 0.5  # below, without a hotword, it is noise that was guessed at


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller said, and when. Times are those of the frames (Unix seconds)."""

    text: str  #: "" when nothing could be recognised
    confidence: float
    began_at: float
    ended_at: float  #: end of the last sound, not of the silence behind it
    decided_at: float
    voiced_s: float
    decode_began_at: float | None = None  #: of the guess that became the turn
    decoded_at: float | None = None


class EarSink(Protocol):
    """Who listens to the ear."""

    def on_onset(self, at: float) -> None: ...

    def on_turn(self, turn: Turn) -> None: ...


Patience = Callable[[Expect, str], float]


class Ear:
    """One per call. Holds the audio of the turn that is being spoken."""

    def __init__(
        self, sink: EarSink, recogniser: Recogniser, activity: Activity, executor: Executor, patience: Patience
    ) -> None:
        self.expect = Expect()
        self._sink = sink
        self._activity = activity
        self._patience = patience
        self._decoder = _Decoder(recogniser, executor)
        self._sound = _Sound()
        self._began_at: float | None = None

    def push(self, pcm: Pcm, at: float) -> None:
        """Take one frame of PCM16 at 16 kHz that ended at `at`."""
        self._sound.append(pcm)
        began = self._activity.push(pcm)
        if self._began_at is None:
            if not began:
                if self._sound.seconds > 3 * _PREROLL_S:  # now and then, not at every frame
                    self._sound.keep_last(_PREROLL_S)
                return
            self._began_at = at
            self._sound.keep_last(_PREROLL_S + 0.1)
            self._decoder.restart(_DECODE_SOON_S if self.expect.kind in _QUICK else _DECODE_AFTER_S)
            self._sink.on_onset(at)
        self._follow(self._began_at, at)

    async def glimpse(self, seconds: float) -> str:
        """The words in the last `seconds` of a turn that is still being spoken; "" for noise."""
        samples = self._sound.samples()[-round(seconds * RATE) :]
        seen = await self._decoder.look(samples, self.expect.hotwords)
        return seen.text if seen.biased or seen.confidence >= _GLIMPSE_MIN else ""

    async def finish(self, at: float, limit_s: float = 2.0) -> Turn | None:
        """The caller is gone: what was said of the turn still open, or None when there is none."""
        if self._began_at is None:
            return None
        began_at, self._began_at = self._began_at, None
        if self._decoder.idle:
            self._decoder.start(self._sound.samples(), self.expect.hotwords, at)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._decoder.settled(), limit_s)
        text = self._decoder.text(self.expect, self._patience)
        if text is None:
            return None
        return Turn(text.text, text.confidence, began_at, at, at, at - began_at)

    def _follow(self, began_at: float, at: float) -> None:
        silence = max(self._activity.silence_s, self._sound.quiet_s())
        over = at - began_at >= TURN_MAX_S
        if silence < _STILL_SPEAKING_S and not over:
            self._decoder.drop()
            if self._sound.seconds > _SEGMENT_MAX_S:
                self._decoder.commit(self._sound.cut_quietest(), self.expect.hotwords)
            return
        if (silence >= self._decoder.start_after_s or over) and self._decoder.idle:
            self._decoder.start(self._sound.samples(), self.expect.hotwords, at)
        text = self._decoder.text(self.expect, self._patience)
        if text is None:
            return
        if silence >= text.patience or over:
            self._close(text, began_at, at, silence)
        elif self._sound.seconds > _SEGMENT_S:
            self._decoder.accept()
            self._sound.keep_last(0.1)

    def _close(self, text: _Decoded, began_at: float, at: float, silence: float) -> None:
        ended_at = at - silence
        self._began_at = None
        self._decoder.restart()
        self._activity.settle()
        self._sound.keep_last(_PREROLL_S)
        voiced_s = max(0.0, ended_at - began_at + 0.06)
        self._sink.on_turn(
            Turn(text.text, text.confidence, began_at, ended_at, at, voiced_s, text.decode_began_at, text.decoded_at)
        )


class _Sound:
    """The audio of the turn and its loudness per 10 ms."""

    def __init__(self) -> None:
        self._data = np.zeros(int((_SEGMENT_MAX_S + 2) * RATE), np.int16)
        self._size = 0
        self._levels = np.zeros(len(self._data) // _STEP, np.float32)
        self._measured = 0  # levels known
        self._judged = -_JUDGE_EVERY  # how many were known when speech and floor were last told apart
        self._threshold: float | None = None

    @property
    def seconds(self) -> float:
        return self._size / RATE

    def append(self, pcm: Pcm) -> None:
        if self._size + len(pcm) > len(self._data):  # silence past every limit: keep the newest
            self.keep_last(_SEGMENT_MAX_S)
        self._data[self._size : self._size + len(pcm)] = pcm
        self._size += len(pcm)
        self._measure()

    def keep_last(self, seconds: float) -> None:
        keep = min(self._size // _STEP, int(seconds * 100))
        if keep * _STEP == self._size:
            return
        start = self._size - keep * _STEP
        self._data[: keep * _STEP] = self._data[start : self._size].copy()
        self._size = keep * _STEP
        self._measured, self._judged, self._threshold = 0, -_JUDGE_EVERY, None
        self._measure()

    def samples(self) -> Samples:
        return to_float(self._data[: self._size])

    def quiet_s(self) -> float:
        """Seconds since the last sound, by energy; 0 when speech does not stand clear of the noise."""
        if self._measured - self._judged >= _JUDGE_EVERY:
            self._judged, self._threshold = self._measured, _threshold(self._levels[: self._measured][-1000:])
        if self._threshold is None:
            return 0.0
        recent = self._levels[max(0, self._measured - 120) : self._measured]
        loud = np.flatnonzero(recent > self._threshold)
        return (len(recent) - 1 - int(loud[-1])) * 0.01 if len(loud) else len(recent) * 0.01

    def cut_quietest(self) -> Samples:
        """Take everything up to the quietest moment of the last two seconds; the rest stays."""
        tail = self._levels[max(0, self._measured - 200) : self._measured]
        cut = (self._measured - len(tail) + int(tail.argmin())) * _STEP
        head = to_float(self._data[:cut])
        self.keep_last((self._size - cut) / RATE)
        return head

    def _measure(self) -> None:
        known, whole = self._measured, self._size // _STEP
        if whole > known:
            fresh = to_float(self._data[known * _STEP : whole * _STEP])
            self._levels[known:whole] = decibels(fresh, _STEP)
            self._measured = whole


def _threshold(levels: npt.NDArray[np.float32]) -> float | None:
    """The level that tells sound from silence in this turn, dBFS; None when the two are too close to tell."""
    if len(levels) < 10:
        return None
    speech, floor = (float(x) for x in np.percentile(levels, (90, 5)))
    floor = max(floor, -90.0)
    return max(speech - 30.0, floor + 12.0) if speech - floor > _CONTRAST_DB else None


@dataclass(frozen=True, slots=True)
class _Decoded:
    text: str
    confidence: float
    patience: float
    decode_began_at: float
    decoded_at: float


class _Decoder:
    """Speculative decoding: segments already certain, and the present guess at the rest."""

    def __init__(self, recogniser: Recogniser, executor: Executor) -> None:
        self._recogniser = recogniser
        self._executor = executor
        self._certain: list[Future[Transcript]] = []
        self._guess: Future[Transcript] | None = None
        self._judged: _Decoded | None = None
        self._began_at = 0.0
        self._took_s = 0.0
        self.start_after_s = _DECODE_AFTER_S

    @property
    def idle(self) -> bool:
        return self._guess is None

    async def settled(self) -> None:
        """Wait until every segment is decoded."""
        running = [*self._certain, *([self._guess] if self._guess is not None else [])]
        await asyncio.gather(*(asyncio.wrap_future(future) for future in running))

    def restart(self, start_after_s: float = _DECODE_AFTER_S) -> None:
        self._certain.clear()
        self.start_after_s = start_after_s
        self.drop()

    def drop(self) -> None:
        """Speech goes on: the guess is stale."""
        if self._guess is not None:
            self._guess.cancel()
        self._guess = self._judged = None

    def start(self, samples: Samples, hotwords: tuple[str, ...], at: float) -> None:
        submitted = time.perf_counter()
        self._judged, self._began_at, self._took_s = None, at, 0.0
        self._guess = guess = self._executor.submit(self._recogniser.transcribe, samples, hotwords)
        guess.add_done_callback(lambda done: self._time(done, time.perf_counter() - submitted))

    def _time(self, decoded: Future[Transcript], took_s: float) -> None:
        if decoded is self._guess:  # called in the decoding thread: of the newest guess only
            self._took_s = took_s

    async def look(self, samples: Samples, hotwords: tuple[str, ...]) -> Transcript:
        """Decode sound beside the turn's own guess."""
        return await asyncio.wrap_future(self._executor.submit(self._recogniser.transcribe, samples, hotwords))

    def commit(self, samples: Samples, hotwords: tuple[str, ...]) -> None:
        self._certain.append(self._executor.submit(self._recogniser.transcribe, samples, hotwords))

    def accept(self) -> None:
        """The guess is final for its segment; what follows is a new one."""
        if self._guess is not None:
            self._certain.append(self._guess)
        self._guess = self._judged = None

    def text(self, expect: Expect, patience: Patience) -> _Decoded | None:
        """The turn's words so far and how long to wait after them; None while decoding."""
        if self._guess is None or not self._guess.done() or not all(f.done() for f in self._certain):
            return None
        if self._judged is None:
            heard = [believed(f.result()) for f in (*self._certain, self._guess)]
            text = " ".join(t.text for t in heard if t.text)
            confidence = min((t.confidence for t in heard if t.text), default=0.0)
            began_at = self._began_at
            self._judged = _Decoded(text, confidence, patience(expect, text), began_at, began_at + self._took_s)
            # Who dictates or thinks pauses often: the next guess may wait a little, the turn will not end sooner.
            if self._judged.patience > _LONG_S:
                self.start_after_s = _DECODE_LATER_S
        return self._judged


def believed(transcript: Transcript) -> Transcript:
    """Noise decodes to short guesses at low confidence: treat them as not heard."""
    if transcript.confidence < _CONFIDENCE_MIN and not transcript.biased:
        return Transcript("", transcript.confidence)
    return transcript
