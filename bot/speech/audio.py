"""Small, pure operations on speech samples: trim, level, resample, loudness per 10 ms."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soxr

Samples = npt.NDArray[np.float32]  #: mono, -1..1
Pcm = npt.NDArray[np.int16]  #: mono PCM16

_SILENCE_DBFS: Final = -40.0
_SPEECH_DBFS: Final = -20.0


def decibels(samples: Samples, frame: int) -> npt.NDArray[np.float32]:
    """RMS of each whole frame of `frame` samples, in dBFS (floor about -100)."""
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return np.asarray(10.0 * np.log10((whole**2).mean(axis=1) + 1e-10), dtype=np.float32)


def correlate(past: npt.NDArray[Any], near: npt.NDArray[Any]) -> Samples:
    """The product of `near` with each stretch of `past` that is as long, earliest first."""
    size = 1 << (len(past) + len(near) - 1).bit_length()
    spectrum = np.fft.rfft(past, size) * np.conj(np.fft.rfft(near, size))
    return np.asarray(np.fft.irfft(spectrum, size)[: len(past) - len(near) + 1], np.float32)


def energies(past: npt.NDArray[Any], window: int) -> Samples:
    """The energy of each stretch of `window` samples, earliest first."""
    total = np.concatenate(([0.0], np.cumsum(past.astype(np.float64) ** 2)))
    return np.asarray(total[window:] - total[:-window], np.float32)


def trim(samples: Samples, rate: int, *, lead_s: float = 0.005, tail_s: float = 0.05) -> Samples:
    """Cut silence (below -40 dBFS) at both ends.

    Voices begin with 250-340 ms of silence, which a caller hears as hesitation.
    """
    loud = np.flatnonzero(np.abs(samples) > 10 ** (_SILENCE_DBFS / 20))
    if not len(loud):
        return samples[:0]
    first = max(0, int(loud[0]) - int(lead_s * rate))
    return samples[first : int(loud[-1]) + 1 + int(tail_s * rate)]


def level(samples: Samples) -> Samples:
    """Bring active speech to -20 dBFS RMS without clipping, so that prompts and rendered names sound alike."""
    return samples * np.float32(gain_for(samples))


def gain_for(samples: Samples) -> float:
    """The factor that `level` uses; 1.0 where there is no speech."""
    active = samples[np.abs(samples) > 10 ** (_SILENCE_DBFS / 20)]
    if not len(active):
        return 1.0
    rms = float(np.sqrt((active**2).mean()))
    return min(10 ** (_SPEECH_DBFS / 20) / max(rms, 1e-4), 0.95 / max(float(np.abs(samples).max()), 1e-4))


def resample(samples: Samples, rate: int, to_rate: int) -> Samples:
    """Change the sample rate with a polyphase filter."""
    if rate == to_rate:
        return samples
    return np.asarray(soxr.resample(samples, rate, to_rate), dtype=np.float32)


def to_pcm(samples: Samples) -> Pcm:
    """Float to PCM16, clipped."""
    return np.asarray(np.clip(samples, -1.0, 1.0) * 32767.0, dtype=np.int16)


def to_float(pcm: Pcm) -> Samples:
    """PCM16 to float."""
    return np.asarray(pcm, dtype=np.float32) / np.float32(32768.0)
