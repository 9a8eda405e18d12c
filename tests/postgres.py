"""A PostgreSQL of the suite's own: a private cluster on a free port, not run as root, gone with the suite."""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_START_S = 60.0
_NOT_ROOT = ("postgres", "nobody")


@dataclass(slots=True)
class Postgres:
    """A running server; every database in it belongs to the suite."""

    binaries: Path
    data: Path
    port: int
    user: str | None  #: the system user that it runs as, None: our own
    process: subprocess.Popen[bytes]

    def url(self, database: str = "postgres") -> str:
        """SQLAlchemy's URL of one of its databases."""
        return f"postgresql+asyncpg://leadline@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *arguments: str) -> str:
        """Run one of PostgreSQL's own programs against the server and return what it prints."""
        command = [self.binaries / program, "-h", "127.0.0.1", "-p", str(self.port), "-U", "leadline", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def create(self, database: str, template: str = "template1") -> str:
        """Make a database; returns its URL."""
        self.run("createdb", "--template", template, "--strategy", "file_copy", database)
        return self.url(database)

    def kill(self) -> None:
        """End it as a crash would: `start` brings it back."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def start(self) -> None:
        """Start it again, where it was."""
        self.process = _start(self.binaries, self.data, self.port, self.user)


@contextmanager
def running() -> Iterator[Postgres]:
    """Run a server; skips the test where PostgreSQL is not installed."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    user = _other_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="leadline-postgres-"))  # pytest's own folders are closed to other users
    try:
        if user is not None:
            shutil.chown(folder, user)
        data = folder / "data"
        _as(user, binaries / "initdb", "-D", data, "-U", "leadline", "-A", "trust", "-E", "UTF8", "--no-sync")
        port = _free_port()
        server = Postgres(binaries, data, port, user, _start(binaries, data, port, user))
        try:
            yield server
        finally:
            server.process.send_signal(signal.SIGINT)  # "fast" shutdown
            server.process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(binaries: Path, data: Path, port: int, user: str | None) -> subprocess.Popen[bytes]:
    command = [str(binaries / "postgres"), "-D", str(data), "-p", str(port)]
    for setting in ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "log_min_messages=fatal"):
        command += ["-c", setting]
    log = (data.parent / "log").open("ab")
    process = subprocess.Popen(command, stdout=log, stderr=log, **_identity(user))  # type: ignore[call-overload]
    log.close()
    until = time.monotonic() + _START_S
    while True:
        ready = subprocess.run(
            [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False
        ).returncode
        if ready == 0:
            return process
        assert process.poll() is None, (data.parent / "log").read_text()
        assert time.monotonic() < until, "PostgreSQL did not start"
        time.sleep(0.05)


def _as(user: str | None, *command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, **_identity(user))  # type: ignore[call-overload]


def _identity(user: str | None) -> dict[str, object]:
    """Arguments for `subprocess`: initdb and postgres refuse to run as root."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": [], "cwd": "/"}


def _other_user() -> str:
    for name in _NOT_ROOT:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _binaries() -> Path | None:
    """The newest version's programs: Debian keeps them off PATH."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), key=lambda path: int(path.split("/")[4]))
    path = found[-1] if found else shutil.which("initdb")
    return Path(path).resolve().parent if path else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
