"""The keeper: a small process that owns a stack's parts, so that none outlives the program that started them.

It reads orders as JSON lines from stdin (`start`, `keep`, `stop`) and writes what happened as JSON lines to stdout. The end of
stdin, however it comes about (Ctrl-C, kill -9 of `leadline up`, a closed terminal), means: stop everything and go.
Three nets, because each alone has a hole. The pipe: works everywhere, but not if the keeper itself is killed. Linux's
parent-death signal: then kills the parts. Sessions: each part leads its own, so its grandchildren are found and swept.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.stack.sessions import kill_sessions

#: Seconds before each restart of a part that died; after the last one it is given up. A part that lived for
#: `STEADY_S` starts from the first again. Redis has to be back within 4 s for calls not to notice.
BACK_OFF_S = (0.1, 0.5, 1.0, 2.0, 4.0)
STEADY_S = 30.0

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


@dataclass(slots=True)
class Part:
    """One program under the keeper: how to start it, and what became of it."""

    name: str
    argv: list[str]
    env: dict[str, str]
    log: Path
    grace_s: float
    #: Restart it when it dies. Off until it was healthy once, so that a start that cannot work fails at once.
    keep: bool = False
    pid: int | None = None
    began: float = 0.0
    deaths: int = 0
    restart_at: float | None = None


def main() -> None:
    """Keep parts until stdin ends or SIGTERM comes, then stop them in reverse order."""
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    Keeper().run()


def restart_after(deaths: int, lived_s: float) -> float | None:
    """Return how many seconds to wait before a part that died after `deaths` earlier deaths starts again; None: never."""
    if lived_s >= STEADY_S:
        deaths = 0
    return BACK_OFF_S[deaths] if deaths < len(BACK_OFF_S) else None


class Keeper:
    """The loop: orders, deaths and due restarts, one after another, in one thread."""

    def __init__(self) -> None:
        self._parts: dict[str, Part] = {}
        self._orders = b""
        self._closing = False
        self._wake, waker = socket.socketpair()
        self._wake.setblocking(False)
        waker.setblocking(False)
        self._waker = waker  # held, or its descriptor would be closed under the signal handler
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "_closing", True))

    def run(self) -> None:
        """Run until told to go."""
        os.set_blocking(sys.stdin.fileno(), False)
        with selectors.DefaultSelector() as ready:
            ready.register(sys.stdin.fileno(), selectors.EVENT_READ, self._read_orders)
            ready.register(self._wake, selectors.EVENT_READ, self._drain_wake)
            while not self._closing:
                for key, _ in ready.select(self._until_next_restart()):
                    key.data()
                self._reap()
                self._restart_due()
        self._stop_all()

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(4096)

    def _read_orders(self) -> None:
        try:
            chunk = os.read(sys.stdin.fileno(), 65536)
        except BlockingIOError:
            return
        if not chunk:
            self._closing = True
            return
        *lines, self._orders = (self._orders + chunk).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        name = order["name"]
        match order["do"]:
            case "start":
                self._parts[name] = Part(name, order["argv"], order["env"], Path(order["log"]), order["grace_s"])
                self._start(self._parts[name])
            case "keep":
                self._parts[name].keep = True
            case "stop":
                self._stop(self._parts[name])
            case unknown:
                raise AssertionError(f"unknown order {unknown!r}")

    def _start(self, part: Part) -> None:
        part.restart_at, part.began = None, time.monotonic()
        try:
            with part.log.open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 -- the programs that the stack chose
                    part.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **part.env},  # noqa: TID251 -- handed on, not read
                    start_new_session=True,
                    preexec_fn=_die_with(os.getpid()),
                )
        except OSError as error:
            _tell("exited", part, code=127, why=f"{part.argv[0]}: {error.strerror}")
            return
        # Reaped by pid below, since as subreaper we also inherit children that Popen knows nothing of.
        process.returncode = 0
        part.pid = process.pid
        _tell("started", part, pid=process.pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            part = next((part for part in self._parts.values() if part.pid == pid), None)
            if part is not None:
                self._died(part, pid, os.waitstatus_to_exitcode(status))

    def _died(self, part: Part, pid: int, code: int) -> None:
        # A dead worker's job processes must not go on talking to callers beside its successor.
        kill_sessions([pid])
        part.pid = None
        if not part.keep:
            _tell("exited", part, code=code, why="")
            return
        lived_s = time.monotonic() - part.began
        wait_s = restart_after(part.deaths, lived_s)
        part.deaths = 1 if lived_s >= STEADY_S else part.deaths + 1
        if wait_s is None:
            part.keep = False
            _tell("given_up", part, code=code, why=f"died {part.deaths} times in a row")
        else:
            part.restart_at = time.monotonic() + wait_s
            _tell("died", part, code=code, why=f"starting again in {wait_s} s")

    def _until_next_restart(self) -> float | None:
        due = [part.restart_at for part in self._parts.values() if part.restart_at is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _restart_due(self) -> None:
        for part in self._parts.values():
            if part.restart_at is not None and part.restart_at <= time.monotonic():
                self._start(part)

    def _stop(self, part: Part) -> None:
        """Ask, wait for the grace, then kill; grandchildren included."""
        part.keep, part.restart_at = False, None
        if part.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(part.pid, signal.SIGTERM)
            until = time.monotonic() + part.grace_s
            while part.pid is not None and time.monotonic() < until:
                time.sleep(0.02)
                self._reap()
        if part.pid is not None:
            _tell("late", part, code=0, why=f"did not stop within {part.grace_s} s, killed")
            kill_sessions([part.pid])
            os.waitpid(part.pid, 0)
            part.pid = None

    def _stop_all(self) -> None:
        for part in reversed(list(self._parts.values())):
            self._stop(part)


def _tell(event: str, part: Part, **fields: object) -> None:
    """Write one line about a part; nobody listening is fine."""
    line = json.dumps({"event": event, "name": part.name, "deaths": part.deaths, **fields})
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), line.encode() + b"\n")


def _die_with(parent: int) -> Callable[[], None]:
    """Return what a child runs before exec: on Linux, be killed when the keeper is."""

    def before_exec() -> None:
        # Inherited by exec, and Redis and Go would keep ignoring what we ignore.
        for signal_number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(signal_number, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return before_exec


def _prctl(option: int, value: int) -> None:
    """Call Linux's prctl(2); elsewhere the pipe and the sweep have to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main()
