"""Stereo recordings of a phone's call: caller left, far end right, both where they were on the wire."""

import os
from collections.abc import Iterable

import numpy as np

from sip.phone.voice import Voice
from sip.ua.audio import FRAME, RATE, save_wav
from sip.ua.call import Call
from sip.ua.g711 import Pcm, decode

_SLIP = RATE * 40 // 1000  # samples: a stream further off its arrival times than this is placed anew


def _lay(pieces: Iterable[tuple[float, int, Pcm]], t0: float, samples: int) -> Pcm:
    """Place (time, RTP timestamp, samples): in even steps by timestamp, anchored to the times."""
    out = np.zeros(samples, np.int16)
    anchor: int | None = None  # place of timestamp 0
    for t, ts, pcm in pieces:
        seen = round((t - t0) * RATE)
        place = seen if anchor is None else (ts + anchor + (1 << 31) & 0xFFFFFFFF) - (1 << 31)
        if anchor is None or abs(place - seen) > _SLIP:
            place = seen
        anchor = place - ts
        if 0 <= place < samples:
            out[place : place + len(pcm)] = pcm[: samples - place]
    return out


def stereo(voice: Voice) -> Pcm:
    """The whole call, shape (n, 2) at 8 kHz; sample 0 is the first packet of either side."""
    times = [s.t for s in voice.sent[:1]] + [p.t for p in voice.received[:1]]
    ends = [s.t for s in voice.sent[-1:]] + [p.t for p in voice.received[-1:]]
    if not times:
        return np.zeros((0, 2), np.int16)
    t0, samples = min(times), round((max(ends) - min(times)) * RATE) + FRAME
    left = _lay(((s.t, s.ts, decode(s.payload, voice.out.pt)) for s in voice.sent if s.payload), t0, samples)
    right = _lay(((p.t, p.ts, decode(p.payload, p.pt)) for p in voice.received), t0, samples)
    return np.stack([left, right], axis=1)


def save_stereo(path: str | os.PathLike[str], call: Call[Voice]) -> None:
    """Write the call as a stereo PCM16 WAV at 8 kHz: caller (the phone) left, far end right."""
    save_wav(path, stereo(call.media))
