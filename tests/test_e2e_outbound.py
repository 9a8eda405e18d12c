"""`leadline call` over real SIP: who answers, who does not, and what the command says and exits with."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from livekit import api

from cli.stack.config import ROOT
from cli.stack.stack import Stack
from sip.phone import Phone, PhoneCall, busy, no_answer
from sip.phone.phone import Behaviour
from tests.e2e_support import Files, bot_turn, finished, open_livekit, rooms, rows, said, suppressed, write_files

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


async def leadline_call(site: Stack, number: str, port: int, flow: Path) -> Ended:
    """Run the command against a test phone on this machine."""
    command = [sys.executable, "-m", "cli.main", "call", number, "--flow", str(flow)]
    process = await asyncio.create_subprocess_exec(
        *(*command, "--trunk", f"127.0.0.1:{port}", "--from", OURS),
        env={**os.environ, **site.env(), "LEADLINE_RINGING_S": "15"},  # noqa: TID251 -- handed on, not read
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_COMMAND_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, output.decode())


async def test_who_answers_is_greeted_at_once_by_an_agent_that_waited(stack: Stack, files: Files) -> None:
    number, there = "+12025550170", list[bool]()

    async def take(call: PhoneCall) -> None:
        there.append(await _agent_is_ready(stack))
        await call.answer(ack_timeout=5)
        await bot_turn(call)
        await call.media.send_dtmf("1")

    async with Phone(user=number, on_call=take) as phone:
        ended = await leadline_call(stack, number, phone.port, files.flows["short"])
        assert phone.errors == []
        (call,) = phone.calls
        assert (call.from_user, call.to_user, call.ended_by) == (OURS, number, "remote")
    assert there == [True], "the INVITE came before the agent"
    assert ended.code == 0, ended.text
    assert "qualified" in ended.text
    (row,) = await finished(stack.at, number)
    assert (row.disposition, row.sip.status, row.begun.direction) == ("qualified", 200, "outbound")
    assert (await said(stack.at, row, "bot"))[0].startswith("Hello!")


async def _agent_is_ready(stack: Stack) -> bool:
    """Whether an agent that says it is ready is in the only room."""
    (room,) = await rooms(stack.at)
    async with open_livekit(stack.at) as lk:
        people = (await lk.room.list_participants(api.ListParticipantsRequest(room=room))).participants
    return any(person.attributes.get("leadline.stage") == "ready" for person in people)


async def test_nine_opts_out_of_a_call_of_ours(stack: Stack, files: Files) -> None:
    number = "+12025550171"

    async def take(call: PhoneCall) -> None:
        await call.answer(ack_timeout=5)
        await bot_turn(call)
        await call.media.send_dtmf("9")

    async with Phone(user=number, on_call=take) as phone:
        ended = await leadline_call(stack, number, phone.port, files.flows["short"])
        assert ended.code == 0, ended.text
        assert await suppressed(stack.at, number)
        again = await leadline_call(stack, number, phone.port, files.flows["short"])
        assert (again.code, len(phone.calls)) == (6, 1)
    assert "opted_out" in again.text
    (row,) = await finished(stack.at, number)
    assert row.disposition == "opted_out"


@pytest.mark.parametrize(
    ("number", "manner", "code", "words", "status"),
    [
        ("+12025550172", busy(486), 3, "busy", 486),
        ("+12025550173", busy(603), 4, "declined", 603),
        ("+12025550174", no_answer(), 5, "nobody answered", None),
        ("+12025550175", busy(404), 8, "404", 404),
    ],
    ids=["busy", "declined", "unanswered", "no such number"],
)
async def test_who_does_not_answer(
    stack: Stack, files: Files, number: str, manner: Behaviour, code: int, words: str, status: int | None
) -> None:
    async with Phone(user=number, on_call=manner) as phone:
        ended = await leadline_call(stack, number, phone.port, files.flows["short"])
        assert len(phone.calls) == 1
        assert phone.errors == []
    assert ended.code == code, ended.text
    assert re.search(words, ended.text, re.IGNORECASE), ended.text
    (row,) = await finished(stack.at, number)
    assert (row.disposition, row.sip.status) == ("no_contact", status)
    assert await rooms(stack.at) == []


async def test_a_number_of_a_kind_that_is_never_called(stack: Stack, files: Files) -> None:
    premium = "+19005550176"
    async with Phone(user=premium) as phone:
        ended = await leadline_call(stack, premium, phone.port, files.flows["short"])
        assert phone.calls == []
    assert (ended.code, "number_kind" in ended.text) == (6, True), ended.text
    assert await rows(stack.at, premium) == []
