"""G.711 µ-law and A-law as lookup tables (ITU-T G.711, RFC 3551 payload types 0 and 8)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]  # linear samples, 8 kHz, one channel

PCMU: Final = 0
PCMA: Final = 8
NAMES: Final = {PCMU: "PCMU", PCMA: "PCMA"}


def _ulaw() -> Pcm:
    code = np.arange(256, dtype=np.uint8) ^ 0xFF
    exponent, mantissa = (code >> 4 & 7).astype(int), (code & 15).astype(int)
    magnitude = ((mantissa << 3) + 0x84 << exponent) - 0x84
    table: Pcm = np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
    return table


def _alaw() -> Pcm:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent, mantissa = (code >> 4 & 7).astype(int), (code & 15).astype(int)
    high = (mantissa << 4) + 0x108 << np.maximum(exponent - 1, 0)
    magnitude = np.where(exponent == 0, (mantissa << 4) + 8, high)
    table: Pcm = np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)
    return table


def _encoder(decoder: Pcm) -> NDArray[np.uint8]:
    """Nearest-value encoder: 65536 entries, indexed by an int16 sample seen as uint16."""
    order = np.argsort(decoder.astype(int), kind="stable")
    values = decoder.astype(int)[order]
    x = np.arange(-32768, 32768)
    above = np.clip(np.searchsorted(values, x), 1, 255)
    nearest = np.where(x - values[above - 1] <= values[above] - x, above - 1, above)
    table = np.empty(65536, np.uint8)
    table[x.astype(np.int16).view(np.uint16)] = order[nearest].astype(np.uint8)
    return table


_DECODE: Final = {PCMU: _ulaw(), PCMA: _alaw()}
_ENCODE: Final = {pt: _encoder(table) for pt, table in _DECODE.items()}
SILENCE: Final = {pt: bytes([int(table[0])]) for pt, table in _ENCODE.items()}  # one byte of it


def encode(pcm: Pcm, pt: int) -> bytes:
    """Code int16 samples; `pt` is PCMU or PCMA."""
    return _ENCODE[pt][np.ascontiguousarray(pcm, np.int16).view(np.uint16)].tobytes()


def decode(payload: bytes, pt: int) -> Pcm:
    """Samples of one payload, one a byte; `pt` is PCMU or PCMA."""
    samples: Pcm = _DECODE[pt][np.frombuffer(payload, np.uint8)]
    return samples
