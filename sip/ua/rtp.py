"""RTP packets and the socket that they travel on, with kernel arrival times (RFC 3550)."""

import contextlib
import random
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from sip.ua.message import Addr

_SO_TIMESTAMPNS = 35  # Linux; other systems fall back to the time of reading
_PORTS = range(20000, 30000, 2)  # even ports, RFC 3550 11
_BATCH = 64  # packets read before the event loop gets its turn


@dataclass(frozen=True, slots=True)
class Packet:
    """One received packet; `t` is its arrival in seconds of CLOCK_REALTIME, by the kernel's clock."""

    t: float
    seq: int
    ts: int
    pt: int
    marker: bool
    ssrc: int
    payload: bytes


def parse(data: bytes, t: float) -> Packet | None:
    """None when the datagram is not RTP (or is RTCP on the RTP port)."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    first, second, seq, ts, ssrc = struct.unpack("!BBHII", data[:12])
    pt, start, end = second & 0x7F, 12 + 4 * (first & 15), len(data)
    if first & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * int(struct.unpack_from("!H", data, start + 2)[0])
    if first & 0x20:
        end -= data[-1]
    if 64 <= pt <= 95 or end < start:
        return None
    return Packet(t, seq, ts, pt, bool(second >> 7), ssrc, data[start:end])


def pack(pt: int, marker: bool, seq: int, ts: int, ssrc: int, payload: bytes) -> bytes:
    return struct.pack("!BBHII", 0x80, marker << 7 | pt, seq & 0xFFFF, ts & 0xFFFFFFFF, ssrc) + payload


class RtpPort:
    """A UDP socket on a free even port of one local address."""

    def __init__(self, ip: str) -> None:
        """Raises OSError when no port is free."""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        if sys.platform == "linux":
            self.sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        for _ in range(200):
            with contextlib.suppress(OSError):
                self.sock.bind((ip, random.choice(_PORTS)))
                break
        else:
            self.sock.close()
            raise OSError(f"no free RTP port on {ip} between {_PORTS.start} and {_PORTS.stop}")
        self.ip, self.number = self.sock.getsockname()

    def send(self, data: bytes, to: Addr) -> bool:
        """False when the kernel did not take it."""
        try:
            self.sock.sendto(data, to)
        except OSError:
            return False
        return True

    def read(self) -> Iterator[Packet]:
        for _ in range(_BATCH):
            try:
                data, control, _, _ = self.sock.recvmsg(2048, 64)
            except OSError:  # nothing more, or an ICMP error of an earlier send
                return
            t = time.time()
            for level, kind, value in control:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    t = seconds + nanoseconds / 1e9
            if packet := parse(data, t):
                yield packet

    def close(self) -> None:
        self.sock.close()


@dataclass(slots=True)
class Reception:
    """Counts of what came in: packets, sequence numbers missing, packets out of order."""

    packets: int = 0
    lost: int = 0
    reordered: int = 0
    last_at: float = 0.0  # seconds; 0 = nothing yet
    _last: dict[int, int] = field(default_factory=dict)  # by SSRC

    def count(self, packet: Packet) -> None:
        self.packets += 1
        self.last_at = packet.t
        step = packet.seq - self._last.get(packet.ssrc, packet.seq - 1) & 0xFFFF
        if step >= 0x8000:
            self.reordered += 1
            self.lost = max(0, self.lost - 1)  # it was counted as lost when its successor came
            return
        self.lost += max(step - 1, 0)
        self._last[packet.ssrc] = packet.seq
