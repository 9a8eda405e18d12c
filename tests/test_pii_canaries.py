"""Personal data stays where it belongs: canaries in a hundred calls through the real shell, and in real ones over SIP."""

from __future__ import annotations

import asyncio
import io
import logging
import random
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from bot.conversation import Body, Conversation
from bot.ear import Ear, Recognition, Turn
from bot.hands import Hands
from bot.history import History
from bot.inbox import Gone, Inbox, Key, Onset, Up
from bot.keys import Keys
from bot.mouth import Mouth
from bot.recorder import Recorder
from bot.rehearsal import Exchange, MemorySpeaker, OnTheSpot, ScriptedRecogniser, ScriptedVoice
from bot.speech.vad import VoiceActivity, builtin
from bot.studio import PromptCache, Studio
from cli.stack.stack import Stack
from flows.engine import begin
from flows.model import Answer, Direction, Mode
from flows.recording import LAW, ONE_PARTY
from sip.redaction import Redacting, hide_numbers
from store.calls import Calls, NewCall
from store.database import open_calls
from store.events import MemoryEvents
from store.flowfiles import load_flow
from store.sql_calls import SqlCalls
from store.writer import Patience, Writer, replay
from store.writes import write
from tests.canaries import in_logs, in_processes, in_rooms, leaks
from tests.e2e_support import B2B, bot_turn, calling, finished, speech

CALLS = 100
FLOW = load_flow("b2b-software")
AT = 1_795_000_000.0


class Canary:
    """What a caller gives away in a call, unlike anything that we would log by ourselves."""

    def __init__(self, n: int) -> None:
        self.number = f"+120255501{n:02d}"
        self.name = f"Zyxquor{n:02d}ian"
        self.words = f"My secret is plumbus{n:02d}."
        self.email = f"zyx{n:02d}@example.com"

    @property
    def told(self) -> tuple[str, ...]:
        return self.number[1:], self.number[2:], self.name, f"plumbus{self.number[-2:]}", self.email


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as our programs write it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield out
    root.removeHandler(handler)
    root.setLevel(before)


async def test_a_hundred_calls_leak_nothing(tmp_path: Path, log: io.StringIO) -> None:
    """Some meet a locked database, every fifth each a write that no table takes, a journal that cannot be written, or breaks in the middle."""
    canaries, events = [Canary(n) for n in range(CALLS)], MemoryEvents(lambda: AT)
    choose = random.Random(7)
    async with open_calls(f"sqlite+aiosqlite:///{tmp_path / 'calls.db'}") as calls:
        for first in range(0, CALLS, 20):
            at_once = range(first, first + 20)
            await asyncio.gather(*(_call(calls, tmp_path, n, canaries[n], events, choose) for n in at_once))
    told = log.getvalue()
    assert all(f"call {n} broke" in told for n in range(4, CALLS, 5)), "the log is looked at"
    assert "can never be stored" in told
    assert "takes no writes" in told
    everything = tuple(leak for canary in canaries for leak in canary.told)
    assert leaks(told, everything) == []
    shown = " ".join(
        str(value) for event in events.kept() for name, value in event.fields.items() if "pii" not in name.split(".")
    )
    assert leaks(shown, everything) == []
    assert leaks(names_in(tmp_path), everything) == []


def names_in(folder: Path) -> str:
    return " ".join(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def _call(
    calls: SqlCalls, folder: Path, n: int, canary: Canary, events: MemoryEvents, choose: random.Random
) -> None:
    flow, inbox, speaker, fault = FLOW, Inbox(), MemorySpeaker(), n % 5
    locked = n == 21  # for all that go on meanwhile
    journal = folder / ("calls.db" if fault == 3 else "journal") / f"1-c{n}-1.jsonl"  # a file is in the way
    lead = {"first_name": canary.name, "email": canary.email}
    call = NewCall(
        f"c{n}", Direction.OUTBOUND, flow.name, flow.hash, f"call-{n}", "+12025550100", canary.number, AT, lead
    )
    locker = sqlite3.connect(folder / "calls.db", isolation_level=None)
    if locked:
        locker.execute("BEGIN IMMEDIATE")
    async with Writer(calls, journal, patience=Patience(try_s=0.5, again_s=0.05, flush_s=3)) as writer:
        history = History(call, writer, events)
        history.begun(flow.body)
        recorder = Recorder(lambda: AT)
        recorder.keep_in(folder / "recordings" / call.id, lambda _: None)
        mouth = Mouth(speaker, Studio(ScriptedVoice(), PromptCache(None), OnTheSpot()), lambda: AT)
        recognition = Recognition(ScriptedRecogniser([""]), OnTheSpot(), lambda _e, _t, _f=None: 0.2)
        exchange = Exchange()
        hands = Hands(exchange, exchange.press)
        body = Body(inbox, Ear(inbox, recognition, VoiceActivity(builtin())), mouth, Keys(), hands, history)
        body.recorder = recorder
        facts = {"caller": call.caller, "callee": call.callee, LAW: ONE_PARTY}
        state = begin(flow, call_id=call.id, direction=call.direction, at=AT, facts=facts, lead=lead)
        running = asyncio.create_task(Conversation(flow, state, body, call_max_s=600).run())
        inbox.put(Up(AT))
        await _talk(inbox, speaker, canary, choose)
        if fault == 2:  # what no table takes: its parameters are in the driver's own error
            writer.put(write(Calls.put_answers, "nobody", (Answer("who", canary.name, canary.words, Mode.SPEECH),)))
        if fault == 4:
            await _break(calls, canary, n)
        inbox.put(Gone(AT, "hung up"))
        await asyncio.wait_for(running, 10)
        history.finished({"summary": canary.words}, "abandoned", 0, AT)
        if locked:
            await history.flush()
            locker.execute("ROLLBACK")
        await asyncio.to_thread(recorder.close)
    locker.close()
    await replay(folder / "journal", calls)


async def _talk(inbox: Inbox, speaker: MemorySpeaker, canary: Canary, choose: random.Random) -> None:
    digits = " ".join(canary.number[2:])
    lines = [
        canary.words,
        f"My name is {canary.name}.",
        f"Write to {canary.email}.",
        f"Call me on {digits}.",
        "Yes.",
        "No.",
    ]
    for _ in range(4):
        for _ in range(60):
            await asyncio.sleep(0)
            speaker.play(1.0)
        line = choose.choice([*lines, ""])
        if line:
            inbox.put(Onset(AT))
            inbox.put(Turn(line, 0.9, AT, AT + 1, AT + 1.2, 1.0))
        else:
            for key in canary.number[2:]:
                inbox.put(Key(AT, key))


async def _break(calls: SqlCalls, canary: Canary, n: int) -> None:
    """A statement that fails, logged with its traceback: as when a conversation breaks."""
    try:
        async with calls._engine.begin() as connection:
            await connection.execute(sa.text("INSERT INTO nowhere VALUES (:name, :words)"), _told(canary))
    except sa.exc.SQLAlchemyError:
        logging.getLogger("leadline.job").exception("call %d broke; %s was up", n, f"sip_{canary.number}")


def _told(canary: Canary) -> dict[str, str]:
    return {"name": canary.name, "words": canary.words}


@given(
    st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), st.sampled_from(["sip_{}", "sip:{}@host", "to {}.", '"{}"'])
)
def test_no_number_passes_the_net(number: str, around: str) -> None:
    assert number not in hide_numbers(around.format(number))


@pytest.mark.parametrize(
    "text", ["1795000000.123", "call-3f2a9c", "SCL_1234567890", "packets 375 in 382 out", "+0.5 s", "127.0.0.1:24376"]
)
def test_the_net_lets_everything_else_pass(text: str) -> None:
    assert hide_numbers(text) == text


@pytest.mark.e2e
async def test_calls_over_sip_leak_nothing(stack: Stack) -> None:
    callers = ("+16025550191", "+16025550192")
    log = stack.at.run_dir / "logs" / "livekit.log"
    before = len(log.read_text())  # what other calls on this stack left
    canaries = (*(number[1:] for number in callers), "2025550191", "2025550192", "blueberry", "two oh two five")
    words = await speech("My name is Blueberry, call me on two oh two five five five oh one nine one.")

    async def talk(caller: str) -> None:
        async with calling(stack.at, B2B, caller) as call:
            await bot_turn(call)
            assert await in_rooms(stack.at, canaries) == []
            assert in_processes(stack, canaries) == []
            said = await call.media.say(words)
            await bot_turn(call, said.end)
        await finished(stack.at, caller)

    await asyncio.gather(*map(talk, callers))
    assert in_logs(stack, canaries) == []
    livekit = log.read_text()[before:]
    assert not re.search(r"sip_\+?\d", livekit)  # the identity that edges give by default
