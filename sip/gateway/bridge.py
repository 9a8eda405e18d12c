"""The audio of one gateway call: RTP packets to 10 ms room frames, room tracks to RTP packets.

To the room every packet goes at once, without a queue: each listener's jitter buffer is the only one. To the phone
a packet leaves the moment that 20 ms of the leading track are there (the room's own clock paces it), other tracks are
mixed in. Every queue hides delay, so both directions keep at most a few frames and count what they drop.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc

from sip.gateway.frames import FramePost
from sip.ua.audio import FRAME, RATE
from sip.ua.dtmf import Digit
from sip.ua.g711 import Pcm, decode, encode
from sip.ua.media import MediaStream
from sip.ua.pacer import Pacer
from sip.ua.rtp import Packet

ROOM_FRAME = FRAME // 2  # samples; an audio source without a queue takes exactly 10 ms
_INBOX = 15  # packets that wait for the room; older ones are dropped
_TRACK_BYTES = 80 * 16  # 80 ms that wait for the phone
_QUIET_S = 0.045  # nothing from the room for so long: the clock sends silence


@dataclass(slots=True)
class Dropped:
    """Packets dropped: to the room because it was slow, to the phone because too much came at once."""

    to_room: int = 0
    to_phone: int = 0


@dataclass(slots=True)
class Mixer:
    """Samples of each room track that wait for the phone."""

    tracks: dict[str, bytearray] = field(default_factory=dict)  # int16, by track sid; the first one leads
    leader_at: float = 0.0  # monotonic seconds of the leading track's last packet

    def take(self) -> Pcm | None:
        """20 ms of the sum of all tracks that have them."""
        total: Pcm | None = None
        for waiting in self.tracks.values():
            if len(waiting) < FRAME * 2:
                continue
            part = np.frombuffer(bytes(waiting[: FRAME * 2]), np.int16)
            del waiting[: FRAME * 2]
            total = part if total is None else np.clip(total.astype(np.int32) + part, -32768, 32767).astype(np.int16)
        return total


class Bridge(MediaStream):
    """Media of one call of the gateway."""

    def __init__(self, ip: str, pacer: Pacer) -> None:
        super().__init__(ip, pacer)
        self.dropped = Dropped()
        self.on_digit: Callable[[Digit], None] = lambda digit: None
        self._mixer = Mixer()
        self._inbox: asyncio.Queue[Packet] = asyncio.Queue(maxsize=_INBOX)

    # Phone to room

    def hear(self, packet: Packet) -> None:
        if self._inbox.full():
            self._inbox.get_nowait()
            self.dropped.to_room += 1
        self._inbox.put_nowait(packet)

    def pressed(self, digit: Digit) -> None:
        self.on_digit(digit)

    async def pump(self, source: rtc.AudioSource) -> None:
        """Carry the phone's audio into the room until cancelled."""
        while not self._inbox.empty():
            self._inbox.get_nowait()  # what came before the answer is stale
        rest = np.zeros(0, np.int16)
        post = FramePost(source, RATE)
        while True:
            packet = await self._inbox.get()
            samples = np.concatenate((rest, decode(packet.payload, packet.pt)))
            whole = len(samples) // ROOM_FRAME * ROOM_FRAME
            for i in range(0, whole, ROOM_FRAME):
                post.send(samples[i : i + ROOM_FRAME].tobytes())
            rest = samples[whole:]

    # Room to phone

    def add_track(self, sid: str) -> None:
        self._mixer.tracks[sid] = bytearray()

    def drop_track(self, sid: str) -> None:
        self._mixer.tracks.pop(sid, None)

    def feed(self, sid: str, samples: bytes) -> None:
        """20 ms of one track, int16 at 8 kHz."""
        waiting = self._mixer.tracks.get(sid)
        if waiting is None or not self.active:
            return
        waiting += samples
        if len(waiting) > _TRACK_BYTES:
            self.dropped.to_phone += (len(waiting) - FRAME * 2) // (FRAME * 2)
            del waiting[: len(waiting) - FRAME * 2]
        if len(waiting) >= FRAME * 2 and sid == next(iter(self._mixer.tracks)):
            self._mixer.leader_at = time.monotonic()
            if self.keys_out:
                self._mixer.take()  # the clock plays the key; audio under it is lost, as on any phone
            else:
                self.send_next()

    def next_frame(self) -> bytes | None:
        mixed = self._mixer.take()
        return None if mixed is None else encode(mixed, self.out.pt)

    def tick(self) -> None:
        if self.keys_out or time.monotonic() - self._mixer.leader_at > _QUIET_S:
            self.send_next()
