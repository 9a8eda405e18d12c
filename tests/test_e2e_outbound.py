"""`leadline call` over real SIP: who answers, who does not, and what the command says and exits with."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from livekit import api

from cli.stack.config import ROOT, Endpoints
from flows.model import Direction
from sip.phone import Phone, PhoneCall, answer, no_answer
from sip.rooms import AGENT, agent_ready
from sip.ua.audio import tone
from store.calls import NOT_PLACED, NewCall
from store.database import open_calls
from tests.e2e_support import (
    Files,
    bot_turn,
    finished,
    open_livekit,
    rooms,
    rows,
    said,
    speech,
    suppressed,
    write_files,
)
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

OURS = "+12025550100"
_COMMAND_S = 60.0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("flows"))


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has run."""

    code: int
    text: str


async def start_call(site: Endpoints, number: str, port: int, flow: Path, *more: str) -> asyncio.subprocess.Process:
    """Start the command against a test phone on this machine."""
    words = ("call", number, "--flow", str(flow), "--ring", "15", *more)
    return await leadline(site, *words, "--trunk", f"127.0.0.1:{port}", "--from", OURS)


async def leadline(site: Endpoints, *words: str) -> asyncio.subprocess.Process:
    """Start any command on this installation."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *words),
        env={**os.environ, **site.env(), "COLUMNS": "200"},  # noqa: TID251 -- handed on, not read
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def leadline_call(site: Endpoints, number: str, port: int, flow: Path, *more: str) -> Ended:
    """Run it to its end."""
    return await to_its_end(await start_call(site, number, port, flow, *more))


async def to_its_end(process: asyncio.subprocess.Process) -> Ended:
    """Wait for a command."""
    try:
        async with asyncio.timeout(_COMMAND_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, output.decode())


async def test_who_answers_is_greeted_at_once_by_an_agent_that_waited(endpoints: Endpoints, files: Files) -> None:
    number, there = "+12025550170", list[bool]()

    async def take(call: PhoneCall) -> None:
        there.append(await _agent_is_ready(endpoints))
        await call.answer(ack_timeout=5)
        began, _ = await bot_turn(call)
        extension = [key for key in call.media.keys_in.digits if key.t < began]
        assert "".join(key.digit for key in extension) == "42#"
        await call.media.send_dtmf("1")

    async with Phone(user=number, on_call=take) as phone:
        more = ("--watch", "--digits", "w42#")
        ended = await leadline_call(endpoints, number, phone.port, files.flows["short"], *more)
        assert phone.errors == []
        (call,) = phone.calls
        assert (call.from_user, call.to_user, call.ended_by) == (OURS, number, "remote")
    assert there == [True], "the INVITE came before the agent"
    assert ended.code == 0, ended.text
    for line in ("waiting for the agent…", "dialling…", "answered (200 OK)", "bot    Hello!", "presses 1"):
        assert line in ended.text, ended.text
    assert ended.text.index("presses 1") < ended.text.index("qualified")
    (row,) = await finished(endpoints, number)
    assert (row.disposition, row.sip.status, row.begun.direction) == ("qualified", 200, "outbound")
    assert (await said(endpoints, row, "bot"))[0].startswith("Hello!")


async def test_a_campaign_is_heard_by_yourself_first(endpoints: Endpoints, files: Files, tmp_path: Path) -> None:
    number, campaign = "+12025550187", tmp_path / "spring.yaml"
    campaign.write_text(
        f"campaign: spring\npurpose: telemarketing\nseller: Example Software\nflow: {files.flows['short']}\n"
        f'caller_ids: ["{OURS}"]\ncountries: [US]\npacing: {{ring: 15s, max_call: 60s}}\n'
    )

    async def take(call: PhoneCall) -> None:
        await call.answer(ack_timeout=5)
        await bot_turn(call)
        await call.media.send_dtmf("1")

    async with Phone(user=number, on_call=take) as phone:
        there = (str(campaign), number, "--trunk", f"127.0.0.1:{phone.port}")
        ended = await to_its_end(await leadline(endpoints, "test-call", *there))
        assert phone.errors == []
        (call,) = phone.calls
        assert (call.from_user, call.to_user) == (OURS, number)
    assert ended.code == 0, ended.text
    assert "answered (200 OK)" in ended.text
    (row,) = await finished(endpoints, number)
    assert row.disposition == "qualified"
    events = await leadline(endpoints, "calls", "tail", row.begun.id, "--all", "--json")
    assert events.stdout is not None
    first = json.loads(await asyncio.wait_for(events.stdout.readline(), 30))
    events.send_signal(signal.SIGINT)
    assert (first["call_id"], (await to_its_end(events)).code) == (row.begun.id, 0)


async def _agent_is_ready(endpoints: Endpoints) -> bool:
    """Whether an agent that says it is ready is in the only room."""
    (room,) = await rooms(endpoints)
    async with open_livekit(endpoints) as lk:
        people = (await lk.room.list_participants(api.ListParticipantsRequest(room=room))).participants
    return any(person.attributes.get("leadline.stage") == "ready" for person in people)


async def test_nine_opts_out_of_a_call_of_ours(endpoints: Endpoints, files: Files) -> None:
    number, taken = "+12025550171", list[PhoneCall]()

    async def take(call: PhoneCall) -> None:
        taken.append(call)
        await call.answer(ack_timeout=5)
        await bot_turn(call)
        await call.media.send_dtmf("9")

    async with Phone(user=number, on_call=take) as phone:
        ended = await leadline_call(endpoints, number, phone.port, files.flows["short"])
        assert ended.code == 0, ended.text
        assert await suppressed(endpoints, number)
        again = await leadline_call(endpoints, number, phone.port, files.flows["short"])
        assert (again.code, len(taken)) == (6, 1)
    assert "opted_out" in again.text
    (row,) = await finished(endpoints, number)
    assert row.disposition == "opted_out"


@pytest.mark.parametrize(
    ("number", "told", "code"), [("+12025550181", signal.SIGINT, 130), ("+12025550185", signal.SIGTERM, 143)]
)
async def test_interrupting_stops_the_ringing_phone(
    endpoints: Endpoints, files: Files, number: str, told: signal.Signals, code: int
) -> None:
    async with Phone(user=number, on_call=no_answer()) as phone:
        process = await start_call(endpoints, number, phone.port, files.flows["short"])
        await eventually(lambda: bool(phone.calls), 30)
        process.send_signal(told)
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert (process.returncode, "the call is ended" in output.decode()) == (code, True), output
        await phone.calls[0].wait_ended(10)
        assert phone.errors == []
    (row,) = await finished(endpoints, number)
    assert (row.disposition, row.record) == ("not_placed", {"outcome": "cancelled"})
    assert await rooms(endpoints) == []


async def test_a_person_who_hangs_up_early_and_a_voicemail_leave_their_records(
    endpoints: Endpoints, files: Files
) -> None:
    async def short_of_patience(call: PhoneCall) -> None:
        await call.media.wait_speech(call.t["answer"])
        await call.hangup()

    async def talked_at(call: PhoneCall) -> None:
        await call.media.say(await speech("You have reached the mailbox. Please leave a message after the tone."))
        await call.media.say(tone(1000, 0.4))
        await call.wait_ended(20)
        assert call.ended_by == "remote"

    async def one(number: str, then: Callable[[PhoneCall], Awaitable[None]], disposition: str) -> None:
        async with Phone(user=number, on_call=answer(0.1, then)) as phone:
            ended = await leadline_call(endpoints, number, phone.port, files.flows["short"])
            assert phone.errors == []
        assert ended.code == 0, ended.text
        (row,) = await finished(endpoints, number)
        assert (row.sip.status, row.answered_at is not None) == (200, True)
        assert row.disposition == disposition

    await asyncio.gather(
        one("+12025550182", short_of_patience, "abandoned"), one("+12025550183", talked_at, "voicemail")
    )


async def test_an_agent_that_comes_after_the_dialer_gave_up_leaves_at_once(endpoints: Endpoints) -> None:
    call = NewCall("late", Direction.OUTBOUND, "b2b-software", "h", "call-late", OURS, "+12025550186", time.time())
    async with open_calls(endpoints.database_url, migrated=True) as calls:
        await calls.begin(call)
        await calls.finish(call.id, NOT_PLACED, 0, {"outcome": "no_agent"}, time.time())
    metadata = json.dumps({"call_id": call.id, "direction": "outbound"})
    async with open_livekit(endpoints) as lk:
        await lk.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name=AGENT, room=call.room, metadata=metadata)
        )
        assert await agent_ready(lk, call.room, 20)
    await eventually(lambda: _gone(endpoints, call.room), 20)  # a process that waits for its caller waits 90 s


async def _gone(endpoints: Endpoints, room: str) -> bool:
    return room not in await rooms(endpoints)


async def test_a_number_of_a_kind_that_is_never_called(endpoints: Endpoints, files: Files) -> None:
    premium = "+19005550176"
    async with Phone(user=premium) as phone:
        ended = await leadline_call(endpoints, premium, phone.port, files.flows["short"])
        assert phone.calls == []
    assert (ended.code, "number_kind" in ended.text) == (6, True), ended.text
    assert await rows(endpoints, premium) == []
