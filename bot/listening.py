"""The ear on a recording: frames as a call delivers them, at their own pace or as fast as the machine can.

At full speed the clock is that of the frames. Recognition still takes its time: its result is shown to the ear only
when as much sound has passed as the work took, so that a turn is decided when it would have been in a call.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, ParamSpec, TypeVar

import numpy as np

from bot.ear import Ear, Turn
from bot.guesses import Patience, Recognition
from bot.line import EAR_RATE, FRAME_S
from bot.speech.audio import Pcm
from bot.speech.moonshine import Recogniser
from bot.speech.turn import TurnModel
from bot.speech.vad import Activity
from flows.model import Expect

P = ParamSpec("P")
T = TypeVar("T")

_FRAME: Final = int(EAR_RATE * FRAME_S)
_AFTER_S: Final = 4.0  #: silence behind the recording, longer than any patience


@dataclass(slots=True)
class Heard:
    """`EarSink` that keeps what the ear says; times in seconds from the start of the recording."""

    onsets: list[float] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)

    def on_onset(self, at: float) -> None:
        """`EarSink`."""
        self.onsets.append(at)

    def on_turn(self, turn: Turn) -> None:
        """`EarSink`."""
        self.turns.append(turn)


class FrameTime(Executor):
    """One worker whose time is that of the frames: work is done at once and takes effect when it would have been done."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._now = self._free_at = 0.0
        self._due: deque[tuple[float, Callable[[], None]]] = deque()
        self.jobs = 0
        self.busy_s = 0.0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do the work now; the future is done once `advance` has passed the time it took."""
        future: Future[T] = Future()
        began = self._clock()
        result = fn(*args, **kwargs)
        took = self._clock() - began
        self.jobs += 1
        self.busy_s += took
        self._free_at = max(self._now, self._free_at) + took

        def show() -> None:
            if future.set_running_or_notify_cancel():
                future.set_result(result)

        self._due.append((self._free_at, show))
        return future

    def advance(self, now: float) -> None:
        """Sound has passed up to `now`, in seconds."""
        self._now = now
        while self._due and self._due[0][0] <= now:
            self._due.popleft()[1]()


def listen(
    pcm: Pcm,
    expect: Expect,
    recogniser: Recogniser,
    activity: Activity,
    patience: Patience,
    *,
    worker: FrameTime | None = None,
    turn_model: TurnModel | None = None,
) -> Heard:
    """Let an ear hear a recording (mono PCM16 at 16 kHz), as fast as the machine can."""
    worker = worker or FrameTime()
    heard = Heard()
    ear = Ear(heard, Recognition(recogniser, worker, patience, turn_model), activity)
    ear.expect = expect
    for frame, at in frames(pcm):
        worker.advance(at)
        ear.push(frame, at)
    return heard


def listen_in_real_time(
    pcm: Pcm,
    expect: Expect,
    recogniser: Recogniser,
    activity: Activity,
    patience: Patience,
    told: Callable[[Turn], None],
    *,
    turn_model: TurnModel | None = None,
) -> Heard:
    """The same at the recording's own pace, with a thread for recognition as in a call; each turn is told at once."""
    heard = Heard()
    with ThreadPoolExecutor(1, "ear") as worker:
        ear = Ear(heard, Recognition(recogniser, worker, patience, turn_model), activity)
        ear.expect = expect
        began, known = time.monotonic(), 0
        for frame, at in frames(pcm):
            time.sleep(max(0.0, began + at - time.monotonic()))
            ear.push(frame, at)
            for turn in heard.turns[known:]:
                told(turn)
            known = len(heard.turns)
    return heard


def frames(pcm: Pcm) -> Iterator[tuple[Pcm, float]]:
    """The recording and the silence behind it, in frames of a call, each with the time of its end."""
    whole = np.concatenate((pcm, np.zeros(int(_AFTER_S * EAR_RATE), np.int16)))
    for start in range(0, len(whole) - _FRAME + 1, _FRAME):
        yield whole[start : start + _FRAME], (start + _FRAME) / EAR_RATE
