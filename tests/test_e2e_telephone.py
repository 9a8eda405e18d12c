"""The telephone from the command line, on a whole stack: one file to a working number, doctor, lost calls, causes."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.stack.config import ROOT, Endpoints
from sip.phone import CallFailed, Phone, busy
from store.database import open_calls
from tests.e2e_support import UNKNOWN, bot_turn, calling, finished
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

NEW = "+12025550190"


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has run."""

    code: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


async def leadline(site: Endpoints, *words: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli.main", *words),
        env={**os.environ, **site.env(), "COLUMNS": "200"},  # noqa: TID251 -- handed on, not read
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return Ended(process.returncode, output.decode())


@asynccontextmanager
async def applied(site: Endpoints, folder: Path, data: object) -> AsyncIterator[Ended]:
    """A file of trunks and rules, applied; what it made is deleted again."""
    file = folder / "sip.json"
    file.write_text(json.dumps(data))
    done = await leadline(site, "sip", "apply", str(file))
    try:
        yield done
    finally:
        await leadline(site, "dispatch", "delete", "new", "--yes")
        await leadline(site, "trunk", "delete", "new", "--yes")


async def test_from_nothing_to_a_working_number(endpoints: Endpoints, tmp_path: Path) -> None:
    file = {
        "trunk": {"name": "new", "numbers": [NEW], "allowed_addresses": ["127.0.0.0/8"]},
        "dispatch_rule": {"name": "new", "trunk_ids": ["new"], "flow": "home-services"},
    }
    async with applied(endpoints, tmp_path, file) as done:
        assert (done.code, "2 to create" in done.text) == (0, True), done.text
        told = await leadline(endpoints, "dispatch", "test", "--to", NEW, "--source", "127.0.0.1", "--live", "--json")
        assert told.code == 0, told.text
        assert (told.json()["rule"], told.json()["takes_jobs"]) == ("new", {"leadline": True})
        async with calling(endpoints, NEW, "+12025550191") as call:
            await bot_turn(call)
    (row,) = await finished(endpoints, "+12025550191", limit_s=40)
    assert row.begun.flow == "home-services"
    why = await leadline(endpoints, "calls", "rca", row.id)
    for piece in ("leg arrived", "leg active", "bot says", "call is up", "call is over"):
        assert piece in why.text, why.text


async def test_the_doctor_finds_a_telephone_that_works(endpoints: Endpoints) -> None:
    said = await leadline(endpoints, "doctor", "--sip", "--edge", f"{endpoints.sip_ip}:{endpoints.sip_port}", "--json")
    findings = {finding["what"]: finding for finding in said.json()}
    assert said.code == 0, said.text
    for what, piece in {
        "clock": "livekit-server",
        "livekit": " inbound",
        "sip edges": "1 registered",
        "sip edge": "answered OPTIONS with 200",
        "addresses": "suits",
        "agent": "took a trial job",
        "trunk leadline-in": "every number has a rule",
    }.items():
        assert (findings[what]["verdict"], piece in findings[what]["found"]) == ("ok", True), findings[what]


async def test_a_call_that_nothing_takes_is_not_forgotten(endpoints: Endpoints) -> None:
    async with Phone(user="+12025550192") as phone:
        with pytest.raises((CallFailed, TimeoutError)):
            await phone.call(UNKNOWN, (endpoints.sip_ip, endpoints.sip_port), wait=1.5)

    async def there() -> bool:
        async with open_calls(endpoints.database_url, migrated=True) as calls:
            return any(one.facts.get("pii.from") == "+12025550192" for _, one in await calls.lost())

    await eventually(there, 40)
    lost = (await leadline(endpoints, "calls", "lost", "--json")).json()
    call = next(one for one in lost if one["callee"] == UNKNOWN)
    assert "the caller heard nothing" in call["cause"]["what"]
    why = await leadline(endpoints, "calls", "rca", call["id"])
    assert "leadline dispatch test" in why.text, why.text


async def test_why_somebody_did_not_answer_is_told(endpoints: Endpoints) -> None:
    number = "+12025550193"
    async with Phone(user=number, on_call=busy(486, after=0.5)) as phone:
        words = ("--trunk", f"127.0.0.1:{phone.port}", "--from", "+12025550100", "--ring", "15", "--json")
        ended = await leadline(endpoints, "call", number, *words)
    assert ended.code == 3, ended.text
    told = await leadline(endpoints, "calls", "rca", ended.json()["id"], "--json")
    assert told.json()["cause"]["what"].startswith("whoever was called was in another call")
    steps = [(line["source"], line["what"].split()[0]) for line in told.json()["timeline"]]
    for step in (("gate", "permitted"), ("agent", "ready"), ("sip", "invite"), ("sip", "failed")):
        assert step in steps, steps
