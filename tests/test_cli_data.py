"""Data over its whole life as a person handles it: export, play, backup, retention, erasure with its proof and audit."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sqlite3
import time
import wave
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis as redis_client
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from bot.tape import RATE
from cli.main import app
from flows.model import Answer, Direction, Mode
from store.calls import Calls, NewCall, Part, Turn
from store.database import open_calls, opened
from store.journal import Journal
from store.recordings import PartFile, folder_of, parts_in
from store.redis_events import STREAM
from store.retention import DAY_S
from store.writer import journal_path
from store.writes import write
from tests.databases import Databases
from tests.redis_alone import running_redis

LEE, OTHER, OURS = "+12025550134", "+12025550177", "+12025550100"
NOW = time.time()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@dataclass(frozen=True, slots=True)
class Site:
    """An installation with two old calls of Lee's, one of another person's who speaks of Lee, and traces elsewhere."""

    url: str
    folder: Path
    redis_url: str

    @property
    def recordings(self) -> Path:
        return self.folder / "recordings"

    @property
    def journals(self) -> Path:
        return self.folder / "journal"


@pytest.fixture(params=["sqlite", "postgres"])
def site(
    request: pytest.FixtureRequest,
    databases: Databases,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Site:
    monkeypatch.chdir(tmp_path)
    url = asyncio.run(databases.url(request.param, tmp_path))
    site = Site(url, tmp_path, redis_url)
    variables = {
        "DATABASE_URL": url,
        "REDIS_URL": redis_url,
        "RECORDINGS_DIR": site.recordings,
        "JOURNAL_DIR": site.journals,
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"LEADLINE_{name}", str(value))
    monkeypatch.setenv("COLUMNS", "200")
    asyncio.run(_fill(site))
    return site


async def _fill(site: Site) -> None:
    async with open_calls(site.url, migrated=True) as calls:
        await _call(calls, site, "lee-in", LEE, OURS, Direction.INBOUND, NOW - 200 * DAY_S)
        await _call(calls, site, "lee-out", OURS, LEE, Direction.OUTBOUND, NOW - 3 * DAY_S)
        await _call(calls, site, "other-1", OTHER, OURS, Direction.INBOUND, NOW - 2 * DAY_S)
        await calls.add_turn("other-1", Turn(9, "caller", "Ask two oh two, 555 01 34, that's Lee.", NOW))
        await calls.put_answers("other-1", (Answer("phone", LEE, "202-555-0134", Mode.SPEECH),))
        await calls.opt_out(LEE, "seller", NOW, "call", "lee-out", "e7")
    with redis_client.Redis.from_url(site.redis_url) as client:
        client.flushall()
        long_ago = {"call": "someone", "kind": "said", "at": "1.0", "fields": "{}"}
        client.xadd(STREAM, long_ago, id=f"{round((NOW - 40 * DAY_S) * 1000)}-0")  # type: ignore[arg-type]
        for call_id in ("lee-in", "other-1"):
            fields = json.dumps({"pii.text": "hello"})
            client.xadd(STREAM, {"call": call_id, "kind": "said", "at": "1.0", "fields": fields})
        client.hset(
            "leadline:live:room-9", mapping={"snapshot": json.dumps({"call": {"caller": LEE}}), "owner": "over"}
        )
        client.set("leadline:again:digest", json.dumps({"call": {"id": "lee-in"}, "answers": {"who": "Lee"}}))
        client.hset("leadline:live:room-8", mapping={"snapshot": json.dumps({"call": {"caller": OTHER}}), "owner": "x"})


async def _call(
    calls: Calls, site: Site, call_id: str, caller: str, callee: str, direction: Direction, at: float
) -> None:
    lead = {"first_name": "Lee"} if LEE in (caller, callee) else {}
    await calls.begin(NewCall(call_id, direction, "b2b", "h1", f"room-{call_id}", caller, callee, at, lead))
    await calls.answered(call_id, at + 1)
    await calls.add_turn(call_id, Turn(0, "bot", "How many?", at + 2))
    await calls.add_turn(call_id, Turn(1, "caller", "=twenty", at + 4))
    await calls.put_answers(call_id, (Answer("size", (20, 20), "=twenty", Mode.SPEECH, at=at),))
    record = {
        "answers": {"size": {"value": [20, 20], "raw": "=twenty"}},
        "summary": "-Twenty people.",
        "next_action": "",
    }
    await calls.finish(call_id, "qualified", 60, record, at + 60)
    folder = folder_of(site.recordings, call_id, at)
    for number in (1, 2):
        part = PartFile(folder / f"part-{number:03d}.wav", RATE)
        part.write(bytes(4 * RATE))
        part.close()
        os.utime(part.path, (at, at))
        await calls.put_recording(call_id, Part(number, at + 10 * number, 1.0, "whole"))


def leadline(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def ok(*words: str) -> str:
    done = leadline(*words)
    assert done.exit_code == 0, done.output
    return done.output


def sound_of(site: Site, call_id: str, at: float) -> list[Path]:
    return parts_in(folder_of(site.recordings, call_id, at))


# -- erasure


def test_everything_about_a_number_goes_and_an_opt_out_holds(site: Site) -> None:
    site.journals.mkdir()
    journal = Journal(journal_path(site.journals, "lee-in", 1.0))
    journal.append(write(Calls.add_turn, "lee-in", Turn(5, "caller", "wait", NOW)))
    journal.append(write(Calls.add_turn, "other-1", Turn(6, "caller", "wait", NOW)))
    journal.close()
    shown = json.loads(ok("erase", "+1 202 555 0134", "--yes", "--by", "Ada", "--reason", "asked by letter", "--json"))
    erased = shown["erased"]
    assert shown["left"] == []
    assert (erased["calls"], erased["recording files"], erased["suppressions"], erased["journal lines"]) == (2, 4, 1, 1)
    assert (erased["live events"], erased["live states"]) == (1, 2)
    assert not sound_of(site, "lee-in", NOW - 200 * DAY_S)
    assert len(sound_of(site, "other-1", NOW - 2 * DAY_S)) == 2
    everything = ok("calls", "export")
    assert "0134" not in everything
    assert "Lee." in everything  # what another person said, without the number
    assert "[erased], that's Lee." in everything
    assert asyncio.run(_suppressed(site)) == (True, False)
    (entry,) = (json.loads(line) for line in ok("audit", "--json").splitlines())
    assert (entry["actor"], entry["action"], entry["details"]["reason"]) == ("Ada", "erase", "asked by letter")
    assert "0134" not in json.dumps(entry)
    again = json.loads(ok("erase", LEE, "--yes", "--json"))
    assert again["erased"] == {}


async def _suppressed(site: Site) -> tuple[bool, bool]:
    async with open_calls(site.url, migrated=True) as calls:
        return await calls.is_suppressed(LEE), await calls.is_suppressed(OTHER)


def test_not_a_byte_is_left_in_the_database_file(site: Site) -> None:
    ok("erase", LEE, "--yes")
    if site.url.startswith("sqlite"):
        for path in site.folder.glob("calls.db*"):
            assert b"2025550134" not in path.read_bytes(), path


def test_a_call_that_is_up_is_not_erased_under_its_feet(site: Site) -> None:
    async def begin() -> None:
        async with open_calls(site.url, migrated=True) as calls:
            await calls.begin(NewCall("up", Direction.INBOUND, "b2b", "h1", "room-up", LEE, OURS, time.time()))

    asyncio.run(begin())
    refused = leadline("erase", LEE, "--yes")
    assert refused.exit_code == 1
    assert "still up" in refused.output
    assert "2025550134" in ok("calls", "export")


@pytest.mark.parametrize(
    ("number", "says"),
    [(OURS, "a number of yours"), ("12", "no telephone number"), ("nonsense", "no telephone number")],
)
def test_what_cannot_be_erased_is_said(site: Site, number: str, says: str) -> None:
    refused = leadline("erase", number, "--yes")
    assert refused.exit_code == 1
    assert says in refused.output


def test_nothing_is_begun_while_redis_is_away(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLINE_REDIS_URL", "redis://127.0.0.1:1/0")
    refused = leadline("erase", LEE, "--yes")
    assert refused.exit_code == 1
    assert "cannot be asked" in refused.output
    assert "2025550134" in ok("calls", "export")


def test_an_audit_entry_cannot_be_changed(site: Site) -> None:
    ok("erase", LEE, "--yes")

    async def change(statement: str) -> None:
        async with opened(site.url) as engine, engine.begin() as connection:
            await connection.execute(sa.text(statement))

    for statement in ("UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"):
        with pytest.raises(sa.exc.DBAPIError, match="never changed"):
            asyncio.run(change(statement))


# -- retention


def test_each_kind_goes_in_its_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "would go: 2" in ok("retention", "run", "--dry-run")
    assert len(sound_of(site, "lee-in", NOW - 200 * DAY_S)) == 2
    counts = json.loads(ok("retention", "run", "--json", "--by", "cron"))
    assert counts == {"recordings": 2, "transcripts": 3, "events": 1, "records": 0}
    assert not sound_of(site, "lee-in", NOW - 200 * DAY_S)
    old = json.loads(ok("calls", "export", "lee-in"))
    assert (old["turns"], old["answers"][0]["raw"], old["answers"][0]["value"]) == ([], "", [20, 20])
    assert old["record"]["answers"]["size"] == {"value": [20, 20], "raw": ""}
    assert {part["ended"] for part in old["recordings"]} == {"deleted"}
    assert len(json.loads(ok("calls", "export", "lee-out"))["turns"]) == 2
    assert json.loads(ok("retention", "run", "--json")) == dict.fromkeys(counts, 0)
    monkeypatch.setenv("LEADLINE_KEEP_RECORDS_DAYS", "100")
    assert json.loads(ok("retention", "run", "--json"))["records"] == 1
    assert leadline("calls", "show", "lee-in").exit_code == 1
    assert [json.loads(line)["action"] for line in ok("audit", "--json").splitlines()] == ["retention"] * 3


def test_kept_for_ever_is_kept(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("RECORDINGS", "TRANSCRIPTS", "EVENTS", "RECORDS"):
        monkeypatch.setenv(f"LEADLINE_KEEP_{kind}_DAYS", "0")
    assert set(json.loads(ok("retention", "run", "--json")).values()) == {0}


@pytest.mark.parametrize("days", ["-3", "ninety", "1.5"])
def test_days_that_are_none_are_told_and_nothing_goes(site: Site, monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    monkeypatch.setenv("LEADLINE_KEEP_RECORDS_DAYS", days)
    done = leadline("retention", "run")
    assert done.exit_code == 1
    assert f"LEADLINE_KEEP_RECORDS_DAYS is '{days}'" in done.output
    assert len(sound_of(site, "lee-in", NOW - 200 * DAY_S)) == 2


# -- out


def test_a_recording_is_exported_with_its_parts_as_far_apart_as_they_were(site: Site, tmp_path: Path) -> None:
    ok("calls", "export", "lee-out", "-f", "wav", "-o", str(tmp_path / "x.wav"))
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes() / RATE) == (2, RATE, 11.0)
    assert (tmp_path / "x.wav").stat().st_mode & 0o777 == 0o600


def test_csv_has_a_column_for_every_answer_and_runs_no_formula(site: Site) -> None:
    rows = list(csv.DictReader(io.StringIO(ok("calls", "export", "-f", "csv"))))
    assert [row["id"] for row in rows] == ["other-1", "lee-out", "lee-in"]
    assert (rows[1]["callee"], rows[1]["size"], rows[1]["seconds"]) == (LEE, "[20, 20]", "59.0")
    assert rows[1]["summary"] == "'-Twenty people."
    assert rows[0]["phone"] == LEE


def test_play_says_what_to_do_without_a_speaker(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    silent = leadline("calls", "play", "lee-out")
    assert silent.exit_code == 1
    assert "is installed here" in silent.output
    player = tmp_path / "aplay"
    player.write_text("#!/bin/sh\necho 'no such device' >&2\nexit 1\n")
    player.chmod(0o755)
    assert "plays no sound (no such device)" in leadline("calls", "play", "lee-out").output
    player.write_text("#!/bin/sh\nexit 0\n")
    assert "11.0 s" in ok("calls", "play", "lee-out")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("calls", "export", "-f", "wav"), "name the call"),
        (("calls", "export", "nope"), "no call with the id"),
        (("calls", "export", "lee-in", "-o", "/proc/x.json"), "cannot write"),
        (("calls", "play", "none"), "was not recorded"),
    ],
)
def test_what_cannot_be_exported_is_said(site: Site, words: tuple[str, ...], says: str) -> None:
    async def begin() -> None:
        async with open_calls(site.url, migrated=True) as calls:
            await calls.begin(NewCall("none", Direction.INBOUND, "b2b", "h1", "room-none", OTHER, OURS, 1.0))

    asyncio.run(begin())
    refused = leadline(*words)
    assert refused.exit_code == 1
    assert says in refused.output


# -- the database


def test_a_backup_is_whole_while_calls_write(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "backup" / "copy.db"
    if site.url.startswith("postgresql"):
        assert "MB" in ok("db", "backup", str(target))
        assert target.read_bytes()[:5] == b"PGDMP"
        return
    with closing(sqlite3.connect(tmp_path / "calls.db", isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("DELETE FROM turns")
        ok("db", "backup", str(target))
        writing.execute("ROLLBACK")
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*) FROM turns").fetchone() == (7,)
    assert target.stat().st_mode & 0o777 == 0o600
    assert leadline("db", "backup", "/proc/no/copy.db").exit_code == 1


def test_check_says_what_is_wrong(site: Site) -> None:
    assert "is well" in ok("db", "check")
    site.journals.mkdir()
    journal = Journal(journal_path(site.journals, "c1", 1.0))
    journal.append(write(Calls.answered, "c1", 1.0))
    journal.close()

    async def older() -> None:
        async with opened(site.url) as engine, engine.begin() as connection:
            await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))

    asyncio.run(older())
    checked = leadline("db", "check")
    assert checked.exit_code == 1
    assert "leadline db upgrade" in checked.output
    assert "1 journals" in checked.output


def test_a_database_is_made_by_upgrade_and_not_by_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADLINE_DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path / 'new.db'}")
    missing = leadline("db", "check")
    assert missing.exit_code == 1
    assert "db upgrade" in missing.output
    assert not (tmp_path / "new.db").exists()
    assert "none →" in ok("db", "upgrade")
    assert "nothing to do" in ok("db", "upgrade")
