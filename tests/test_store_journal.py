"""What a call wrote survives: a killed process, a locked database, a full disk, in order and once."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from flows.model import Direction
from store.away import is_away
from store.calls import Calls, NewCall, Turn, UnknownCall
from store.database import open_calls
from store.journal import keep_reserve, release_reserve
from store.writer import Patience, Writer, journals_in, replay
from store.writes import Write, write
from tests.databases import Databases
from tests.waiting import eventually

QUICK = Patience(again_s=0.001)
CALL = NewCall("c1", Direction.OUTBOUND, "b2b", "h1", "room-1", "+12025550100", "+12025550134", 100.0, {"name": "Ada"})


class _State(Exception):
    """As drivers of PostgreSQL raise it."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "store"):
        yield caplog


def turn(n: int) -> Write:
    return write(Calls.add_turn, "c1", Turn(n, "bot", f"sentence {n}", 100.0 + n))


_CHILD = """
import asyncio, sys
from pathlib import Path
from flows.model import Direction
from store.calls import Calls, NewCall, Turn
from store.database import open_calls
from store.writer import Patience, Writer, journal_path
from store.writes import write

async def main(url, folder, first):
    call = NewCall("c1", Direction.OUTBOUND, "b2b", "h1", "room-1", "+12025550100", "+12025550134", 100.0)
    async with open_calls(url, migrated=True) as calls:
        async with Writer(calls, journal_path(folder, "c1", float(first)), patience=Patience(again_s=0.05)) as writer:
            writer.put(write(Calls.begin, call))
            for n in range(first, first + 100_000):
                writer.put(write(Calls.add_turn, "c1", Turn(n, "bot", f"sentence {n}", 100.0 + n)))
                await writer.flush()
                print(n, flush=True)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
"""


async def _child(url: str, folder: Path, first: int) -> asyncio.subprocess.Process:
    arguments = ("-c", _CHILD, url, str(folder), str(first))
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)


async def _told(process: asyncio.subprocess.Process, count: int) -> int:
    """Read so many acknowledged turns; returns the last."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        for _ in range(count):
            last = int(await process.stdout.readline())
    return last


async def _kill(process: asyncio.subprocess.Process) -> int:
    """SIGKILL at whatever it is doing; returns the last turn that it had acknowledged."""
    assert process.stdout is not None
    process.kill()
    rest = (await process.communicate())[0].split(b"\n")[:-1]
    return max((int(line) for line in rest), default=-1)


async def test_processes_killed_while_the_database_is_locked_lose_and_double_nothing(tmp_path: Path) -> None:
    url, folder = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}", tmp_path / "journal"
    async with open_calls(url) as calls:
        locker = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        process = await _child(url, folder, 0)
        await _told(process, 20)
        last = await _kill(process)
        process = await _child(url, folder, last + 1)
        await _told(process, 20)
        locker.execute("ROLLBACK")
        locker.close()
        await _told(process, 5)  # killed in the middle of the replay, or near it
        last = await _kill(process)
        for path in journals_in(folder):  # the kill's torn line
            path.write_bytes(path.read_bytes() + b'{"kind":"add_tu')
        await replay(folder, calls)
        kept = [said.n for said in await calls.turns("c1")]
    assert set(range(last + 1)) <= set(kept)
    assert kept == sorted(set(kept))
    assert not journals_in(folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk needs root and the right to mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_loses_nothing(small_disk: Path, tmp_path: Path, errors: pytest.LogCaptureFixture) -> None:
    """The database is locked, then the journal's disk is full: first the kept room is used, then memory."""
    assert keep_reserve(small_disk, 16_384)
    async with open_calls(f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}") as calls:
        locker = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        async with Writer(calls, small_disk / "1-c1-9.jsonl", patience=Patience(again_s=0.05, flush_s=60)) as writer:
            writer.put(write(Calls.begin, CALL))
            for n in range(600):
                writer.put(write(Calls.add_turn, "c1", Turn(n, "bot", "x" * 400, 100.0 + n)))
            await eventually(lambda: any("wait in memory" in message for message in errors.messages), 30)
            assert any("the room that was kept" in message for message in errors.messages)
            locker.execute("ROLLBACK")
        locker.close()
        assert [said.n for said in await calls.turns("c1")] == list(range(600))
    assert writer.lost == 0
    assert not journals_in(small_disk)


def test_the_room_that_was_kept_goes_to_the_journal_of_a_full_disk(tmp_path: Path) -> None:
    assert keep_reserve(tmp_path, 4096)
    assert keep_reserve(tmp_path, 4096)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 4096
    assert release_reserve(tmp_path)
    assert not release_reserve(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("x", {}, sqlite3.OperationalError("database is locked")), True),
        (OperationalError("x", {}, sqlite3.OperationalError("database or disk is full")), True),
        (IntegrityError("x", {}, sqlite3.IntegrityError("UNIQUE")), False),
        (DBAPIError("x", {}, _State("57P01")), True),
        (DBAPIError("x", {}, _State("53100")), True),
        (DBAPIError("x", {}, _State("42703")), False),
        (_State("57P03"), True),
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (UnknownCall("c1"), False),
        (KeyError("c1"), False),
    ],
)
def test_what_counts_as_a_database_that_is_away(error: BaseException, away: bool) -> None:
    assert is_away(error) is away


async def test_a_locked_sqlite_file_loses_nothing(tmp_path: Path) -> None:
    async with open_calls(f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}") as calls:
        locker = sqlite3.connect(tmp_path / "calls.db", isolation_level=None)
        async with Writer(calls, tmp_path / "1-c1-9.jsonl", patience=QUICK) as writer:
            locker.execute("BEGIN IMMEDIATE")
            writer.put(write(Calls.begin, CALL))
            await writer.flush()
            assert (tmp_path / "1-c1-9.jsonl").exists()
            locker.execute("ROLLBACK")
            writer.put(turn(0))
        locker.close()
        assert len(await calls.turns("c1")) == 1


async def test_postgres_restarting_loses_nothing(databases: Databases, tmp_path: Path) -> None:
    async with databases.calls("postgres", tmp_path) as calls:
        server = databases.server
        async with Writer(calls, tmp_path / "1-c1-9.jsonl", patience=Patience(again_s=0.05, flush_s=60)) as writer:
            writer.put(write(Calls.begin, CALL))
            for n in range(50):
                writer.put(turn(n))
            await asyncio.to_thread(server.kill)
            for n in range(50, 80):
                writer.put(turn(n))
            await writer.flush()
            assert journals_in(tmp_path)
            await asyncio.to_thread(server.start)
        assert [said.n for said in await calls.turns("c1")] == list(range(80))
    assert not journals_in(tmp_path)
