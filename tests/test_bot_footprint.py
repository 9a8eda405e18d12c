"""Processes that grow too large are ended; others are left alone."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from bot.footprint import Footprints

_GROWS = "import sys; print(flush=True); sys.stdin.readline(); kept = b'x' * {mb}_000_000; print(flush=True); sys.stdin.read()"


@pytest.mark.parametrize(("mb", "ended"), [(5, False), (60, True)])
def test_a_process_that_grows_beyond_its_limit_is_ended(mb: int, ended: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _GROWS.format(mb=mb)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        process, footprints = psutil.Process(child.pid), Footprints(limit_mb=30)
        child.stdout.readline()
        footprints.look([process])
        child.stdin.write(b"\n")
        child.stdin.flush()
        child.stdout.readline()
        footprints.look([process])
        child.stdin.close()
        assert (child.wait(10) < 0) is ended
        footprints.look([process])  # one that is gone is nothing to say about
