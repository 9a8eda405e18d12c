"""What the parts of a call cost: CPU of each part and its children, memory that each job process owns."""

from __future__ import annotations

from collections.abc import Mapping

import psutil

from bench.figures import summary

_IDLE_MB = 25.0  #: a job process that owns less has no call


def cpu_s(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds used so far by each part, its children included."""
    used: dict[str, float] = {}
    for part, pid in pids.items():
        process = psutil.Process(pid)
        family = (process, *process.children(recursive=True))
        used[part] = sum(float(sum(one.cpu_times()[:2])) for one in family)
    return used


def percent(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> dict[str, float]:
    """CPU between two readings, per cent of one core."""
    return {part: round((after[part] - before[part]) / seconds * 100, 1) for part in before if part in after}


def owned_mb(worker: int) -> dict[str, float]:
    """Memory that the job processes in a call own (USS: not shared with the fork server), in MB."""
    owned = sorted(_uss_mb(child) for child in psutil.Process(worker).children(recursive=True))
    return summary([mb for mb in owned[:-1] if mb > _IDLE_MB])  # the largest is the fork server, with the models


def _uss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().uss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0
