"""Writes that could not be made, on disk until they can: one JSON-lines file per writer."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable
from pathlib import Path

from store.writes import Write, from_line, to_line

log = logging.getLogger(__name__)

#: Enough for days of transcripts; beyond it something else is wrong and the disk belongs to others too.
MAX_BYTES = 16 * 1024 * 1024


class JournalFull(Exception):
    """The journal has reached its bound; the write is lost unless its caller keeps it."""


class Journal:
    """A bounded file of writes in order, locked while open so that nobody replays it under its writer.

    The file exists only while it holds something. Methods block on the disk: call them in a thread.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._fd: int | None = None

    def open(self) -> bool:
        """Take the file. False when another process has it. Raises OSError when the folder cannot be written."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def append(self, write: Write) -> None:
        """Put a write at the end; on disk when this returns. Raises JournalFull, OSError."""
        line = to_line(write)
        if self._fd is None and not self.open():
            raise OSError(f"{self.path} is in use by another process")
        assert self._fd is not None
        if os.fstat(self._fd).st_size + len(line) > self._max_bytes:
            raise JournalFull(str(self.path))
        os.write(self._fd, line)
        os.fsync(self._fd)

    def read(self) -> tuple[Write, ...]:
        """What is in it, oldest first. A line cut short by a crash is logged and left out."""
        if not self.path.exists():
            return ()
        writes = []
        for number, line in enumerate(self.path.read_bytes().splitlines(), 1):
            try:
                writes.append(from_line(line))
            except ValueError:
                log.error("line %d of the journal %s is damaged and is left out", number, self.path)
        return tuple(writes)

    def keep_only(self, writes: Iterable[Write]) -> None:
        """Replace what is in it; without any, the file goes."""
        lines = b"".join(map(to_line, writes))
        if lines and self._fd is not None:
            os.ftruncate(self._fd, 0)
            os.write(self._fd, lines)
            os.fsync(self._fd)
            return
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
