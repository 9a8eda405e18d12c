"""Figures as they are written down: percentiles with n, and the machine and versions they were taken on."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

_PACKAGES = ("livekit-agents", "livekit", "moonshine-voice", "hibari-tts", "onnxruntime")


def summary(samples: Sequence[float]) -> dict[str, float]:
    """n, p50, p95 and max of samples in milliseconds; n alone when there are none."""
    if not samples:
        return {"n": 0}
    p50, p95 = np.percentile(samples, [50, 95])
    return {"n": len(samples), "p50": round(float(p50)), "p95": round(float(p95)), "max": round(max(samples))}


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.machine()}",
        "load_1m": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """The versions that matter to the figures."""
    return {"python": platform.python_version(), "livekit-server": "1.13.5"} | {p: version(p) for p in _PACKAGES}


def conditions() -> dict[str, object]:
    """Machine and versions, for the end of a report."""
    return {"machine": machine(), "versions": versions()}


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
