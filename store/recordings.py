"""Recordings on disk: one folder a call, one stereo WAV a part, readable however its writer ended."""

from __future__ import annotations

import os
import re
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Self

CHANNELS: Final = 2
_WIDTH: Final = 2  # bytes a sample
HEADER: Final = 44  #: bytes before the sound, by the plainest form of RIFF/WAVE (PCM)
_PART = re.compile(r"part-(\d{3})\.wav")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


class PartFile:
    """A WAV file that grows. Its header is right after every `write`, so a killed process leaves a file that plays.

    Methods block on the disk and raise OSError: call them in a thread.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self.path = path
        self.frames = 0
        self._rate = rate
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        _write_all(self._fd, _header(0, rate), 0)

    @classmethod
    def next_in(cls, folder: Path, rate: int) -> Self:
        """The call's next part, under a name that no other process takes."""
        number = max((part_number(path) for path in parts_in(folder)), default=0)
        while True:
            number += 1
            try:
                return cls(folder / f"part-{number:03d}.wav", rate)
            except FileExistsError:
                continue

    def write(self, frames: bytes) -> None:
        """Append interleaved PCM16 of both channels. What does not fit is not counted."""
        place = HEADER + self.frames * CHANNELS * _WIDTH
        _write_all(self._fd, frames, place)
        self.frames += len(frames) // (CHANNELS * _WIDTH)
        _write_all(self._fd, _header(self.frames, self._rate), 0)

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return self.frames / self._rate

    def close(self) -> None:
        """Cut what a failed write left behind the counted frames, and let go."""
        try:
            os.ftruncate(self._fd, HEADER + self.frames * CHANNELS * _WIDTH)
        finally:
            os.close(self._fd)


@dataclass(frozen=True, slots=True)
class Sound:
    """What a WAV file holds: interleaved PCM16."""

    rate: int
    channels: int
    frames: bytes

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return len(self.frames) / (self.rate * self.channels * _WIDTH)


def read_part(path: Path) -> Sound:
    """The sound of a part, by the file's real length: a header that lags behind a killed writer hides nothing.

    Raises ValueError for a file that is no part of ours, OSError.
    """
    data = path.read_bytes()
    if len(data) < HEADER or data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt ":
        raise ValueError(f"{path} is no recording")
    channels, rate = struct.unpack_from("<HI", data, 22)
    whole = (len(data) - HEADER) // (channels * _WIDTH) * channels * _WIDTH
    return Sound(rate, channels, data[HEADER : HEADER + whole])


def write_sound(out: BinaryIO, sound: Sound) -> None:
    """Write a whole WAV file."""
    frames = len(sound.frames) // (sound.channels * _WIDTH)
    out.write(_header(frames, sound.rate, sound.channels) + sound.frames)


def folder_of(recordings: Path, call_id: str, began_at: float) -> Path:
    """Where a call's parts are: by the day on which it began (UTC) and its id, never by a number."""
    return recordings / time.strftime("%Y-%m-%d", time.gmtime(began_at)) / _UNSAFE.sub("_", call_id)


def parts_in(folder: Path) -> list[Path]:
    """The parts of a call in order; empty when there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _PART.fullmatch(path.name))


def part_number(path: Path) -> int:
    """The number in a part's name."""
    found = _PART.fullmatch(path.name)
    assert found is not None, "a part's name"
    return int(found[1])


def all_parts(recordings: Path) -> Iterator[Path]:
    """Every part that there is, whichever call it belongs to."""
    yield from sorted(recordings.glob("*/*/part-*.wav"))


def remove_call(folder: Path) -> int:
    """Delete a call's parts; returns how many there were. The day's folder goes with its last call."""
    gone = 0
    for path in parts_in(folder):
        path.unlink(missing_ok=True)
        gone += 1
    for empty in (folder, folder.parent):
        try:
            empty.rmdir()
        except OSError:
            break  # not empty, or gone
    return gone


def _header(frames: int, rate: int, channels: int = CHANNELS) -> bytes:
    """RIFF/WAVE, format 1 (PCM), 16 bits."""
    size = min(frames * channels * _WIDTH, 0xFFFFFFFF - 36)
    block = channels * _WIDTH
    return struct.pack(
        "<4sI8sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVEfmt ", 16, 1, channels, rate, rate * block, block, 16, b"data", size
    )  # fmt: skip


def _write_all(fd: int, data: bytes, place: int) -> None:
    """A disk that fills up takes part of a write first, and refuses the rest."""
    while data:
        written = os.pwrite(fd, data, place)
        data, place = data[written:], place + written
