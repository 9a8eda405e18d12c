"""Looking after a database: what is wrong with it, and a consistent copy while calls write to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from store.calls import StoreError
from store.database import newest_revision, revision
from store.journal import Journal
from store.writer import journals_in

_DUMP_S = 3600.0
_SPARE = 256 * 1024 * 1024


class BackupFailed(StoreError):
    """There is no usable copy; the message says why."""


async def problems(engine: AsyncEngine, journals: Path) -> list[str]:
    """What a person should know, each with what to do; empty when all is well. Changes nothing."""
    found = []
    async with engine.connect() as connection:
        current = await connection.run_sync(revision)
        if current != newest_revision():
            found.append(f"schema {current or 'none'} is not {newest_revision()}: run `leadline db upgrade`")
        if engine.dialect.name == "sqlite":
            found += _sqlite_problems([str(row[0]) for row in await connection.execute(sa.text("PRAGMA quick_check"))])
            strays = (await connection.execute(sa.text("PRAGMA foreign_key_check"))).all()
            if strays:
                found.append(f"{len(strays)} rows belong to no call: restore a backup, or ask for help")
    database = engine.url.database if engine.dialect.name == "sqlite" else None
    return found + _problems_on_disk(journals, database)


def _problems_on_disk(journals: Path, database: str | None) -> list[str]:
    found = []
    waiting = [path for path in journals_in(journals) if Journal(path).read()]
    if waiting:
        found.append(f"{len(waiting)} journals in {journals} wait for the database: a running worker stores them")
    rejected = sorted(journals.glob("*.rejected"))
    if rejected:
        found.append(f"{len(rejected)} files of writes that could never be stored: look at {rejected[0]}")
    if database and database != ":memory:" and shutil.disk_usage(Path(database).parent).free < _SPARE:
        found.append(f"less than {_SPARE // 2**20} MB are free on the disk of {database}: make space")
    return found


def _sqlite_problems(told: Sequence[str]) -> list[str]:
    return [] if list(told) == ["ok"] else [f"the file is damaged ({told[0]}): restore a backup"]


def backup_sqlite(database: str, target: Path) -> int:
    """Copy the database as it is at one moment while others write to it; returns the copy's bytes. Blocking.

    The copy is checked before it gets its name. Raises BackupFailed.
    """
    draft = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with (
            closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as source,
            closing(sqlite3.connect(draft)) as copy,
        ):
            source.backup(copy)  # one read transaction: with WAL it holds up no writer
            copy.execute("PRAGMA journal_mode=DELETE")
            (told,) = copy.execute("PRAGMA integrity_check").fetchone()
        if told != "ok":
            raise BackupFailed(f"the copy is damaged ({told}): is the database? ask `leadline db check`")
        draft.replace(target)
    except (OSError, sqlite3.Error) as wrong:
        raise BackupFailed(f"cannot copy {database} to {target}: {wrong}") from None
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def backup_postgres(url: sa.URL, target: Path) -> int:
    """Dump with pg_dump (custom format, restored by pg_restore); returns the dump's bytes. Blocking. Raises BackupFailed."""
    program = shutil.which("pg_dump")
    command = ["pg_dump", "--format=custom", f"--file={target}", "--no-password"]
    for option, value in (("host", url.host), ("port", url.port), ("username", url.username)):
        if value:
            command.append(f"--{option}={value}")
    command.append(url.database or "")
    if program is None:
        raise BackupFailed(
            f"pg_dump is not installed here (Debian: postgresql-client); elsewhere run: {' '.join(command)}"
        )
    draft = target.with_name(f".{target.name}.part")
    command[2] = f"--file={draft}"
    secret = {"PGPASSWORD": url.password} if url.password else {}  # never in the arguments, which others can read
    path = {"PATH": str(Path(program).parent) + ":/usr/bin:/bin"}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(  # noqa: S603 - fixed program, arguments from the settings
            [program, *command[1:]], env=path | secret, capture_output=True, text=True, timeout=_DUMP_S, check=False
        )
        if done.returncode:
            raise BackupFailed(f"pg_dump: {done.stderr.strip().splitlines()[-1:]}")
        draft.chmod(0o600)
        draft.replace(target)
    except (OSError, subprocess.TimeoutExpired) as wrong:
        raise BackupFailed(f"cannot dump to {target}: {wrong}") from None
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size
