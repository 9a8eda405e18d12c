"""Telephone audio as arrays: levels, tones, WAV files. 8 kHz, int16, one channel unless said otherwise."""

import os
import wave
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from sip.ua.g711 import Pcm

RATE: Final = 8000  # samples a second
FRAME: Final = 160  # samples in one packet
FRAME_S: Final = 0.020
SILENT_DB: Final = -120.0


def level_db(pcm: Pcm) -> float:
    """RMS level in dBFS (0 = full-scale square wave), SILENT_DB for digital silence."""
    if not len(pcm):
        return SILENT_DB
    power = float((pcm.astype(np.float64) ** 2).mean()) / 32768.0**2
    return float(10 * np.log10(power + 1e-12))


def tone(hertz: float, seconds: float, amplitude: float = 0.3) -> Pcm:
    """A sine; `amplitude` is a fraction of full scale."""
    t = np.arange(int(seconds * RATE)) / RATE
    return (np.sin(2 * np.pi * hertz * t) * amplitude * 32767).astype(np.int16)


def load_wav(path: str | os.PathLike[str]) -> Pcm:
    """Any PCM16 WAV, mixed to one channel and resampled to 8 kHz. Raises ValueError for another sample format."""
    with wave.open(os.fspath(path)) as w:
        if w.getsampwidth() != 2:
            raise ValueError(f"{os.fspath(path)}: {8 * w.getsampwidth()}-bit samples; convert it to 16-bit PCM")
        samples = np.frombuffer(w.readframes(w.getnframes()), "<i2")
        mono: NDArray[np.float32] = samples.reshape(-1, w.getnchannels()).mean(axis=1).astype(np.float32)
        rate = w.getframerate()
    if rate != RATE:
        mono = np.asarray(soxr.resample(mono, rate, RATE), np.float32)
    return np.clip(np.rint(mono), -32768, 32767).astype(np.int16)


def save_wav(path: str | os.PathLike[str], pcm: Pcm) -> None:
    """Write PCM16 at 8 kHz; shape (n,) is one channel, (n, 2) is stereo."""
    with wave.open(os.fspath(path), "wb") as w:
        w.setnchannels(1 if pcm.ndim == 1 else pcm.shape[1])
        w.setsampwidth(2)
        w.setframerate(RATE)
        w.writeframes(pcm.astype("<i2").tobytes())
