"""Sound files for the ear: WAV as telephones, recorders and editors write it, to mono at 16 kHz, with errors that help."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bot.speech.audio import Pcm, Samples, resample, to_pcm
from sip.ua.g711 import PCMA, PCMU, decode

_EAR_RATE: Final = 16_000
_LONGEST_S: Final = 2 * 3600
_SIZE_MAX: Final = 2_000_000_000  # bytes
_RATES: Final = (4_000, 384_000)
_LINEAR, _FLOAT, _ALAW, _EXTENSIBLE = 1, 3, 6, 0xFFFE  # RIFF's format tags
_UNKNOWN_SIZE: Final = (0, 0xFFFFFFFF)  # written by programs that stream
_OTHERS: Final = {
    b"ID3": "an MP3",
    b"\xff\xfb": "an MP3",
    b"\xff\xf3": "an MP3",
    b"fLaC": "a FLAC",
    b"OggS": "an Ogg",
    b"RF64": "an RF64",
    b"FORM": "an AIFF",
    b"caff": "a CAF",
    b"#!AMR": "an AMR",
}


class Unreadable(ValueError):
    """A sound file cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file held."""

    pcm: Pcm  #: mono, 16 kHz
    seconds: float
    rate: int  #: of the file, Hz
    channels: int  #: of the file
    note: str = ""  #: what is odd about it, "" for nothing


def read_wav(path: Path, channel: int | None = None) -> Recording:
    """Read a file: see `read_wav_bytes`."""
    return read_wav_bytes(_bytes(path), path, channel)


def read_wav_bytes(data: bytes, path: Path = Path("sound.wav"), channel: int | None = None) -> Recording:
    """Read WAV: 8 to 32 bit PCM, float, A-law or µ-law, any rate; channels are mixed unless one is chosen.

    Args:
        data: the file's bytes.
        path: its name, for errors.
        channel: the one to hear, from 1; None mixes them all.

    Raises:
        Unreadable: no such file, no WAV, broken, empty, or in a coding that is not read here.
    """
    form, sound, note = _chunks(path, data)
    if len(form) < 16:
        raise Unreadable(f"{path}: its format chunk is broken; write the file again")
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", form[:16])
    if tag == _EXTENSIBLE and len(form) >= 26:
        tag = struct.unpack("<H", form[24:26])[0]
    if not channels or not _RATES[0] <= rate <= _RATES[1]:
        raise Unreadable(f"{path}: {channels} channels at {rate} Hz cannot be; its header is broken, write it again")
    if channel is not None and not 1 <= channel <= channels:
        raise Unreadable(f"{path}: there is no channel {channel}, it has {channels}")
    samples = _samples(path, sound, tag, bits)
    samples = samples[: len(samples) // channels * channels].reshape(-1, channels)
    if not len(samples):
        raise Unreadable(f"{path}: there is no sound in it (0 samples)")
    seconds = len(samples) / rate
    if seconds > _LONGEST_S:
        raise Unreadable(f"{path}: {seconds / 3600:.1f} hours; cut it to {_LONGEST_S // 3600} hours or less")
    mono = samples.mean(axis=1) if channel is None else samples[:, channel - 1]
    pcm = to_pcm(resample(np.asarray(mono, np.float32), rate, _EAR_RATE))
    return Recording(pcm, seconds, rate, channels, note)


def _bytes(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise Unreadable(f"{path} is a folder; name a WAV file")
        if path.stat().st_size > _SIZE_MAX:
            raise Unreadable(f"{path} is larger than {_SIZE_MAX // 10**9} GB; cut it into pieces")
        return path.read_bytes()
    except FileNotFoundError:
        raise Unreadable(f"there is no file {path}") from None
    except OSError as wrong:
        raise Unreadable(f"{path} cannot be read: {wrong.strerror}") from None


def _chunks(path: Path, data: bytes) -> tuple[bytes, memoryview, str]:
    """The bytes of the format and of the sound, and a note when the file ends early."""
    if not data:
        raise Unreadable(f"{path} is empty")
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        kind = next((name for magic, name in _OTHERS.items() if data.startswith(magic)), "")
        what = f"is {kind} file, not a WAV" if kind else "is no WAV file"
        raise Unreadable(f"{path} {what}; convert it: ffmpeg -i {path.name} -ac 1 -ar 16000 {path.stem}.16k.wav")
    form = b""
    for name, start, size in _walk(data):
        if name == b"fmt ":
            form = data[start : start + size]
        elif name == b"data":
            if not form:
                raise Unreadable(f"{path}: its sound comes before its format; write the file again")
            there = len(data) - start
            if size in _UNKNOWN_SIZE:
                size = there
            note = f"the file ends early: {there} of {size} bytes of sound are there" if size > there else ""
            return form, memoryview(data)[start : start + size], note
    raise Unreadable(f"{path} ends before any sound; copy or write it again")


def _walk(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and size of each chunk."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack("<4sI", data[at : at + 8])
        yield name, at + 8, size
        at += 8 + size + size % 2


def _samples(path: Path, sound: memoryview, tag: int, bits: int) -> Samples:
    width = bits // 8
    raw = bytes(sound[: len(sound) // max(1, width) * width])
    match tag, bits:
        case (1, 8):
            return _scaled(np.frombuffer(raw, np.uint8).astype(np.float32) - 128, 7)
        case (1, 16):
            return _scaled(np.frombuffer(raw, "<i2"), 15)
        case (1, 24):
            padded = np.zeros((len(raw) // 3, 4), np.uint8)
            padded[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
            return _scaled(padded.view("<i4")[:, 0], 31)
        case (1, 32):
            return _scaled(np.frombuffer(raw, "<i4"), 31)
        case (3, 32) | (3, 64):
            return np.nan_to_num(_scaled(np.frombuffer(raw, f"<f{width}"), 0), nan=0.0, posinf=1.0, neginf=-1.0)
        case (6 | 7, 8):
            return _scaled(decode(raw, PCMA if tag == _ALAW else PCMU), 15)
    coding = {_LINEAR: f"{bits}-bit PCM", _FLOAT: f"{bits}-bit float"}.get(tag, f"coding {tag:#06x}")
    raise Unreadable(
        f"{path}: {coding} is not read here; convert it: ffmpeg -i {path.name} -c:a pcm_s16le {path.stem}.16bit.wav"
    )


def _scaled(samples: npt.NDArray[Any], bits: int) -> Samples:
    return np.asarray(samples, np.float32) / np.float32(2**bits)
