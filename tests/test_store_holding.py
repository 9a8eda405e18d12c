"""A held call: saved behind the conversation, kept on a shelf while Redis is away, let go when somebody else has it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from flows.engine import begin
from flows.model import Direction
from store.calls import NewCall
from store.flowfiles import load_flow
from store.live import OVER, Claim, MemoryLive, Owner, Snapshot
from store.live_holding import Holding, Shelf, newest
from tests.waiting import eventually

FLOW = load_flow("b2b-software")
CALL = NewCall("c1", Direction.INBOUND, FLOW.name, FLOW.hash, "call-x", "+12025550142", "+12025550100", 100.0)
FIRST = Snapshot(CALL, begin(FLOW, call_id="c1", direction=Direction.INBOUND, at=100.0))
SECOND = replace(FIRST, turns=1)
ME, OTHER = Owner("job-1"), Owner("job-2")


@asynccontextmanager
async def held(live: MemoryLive, folder: Path) -> AsyncIterator[Holding]:
    async with Holding(live, "room", ME, Shelf(folder), await live.claim("room", ME)) as holding:
        yield holding


async def snapshot_in(live: MemoryLive) -> str | None:
    return (await live.claim("room", OTHER)).snapshot


async def test_the_newest_state_is_stored(tmp_path: Path) -> None:
    live = MemoryLive(time.monotonic)
    async with held(live, tmp_path) as holding:
        holding.put(FIRST, FLOW.body)
        holding.put(SECOND)
        assert await holding.stored(5)
    claim = await live.claim("room", OTHER)
    assert (claim.snapshot, claim.flow_body) == (SECOND.dump(), FLOW.body)


async def test_an_owner_that_was_superseded_learns_it_and_writes_nothing(tmp_path: Path) -> None:
    live = MemoryLive(time.monotonic)
    async with held(live, tmp_path) as holding:
        await live.claim("room", OTHER)
        holding.put(SECOND)
        await eventually(holding.superseded.is_set)
    assert await snapshot_in(live) is None


async def test_while_redis_is_away_the_state_is_on_disk_and_one_warning_is_given(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "leadline.live")
    live, shelf = MemoryLive(time.monotonic), Shelf(tmp_path)
    async with held(live, tmp_path) as holding:
        holding.put(FIRST)
        assert await holding.stored(5)
        live.away = True
        holding.put(SECOND)
        assert await holding.settled(5)
        assert not await holding.stored(0)
        assert shelf.read("room") == SECOND.dump()
        assert_private(tmp_path)
        live.away = False
        live.restart(empty=True)
        assert await holding.stored(5)
        await eventually(lambda: shelf.read("room") is None)
    assert await snapshot_in(live) == SECOND.dump()
    assert len(caplog.records) == 1


def assert_private(folder: Path) -> None:
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "room" not in file.name


async def test_a_call_that_began_without_redis_is_claimed_later(tmp_path: Path) -> None:
    live = MemoryLive(time.monotonic)
    live.away = True
    async with Holding(live, "room", ME, Shelf(tmp_path), None) as holding:
        holding.put(FIRST)
        assert await holding.settled(5)
        live.away = False
        assert await holding.stored(5)
        assert await live.holder("room") == ME


async def test_of_a_call_that_is_over_nothing_stays(tmp_path: Path) -> None:
    live = MemoryLive(time.monotonic)
    async with held(live, tmp_path) as holding:
        holding.put(FIRST)
        await holding.stored(5)
        await holding.over()
    assert await live.holder("room") == Owner(OVER)
    assert await snapshot_in(live) is None


def test_the_newer_of_redis_and_shelf_counts_and_a_broken_one_does_not() -> None:
    assert newest(Claim(2, snapshot=FIRST.dump()), SECOND.dump()) == SECOND
    assert newest(Claim(2, snapshot=SECOND.dump()), FIRST.dump()) == SECOND
    assert newest(Claim(2, snapshot="broken"), FIRST.dump()) == FIRST
    assert newest(None, None) is None


def test_what_nobody_came_back_for_is_swept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "live")
    shelf.write("old", "{}")
    shelf.write("new", "{}")
    (old, _) = sorted((tmp_path / "live").iterdir(), key=lambda path: shelf.read("old") != path.read_text())
    os.utime(old, (0, 0))
    shelf.sweep(time.time())
    assert len(list((tmp_path / "live").iterdir())) == 1


class Deaf(MemoryLive):
    """A store whose client keeps a cancellation for itself, as Redis' can in the middle of an answer."""

    asked = False

    async def renew(self, room: str, owner: Owner, generation: int) -> bool:
        self.asked = True
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        return await super().renew(room, owner, generation)


async def test_letting_go_ends_even_if_the_store_hears_no_cancellation(tmp_path: Path) -> None:
    live = Deaf(time.monotonic)
    async with asyncio.timeout(5), held(live, tmp_path):
        await eventually(lambda: live.asked)
