"""`leadline calls tail`, `campaign watch` and `test-call`: what goes on is shown while it does, and ends when told to."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.stack.config import ROOT
from store import campaigns
from store.redis_events import RedisEvents
from tests.campaign_world import NOW, a_campaign, new_lead
from tests.databases import Databases
from tests.redis_alone import free_port, running_redis
from tests.waiting import eventually


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@asynccontextmanager
async def tail(url: str, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """`calls tail` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", "calls", "tail", *words),
        env={**os.environ, "LEADLINE_REDIS_URL": url, "COLUMNS": "200"},  # noqa: TID251 -- handed on, not read
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def lines(process: asyncio.subprocess.Process, count: int) -> list[str]:
    """The next lines that it prints, at once and not when it ends."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return [(await process.stdout.readline()).decode() for _ in range(count)]


async def test_tail_tells_events_as_they_happen_and_no_words_unless_asked(redis_url: str) -> None:
    async with (
        RedisEvents(redis_url, lambda: NOW) as events,
        tail(redis_url, "--all") as plain,
        tail(redis_url, "c2", "--all", "--json", "--words") as whole,
    ):
        events.publish("c1", "turn", **{"pii.text": "my number is two", "who": "caller"})
        events.publish("c2", "turn", **{"pii.text": "twenty [five]", "who": "bot"})
        first, second = await lines(plain, 2)
        assert first.split()[1:] == ["c1", "turn", "who=caller"]
        assert "twenty" not in second
        (told,) = map(json.loads, await lines(whole, 1))
        assert (told["call_id"], told["fields"]) == ("c2", {"pii.text": "twenty [five]", "who": "bot"})
        events.publish("c2", "ended")
        assert [json.loads(line)["kind"] for line in await lines(whole, 1)] == ["ended"]
        for process in (plain, whole):
            process.send_signal(signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 30) == 0


def test_tail_says_so_when_there_is_no_redis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for url, says in (("", "set LEADLINE_REDIS_URL"), (f"redis://127.0.0.1:{free_port()}/0", "cannot be reached")):
        monkeypatch.setenv("LEADLINE_REDIS_URL", url)
        done = CliRunner().invoke(app, ["calls", "tail"])
        assert (done.exit_code, says in done.output) == (1, True), done.output


async def test_watch_shows_a_campaign_until_it_is_over(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_campaign(databases, "sqlite", tmp_path) as world:
        monkeypatch.setenv("LEADLINE_DATABASE_URL", world.url)
        await world.add(new_lead(1), new_lead(2))
        watching = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, app, ["campaign", "watch", "spring"]))
        taken = await world.take()
        assert taken is not None
        assert await world.begin(taken)
        await campaigns.move(world.engine, "spring", "canceled", NOW, reason="by hand")
        await eventually(watching.done, 30)
        done = watching.result()
    assert done.exit_code == 0
    for told in ("spring is canceled: by hand", "calls up: 1", "dialing", "pending"):
        assert told in done.stdout, done.stdout


def test_watching_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLINE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}")
    done = CliRunner().invoke(app, ["campaign", "watch", "nobody"])
    assert (done.exit_code, "no campaign 'nobody'" in done.output) == (1, True)
