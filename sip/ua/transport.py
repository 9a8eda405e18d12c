"""The UDP socket of a user agent: SIP messages out, datagrams in."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from sip.ua.message import Addr, BadMessage, Msg

_BATCH = 64  # datagrams read before the event loop gets its turn


def bind_udp(ip: str, port: int) -> socket.socket:
    """A socket for SIP; port 0 takes a free one. Raises OSError when the port is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind((ip, port))
    except OSError:
        sock.close()
        raise
    return sock


class UdpTransport:
    """`receive` is told of each message, `broken` of each datagram that is none (with its bytes), `trace` of all that passes."""

    def __init__(self, ip: str, port: int, given: socket.socket | None = None) -> None:
        """`given`: a socket that is bound already, instead of one on `port`."""
        self.ip, self.port = ip, port
        self._given = given
        self.receive: Callable[[Msg, Addr], None] = lambda msg, addr: None
        self.broken: Callable[[BadMessage, Addr, bytes], None] = lambda error, addr, data: None
        self.trace: Callable[[str, Msg, Addr], None] = lambda way, msg, addr: None
        self._sock: socket.socket | None = None

    def open(self) -> None:
        """Raises OSError when the port is taken."""
        sock = self._given or bind_udp(self.ip, self.port)
        sock.setblocking(False)
        self.port = sock.getsockname()[1]
        self._sock = sock
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable, sock)

    def send(self, msg: Msg, addr: Addr) -> None:
        """`addr` is numeric: names are resolved before, as a look-up would block the loop."""
        if self._sock is None:
            return
        data = bytes(msg)
        self.trace(">", msg, addr)
        with contextlib.suppress(OSError):  # as good as a lost datagram: retransmission or a timer deals with it
            self._sock.sendto(data, addr)

    def deafen(self) -> None:
        """Read no more: what comes from now on waits for whoever has the socket, too."""
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())

    def close(self) -> None:
        if self._sock is not None:
            self.deafen()
            self._sock.close()
            self._sock = None

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                data, addr = sock.recvfrom(65535)
            except OSError:  # nothing more, or an ICMP error of an earlier send
                return
            if not data.strip(b"\r\n\0"):
                continue  # keep-alive (RFC 5626 4.4.1)
            try:
                msg = Msg.parse(data)
                self.trace("<", msg, addr)
                self.receive(msg, addr)
            except BadMessage as error:
                self.broken(error, addr, data)
            if self._sock is None:
                return
