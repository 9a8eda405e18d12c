"""Process sessions: every part leads its own, which is how its whole family is found when it has to go."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable

import psutil

_PASSES, _PASS_S = 20, 0.01


def members(sessions: Iterable[int]) -> list[int]:
    """Return the living processes (not zombies) of the given sessions, each named by its leader's pid."""
    wanted = set(sessions)
    found = []
    for pid in psutil.pids() if wanted else []:
        try:
            if os.getsid(pid) in wanted and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
        except (ProcessLookupError, PermissionError, psutil.Error):
            continue
    return found


def kill_sessions(sessions: Iterable[int]) -> int:
    """Kill what is left of the sessions and return how many processes that were.

    A session's number stays reserved while a member lives, but not longer: forget it after this.
    """
    wanted, killed = set(sessions), set[int]()
    for _ in range(_PASSES):  # a member may have forked while we looked
        left = members(wanted)
        if not left:
            break
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed.update(left)
        time.sleep(_PASS_S)
    return len(killed)
