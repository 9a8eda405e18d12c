"""One contract for every `Calls`: SQL and memory behave alike."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from hypothesis import given
from hypothesis import strategies as st

from flows.model import Answer, Direction, Mode
from store.calls import Calls, NewCall, Part, SipLeg, StoreError, Turn, UnknownCall, suppression_key
from store.charges import Charge
from store.database import DatabaseUnusable, migrate, open_calls, open_engine
from store.happenings import FAILED, Happening
from store.tables import metadata
from tests.databases import Databases

LEE = "+12025550134"


def new_call(call_id: str = "c1", created_at: float = 100.0) -> NewCall:
    return NewCall(
        call_id, Direction.INBOUND, "b2b", "h1", "room-1", LEE, "+12025550100", created_at, {"first_name": "Ada"}
    )


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def calls(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[Calls]:
    async with databases.calls(request.param, tmp_path) as opened:
        yield opened


async def test_a_call_from_begin_to_finish(calls: Calls) -> None:
    await calls.begin(new_call())
    await calls.answered("c1", 101.5, "SCL_1")
    await calls.sip_result("c1", 200, "OK")
    await calls.finish("c1", "qualified", 65, {"answers": {"size": [20, 50]}}, 160.0)
    call = await calls.get("c1")
    assert call.begun == new_call()
    assert call.sip == SipLeg("SCL_1", 200, "OK")
    assert (call.answered_at, call.ended_at, call.disposition, call.score) == (101.5, 160.0, "qualified", 65)
    assert call.record == {"answers": {"size": [20, 50]}}


@pytest.mark.parametrize(
    ("results", "stays"),
    [
        (("abandoned", "no_contact"), "no_contact"),
        (("no_contact", "abandoned"), "no_contact"),
        (("not_placed", "failed"), "not_placed"),
        (("failed", "qualified"), "qualified"),
    ],
)
async def test_what_the_network_said_outlives_what_the_bot_saw(
    calls: Calls, results: tuple[str, ...], stays: str
) -> None:
    await calls.begin(new_call())
    for at, disposition in enumerate(results):
        await calls.finish("c1", disposition, 0, {"by": disposition}, float(at))
    call = await calls.get("c1")
    assert (call.disposition, call.record) == (stays, {"by": stays})


async def test_begin_and_answered_keep_what_came_first(calls: Calls) -> None:
    await calls.begin(new_call())
    await calls.begin(new_call(created_at=999.0))
    await calls.answered("c1", 101.0, "SCL_1")
    await calls.answered("c1", 105.0)
    call = await calls.get("c1")
    assert (call.begun.created_at, call.answered_at, call.sip.call_id) == (100.0, 101.0, "SCL_1")


async def test_turns_are_appended_once_and_read_in_order(calls: Calls) -> None:
    await calls.begin(new_call())
    said = Turn(
        0, "bot", "How many people?", 102.0, slot="size", response_ms=310, interrupted=True, timing={"decided": 255}
    )
    heard = Turn(1, "caller", "95", 104.0, mode="keypad", slot="size")
    await calls.add_turn("c1", heard)
    await calls.add_turn("c1", said)
    await calls.add_turn("c1", Turn(1, "caller", "again", 200.0))
    assert await calls.turns("c1") == (said, heard)


async def test_an_answer_takes_its_slots_earlier_ones_place(calls: Calls) -> None:
    await calls.begin(new_call())
    size = Answer("size", (20, 50), "twenty to fifty", Mode.SPEECH, at=103.0)
    budget = Answer("budget", (1000, None, "month"), "a thousand and up", Mode.SPEECH, "explicit", 2, 0.8, 110.0)
    person = Answer("person", {"name": "Ada Example", "company": None}, "Ada Example", Mode.PREFILL, at=99.0)
    await calls.put_answers("c1", (size, budget, person))
    corrected = Answer("size", "no, fifteen", "no, fifteen", Mode.SPEECH, "implicit", 2, 0.9, 120.0)
    await calls.put_answers("c1", (corrected,))
    await calls.put_answers("c1", ())
    assert await calls.answers("c1") == (person, budget, corrected)


async def test_charges_are_kept_once_and_never_beyond_the_limit(calls: Calls) -> None:
    hour = [Charge(f"c{n}", "call", 100.0 + n, 0.5, 3600.0) for n in range(3)]
    assert [await calls.reserve(charge, 100.0, 60.0) for charge in (*hour, hour[0])] == [True, True, False, True]
    assert await calls.spent(100.0) == 60.0
    assert await calls.spent(101.0) == 30.0
    await calls.settle("c0", "call", 120.0)
    await calls.settle("nobody", "call", 120.0)
    assert await calls.spent(100.0) == 31.0
    assert await calls.reserve(Charge("c0", "transfer-1", 110.0, 0.5, 60.0), 100.0, None)
    assert await calls.spent(100.0) == 31.5


async def test_charges_that_come_at_once_stay_within_the_limit_together(calls: Calls) -> None:
    asked = [calls.reserve(Charge(f"c{n}", "call", 100.0, 0.5, 3600.0), 0.0, 100.0) for n in range(12)]
    assert sorted(await asyncio.gather(*asked)) == [False] * 9 + [True] * 3
    assert await calls.spent(0.0) == 90.0


async def test_a_call_that_ended_costs_what_it_lasted(calls: Calls) -> None:
    for call_id in ("c1", "c2"):
        await calls.begin(new_call(call_id))
        await calls.reserve(Charge(call_id, "call", 100.0, 0.5, 3600.0), 0.0, 100.0)
    await calls.answered("c1", 110.0)
    await calls.finish("c1", "qualified", 0, {}, 170.0)
    await calls.finish("c2", "not_placed", 0, {}, 170.0)
    assert await calls.spent(0.0) == 0.5


async def test_what_happened_is_kept_once_and_in_order(calls: Calls) -> None:
    rang = Happening(102.0, "sip", "ringing")
    ready = Happening(101.0, "agent", "ready", {"after_ms": 210, "identity": "bot-1", "warm": True})
    for happening in (rang, ready, rang):
        await calls.note("c1", happening)
    await calls.note("c2", rang)
    assert await calls.happenings("c1") == (ready, rang)
    assert await calls.happenings("nobody") == ()


async def test_calls_that_no_agent_took_are_found(calls: Calls) -> None:
    await calls.begin(new_call())
    await calls.answered("c1", 101.0, "SCL_1")
    inbound = {"direction": "inbound"}
    lost = Happening(103.0, "sip", FAILED, {**inbound, "error": "no trunk or rule matches"})
    for call_id, happening in (
        ("SCL_1", Happening(102.0, "sip", FAILED, inbound)),
        ("SCL_4", Happening(102.5, "sip", FAILED, {"direction": "outbound"})),
        ("SCL_2", Happening(100.0, "sip", "call begins")),
        ("SCL_2", lost),
        ("SCL_3", Happening(104.0, "sip", "call is over")),
    ):
        await calls.note(call_id, happening)
    assert await calls.lost() == (("SCL_2", lost),)


async def test_opt_out_holds_for_the_number_however_it_is_written(calls: Calls) -> None:
    for _ in range(2):
        await calls.opt_out(LEE, "seller", 130.0, "speech", "c-without-row", "e7")
    assert await calls.is_suppressed("+1 (202) 555-0134")
    assert not await calls.is_suppressed("+12025550135")


async def test_an_opt_out_of_nobody_suppresses_nobody(calls: Calls) -> None:
    await calls.opt_out("anonymous", "seller", 130.0, "speech", "c1", "e7")
    assert not await calls.is_suppressed("anonymous")
    assert not await calls.is_suppressed("")


async def test_lists_are_newest_first_and_prefixes_are_literal(calls: Calls) -> None:
    for at, call_id in enumerate(["ab-1", "ab%2", "c-3"]):
        await calls.begin(new_call(call_id, float(at)))
    assert [call.id for call in await calls.list(2)] == ["c-3", "ab%2"]
    assert [call.id for call in await calls.find("ab")] == ["ab%2", "ab-1"]
    assert [call.id for call in await calls.find("ab%")] == ["ab%2"]
    assert await calls.find("x") == ()


async def test_a_flow_is_kept_under_its_hash(calls: Calls) -> None:
    await calls.keep_flow("h1", "b2b", "flow: b2b")
    await calls.keep_flow("h1", "b2b", "another text")
    assert await calls.flow_body("h1") == "flow: b2b"
    assert await calls.flow_body("h2") is None


@pytest.mark.parametrize(
    "write", ["answered", "add_turn", "put_answers", "put_nothing", "put_recording", "sip_result", "finish", "get"]
)
async def test_an_unknown_call_is_an_error(calls: Calls, write: str) -> None:
    writes = {
        "answered": lambda: calls.answered("c9", 1.0),
        "add_turn": lambda: calls.add_turn("c9", Turn(0, "bot", "Hello.", 1.0)),
        "put_answers": lambda: calls.put_answers("c9", (Answer("size", "5", "five", Mode.SPEECH),)),
        "put_nothing": lambda: calls.put_answers("c9", ()),
        "sip_result": lambda: calls.sip_result("c9", 486, "Busy Here"),
        "finish": lambda: calls.finish("c9", "failed", 0, {}, 1.0),
        "put_recording": lambda: calls.put_recording("c9", Part(1, 1.0)),
        "get": lambda: calls.get("c9"),
    }
    with pytest.raises(UnknownCall, match="c9"):
        await writes[write]()
    assert await calls.turns("c9") == ()
    assert await calls.answers("c9") == ()
    assert await calls.recordings("c9") == ()


async def test_a_recordings_parts_are_kept_as_they_were_told_last(calls: Calls) -> None:
    await calls.begin(new_call())
    await calls.put_recording("c1", Part(2, 200.0))
    await calls.put_recording("c1", Part(1, 100.0))
    await calls.put_recording("c1", Part(1, 100.0, 12.5, "cut short"))
    assert await calls.recordings("c1") == (Part(1, 100.0, 12.5, "cut short"), Part(2, 200.0))


@given(st.text())
def test_a_suppression_key_is_nothing_or_digits_and_stays_what_it_is(number: str) -> None:
    key = suppression_key(number)
    assert key == "" or (key[0] == "+" and key[1:].isdigit())
    assert suppression_key(key) == key


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_two_processes_may_open_a_new_database_at_once(kind: str, databases: Databases, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'deep' / 'new.db'}"
    if kind == "postgres":
        url = await asyncio.to_thread(databases.server.create, "at_once")
    engines = [open_engine(url) for _ in range(2)]
    await asyncio.gather(*(migrate(engine) for engine in engines))
    for engine in engines:
        await migrate(engine)
        await engine.dispose()


async def test_rows_outlive_the_process(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
    async with open_calls(url) as first:
        await first.begin(new_call())
    async with open_calls(url, migrated=True) as second:
        assert (await second.get("c1")).begun == new_call()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "LEADLINE_DATABASE_URL"),
        ("oracle2+x://host/name", "LEADLINE_DATABASE_URL"),
        ("sqlite+aiosqlite:////proc/nowhere/x.db", "cannot open the database"),
        ("sqlite+aiosqlite:////proc/x.db", "cannot open the database"),
    ],
)
async def test_an_unusable_database_is_named_with_the_fix(url: str, says: str) -> None:
    with pytest.raises(DatabaseUnusable, match=says):
        async with open_calls(url):
            pass


async def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is not a database, and it is long enough to be sure of it" * 20)
    with pytest.raises(StoreError, match="cannot open the database"):
        async with open_calls(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}"):
            pass


async def test_a_schema_from_the_future_is_refused(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'x.db'}"
    async with open_calls(url):
        pass
    engine = open_engine(url)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseUnusable, match="upgrade Leadline"):
        await migrate(engine)
    await engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_migrations_make_what_the_tables_say(kind: str, databases: Databases, tmp_path: Path) -> None:
    engine = open_engine(await databases.url(kind, tmp_path))
    async with engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
    await engine.dispose()
    assert differences == []


async def test_a_writer_and_a_reader_do_not_block_each_other(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}"
    async with open_calls(url) as writing, open_calls(url, migrated=True) as reading:
        await writing.begin(new_call())

        async def write() -> None:
            for n in range(50):
                await writing.add_turn("c1", Turn(n, "bot", "Hello.", 1.0))

        async def read() -> None:
            for _ in range(50):
                await reading.turns("c1")

        await asyncio.gather(write(), read())
        assert len(await reading.turns("c1")) == 50


async def test_opening_a_database_twice_drops_no_locks_of_the_first(tmp_path: Path) -> None:
    """POSIX locks belong to the process: were the file opened and closed beside SQLite, the next process to close it
    would delete the write-ahead log that the first connection still uses."""
    file = tmp_path / "calls.db"
    url = f"sqlite+aiosqlite:///{file}"
    async with open_calls(url) as first:
        await first.begin(new_call())
        async with open_calls(url) as second:
            await second.get("c1")
        other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('select count(*) from calls').fetchone(); c.close()"
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", other, str(file))
        assert await process.wait() == 0
        assert os.path.exists(f"{file}-wal")  # noqa: ASYNC240 -- a look at the disk
