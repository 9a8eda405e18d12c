"""Hold music: a quiet broken chord made here out of sines, so that it needs no licence; played on a track of its own."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import numpy as np
from livekit import rtc

from bot.legs import MUSIC_TRACK
from bot.speech.audio import Pcm, to_pcm
from bot.speech.voice import RATE

_FRAME: Final = RATE // 20
_QUEUE_MS: Final = 200
_BEAT_S: Final = 0.4
_RING_S: Final = 1.6  #: how long a note sounds on
_LEVEL: Final = 0.09  #: of full scale: a talk at the side of the phone goes on undisturbed
#: A minor ninth, F major seventh, C major, G: within the telephone's band, hertz.
_CHORDS: Final = (
    (440.00, 523.25, 659.26, 987.77),
    (349.23, 523.25, 659.26, 880.00),
    (392.00, 523.25, 659.26, 783.99),
    (392.00, 493.88, 587.33, 783.99),
)
_ORDER: Final = (0, 1, 2, 3, 2, 1)


def music() -> Pcm:
    """Some ten seconds that can be repeated without a seam; PCM16 at 24 kHz."""
    beat, ring = round(_BEAT_S * RATE), round(_RING_S * RATE)
    notes = [chord[place] for chord in _CHORDS for place in _ORDER]
    tape = np.zeros(beat * len(notes), np.float32)
    t = np.arange(ring, dtype=np.float32) / RATE
    shape = (1 - np.exp(-t * 60)) * np.exp(-t * 2.2) * np.clip((_RING_S - t) * 20, 0, 1)
    for at, hertz in enumerate(notes):
        wave = np.sin(2 * np.pi * hertz * t) + 0.25 * np.sin(4 * np.pi * hertz * t)
        places = (at * beat + np.arange(ring)) % len(tape)  # the last notes ring on over the beginning
        tape[places] += _LEVEL * wave * shape
    return to_pcm(tape)


class HoldMusic:
    """Plays to whoever is subscribed to its track, from `start` to `stop`."""

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._playing: asyncio.Task[None] | None = None
        self._fading: asyncio.Task[None] | None = None
        self._sid = ""

    def stop_soon(self, seconds: float) -> None:
        """Go on for a moment, until whoever takes over is heard."""

        async def later() -> None:
            await asyncio.sleep(seconds)
            await self._end()

        self._fading = asyncio.create_task(later(), name="hold.fading")

    async def start(self) -> None:
        """Publish the track and play; the caller's edge subscribes by itself."""
        await self.stop()
        source = rtc.AudioSource(RATE, 1, queue_size_ms=_QUEUE_MS)
        track = rtc.LocalAudioTrack.create_audio_track(MUSIC_TRACK, source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_UNKNOWN, dtx=False, red=False)
        self._sid = (await self._room.local_participant.publish_track(track, options)).sid
        self._playing = asyncio.create_task(_play(source), name="hold.music")

    async def stop(self) -> None:
        """Fall silent and take the track away. May be called again."""
        if self._fading is not None:
            self._fading.cancel()
            await asyncio.gather(self._fading, return_exceptions=True)
            self._fading = None
        await self._end()

    async def _end(self) -> None:
        playing, self._playing = self._playing, None
        if playing is None:
            return
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        with contextlib.suppress(Exception):  # the room may be gone, and the track with it
            await self._room.local_participant.unpublish_track(self._sid)


async def _play(source: rtc.AudioSource) -> None:
    tape, at = music(), 0
    try:
        while True:
            frame = tape[at : at + _FRAME]
            at = (at + len(frame)) % len(tape)
            await source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE, 1, len(frame)))
    finally:
        source.clear_queue()
        await source.aclose()
