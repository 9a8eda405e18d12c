"""Stand-ins that ship: a speaker that plays nowhere, ears and a mind that were told what to find, work done on the spot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

import numpy as np

from bot.speech.audio import Pcm, Samples
from bot.speech.moonshine import Transcript
from bot.speech.voice import RATE
from bot.switchboard import Mode, TransferRefused
from flows.flow import Flow
from flows.model import Meaning, Transfer
from flows.state import State
from flows.suggestion import unsure

P = ParamSpec("P")
T = TypeVar("T")


class Exchange:
    """`hands.PutsThrough` without people: nobody takes a call, unless `answers` says how."""

    def __init__(self, answers: Mode | None = None) -> None:
        self.answers = answers
        self.decides = asyncio.Event()  #: set: whoever is rung has decided
        self.decides.set()
        self.taken_back = 0
        self.pressed = ""  #: keys sent to the caller's side

    async def press(self, digits: str) -> None:
        """Note the keys."""
        self.pressed += digits

    async def connect(self, transfer: Transfer) -> Mode:
        """As `answers` says, once `decides` is set."""
        await self.decides.wait()
        if self.answers is None:
            raise TransferRefused("unanswered")
        return self.answers

    async def take_back(self) -> None:
        """Count it."""
        self.taken_back += 1


class MemorySpeaker:
    """`mouth.Speaker` that keeps what it was given. `play(s)` is its clock: sound is heard only when told so."""

    def __init__(self) -> None:
        self._queued: list[Pcm] = []
        self._moved = asyncio.Event()
        self.heard = np.zeros(0, np.int16)

    async def write(self, pcm: Pcm) -> None:
        """Queue samples."""
        self._queued.append(pcm)

    async def wait_below(self, seconds: float) -> None:
        """Until so much has been played, or the queue is cleared."""
        while self.queued_s > seconds:
            self._moved.clear()
            await self._moved.wait()

    def clear(self) -> None:
        """Drop what is queued."""
        self._queued.clear()
        self._moved.set()

    @property
    def queued_s(self) -> float:
        """Seconds queued."""
        return sum(map(len, self._queued)) / RATE

    def play(self, seconds: float) -> None:
        """Let so much of the queue be heard."""
        left = int(seconds * RATE)
        while left > 0 and self._queued:
            frame = self._queued.pop(0)
            self.heard = np.concatenate((self.heard, frame[:left]))
            if len(frame) > left:
                self._queued.insert(0, frame[left:])
            left -= len(frame)
        self._moved.set()

    async def play_out(self) -> None:
        """Hear everything that comes until nothing comes any more."""
        quiet = 0
        while quiet < 20:
            quiet = 0 if self._queued else quiet + 1
            self.play(1.0)
            await asyncio.sleep(0)


class ScriptedRecogniser:
    """Says what it was told, whatever it hears; the last line is repeated."""

    def __init__(self, lines: Iterable[str | Transcript]) -> None:
        self._lines = [line if isinstance(line, Transcript) else Transcript(line, 0.95) for line in lines]
        self.heard_s: list[float] = []

    def transcribe(
        self,
        samples: Samples,
        hotwords: tuple[str, ...] = (),
        *,
        digits: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Transcript:
        """See `Recogniser`."""
        self.heard_s.append(len(samples) / 16_000)
        return self._lines.pop(0) if len(self._lines) > 1 else self._lines[0]


class ScriptedVoice:
    """A tone of 0.06 s per letter instead of speech."""

    name = "tone"

    def render(self, text: str) -> Samples:
        """See `Voice`."""
        t = np.arange(int(0.06 * len(text) * RATE)) / RATE
        return np.asarray(0.3 * np.sin(2 * np.pi * 440 * t), np.float32)


class ScriptedMind:
    """`Mind` that finds what it was told, the last again and again. A thought ends when `think` has been called."""

    def __init__(self, *meanings: Meaning | None, summary: str | None = None) -> None:
        self._meanings = [*meanings] or [None]
        self._summary = summary
        self._free = asyncio.Event()
        self.asked: list[str] = []

    def think(self) -> None:
        """Let every thought end, now and from now on."""
        self._free.set()

    def unsure(self, flow: Flow, state: State, text: str, *, at: float) -> bool:
        """See `Mind`."""
        return unsure(flow, state, text, at=at)

    async def understand(self, flow: Flow, state: State, text: str, *, at: float) -> Meaning | None:
        """See `Mind`."""
        if not self.unsure(flow, state, text, at=at):
            return None
        self.asked.append(text)
        await self._free.wait()
        return self._meanings.pop(0) if len(self._meanings) > 1 else self._meanings[0]

    async def retell(self, flow: Flow, state: State) -> str | None:
        """See `Mind`."""
        return self._summary if state.ended else None


class OnTheSpot(Executor):
    """Runs work at once in the caller's thread: time in a test is the frames' time."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run and return a finished future."""
        future: Future[T] = Future()
        future.set_result(fn(*args, **kwargs))
        return future
