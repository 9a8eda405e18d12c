"""The writer in front of the store: order, patience, the journal, and what is said when a write cannot be made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model import Answer, Direction, Mode
from store.calls import Calls, NewCall, Part, Turn
from store.happenings import Happening
from store.journal import Journal, JournalFull
from store.memory_calls import MemoryCalls
from store.writer import Patience, Writer, journal_path, journals_in, replay
from store.writes import WRITES, Write, from_line, to_line, write
from tests.waiting import eventually

QUICK = Patience(again_s=0.001)
CALL = NewCall("c1", Direction.OUTBOUND, "b2b", "h1", "room-1", "+12025550100", "+12025550134", 100.0, {"name": "Ada"})
THEIRS = "+12025550134"
OPT_OUT = write(Calls.opt_out, THEIRS, "seller", 5.0, "keypad", "c1", "e9")
ONE_OF_EACH: tuple[Write, ...] = (
    write(Calls.keep_flow, "h1", "b2b", "flow: b2b\n"),
    write(Calls.begin, CALL),
    write(Calls.sip_result, "c1", None, ""),
    write(Calls.answered, "c1", 101.0, "SCL_1"),
    write(
        Calls.add_turn, "c1", Turn(0, "bot", "How many?", 102.0, slot="size", response_ms=310, timing={"queued": 310})
    ),
    write(Calls.put_answers, "c1", (Answer("size", (20, None, "month"), "twenty and up", Mode.KEYPAD, "explicit"),)),
    write(Calls.put_answers, "c1", (Answer("who", {"name": "Ada", "company": None}, "Ada", Mode.SPEECH, at=2.5),)),
    OPT_OUT,
    write(Calls.put_recording, "c1", Part(1, 104.0, 55.5, "whole")),
    write(Calls.note, "c1", Happening(105.0, "agent", "heard", {"seconds": 2.5, "identity": "bot-1"})),
    write(Calls.settle, "c1", "transfer-1", 33.0),
    write(Calls.finish, "c1", "qualified", 50, {"score": {"total": 50}}, 160.0),
)


class AwayCalls(MemoryCalls):
    """A store whose database is away for the next `away` writes of turns, of opt-outs and of new calls."""

    def __init__(self, away: float = 0) -> None:
        super().__init__()
        self.away = away
        self.tried = 0

    def _knock(self) -> None:
        self.tried += 1
        if self.away > 0:
            self.away -= 1
            raise OSError("the database is away")

    async def begin(self, call: NewCall) -> None:
        self._knock()
        await super().begin(call)

    async def add_turn(self, call_id: str, turn: Turn) -> None:
        self._knock()
        await super().add_turn(call_id, turn)

    async def opt_out(self, number: str, scope: str, at: float, source: str, call_id: str, effect_id: str) -> None:
        self._knock()
        await super().opt_out(number, scope, at, source, call_id, effect_id)


def turn(n: int) -> Write:
    return write(Calls.add_turn, "c1", Turn(n, "bot", f"sentence {n}", 100.0 + n))


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.WARNING, "store"):
        yield caplog


@pytest.mark.parametrize("write", ONE_OF_EACH, ids=lambda write: write.kind)
def test_a_write_survives_the_journal_unchanged(write: Write) -> None:
    assert from_line(to_line(write)) == write


def test_every_write_is_tried() -> None:
    assert {write.kind for write in ONE_OF_EACH} == set(WRITES)


@given(st.text(), st.integers(0, 10_000), st.floats(0, 4e9))
def test_a_line_is_one_line_whatever_was_said(text: str, n: int, at: float) -> None:
    said = write(Calls.add_turn, "c1", Turn(n, "caller", text, at))
    assert to_line(said).count(b"\n") == 1
    assert from_line(to_line(said)) == said


async def test_writes_are_made_in_order_and_flushed_on_leaving(tmp_path: Path) -> None:
    calls = MemoryCalls()
    async with Writer(calls, tmp_path / "1-c1-9.jsonl") as writer:
        for write in ONE_OF_EACH:
            writer.put(write)
    call = await calls.get("c1")
    assert (call.disposition, call.score, call.answered_at) == ("qualified", 50, 101.0)
    assert [answer.slot for answer in await calls.answers("c1")] == ["size", "who"]
    assert not (tmp_path / "1-c1-9.jsonl").exists()


async def test_what_waited_is_stored_when_the_database_is_back_though_nothing_new_comes(tmp_path: Path) -> None:
    calls = AwayCalls(away=5)
    async with Writer(calls, tmp_path / "1-c1-9.jsonl", patience=QUICK) as writer:
        writer.put(write(Calls.begin, CALL))
        writer.put(turn(0))
        await writer.flush()
        await eventually(lambda: not (tmp_path / "1-c1-9.jsonl").exists())
        assert len(await calls.turns("c1")) == 1


async def test_a_long_absence_fills_the_journal_with_one_log_line_and_order_is_kept(
    tmp_path: Path, errors: pytest.LogCaptureFixture
) -> None:
    calls = AwayCalls(away=float("inf"))
    async with Writer(calls, tmp_path / "1-c1-9.jsonl", patience=QUICK) as writer:
        writer.put(write(Calls.begin, CALL))
        writer.put(turn(0))
        writer.put(turn(1))
        await writer.flush()
        (message,) = errors.messages
        assert "they wait in" in message
        calls.away = 0
        writer.put(turn(2))
    assert [said.n for said in await calls.turns("c1")] == [0, 1, 2]
    assert not (tmp_path / "1-c1-9.jsonl").exists()


async def test_what_a_dead_writer_left_is_replayed_once(tmp_path: Path) -> None:
    gone = AwayCalls(away=float("inf"))
    path = journal_path(tmp_path, "c1", 1.0)
    async with Writer(gone, path, patience=QUICK) as writer:
        writer.put(write(Calls.begin, CALL))
        writer.put(turn(0))
    calls = MemoryCalls()
    assert await replay(tmp_path, calls) == 2
    assert await replay(tmp_path, calls) == 0
    assert len(await calls.turns("c1")) == 1


async def test_the_journal_of_a_living_writer_is_left_alone(tmp_path: Path) -> None:
    async with Writer(AwayCalls(away=float("inf")), tmp_path / "1-c1-9.jsonl", patience=QUICK) as writer:
        writer.put(write(Calls.begin, CALL))
        await writer.flush()
        assert await replay(tmp_path, MemoryCalls()) == 0
        assert (tmp_path / "1-c1-9.jsonl").exists()


async def test_replay_stops_where_the_database_is_away_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "1-c1-9.jsonl")
    for made in (write(Calls.begin, CALL), turn(0), turn(1)):
        journal.append(made)
    journal.close()
    later = Journal(tmp_path / "2-c1-10.jsonl")
    later.append(turn(2))
    later.close()

    class OneTurn(AwayCalls):
        async def add_turn(self, call_id: str, turn: Turn) -> None:
            self.away = 1 if self.tried > 1 else self.away
            await super().add_turn(call_id, turn)

    calls = OneTurn()
    assert await replay(tmp_path, calls) == 0
    assert len(await calls.turns("c1")) == 1
    assert [made.kind for made in journal.read()] == [
        "begin",
        "add_turn",
        "add_turn",
    ]  # whole: a kill may come anywhere
    again = MemoryCalls()
    await again.begin(CALL)
    await again.add_turn("c1", (await calls.turns("c1"))[0])
    assert await replay(tmp_path, again) == 4
    assert [said.n for said in await again.turns("c1")] == [0, 1, 2]
    assert not journals_in(tmp_path)


async def test_whoever_takes_a_call_over_stores_first_what_the_dead_process_left(tmp_path: Path) -> None:
    dead = Journal(journal_path(tmp_path, "c1", 1.0))
    for made in (write(Calls.begin, CALL), turn(0)):
        dead.append(made)
    dead.close()
    other = Journal(journal_path(tmp_path, "c2", 1.0))
    other.append(write(Calls.answered, "c2", 1.0))
    other.close()
    calls = MemoryCalls()
    own = journal_path(tmp_path, "c1", 2.0)
    async with Writer(calls, own, elders=journals_in(tmp_path, "c1"), patience=QUICK) as writer:
        writer.put(turn(1))
    assert [said.n for said in await calls.turns("c1")] == [0, 1]
    assert journals_in(tmp_path) == (other.path,)


async def test_a_write_that_can_never_be_made_is_set_aside_and_blocks_nothing(
    tmp_path: Path, errors: pytest.LogCaptureFixture
) -> None:
    calls = MemoryCalls()
    async with Writer(calls, tmp_path / "1-c1-9.jsonl", patience=QUICK) as writer:
        writer.put(write(Calls.answered, "nobody", 1.0))
        writer.put(write(Calls.begin, CALL))
    assert (await calls.get("c1")).id == "c1"
    assert Journal(tmp_path / "1-c1-9.rejected").read() == (write(Calls.answered, "nobody", 1.0),)
    assert any("can never be stored" in message for message in errors.messages)


async def test_an_opt_out_passes_the_queue(tmp_path: Path) -> None:
    calls = MemoryCalls()
    async with Writer(calls, tmp_path / "1-c1-9.jsonl") as writer:
        writer.put(write(Calls.begin, CALL))
        assert await writer.opt_out(OPT_OUT) == "stored"
        assert await calls.is_suppressed(THEIRS)


async def test_an_opt_out_is_on_disk_when_the_database_is_away(tmp_path: Path) -> None:
    async with Writer(AwayCalls(away=float("inf")), tmp_path / "1-c1-9.jsonl") as writer:
        assert await writer.opt_out(OPT_OUT) == "journalled"
        assert Journal(tmp_path / "1-c1-9.jsonl").read() == (OPT_OUT,)
    calls = MemoryCalls()
    await replay(tmp_path, calls)
    assert await calls.is_suppressed(THEIRS)


async def test_a_full_queue_loses_and_says_so_once(tmp_path: Path, errors: pytest.LogCaptureFixture) -> None:
    calls = MemoryCalls()
    async with Writer(calls, tmp_path / "1-c1-9.jsonl", size=2) as writer:
        writer.put(write(Calls.begin, CALL))
        for n in range(4):
            writer.put(turn(n))
        assert writer.lost == 3
    assert len(await calls.turns("c1")) == 1
    assert [message for message in errors.messages if "LOST" in message] == errors.messages


async def test_a_database_that_hangs_at_the_end_leaves_everything_in_the_journal(tmp_path: Path) -> None:
    class Hanging(MemoryCalls):
        async def begin(self, call: NewCall) -> None:
            await asyncio.Event().wait()

    async with Writer(Hanging(), tmp_path / "1-c1-9.jsonl", patience=Patience(flush_s=0.01)) as writer:
        writer.put(write(Calls.begin, CALL))
        writer.put(turn(0))
    assert [write.kind for write in Journal(tmp_path / "1-c1-9.jsonl").read()] == ["begin", "add_turn"]


def test_a_journal_is_bounded_private_and_forgives_a_torn_line(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "deep" / "1-c1-9.jsonl", max_bytes=400)
    with pytest.raises(JournalFull):
        for n in range(100):
            journal.append(turn(n))
    journal.close()
    assert journal.path.stat().st_size <= 400
    assert journal.path.stat().st_mode & 0o777 == 0o600
    kept = journal.read()
    journal.path.write_bytes(journal.path.read_bytes() + b'{"kind":"add_tu')
    assert journal.read() == kept


async def test_a_folder_that_cannot_be_written_loses_loudly_at_the_very_end(
    tmp_path: Path, errors: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "1-c1-9.jsonl"
    quick = Patience(again_s=0.001, flush_s=0.05)
    async with Writer(AwayCalls(away=float("inf")), path, patience=quick) as writer:
        assert await writer.opt_out(OPT_OUT) == "waiting"
    assert any("LOST" in message for message in errors.messages)


async def test_what_neither_takes_waits_in_memory_until_one_does(
    tmp_path: Path, errors: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").write_text("in the way of the journal's folder")
    calls = AwayCalls(away=float("inf"))
    async with Writer(calls, tmp_path / "folder" / "1-c1-9.jsonl", patience=QUICK) as writer:
        writer.put(write(Calls.begin, CALL))
        assert await writer.opt_out(OPT_OUT) == "waiting"
        await eventually(lambda: any("wait in memory" in message for message in errors.messages))
        calls.away = 0
    assert (await calls.get("c1")).id == "c1"
    assert await calls.is_suppressed(THEIRS)
    assert writer.lost == 0
