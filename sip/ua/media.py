"""The RTP side of one call: a clocked sender, a receiver, keypad digits. Subclass it to say what is sent and heard."""

import asyncio
import random
from dataclasses import dataclass, field

from sip.ua.audio import FRAME
from sip.ua.dtmf import Digit, DigitReader, DigitWriter
from sip.ua.g711 import NAMES, PCMU, SILENCE
from sip.ua.message import Addr
from sip.ua.pacer import Pacer
from sip.ua.rtp import Packet, Reception, RtpPort, pack

PAUSE_S = 0.5  # what a "w" or a comma in a digit string waits


@dataclass(slots=True)
class Outgoing:
    """What the sender needs to know, and its counters."""

    remote: Addr | None = None
    pt: int = PCMU
    dtmf_pt: int | None = None
    direction: str = "sendrecv"  # ours, as in SDP
    muted: bool = False  # True: no RTP at all, like a dead network
    packets: int = 0
    seq: int = field(default_factory=lambda: random.randrange(1 << 16))
    ts: int = field(default_factory=lambda: random.randrange(1 << 32))
    ssrc: int = field(default_factory=lambda: random.randrange(1 << 32))


class MediaStream:
    """Sends one packet every 20 ms and receives. Extension points: `next_frame`, `hear`, `pressed`, `tick`."""

    def __init__(self, ip: str, pacer: Pacer) -> None:
        self.port = RtpPort(ip)
        self.out = Outgoing()
        self.reception = Reception()
        self.keys_in = DigitReader()
        self.keys_out = DigitWriter()
        self.closed = False
        self._pacer = pacer
        asyncio.get_running_loop().add_reader(self.port.sock.fileno(), self._readable)

    # Extension points

    def next_frame(self) -> bytes | None:
        """The coded payload (160 bytes) for the next 20 ms; None for silence."""
        return None

    def hear(self, packet: Packet) -> None:
        """Told of every audio packet."""

    def pressed(self, digit: Digit) -> None:
        """Told of every key of the far end, at its first packet."""

    def tick(self) -> None:
        """Every 20 ms from the pacer, once the far end's address is known."""
        self.send_next()

    # For subclasses and owners

    @property
    def active(self) -> bool:
        """Whether packets may leave."""
        out = self.out
        return not (self.closed or out.remote is None or out.muted or out.direction in ("recvonly", "inactive"))

    def start(self, remote: Addr, pt: int, dtmf_pt: int | None) -> None:
        """Begin sending, or change where to; `pt` is PCMU or PCMA."""
        if self.closed:
            return
        self.out.remote, self.out.pt, self.out.dtmf_pt = remote, pt, dtmf_pt
        self._pacer.add(self)

    def send_next(self) -> None:
        """Send the packet of the next 20 ms: a key in progress, else `next_frame`, else silence."""
        ts, self.out.ts = self.out.ts, self.out.ts + FRAME & 0xFFFFFFFF
        if not self.active:
            return
        if self.keys_out and self.out.dtmf_pt is not None:
            for marker, event_ts, payload in self.keys_out.frame(ts):
                self._send(self.out.dtmf_pt, marker, event_ts, payload)
            return
        self._send(self.out.pt, False, ts, self.next_frame() or SILENCE[self.out.pt] * FRAME)

    async def send_dtmf(self, digits: str, ms: int = 160, gap_ms: int = 80) -> None:
        """Press keys for `ms` each; "w" and "," wait half a second.

        Nothing is sent to a far end that negotiated no telephone events. Raises ValueError for what is no key."""
        for digit in digits:
            if digit in "wW,":
                await asyncio.sleep(PAUSE_S)
            elif self.out.dtmf_pt is not None and not self.closed:
                await self.keys_out.press(digit, ms)
                await asyncio.sleep(gap_ms / 1000)

    @property
    def dtmf(self) -> str:
        """Every key of the far end so far."""
        return "".join(d.digit for d in self.keys_in.digits)

    @property
    def lost(self) -> int:
        """Packets missing by their sequence numbers."""
        return self.reception.lost

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._pacer.remove(self)
        asyncio.get_running_loop().remove_reader(self.port.sock.fileno())
        self.port.close()
        self.keys_out.clear()

    # Inside

    def _send(self, pt: int, marker: bool, ts: int, payload: bytes) -> None:
        out = self.out
        if out.remote and self.port.send(pack(pt, marker, out.seq, ts, out.ssrc, payload), out.remote):
            out.packets += 1
        out.seq = out.seq + 1 & 0xFFFF

    def _readable(self) -> None:
        for packet in self.port.read():
            self.reception.count(packet)
            if packet.pt == self.out.dtmf_pt:
                if digit := self.keys_in.read(packet):
                    self.pressed(digit)
            elif packet.pt in NAMES:
                self.hear(packet)
            if self.closed:
                return
