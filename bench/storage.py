"""Calls while the database is locked for 30 s, and while the disk is full: what the caller notices, what is kept.

`python -m bench storage --calls N --json FILE`. The full disk is a small tmpfs, which needs root and the right to mount.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from redis.asyncio import Redis

from bench.chaos_call import WANTED, Answering
from bench.edge import BOT_NUMBER, Edge, edge, route, worker
from bench.figures import conditions
from sip.phone import CallFailed, Phone
from store.calls import Call, Turn
from store.database import open_calls

_LOCKED_S: Final = 30.0
_CALL_S: Final = 120.0
_STORED_S: Final = 60.0
_DISK: Final = "160m"
_NUMBERS: Final = "+1303555{:04d}"

_Fault = AbstractAsyncContextManager[None]


async def storage(calls: int) -> dict[str, object]:
    """Both faults, `calls` calls at once each."""
    found: dict[str, object] = {"database_locked_30_s": await _with(_locked, calls, first=2000)}
    with _small_disk() as disk:
        if disk is None:
            found["disk_full"] = "not run: no right to mount a small disk"
        else:
            tempfile.tempdir = str(disk)
            try:
                found["disk_full"] = await _with(_full, calls, first=2100)
            finally:
                tempfile.tempdir = None
    return {**found, **conditions()}


async def _with(fault: Callable[[Edge], _Fault], calls: int, first: int) -> dict[str, object]:
    callers = [_NUMBERS.format(first + n) for n in range(calls)]
    async with edge("gateway") as where:
        await route(where, BOT_NUMBER, "leadline", '{"flow": "b2b-software"}')
        async with worker(where, calls_max=calls + 2, idle_processes=calls):
            async with Redis.from_url(where.at.redis_url, decode_responses=True) as redis, fault(where):
                ended = await asyncio.gather(*(_call(where, redis, caller) for caller in callers))
            repaired = time.monotonic()
            rows = await _rows(where, callers)
            stored_s = time.monotonic() - repaired
    whole = [row for row, turns in rows.values() if row.disposition == "qualified" and _whole(row, turns)]
    return {
        "calls": calls,
        "ended_by_the_bot": sum(ended),
        "rows_whole": len(whole),
        "stored_s_after_repair": round(stored_s, 1),
    }


async def _call(where: Edge, redis: Redis, caller: str) -> bool:
    """A whole call by keys; whether the bot ended it after its goodbye."""
    async with Phone(user=caller) as phone:
        try:
            call = await phone.call(BOT_NUMBER, where.addr, wait=30)
        except (CallFailed, TimeoutError):
            return False
        answering = asyncio.create_task(Answering(redis, caller, random.Random(caller)).run(call))
        try:
            await call.wait_ended(_CALL_S)
        except TimeoutError:
            await call.hangup()
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)
        return call.ended_by == "remote"


@asynccontextmanager
async def _locked(where: Edge) -> AsyncIterator[None]:
    """Lock the database a few seconds into the calls, for 30 s and past their end."""
    file = where.at.database_url.partition("///")[2]

    async def lock() -> None:
        await asyncio.sleep(6.0)
        connection = sqlite3.connect(file, isolation_level=None, timeout=5)
        connection.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(_LOCKED_S)
        connection.execute("ROLLBACK")
        connection.close()

    locking = asyncio.create_task(lock())
    yield
    await locking


@asynccontextmanager
async def _full(where: Edge) -> AsyncIterator[None]:
    """Fill the disk a few seconds into the calls; it has room again when they are over."""
    filler = where.folder / "filler"

    async def fill() -> None:
        await asyncio.sleep(6.0)
        await asyncio.to_thread(_fill, filler)

    filling = asyncio.create_task(fill())
    yield
    await filling
    await asyncio.sleep(1.0)
    filler.unlink()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue


async def _rows(where: Edge, callers: list[str]) -> dict[str, tuple[Call, tuple[Turn, ...]]]:
    """Wait until all calls are closed in the database."""
    found: dict[str, tuple[Call, tuple[Turn, ...]]] = {}
    until = time.monotonic() + _STORED_S
    async with open_calls(where.at.database_url, migrated=True) as calls:
        while time.monotonic() < until:
            for row in await calls.list(500):
                if row.begun.caller in callers and row.ended_at is not None:
                    found[row.begun.caller] = (row, await calls.turns(row.id))
            if len(found) == len(callers) and all(_whole(*kept) for kept in found.values()):
                break
            await asyncio.sleep(0.2)
    return found


def _whole(row: Call, turns: tuple[Turn, ...]) -> bool:
    """Every answer as it was typed, and a transcript without a gap from the greeting to the goodbye."""
    answers = row.record.get("answers")
    if not isinstance(answers, dict) or any(answers.get(slot, {}).get("value") != v for slot, v in WANTED.items()):
        return False
    return [turn.n for turn in turns] == list(range(len(turns))) and "Goodbye" in turns[-1].text


@contextmanager
def _small_disk() -> Iterator[Path | None]:
    folder = Path(tempfile.mkdtemp(prefix="leadline-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()
