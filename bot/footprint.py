"""What the job processes of this worker use: processor time, for admission, and memory, of which none may take too much.

The framework's own watch walks through every page of every process, ready ones included, each five seconds: with
twelve calls a twentieth of a processor, and the process waits meanwhile. Here the kernel's counters are read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import Final

import psutil

log = logging.getLogger("leadline.footprint")

_EVERY_S: Final = 5.0


def job_processes() -> list[psutil.Process]:
    """The job processes: the children of our fork server. Blocking."""
    me = psutil.Process()
    found = []
    for process in me.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.ppid() != me.pid:
                found.append(process)
    return found


def processor_seconds() -> float:
    """Used so far by the job processes. Blocking."""
    used = 0.0
    for process in job_processes():
        with contextlib.suppress(psutil.Error):
            used += sum(process.cpu_times()[:2])
    return used


class Footprints:
    """Ends processes that grow by more than `limit_mb`: their calls go on in others (bot/supervisor.py)."""

    def __init__(self, limit_mb: float) -> None:
        self._limit_mb = limit_mb
        self._began_mb: dict[psutil.Process, float] = {}

    async def run(self) -> None:
        """Look every few seconds, until cancelled."""
        while True:
            await asyncio.to_thread(lambda: self.look(job_processes()))
            await asyncio.sleep(_EVERY_S)

    def look(self, running: list[psutil.Process]) -> None:
        """Once. Blocking."""
        now: dict[psutil.Process, float] = {}
        for process in running:
            with contextlib.suppress(psutil.Error):
                size = _own_mb(process)
                now[process] = self._began_mb.get(process, size)
                if size - now[process] > self._limit_mb:
                    log.error(
                        "a job process has grown by %.0f MB and is ended: its call goes on in another",
                        size - now[process],
                    )
                    process.send_signal(signal.SIGKILL)
        self._began_mb = now


def _own_mb(process: psutil.Process) -> float:
    """Resident and not of a file. What is shared with the fork server is in it from the start."""
    memory = process.memory_info()
    return float(memory.rss - getattr(memory, "shared", 0)) / 1e6
