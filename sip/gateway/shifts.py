"""One gateway process after another on the same SIP port: a worn one is followed by a fresh one when no call is on.

The SDK's native library keeps about half a megabyte of every room that was ever joined, whatever is let go of (livekit
1.1.21 and 1.2.1: joined and left, nothing else). So a process serves a number of calls; then the next one is started,
loads what it needs, and takes over between two calls. The socket belongs to the process above both: what comes in the
meantime waits in it.
"""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Sequence
from typing import Final

log = logging.getLogger("sip.gateway")

_START_S: Final = 60.0  # on a busy machine; imports alone take two seconds
_END_S: Final = 10.0  # from SIGTERM on


class Shift:
    """A gateway process. It says `warm`, `ready`, `worn` and `done`, and is told to `serve` and to `yield`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def begin(cls, command: Sequence[str], sock: socket.socket) -> "Shift":
        """Start it; it waits for its turn."""
        fd = sock.fileno()
        pipe = asyncio.subprocess.PIPE
        return cls(
            await asyncio.create_subprocess_exec(*command, "--sip-fd", str(fd), stdin=pipe, stdout=pipe, pass_fds=(fd,))
        )

    async def says(self, word: str) -> bool:
        """Wait for the word. False: it ended without."""
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            if line.decode().strip() == word:
                return True
        return False

    def tell(self, word: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(ConnectionError):
            self._process.stdin.write(f"{word}\n".encode())

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    async def code(self) -> int:
        """How it ended; it is killed when that takes too long."""
        try:
            async with asyncio.timeout(_END_S):
                return await self._process.wait()
        except TimeoutError:
            self._process.kill()
            return await self._process.wait()


class Shifts:
    """Who serves now, and who comes next."""

    def __init__(self, command: Sequence[str], sock: socket.socket) -> None:
        self._command, self._sock = command, sock
        self._running: list[Shift] = []
        self._stopped = False

    def stop(self) -> None:
        """Hang up and end."""
        self._stopped = True
        for shift in self._running:
            shift.end()

    async def run(self, ready: asyncio.Event) -> int:
        """Until the one who serves ends; returns its exit code. `ready` is set once calls are taken."""
        try:
            serving = await self._next()
            if serving is None or not await self._takes_over(serving):
                return await self._running[0].code()
            ready.set()
            while await serving.says("worn"):
                if (fresh := await self._next()) is None:
                    log.warning("no fresh process came up: the worn one goes on")
                    continue
                serving.tell("yield")
                if not await serving.says("done") or self._stopped:
                    break  # and nobody follows
                await self._takes_over(fresh)
                await serving.code()
                self._running.remove(serving)
                serving = fresh
            return await serving.code()
        finally:
            self.stop()
            await asyncio.gather(*(shift.code() for shift in self._running))

    async def _next(self) -> Shift | None:
        shift = await Shift.begin(self._command, self._sock)
        self._running.append(shift)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_S):
                return shift if await shift.says("warm") else None
        return None

    async def _takes_over(self, shift: Shift) -> bool:
        shift.tell("serve")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_S):
                return await shift.says("ready")
        return False
