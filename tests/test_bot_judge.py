"""One process judges for all calls: the same answer as the model's own, never waited for too long, gone with who asks."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import numpy as np
import pytest

from bot.speech.audio import Pcm
from bot.speech.judge import Judge
from bot.speech.turn import WINDOW, SoundsFinished

pytestmark = pytest.mark.skipif(os.uname().sysname != "Linux", reason="elsewhere every process asks its own model")

SOUND: Pcm = np.arange(WINDOW, dtype=np.int16)


@contextmanager
def started(model: Callable[[Pcm], float], limit_s: float = 10.0) -> Iterator[tuple[Judge, int]]:
    """A judge and its process, which ends with it."""
    judge = Judge(model, limit_s)
    pid = judge.start()
    assert pid is not None
    try:
        yield judge, pid
    finally:
        judge.close()
        os.waitpid(pid, 0)


@pytest.mark.parametrize("seconds", [0.02, 0.5, 1.2, 2.0])
def test_it_answers_as_the_model_in_one_s_own_process_does(seconds: float) -> None:
    model = SoundsFinished()
    sound = np.random.default_rng(1).normal(0, 2000, round(seconds * 16_000)).astype(np.int16)
    with started(model.finished) as (judge, _):
        assert judge.finished(sound) == pytest.approx(model.finished(sound))


def test_many_processes_are_answered_each_for_itself() -> None:
    with started(lambda pcm: float(pcm[-1]) / 100) as (judge, _):
        children = {}
        for at in range(8):
            if (pid := os.fork()) == 0:
                os._exit(0 if judge.finished(np.full(WINDOW, at, np.int16)) == at / 100 else 1)
            children[at] = pid
        assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children.values()] == [0] * 8


def test_it_thinks_in_a_process_of_its_own() -> None:
    with started(lambda _: float(os.getpid())) as (judge, pid):
        assert judge.finished(SOUND) == pid != os.getpid()


def test_nobody_waits_for_a_late_answer_and_those_who_gave_up_are_not_answered(tmp_path: Path) -> None:
    gate, asked = tmp_path / "gate", []
    os.mkfifo(gate)

    def thinks_long_at_first(_: Pcm) -> float:
        asked.append(1)
        if len(asked) == 1:
            gate.read_bytes()
        return float(len(asked))

    with started(thinks_long_at_first) as (patient, _), ThreadPoolExecutor(1) as caller:
        first = caller.submit(patient.finished, SOUND)
        opened = os.open(gate, os.O_WRONLY)  # waits until the model thinks
        hasty = copy(patient)
        hasty.limit_s = 0.0
        assert [hasty.finished(SOUND) for _ in range(20)] == [None] * 20  # more than the queue holds
        os.close(opened)
        assert first.result() == 1.0
        while (found := patient.finished(SOUND)) is None:
            pass  # the queue is just being emptied
        assert found == 2.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_what_ends_a_worker_or_a_call_does_not_end_it(number: signal.Signals) -> None:
    with started(lambda _: 0.5) as (judge, pid):
        judge.finished(SOUND)  # it is up
        os.kill(pid, number)
        assert judge.finished(SOUND) == 0.5


def test_once_it_is_gone_everybody_asks_their_own_model() -> None:
    with started(lambda _: float(os.getpid())) as (judge, pid):
        os.kill(pid, signal.SIGKILL)
        assert judge.finished(SOUND) == os.getpid()
        assert judge.finished(SOUND) == os.getpid()


def test_a_model_that_breaks_breaks_no_call() -> None:
    me = os.getpid()

    def breaks(_: Pcm) -> float:
        if os.getpid() != me:
            raise RuntimeError("the model broke")
        return 0.4

    with started(breaks) as (judge, _):
        assert judge.finished(SOUND) == 0.4
