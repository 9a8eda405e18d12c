"""`leadline worker`: the bot itself, until SIGTERM."""

from __future__ import annotations

import os
import sys


def worker() -> None:
    """Register with livekit-server as agent `leadline` and take calls. SIGTERM lets running calls finish."""
    # In place of this process: see bot/__main__.py for why the command line must not be the worker's main module.
    os.execv(sys.executable, [sys.executable, "-m", "bot"])  # noqa: S606 -- ourselves
