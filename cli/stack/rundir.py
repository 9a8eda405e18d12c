"""A run directory: one stack's lock, keys, logs and state, readable from another terminal."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from cli.stack.config import Endpoints, StackConfig, check_keys
from cli.stack.problem import StackError
from cli.stack.sessions import kill_sessions

#: How long a new stack waits for the keeper of a killed one to finish its clean-up.
LOCK_WAIT_S = 15.0


@dataclass(slots=True)
class PartState:
    """What is known about a part, for `leadline status`."""

    pid: int | None = None
    #: Seconds since the epoch; together with the pid it names one process for certain.
    started: float = 0.0
    deaths: int = 0
    note: str = ""


@dataclass(slots=True)
class RunState:
    """The contents of `stack.json`: no secrets in it."""

    name: str
    pid: int
    started: float
    sip: str
    livekit_url: str
    redis_url: str
    database_url: str
    ready: bool = False
    parts: dict[str, PartState] = field(default_factory=dict)

    def alive(self) -> bool:
        """True if the program that owns the stack still runs."""
        return _is_same_process(self.pid, self.started)


class RunDir:
    """The files of one stack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._lock: int | None = None

    def log(self, part: str) -> Path:
        """Return the log file of a part."""
        return self.logs / f"{part}.log"

    def rotate(self, parts: Iterable[str]) -> None:
        """Begin fresh logs; those of the last run are kept as `.log.1`."""
        for part in parts:
            if self.log(part).exists():
                self.log(part).replace(self.logs / f"{part}.log.1")

    def lock(self) -> int:
        """Make the directory and take its lock; return the descriptor, which the keeper inherits.

        Raises StackError if a stack runs here already. The lock goes when its last holder dies, however it dies.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        until = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                state = self.read()
                if time.monotonic() > until or (state is not None and state.alive()):
                    os.close(descriptor)
                    owner = f" (process {state.pid})" if state else ""
                    raise StackError(
                        f"a stack already runs in {self.path}{owner}",
                        f"stop it with `leadline down --name {self.path.name}`, or choose another --name",
                    ) from None
                time.sleep(0.1)
            else:
                self._lock = descriptor
                return descriptor

    def unlock(self) -> None:
        """Let go of the lock; the keeper may still hold it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> RunState | None:
        """Return the state left by the present or the last stack, or None."""
        try:
            raw = json.loads((self.path / "stack.json").read_text(encoding="utf-8"))
            parts = {name: PartState(**part) for name, part in raw.pop("parts").items()}
            return RunState(**raw, parts=parts)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise StackError(
                f"{self.path / 'stack.json'} is not readable as a stack's state", "delete that file"
            ) from None

    def write(self, state: RunState) -> None:
        """Replace the state in one move, so that a reader never sees half of it."""
        draft = self.path / "stack.json.new"
        draft.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
        draft.replace(self.path / "stack.json")

    def forget(self) -> None:
        """Say that nothing runs here any more."""
        (self.path / "stack.json").unlink(missing_ok=True)

    def sweep(self) -> int:
        """Kill what a stack left behind whose keeper was killed too; return how many processes that were."""
        state = self.read()
        if state is None:
            return 0
        # A part's pid names its session only if it is still that same process, or a dead leader with living members.
        left = [part for part in state.parts.values() if part.pid]
        sessions = [part.pid for part in left if part.pid and _is_same_process(part.pid, part.started)]
        killed = kill_sessions(sessions)
        self.forget()
        return killed

    def keys(self, config: StackConfig) -> tuple[str, str]:
        """Return API key and secret: the configured ones, this directory's, or new ones."""
        chosen = config.settings
        check_keys(chosen.api_key, chosen.api_secret)
        if chosen.api_key and chosen.api_secret:
            return chosen.api_key, chosen.api_secret
        kept = self.env()
        if "LIVEKIT_API_KEY" in kept and "LIVEKIT_API_SECRET" in kept:
            return kept["LIVEKIT_API_KEY"], kept["LIVEKIT_API_SECRET"]
        return f"key{secrets.token_hex(6)}", secrets.token_urlsafe(36)

    def write_env(self, endpoints: Endpoints) -> None:
        """Write the variables for other terminals (`set -a; . run/<name>/env`); only the owner may read them."""
        text = "".join(f"{key}={value}\n" for key, value in endpoints.env().items())
        write_private(self.path / "env", text)

    def env(self) -> dict[str, str]:
        """Return the variables that `write_env` wrote, empty if it never did."""
        try:
            lines = (self.path / "env").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        return dict(line.split("=", 1) for line in lines if "=" in line)


def write_private(file: Path, text: str) -> None:
    """Write a file that nobody else may read, not even for a moment."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as out:
        out.write(text)


def process_started(pid: int) -> float:
    """Return when a process began, in seconds since the epoch; 0.0 if it is gone."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


def _is_same_process(pid: int, started: float) -> bool:
    return started > 0 and abs(process_started(pid) - started) < 1.0
