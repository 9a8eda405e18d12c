"""Sounds that are no answer: music, a street, a crowd, noise, and the bot's own voice coming back from the phone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

import av
import numpy as np

from bot.speech.audio import Pcm, Samples, resample, to_pcm
from sip.phone import PhoneCall
from sip.ua.audio import RATE
from sip.ua.g711 import decode
from sip.ua.rtp import Packet

#: Recordings that come with LiveKit Agents (its NOTICE names their authors and licences).
RECORDINGS = {"music": "hold_music.ogg", "street": "city-ambience.ogg", "crowd": "crowded-room.ogg"}
ECHO_DB = -20.0


def recording(name: str, seconds: float, dbfs: float, skip_s: float = 2.0) -> Pcm:
    """A stretch of a recording for the telephone: PCM16 at 8 kHz, `dbfs` loud (RMS)."""
    with as_file(files("livekit.agents.resources") / RECORDINGS[name]) as path, av.open(str(path)) as file:
        rate = file.streams.audio[0].rate
        frames = [np.atleast_2d(frame.to_ndarray()).mean(axis=0) for frame in file.decode(audio=0)]
    samples = np.concatenate(frames)[int(skip_s * rate) : int((skip_s + seconds) * rate)].astype(np.float32)
    return loud(resample(samples, rate, RATE), dbfs)


def pink(seconds: float, dbfs: float, seed: int = 7) -> Pcm:
    """Noise whose power falls with the frequency, as in streets and rooms; the same at every run."""
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    return loud(np.fft.irfft(spectrum, count).astype(np.float32), dbfs)


def loud(samples: Samples, dbfs: float) -> Pcm:
    """Samples brought to a loudness."""
    rms = float(np.sqrt((samples**2).mean()))
    return to_pcm(samples * np.float32(10 ** (dbfs / 20) / max(rms, 1e-6)))


@contextmanager
def echoing(call: PhoneCall, db: float = ECHO_DB) -> Iterator[None]:
    """Inside, the phone's loudspeaker leaks into its microphone: what it hears goes back, weaker by `db`."""
    gain = 10 ** (db / 20)

    def leak(packet: Packet) -> None:
        call.media.queue((decode(packet.payload, packet.pt) * gain).astype(np.int16))

    call.media.on_packet = leak
    try:
        yield
    finally:
        call.media.on_packet = None


def hum(pitch: float = 130.0, dbfs: float = -26.0) -> Pcm:
    """A hummed "mm-hmm": two nasal syllables, the second one higher, most of it below 500 Hz."""
    parts = []
    for f0, seconds in ((pitch, 0.16), (pitch * 1.25, 0.22)):
        t = np.arange(int(seconds * RATE)) / RATE
        glide = f0 * (1 + 0.06 * t / seconds)
        phase = 2 * np.pi * np.cumsum(glide) / RATE
        nasal = sum(np.sin(n * phase) / (1 + (n * f0 / 350) ** 2) for n in range(1, 9))
        parts += [nasal * np.hanning(len(t)) ** 0.5, np.zeros(int(0.03 * RATE))]
    return loud(np.concatenate(parts).astype(np.float32), dbfs)
