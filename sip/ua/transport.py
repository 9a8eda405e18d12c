"""The UDP socket of a user agent: SIP messages out, datagrams in."""

import asyncio
import contextlib
import socket
from collections.abc import Callable

from sip.ua.message import Addr, BadMessage, Msg

_BATCH = 64  # datagrams read before the event loop gets its turn


class UdpTransport:
    """`receive` is told of each message, `broken` of each datagram that is none (with its bytes), `trace` of all that passes."""

    def __init__(self, ip: str, port: int) -> None:
        self.ip, self.port = ip, port
        self.receive: Callable[[Msg, Addr], None] = lambda msg, addr: None
        self.broken: Callable[[BadMessage, Addr, bytes], None] = lambda error, addr, data: None
        self.trace: Callable[[str, Msg, Addr], None] = lambda way, msg, addr: None
        self._sock: socket.socket | None = None

    def open(self) -> None:
        """Raises OSError when the port is taken."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.setblocking(False)
            sock.bind((self.ip, self.port))
        except OSError:
            sock.close()
            raise
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

    def close(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock.fileno())
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
