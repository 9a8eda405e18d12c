"""The phone's medium: a queue to speak from, everything heard with its arrival time, and what can be read from it."""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sip.ua.audio import FRAME, FRAME_S, RATE, SILENT_DB, level_db, load_wav
from sip.ua.g711 import Pcm, decode, encode
from sip.ua.media import MediaStream
from sip.ua.pacer import Pacer
from sip.ua.rtp import Packet

LOUD_DB = -45.0  # above: somebody speaks; comfort noise stays below
_POLL_S = 0.02


@dataclass(slots=True)
class Segment:
    """A stretch of sound, in seconds of CLOCK_REALTIME."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Sent:
    """One packet of ours: send time, RTP timestamp, payload (None = silence)."""

    t: float
    ts: int
    payload: bytes | None
    db: float


@dataclass(slots=True)
class Speaking:
    """What is still to be said, and who waits for it."""

    queue: deque[tuple[bytes, float]] = field(default_factory=deque)  # payload, dBFS
    frames_out: int = 0  # frames that left or were dropped
    waiting: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)  # by frame number

    def advance(self, frames: int) -> None:
        self.frames_out += frames
        for _, done in [w for w in self.waiting if w[0] <= self.frames_out]:
            if not done.done():
                done.set_result(None)
        self.waiting = [w for w in self.waiting if w[0] > self.frames_out]


class Voice(MediaStream):
    """Media of one call of the phone."""

    def __init__(self, ip: str, pacer: Pacer, keep: bool = True) -> None:
        """`keep` False stores no packets (for soak tests): nothing that reads what was heard works then."""
        super().__init__(ip, pacer)
        self.keep = keep
        self.received: list[Packet] = []
        self.sent: list[Sent] = []
        self.on_packet: Callable[[Packet], None] | None = None
        self._speaking = Speaking()

    # Speaking

    def queue(self, pcm: Pcm) -> int:
        """Queue 8 kHz int16 samples behind what is queued already; returns the number of the last frame."""
        frames = np.zeros(-(-len(pcm) // FRAME) * FRAME, np.int16)
        frames[: len(pcm)] = pcm
        for frame in frames.reshape(-1, FRAME):
            self._speaking.queue.append((encode(frame, self.out.pt), level_db(frame)))
        return self._speaking.frames_out + len(self._speaking.queue)

    async def say(self, audio: str | os.PathLike[str] | Pcm) -> Segment:
        """Speak samples or a WAV file; returns when the first and the last loud frame of it left."""
        pcm = audio if isinstance(audio, np.ndarray) else load_wav(audio)
        began, first = time.time(), len(self.sent)
        if not len(pcm) or self.closed:
            return Segment(began, began)
        last = self.queue(pcm)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._speaking.waiting.append((last, done))
        await done
        loud = [s.t for s in self.sent[first:] if s.db > LOUD_DB]
        return Segment(loud[0], loud[-1] + FRAME_S) if loud else Segment(began, time.time())

    def echo(self, payload: bytes) -> None:
        """Queue a payload as it is; it must be in the call's codec."""
        self._speaking.queue.append((payload, 0.0))

    def stop_talking(self) -> None:
        """Drop what is queued; a `say` in progress returns."""
        dropped = len(self._speaking.queue)
        self._speaking.queue.clear()
        self._speaking.advance(dropped)

    def next_frame(self) -> bytes | None:
        frame = self._speaking.queue.popleft() if self._speaking.queue else None
        payload, db = frame or (None, SILENT_DB)
        if self.keep:  # noted before sending: the echo may be back before the send call returns
            self.sent.append(Sent(time.time(), self.out.ts - FRAME & 0xFFFFFFFF, payload, db))
        if frame:
            self._speaking.advance(1)
        return payload

    def close(self) -> None:
        self.stop_talking()
        super().close()

    # Hearing

    def hear(self, packet: Packet) -> None:
        if self.keep:
            self.received.append(packet)
        if self.on_packet:
            self.on_packet(packet)

    def heard(self, t0: float = 0.0, t1: float = float("inf")) -> Pcm:
        """What arrived in [t0, t1) as samples, placed by RTP timestamp; gaps are silence."""
        packets = [p for p in self.received if t0 <= p.t < t1]
        if not packets:
            return np.zeros(0, np.int16)
        first = packets[0].ts
        places = [(p.ts - first + (1 << 31) & 0xFFFFFFFF) - (1 << 31) for p in packets]
        if max(places) > (packets[-1].t - packets[0].t + 60) * RATE:  # a new stream with new timestamps
            places = [int((p.t - packets[0].t) * RATE) for p in packets]
        out = np.zeros(max(max(places), 0) + max(len(p.payload) for p in packets), np.int16)
        for packet, place in zip(packets, places, strict=True):
            if place >= 0:
                samples = decode(packet.payload, packet.pt)
                out[place : place + len(samples)] = samples
        return out

    def levels(self, t0: float = 0.0) -> list[tuple[float, float]]:
        """(arrival, dBFS) of every audio packet from t0 on."""
        return [(p.t, level_db(decode(p.payload, p.pt))) for p in self.received if p.t >= t0]

    def speech(self, t0: float = 0.0, db: float = LOUD_DB, bridge: float = 0.3) -> list[Segment]:
        """Stretches louder than `db`; pauses up to `bridge` seconds belong to them."""
        segments: list[Segment] = []
        for t, level in self.levels(t0):
            if level <= db:
                continue
            if segments and t - segments[-1].end <= bridge:
                segments[-1].end = t + FRAME_S
            else:
                segments.append(Segment(t, t + FRAME_S))
        return segments

    async def wait_speech(self, t0: float, timeout: float = 10.0, db: float = LOUD_DB) -> float:
        """Arrival of the first packet from t0 on that is louder than `db`. Raises TimeoutError."""
        seen, deadline = 0, time.time() + timeout
        while True:
            new = self.received[seen:]
            seen += len(new)
            for p in new:
                if p.t >= t0 and level_db(decode(p.payload, p.pt)) > db:
                    return p.t
            if time.time() > deadline or self.closed:
                raise TimeoutError(f"no speech in {timeout:g} s ({self.reception.packets} packets received)")
            await asyncio.sleep(_POLL_S)

    async def wait_quiet(self, quiet: float = 0.8, timeout: float = 30.0, db: float = LOUD_DB) -> float:
        """Wait until the far end was silent for `quiet` seconds; returns when it fell silent. Raises TimeoutError."""
        start = time.time()
        loud_until, seen = start, len(self.received)
        recent = self.speech(start - quiet, db)
        if recent:
            loud_until = recent[-1].end
        while time.time() < start + timeout and not self.closed:
            if time.time() - loud_until >= quiet:
                return loud_until
            new = self.received[seen:]
            seen += len(new)
            loud_until = max([loud_until, *(p.t + FRAME_S for p in new if level_db(decode(p.payload, p.pt)) > db)])
            await asyncio.sleep(_POLL_S)
        if self.closed:
            raise TimeoutError(f"the call ended before the far end was silent for {quiet:g} s")
        raise TimeoutError(f"the far end was not silent for {quiet:g} s within {timeout:g} s")

    async def wait_digits(self, count: int, timeout: float = 10.0) -> str:
        """All keys heard so far, once `count` of them were released. Raises TimeoutError."""
        deadline = time.time() + timeout
        while sum(d.ended for d in self.keys_in.digits) < count:
            if time.time() > deadline:
                raise TimeoutError(f"heard only {self.dtmf!r}")
            await asyncio.sleep(_POLL_S)
        return self.dtmf
