"""Ports: free ones for a stack that shares its machine, and a clear word when a chosen one is taken."""

from __future__ import annotations

import random
import socket

import psutil

from cli.stack.problem import StackError

# Below the range from which kernels take ports for outgoing connections (Linux: 32768 and up), so that
# a part that dies finds its port free when it is started again.
_FIRST, _LAST = 20_000, 32_000
_TRIES = 200


def is_free(port: int, ip: str = "127.0.0.1") -> bool:
    """True if nobody holds `port` on `ip`, neither over TCP nor over UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # As servers do: a connection that lingers in TIME_WAIT does not hold the port.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
            except OSError:
                return False
    return True


def pick(wanted: int | None, ip: str, setting: str, *, taken: set[int]) -> int:
    """Return `wanted`, or a free port, and add it to `taken`.

    Raises StackError naming the program that holds `wanted`, and the setting that chooses another.
    """
    if wanted is not None:
        if not is_free(wanted, ip):
            raise StackError(
                f"port {wanted} on {ip} is taken{_by_whom(wanted)}",
                f"stop that program, or set {setting} to another port (unset: a free one)",
            )
        taken.add(wanted)
        return wanted
    for port in (random.randrange(_FIRST, _LAST) for _ in range(_TRIES)):
        if port not in taken and is_free(port, ip):
            taken.add(port)
            return port
    raise StackError(f"no free port between {_FIRST} and {_LAST} on {ip}", f"set {setting}")


def _by_whom(port: int) -> str:
    """Name the holder of a port, where the system lets us see it."""
    try:
        for connection in psutil.net_connections("inet"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return ""
