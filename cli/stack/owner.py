"""The near end of the keeper: starts it, gives it orders, hears what became of the parts."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cli.stack.parts import PartSpec

#: Four parts, each with its grace, and the sweep after them.
_CLOSE_S_MAX = 30.0


@dataclass(frozen=True, slots=True)
class PartEvent:
    """What happened to a part: started, exited, died (it is started again), given_up, or late (had to be killed)."""

    event: str
    name: str
    deaths: int
    pid: int | None = None
    code: int = 0
    why: str = ""


class Owner:
    """Owns the keeper process, which owns the parts: when this program ends in whatever way, they end."""

    def __init__(self, process: subprocess.Popen[bytes], tell: Callable[[PartEvent], None]) -> None:
        self._process = process
        self._tell = tell
        self._lock = threading.Lock()
        self._ended = asyncio.get_running_loop().create_future()
        self._reader = threading.Thread(target=self._read, args=(asyncio.get_running_loop(),), daemon=True)
        self._reader.start()

    @classmethod
    def begin(cls, lock: int, log: Path, tell: Callable[[PartEvent], None]) -> Self:
        """Start a keeper that also holds the run directory's `lock`; `tell` is called in the running loop."""
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.stack.keeper"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                pass_fds=(lock,),
                start_new_session=True,  # Ctrl-C at the terminal is for us alone
                cwd=Path(__file__).parents[2],
            )
        return cls(process, tell)

    @property
    def pid(self) -> int:
        """The keeper's process id."""
        return self._process.pid

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done when the keeper is gone, which is an accident unless we closed it."""
        return self._ended

    def start(self, part: PartSpec, env: dict[str, str], log: Path) -> None:
        """Start a part, or start it anew."""
        self._order(do="start", name=part.name, argv=part.argv, env=env, log=str(log), grace_s=part.grace_s)

    def keep(self, name: str) -> None:
        """From now on restart the part when it dies."""
        self._order(do="keep", name=name)

    def stop(self, name: str) -> None:
        """Stop a part and leave it stopped."""
        self._order(do="stop", name=name)

    async def close(self) -> bool:
        """Have all parts stopped in reverse order; return False if the keeper had to be killed."""
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.close()
        try:
            await asyncio.to_thread(self._process.wait, _CLOSE_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait, _CLOSE_S_MAX)
        await asyncio.to_thread(self._reader.join, _CLOSE_S_MAX)
        return self._process.returncode == 0

    def _order(self, **order: object) -> None:
        # From any thread: tests stop and start parts while the stack's own loop runs elsewhere.
        assert self._process.stdin is not None
        with self._lock:
            try:
                self._process.stdin.write(json.dumps(order).encode() + b"\n")
                self._process.stdin.flush()
            except (BrokenPipeError, ValueError):
                pass  # it is gone, and `ended` says so

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told: dict[str, Any] = json.loads(line)
            loop.call_soon_threadsafe(self._tell, PartEvent(**told))
        loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
