"""One process beside a worker's calls judges for all of them whether a voice sounds finished.

v1-mini writes to 19 MB each time it is asked, which every call would own after its fork; so it is asked in one place.
Questions queue in a socket that holds about five of them, each with the pipe that its answer is written to. Who finds the
queue full, or has waited for long enough, goes by the words alone. The process ends with the last one who could ask.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np

from bot.speech.audio import Pcm
from bot.speech.turn import WINDOW

log = logging.getLogger("leadline.judge")

Model: TypeAlias = Callable[[Pcm], float]  #: the probability for the last 1.2 s

_LIMIT_S: Final = 0.25  #: an answer takes 15 ms; later than this, the silence has decided
_NICE: Final = 5  #: as recognition: sound comes first
_ANSWER: Final = struct.Struct("d")
_QUESTION_BYTES: Final = 2 * WINDOW


class Judge:
    """`TurnModel` that asks the process beside, once it is started, and the model in this process until then."""

    def __init__(self, model: Model, limit_s: float = _LIMIT_S) -> None:
        self._model = model
        self.limit_s = limit_s
        self._beside: socket.socket | None = None

    def start(self) -> int | None:
        """Fork the process and return its id; it answers to this one and to all that are forked from it later.

        None where a socket cannot carry whole questions: then everybody asks their own model.
        """
        if sys.platform != "linux":
            return None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if (child := os.fork()) == 0:
            try:
                _answer_all(theirs, self._model)
            except Exception:
                log.exception("nobody judges for all calls any more; each asks its own model")
            finally:
                os._exit(0)
        theirs.close()
        ours.setblocking(False)
        self._beside = ours
        return child

    def close(self) -> None:
        """Ask the process no more."""
        beside, self._beside = self._beside, None
        if beside is not None:
            beside.close()

    def finished(self, pcm: Pcm) -> float | None:
        """See `TurnModel`. None when there was no answer in time."""
        if self._beside is None:
            return self._model(pcm)
        answer, reply = os.pipe()
        try:
            try:
                socket.send_fds(self._beside, [pcm[-WINDOW:].tobytes()], [reply])
            finally:
                os.close(reply)
            return _answer(answer, self.limit_s)
        except BlockingIOError:
            return None
        except (ConnectionError, EOFError):  # the process is gone
            return self._model(pcm)
        finally:
            os.close(answer)


def _answer(pipe: int, limit_s: float) -> float | None:
    """What is written to the pipe, or None; EOFError when nobody is left to write it."""
    if not _events(pipe, select.POLLIN, limit_s):
        return None
    told = os.read(pipe, _ANSWER.size)
    if not told:
        raise EOFError
    return float(_ANSWER.unpack(told)[0])


def _answer_all(questions: socket.socket, model: Model) -> None:
    """The process: answer until nobody is left who could ask. The signals that end a worker or a call are not for it."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)
    for number in [int(name) for name in os.listdir("/proc/self/fd")]:
        if number > 2 and number != questions.fileno():  # also the fork server's, and our own end for asking
            with contextlib.suppress(OSError):
                os.close(number)
    os.nice(_NICE)
    while True:
        question, pipes, _, _ = socket.recv_fds(questions, _QUESTION_BYTES, 1)
        if not pipes:
            return
        if not _events(pipes[0], 0, 0.0):  # still waited for
            told = _ANSWER.pack(model(np.frombuffer(question, np.int16)))
            with contextlib.suppress(BrokenPipeError):
                os.write(pipes[0], told)
        os.close(pipes[0])


def _events(pipe: int, wanted: int, limit_s: float) -> bool:
    """Whether one of `wanted` happens to the pipe in time, or its other end is closed."""
    poll = select.poll()
    poll.register(pipe, wanted)
    return bool(poll.poll(limit_s * 1e3))
