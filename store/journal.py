"""Writes that could not be made, on disk until they can: one JSON-lines file per writer, and room kept free for it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import threading
from pathlib import Path

from store.writes import Write, from_line, to_line

log = logging.getLogger(__name__)

#: Enough for days of transcripts; beyond it something else is wrong and the disk belongs to others too.
MAX_BYTES = 16 * 1024 * 1024
#: Room that the journals of one machine find on a disk that others have filled.
RESERVE_BYTES = 16 * 1024 * 1024
_RESERVE = "reserve"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class JournalFull(Exception):
    """The journal has reached its bound; the write is lost unless its caller keeps it."""


class Journal:
    """A bounded file of writes in order, locked while open so that nobody replays it under its writer.

    The file exists only while it holds something, and is only ever appended to or removed: a process killed at any
    moment leaves what it had written. Every write can be repeated, so replaying it all once more does no harm.
    Methods block on the disk: call them in a thread.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._fd: int | None = None
        self._mutex = threading.RLock()  # a thread whose caller gave up waiting may still be at work

    @property
    def held(self) -> bool:
        """Whether the file is ours."""
        return self._fd is not None

    def open(self, *, create: bool = True) -> bool:
        """Take the file. False when another process has it.

        Raises FileNotFoundError where there is none and none is to be made, OSError when the folder cannot be written.
        """
        flags = os.O_RDWR | os.O_APPEND
        if create:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags |= os.O_CREAT
        fd = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        if os.fstat(fd).st_nlink == 0:  # replayed and removed by the one who had it
            os.close(fd)
            raise FileNotFoundError(self.path)
        self._fd = fd
        return True

    def append(self, write: Write) -> None:
        """Put a write at the end; on disk when this returns, not there at all when it raises.

        Raises JournalFull, OSError. On a disk that is full the machine's reserve is given up first.
        """
        with self._mutex:
            self._append(to_line(write))

    def _append(self, line: bytes) -> None:
        if self._fd is None and not self.open():
            raise OSError(f"{self.path} is in use by another process")
        assert self._fd is not None
        size = os.fstat(self._fd).st_size
        if size + len(line) > self._max_bytes:
            raise JournalFull(f"{self.path} has reached {self._max_bytes} bytes")
        try:
            _write_all(self._fd, line)
        except OSError as refused:
            os.ftruncate(self._fd, size)  # half a line would spoil the next one
            if refused.errno not in _NO_ROOM or not release_reserve(self.path.parent):
                raise
            _write_all(self._fd, line)

    def read(self) -> tuple[Write, ...]:
        """What is in it, oldest first. A line cut short by a crash is logged and left out."""
        if not self.path.exists():
            return ()
        writes = []
        for number, line in enumerate(self.path.read_bytes().split(b"\n"), 1):
            try:
                if line:
                    writes.append(from_line(line))
            except ValueError:
                log.error("line %d of the journal %s is damaged and is left out", number, self.path)
        return tuple(writes)

    def remove(self) -> None:
        """All of it is stored: the file goes."""
        with self._mutex:
            self.path.unlink(missing_ok=True)
            self.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._mutex:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None


def keep_reserve(folder: Path, size: int = RESERVE_BYTES) -> bool:
    """Hold room on the disk for the journals to come. False when there is too little for it already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / _RESERVE
    try:
        if path.exists() and path.stat().st_size >= size:
            return True
        if shutil.disk_usage(folder).free < 4 * size:
            return False
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as refused:
        log.warning("no room could be kept free in %s: %s", folder, refused.strerror)
        path.unlink(missing_ok=True)
        return False
    return True


def release_reserve(folder: Path) -> bool:
    """Give the kept room to the journals. False when there was none."""
    try:
        (folder / _RESERVE).unlink()
    except OSError:
        return False
    log.error("the disk of %s is full: writes go to the room that was kept for them; make space", folder)
    return True


def _write_all(fd: int, line: bytes) -> None:
    """A disk that fills up takes part of a line first, and refuses the rest."""
    while line:
        line = line[os.write(fd, line) :]
    os.fsync(fd)
