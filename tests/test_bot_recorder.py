"""The recording: both sides where they were heard, what was not heard is not in it, and it plays whatever happens."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.recorder import RecordedSpeaker, Recorder
from bot.rehearsal import MemorySpeaker
from bot.speech.audio import Pcm
from bot.tape import RATE, Tape, Track
from store.calls import Part
from store.recordings import HEADER, PartFile, parts_in, read_part

FRAME = RATE * 40 // 1000
AT = 1_795_000_000.0


def level(value: int, samples: int) -> Pcm:
    return np.full(samples, value, np.int16)


def loud(pcm: Pcm) -> tuple[float, float]:
    """When sound begins and ends, in seconds."""
    places = np.flatnonzero(np.abs(pcm) > 100)
    return places[0] / RATE, (places[-1] + 1) / RATE


# -- one side


@pytest.mark.parametrize(
    ("name", "arrivals", "begins", "lasts"),
    [
        ("in step", [0.04 * n for n in range(1, 101)], 0.0, 4.0),
        ("begins later", [1.0 + 0.04 * n for n in range(100)], 0.96, 4.0),
        (
            "a stalled loop delivers ten at once",
            [1.2 if 20 <= n < 30 else 0.04 * (n + 1) for n in range(100)],
            0.0,
            4.0,
        ),
        ("the first one is late", [0.3, *[0.04 * n for n in range(2, 101)]], 0.0, 4.0),
        ("a hole of two seconds", [0.04 * n + (2.0 if n > 50 else 0.0) for n in range(1, 101)], 0.0, 6.0),
    ],
)
def test_frames_are_laid_where_they_were_said(name: str, arrivals: list[float], begins: float, lasts: float) -> None:
    track = Track(RATE)
    for at in arrivals:
        track.append(at, level(1000, FRAME))
    first, last = loud(track.take(10.0))
    assert last == pytest.approx(begins + lasts, abs=0.045), name
    assert first == pytest.approx(begins, abs=0.31 if "first" in name else 0.045), name


def test_what_was_queued_and_never_heard_is_not_in_it() -> None:
    tape = Tape()
    for n in range(20):
        tape.bot.follow(n * 0.05, level(1000, 1200))
    tape.bot.cut(0.5)
    tape.bot.follow(2.0, level(2000, 2400))
    right = tape.take(3.0, last=True)[:, 1]
    assert loud(right[: int(1.5 * RATE)])[1] == pytest.approx(0.5, abs=0.005)
    assert loud(right[int(1.5 * RATE) :])[0] == pytest.approx(0.5, abs=0.005)


def test_both_sides_are_as_long_and_in_step() -> None:
    tape = Tape()
    pieces = []
    for n in range(1, 101):
        tape.caller.append(n * 0.04, level(1000 if n > 50 else 0, FRAME))
        tape.bot.follow((n - 1) * 0.04, level(1000 if n > 50 else 0, 960))
        pieces.append(tape.take(n * 0.04 - 0.5))
    pieces.append(tape.take(4.0, last=True))
    sound = np.concatenate(pieces)
    assert sound.shape == (4 * RATE, 2)
    assert loud(sound[:, 0])[0] == pytest.approx(2.0, abs=0.001)
    assert loud(sound[:, 1])[0] == pytest.approx(2.0, abs=0.005)


# -- the recorder


class Clock:
    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def told() -> list[Part]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(tmp_path: Path, told: list[Part], clock: Clock) -> Iterator[Recorder]:
    recorder = Recorder(clock)
    recorder.keep_in(tmp_path / "day" / "call", told.append)
    yield recorder
    recorder.close()


def talk(recorder: Recorder, clock: Clock, seconds: float) -> None:
    """Both sides make sound for so long."""
    for _ in range(round(seconds / 0.04)):
        recorder.bot(level(500, 960), clock.at)
        clock.at += 0.04
        recorder.caller(level(1000, FRAME), clock.at)


def read_wave(path: Path) -> tuple[int, int, int]:
    with wave.open(str(path)) as file:
        return file.getnchannels(), file.getframerate(), file.getnframes()


def test_nothing_is_kept_before_it_is_switched_on(
    recorder: Recorder, clock: Clock, told: list[Part], tmp_path: Path
) -> None:
    talk(recorder, clock, 1.0)
    assert list(tmp_path.iterdir()) == []
    began = clock.at
    recorder.switch(True)
    talk(recorder, clock, 2.0)
    recorder.close()
    assert told == [Part(1, began), Part(1, began, 2.0, "whole")]
    (path,) = parts_in(tmp_path / "day" / "call")
    assert read_wave(path) == (2, RATE, 2 * RATE)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_refusal_deletes_what_there_was(recorder: Recorder, clock: Clock, told: list[Part], tmp_path: Path) -> None:
    recorder.switch(True)
    talk(recorder, clock, 0.4)
    recorder.switch(False, keep=False)
    talk(recorder, clock, 0.4)
    recorder.close()
    assert list(tmp_path.iterdir()) == []
    assert told[-1].ended == "deleted"


def test_a_call_that_was_taken_over_has_a_second_part(
    recorder: Recorder, clock: Clock, told: list[Part], tmp_path: Path
) -> None:
    PartFile.next_in(tmp_path / "day" / "call", RATE).close()
    recorder.switch(True)
    recorder.close()
    assert [path.name for path in parts_in(tmp_path / "day" / "call")] == ["part-001.wav", "part-002.wav"]
    assert [part.number for part in told] == [2, 2]


def test_a_folder_that_cannot_be_made_costs_the_recording_only(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    recorder, told = Recorder(clock), list[Part]()
    recorder.keep_in(tmp_path / "file" / "call", told.append)
    recorder.switch(True)
    talk(recorder, clock, 0.2)
    recorder.close()
    assert told == []
    assert "this call is not recorded" in caplog.text


async def test_the_speaker_is_recorded_as_it_is_heard(recorder: Recorder, clock: Clock, tmp_path: Path) -> None:
    speaker = MemorySpeaker()
    recorded = RecordedSpeaker(speaker, recorder, clock)
    recorder.switch(True)
    await recorded.write(level(1000, 2400))
    await recorded.write(level(1000, 2400))  # queued behind the first
    clock.at += 0.15
    speaker.play(0.15)
    recorded.clear()
    clock.at += 1.0
    recorder.close()
    sound = read_part(parts_in(tmp_path / "day" / "call")[0])
    right = np.frombuffer(sound.frames, np.int16).reshape(-1, 2)[:, 1]
    assert loud(right) == (pytest.approx(0.0, abs=0.005), pytest.approx(0.15, abs=0.005))


def test_a_full_disk_ends_the_recording_and_the_file_still_plays(tmp_path: Path) -> None:
    """A limit of the kernel on the file's size refuses the write as a full disk does: in a process of its own."""
    limit = HEADER + 100_000
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from pathlib import Path
from store.recordings import PartFile
file = PartFile(Path({str(tmp_path)!r}) / "part-001.wav", {RATE})
try:
    while True:
        file.write(bytes(8000))
except OSError as full:
    print(full.errno, file.frames)
file.close()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    _, frames = done.stdout.split()
    assert read_wave(tmp_path / "part-001.wav") == (2, RATE, int(frames))
    assert int(frames) == 12 * 2000
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != limit


def test_a_killed_process_leaves_a_file_that_plays(tmp_path: Path) -> None:
    code = f"""
import time, numpy as np
from pathlib import Path
from bot.recorder import Recorder
recorder = Recorder()
recorder.keep_in(Path({str(tmp_path)!r}), lambda part: None)
recorder.switch(True)
while True:
    recorder.caller(np.full(640, 1000, np.int16), time.time())
    time.sleep(0.04)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    path, until = tmp_path / "part-001.wav", time.monotonic() + 60
    try:
        while not (path.exists() and path.stat().st_size > HEADER + RATE * 4):
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    channels, rate, frames = read_wave(path)
    assert (channels, rate) == (2, RATE)
    assert frames >= RATE
    assert read_part(path).seconds >= frames / RATE
