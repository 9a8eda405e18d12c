"""What is about a number in files: recordings, journals, live state on disk, our own logs, and the database's own bytes.

Functions block on the disk: call them in a thread. All raise OSError.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store.calls import StoreError
from store.erasure import Found
from store.journal import Journal
from store.recordings import folder_of, parts_in, remove_call
from store.subject import Subject

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class JournalInUse(StoreError):
    """A call's process is writing to a journal that holds the number."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where an installation keeps what is not in its database."""

    redis_url: str
    recordings: Path
    journals: Path
    logs: tuple[Path, ...] = ()  #: folders


def erase_files(places: Places, subject: Subject, calls: Sequence[Found]) -> Counter[str]:
    """Delete recordings and live state, take the number's lines out of journals, cross it out in logs.

    Raises JournalInUse.
    """
    done: Counter[str] = Counter()
    for call in calls:
        done["recording files"] += remove_call(folder_of(places.recordings, call.call_id, call.began_at))
    for path in _journals(places):
        done["journal lines"] += _clean_journal(path, subject, calls)
    for path in _snapshots(places):
        if is_about(path.read_text(encoding="utf-8", errors="replace"), subject, calls):
            path.unlink(missing_ok=True)
            done["live states on disk"] += 1
    for path in _logs(places):
        done["log lines"] += _cross_out(path, subject)
    return +done


def files_left(places: Places, subject: Subject, calls: Sequence[Found]) -> list[str]:
    """Every file of ours in which the number still is, and every recording that is still there."""
    found = [
        str(part) for call in calls for part in parts_in(folder_of(places.recordings, call.call_id, call.began_at))
    ]
    for path in (*_journals(places), *_snapshots(places), *_logs(places)):
        with contextlib.suppress(FileNotFoundError):
            if subject.is_in(path.read_text(encoding="utf-8", errors="replace")):
                found.append(str(path))
    return found


def in_database_file(database: str, subject: Subject) -> list[str]:
    """The files of a SQLite database in whose bytes the number still is, free pages and the log of writes included."""
    found = []
    for path in (Path(database), Path(f"{database}-wal")):
        if path.exists() and (
            subject.e164.encode() in (data := path.read_bytes()) or subject.national.encode() in data
        ):
            found.append(str(path))
    return found


def is_about(text: str, subject: Subject, calls: Iterable[Found]) -> bool:
    """Whether it holds the number, or the id of one of its calls."""
    ids = {call.call_id for call in calls}
    return subject.is_in(text) or any(found in ids for found in _ID.findall(text))


def _clean_journal(path: Path, subject: Subject, calls: Sequence[Found]) -> int:
    lines = path.read_bytes().split(b"\n")
    kept = [line for line in lines if not is_about(line.decode("utf-8", "replace"), subject, calls)]
    if len(kept) == len(lines):
        return 0
    journal = Journal(path)
    if not journal.open(create=False):
        raise JournalInUse(
            f"{path} is being written by a call; erase again when the database is well and the call over"
        )
    try:
        fresh = path.with_suffix(".clean")
        fresh.write_bytes(b"\n".join(kept))
        fresh.replace(path)
        if not any(kept):
            path.unlink()
    finally:
        journal.close()
    return len(lines) - len(kept)


def _cross_out(path: Path, subject: Subject) -> int:
    """Overwrite in place: whoever writes to the log goes on behind it."""
    crossed = 0
    with path.open("r+b") as file:
        place = 0
        for line in file:
            text = line.decode("utf-8", "surrogateescape")
            if subject.is_in(text):
                os.pwrite(file.fileno(), subject.masked(text).encode("utf-8", "surrogateescape"), place)
                crossed += 1
            place += len(line)
    return crossed


def _journals(places: Places) -> Iterator[Path]:
    yield from sorted(places.journals.glob("*.jsonl"))
    yield from sorted(places.journals.glob("*.rejected"))


def _snapshots(places: Places) -> Iterator[Path]:
    yield from sorted((places.journals / "live").glob("*"))


def _logs(places: Places) -> Iterator[Path]:
    for folder in places.logs:
        yield from sorted(path for path in folder.glob("*.log*") if path.is_file())
