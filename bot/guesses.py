"""Speculative recognition of the turn being spoken: segments already certain, and the present guess at the rest."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Final, Protocol

from bot.speech.audio import Pcm, Samples
from bot.speech.moonshine import NumberRecogniser, Recogniser, StreamingRecogniser, Transcript
from bot.speech.turn import WINDOW, TurnModel
from flows.model import Expect, SlotType
from flows.patience import may_be_number, may_be_yes, words_tell

log = logging.getLogger("leadline.ear")

AFTER_S: Final = 0.04  #: of silence, then a guess, which is ready when the shortest patience ends
FLUSHED_S: Final = 0.06  #: where a guess makes a hosted recogniser end its words: not in the stop of "eighteen"
LATER_S: Final = 0.13  #: in dictation, which pauses at every group of digits
_LONG_S: Final = 0.5
_CONFIDENCE_MIN: Final = 0.5  #: below, without a hotword, it is noise that was guessed at
_UNSURE: Final = 0.75  #: a last word less sure than this is waited for: there is time to listen again
_LATER: Final = (80, 160, 320)  #: samples left out at its beginning then, of the silence before it
_SURER, _SURE = 0.1, 0.9  #: the second hearing counts when it is so much surer, and its last word so sure
_SPEECH_WORDS: Final = 3  #: so many are no noise, though they may all be wrong
_NOBODY: Final = frozenset({"you", "you you"})  #: what clicks and coughs are heard as, however sure it is
_DICTATED: Final = frozenset({SlotType.PHONE, SlotType.DIGITS})


class Patience(Protocol):
    """Seconds of silence after which the words are the whole turn.

    `finished`: how much it sounds so, 0 to 1; `ending`: how sure the last word is, 0 to 1; `onward`: how probable
    "and" or "um" was in its place, if known.
    """

    def __call__(
        self,
        expect: Expect,
        text: str,
        finished: float | None = None,
        ending: float = 1.0,
        onward: float | None = None,
        /,
    ) -> float: ...


@dataclass(frozen=True, slots=True)
class Decoded:
    """The turn's words so far."""

    text: str
    confidence: float
    patience: float  #: seconds of silence to wait after them
    began_at: float  #: when this guess was begun
    done_at: float


@dataclass(frozen=True, slots=True)
class Recognition:
    """What a turn is recognised with. Recognition runs in the executor's thread."""

    recogniser: Recogniser
    executor: Executor
    patience: Patience
    turn_model: TurnModel | None = None


@dataclass(frozen=True, slots=True)
class _Guess:
    transcript: Transcript
    finished: float | None = None
    took_s: float = 0.0  #: since it was asked for


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a guess is made of."""

    samples: Samples
    tail: Pcm
    expect: Expect
    stale: threading.Event  #: set once speech goes on
    at: float  #: of `time.perf_counter`


def _always() -> bool:
    return True


class Guesses:
    """One turn at a time."""

    def __init__(self, recognition: Recognition) -> None:
        self._by = recognition
        self._stream = recognition.recogniser if isinstance(recognition.recogniser, StreamingRecogniser) else None
        self._certain: list[Future[_Guess]] = []
        self._guess: Future[_Guess] | None = None
        self._judged: Decoded | None = None
        self._began_at = 0.0
        self._stale = threading.Event()
        self.start_after_s = AFTER_S

    @property
    def idle(self) -> bool:
        """Whether no guess is being made."""
        return self._guess is None

    async def settled(self) -> None:
        """Wait until every segment is decoded."""
        running = [*self._certain, *([self._guess] if self._guess is not None else [])]
        await asyncio.gather(*(asyncio.wrap_future(future) for future in running))

    def prefer(self, hotwords: tuple[str, ...]) -> None:
        """Names that may be said from now on, for recognisers that listen along."""
        if self._stream is not None:
            self._stream.prefer(hotwords)

    def restart(self) -> None:
        """A new turn."""
        self._certain.clear()
        self.start_after_s = AFTER_S if self._stream is None else FLUSHED_S
        self.drop()
        if self._stream is not None:
            self._stream.settle()

    def feed(self, pcm: Pcm) -> None:
        """Sound of the turn, for recognisers that listen along."""
        if self._stream is not None:
            self._stream.feed(pcm)

    def drop(self) -> None:
        """Speech goes on: the guess is stale."""
        if self._guess is not None:
            self._guess.cancel()
            self._stale.set()  # one that is being made already stops at its next token
            if self._stream is not None:
                self._stream.speech_goes_on()
        self._guess = self._judged = None

    def start(self, samples: Samples, tail: Pcm, expect: Expect, at: float) -> None:
        """Guess at the turn: `samples` is all of it, `tail` its end as PCM16."""
        self._judged, self._began_at, self._stale = None, at, threading.Event()
        asked = _Asked(samples, tail[-WINDOW:].copy(), expect, self._stale, time.perf_counter())
        self._guess = self._by.executor.submit(self._recognise, asked)

    async def look(self, samples: Samples, expect: Expect) -> Transcript:
        """Recognise sound beside the turn's own guess."""
        return await asyncio.wrap_future(self._by.executor.submit(self._transcribe, samples, expect))

    def commit(self, samples: Samples, expect: Expect) -> None:
        """A segment that is over while speech goes on."""
        self._certain.append(self._by.executor.submit(self._segment, samples, expect))

    def accept(self) -> None:
        """The guess is final for its segment; what follows is a new one."""
        if self._guess is not None:
            self._certain.append(self._guess)
        if self._stream is not None:
            self._stream.settle()
        self._guess = self._judged = None

    def words(self, expect: Expect) -> Decoded | None:
        """The turn's words so far and how long to wait after them; None while decoding."""
        if self._guess is None or not self._guess.done() or not all(f.done() for f in self._certain):
            return None
        if self._judged is None:
            heard = [believed(f.result().transcript) for f in (*self._certain, self._guess)]
            text = " ".join(t.text for t in heard if t.text)
            confidence = min((t.confidence for t in heard if t.text), default=0.0)
            guess = self._guess.result()
            last = heard[-1]
            wait = self._by.patience(expect, text, guess.finished, last.ending, last.onward)
            self._judged = Decoded(text, confidence, wait, self._began_at, self._began_at + guess.took_s)
            # Who dictates or thinks pauses often: the next guess may wait a little, the turn will not end sooner.
            if wait > _LONG_S:
                self.start_after_s = LATER_S
        return self._judged

    def _recognise(self, asked: _Asked) -> _Guess:
        heard = self._again(self._transcribe(asked.samples, asked.expect, asked.stale), asked)
        transcript, finished = self._number(heard, asked), None
        model = self._by.turn_model
        if model is not None and not asked.stale.is_set() and not words_tell(asked.expect, believed(transcript).text):
            finished = model.finished(asked.tail)
        return _Guess(transcript, finished, time.perf_counter() - asked.at)

    def _again(self, heard: Transcript, asked: _Asked) -> Transcript:
        """A yes or no with an unsure word behind it is heard again from 5, 10 and 20 ms later: what is heard may
        hang on where in the sound the recogniser's frames begin ("Yeah, sure." as "Yes, sir." at one place of ten)."""
        if heard.ending >= _UNSURE or not may_be_yes(asked.expect, heard.text):
            return heard
        if not isinstance(self._by.recogniser, NumberRecogniser):
            return heard  # a hosted one hears along
        for later in _LATER:
            if asked.stale.is_set():
                break
            again = self._transcribe(asked.samples[later:], asked.expect, asked.stale)
            if again.ending >= _SURE and again.confidence >= heard.confidence + _SURER:
                return again
        return heard

    def _number(self, heard: Transcript, asked: _Asked) -> Transcript:
        """What was heard, or the bare number that it was."""
        by = self._by.recogniser
        if not isinstance(by, NumberRecogniser) or asked.stale.is_set() or not may_be_number(asked.expect, heard.text):
            return heard
        return _in_any_case(heard, lambda: by.number(asked.samples, heard, lambda: not asked.stale.is_set()) or heard)

    def _segment(self, samples: Samples, expect: Expect) -> _Guess:
        transcript = self._transcribe(samples, expect)
        if self._stream is not None:
            self._stream.settle()
        return _Guess(transcript)

    def _transcribe(self, samples: Samples, expect: Expect, stale: threading.Event | None = None) -> Transcript:
        digits, wanted = expect.kind in _DICTATED, (lambda: not stale.is_set()) if stale is not None else _always
        by = self._by.recogniser
        return _in_any_case(
            Transcript("", 0.0), lambda: by.transcribe(samples, expect.hotwords, digits=digits, wanted=wanted)
        )


def _in_any_case(otherwise: Transcript, recognise: Callable[[], Transcript]) -> Transcript:
    try:
        return recognise()
    except Exception:  # whatever a recogniser does, the call goes on: the caller is asked again
        log.exception("recognition failed")
        return otherwise


def believed(transcript: Transcript) -> Transcript:
    """Noise decodes to short guesses, mostly at low confidence: treat them as not heard. Of many words, something was said."""
    if transcript.biased:
        return transcript
    if transcript.confidence < _CONFIDENCE_MIN or transcript.text.lower().strip(".,?! ") in _NOBODY:
        ending = 0.0 if transcript.text.count(" ") >= _SPEECH_WORDS - 1 else 1.0
        return Transcript("", transcript.confidence, ending=ending)
    return transcript
