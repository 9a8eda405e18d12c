"""What the parts of a call cost: CPU of each part and its children, memory that each job process owns."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping

import psutil

from bench.figures import summary

_APART_S = 0.05
_IDLE_THREADS = 4  #: a job process with more has a call: the SDK starts a dozen with the room


def family(pid: int) -> list[psutil.Process]:
    """A part's process and its children: the gateway works in one, and in two while they change."""
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def cpu_s(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds used so far by each part, its children included; of our own process without them."""
    used: dict[str, float] = {}
    for part, pid in pids.items():
        counted = [psutil.Process(pid)] if pid == os.getpid() else family(pid)
        used[part] = sum(_used_s(one) for one in counted)
    return used


def _used_s(process: psutil.Process) -> float:
    try:
        return float(sum(process.cpu_times()[:2]))
    except psutil.NoSuchProcess:  # it ended since it was listed
        return 0.0


def percent(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    """CPU between two readings, per cent of one core."""
    return {part: round((after[part] - before[part]) / seconds * 100, 1) for part in before if part in after}


async def owned_mb(worker: int) -> dict[str, float]:
    """Memory that the job processes in a call own (USS: not shared with the fork server), in MB.

    Read by a process of its own, one after the other and with pauses: the kernel walks through every page for it, and
    phones in the process that waits for that do not send.
    """
    reader = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.parts", str(worker)), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await reader.communicate()
    return summary([float(mb) for mb in json.loads(said)])


def _read(worker: int) -> None:
    os.nice(10)
    found = []
    for child in psutil.Process(worker).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.num_threads() > _IDLE_THREADS:
                found.append(float(child.memory_full_info().uss) / 1e6)
                time.sleep(_APART_S)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    _read(int(sys.argv[1]))
