"""What the end-to-end tests share: small flows behind numbers of their own, a caller, and waits on what a call leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from livekit import api

from bot.caller import phone_speech
from bot.settings import BotSettings
from bot.speech.audio import Pcm
from bot.speech.voice import LocalVoice, ShiftedVoice
from cli.flow import new
from cli.stack.config import Endpoints, StackConfig
from cli.stack.stack import Stack
from sip.phone import Phone, PhoneCall
from sip.trunks import apply, load_files
from store.calls import Call, Part, Turn
from store.database import open_calls
from store.flowfiles import load_flow, read_flow
from tests.waiting import eventually

#: Which number reaches which flow. The first two are those of the shipped trunk.
B2B, HOME = "+12025550100", "+12025550101"
SHORT, IMPATIENT, STORY = "+12025550150", "+12025550151", "+12025550152"
#: A flow as `leadline flow new` writes it, nothing else.
FRESH = "+12025550153"
UNKNOWN = "+12025550159"

#: The bot has finished its turn when it was silent for so long.
TURN_S = 0.7
RECORD_S = 15.0
_PACE = 1.08
_FAMILY = 3  # the fork server, Python's resource tracker, and who judges whether a voice sounds finished
_READY = {
    "name": "ready",
    "type": "yes_no",
    "ask": "Are you ready?",
    "example": "Just say yes or no.",
    "confirm": "none",
}
_SKIP = {"keypad": {"prompt": "Or press one to skip this."}}
_QUESTIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    SHORT: ("short", {**_READY, "score": [{"when": "== 'yes'", "points": 1}]}),
    IMPATIENT: ("impatient", {**_READY, "no_input_s": 1}),
    STORY: ("story", {"name": "story", "type": "text", "ask": "What are you looking for?", "confirm": "none", **_SKIP}),
}


@dataclass(frozen=True, slots=True)
class Files:
    """Flow files of one question each, and the trunk and rules that lead to them."""

    flows: Mapping[str, Path]
    trunk: Path
    rules: tuple[Path, ...] = field(default=())

    def config(self, name: str, run_dir: Path, **settings: Any) -> StackConfig:
        """A stack that knows the numbers of the small flows and no others."""
        return StackConfig(name, run_dir, trunk_file=self.trunk, rule_files=self.rules, **settings)


def write_files(folder: Path, ringing_s: int = 20) -> Files:
    """Write the small flows, and a trunk whose calls are refused after `ringing_s` seconds without an agent."""
    flows = {name: write_flow(folder / f"{name}.yaml", name, slot) for name, slot in _QUESTIONS.values()}
    new("fresh", folder / "fresh.yaml")
    trunk = folder / "trunk.json"
    told = {"allowed_addresses": ["127.0.0.0/8"], "ringing_timeout": f"{ringing_s}s", "max_call_duration": "300s"}
    trunk.write_text(json.dumps({"trunk": {"name": "e2e", "numbers": [*_QUESTIONS, FRESH], **told}}))
    rules = tuple(write_rule(folder, number, flows[name]) for number, (name, _) in _QUESTIONS.items())
    return Files(flows, trunk, (*rules, write_rule(folder, FRESH, folder / "fresh.yaml")))


def write_flow(file: Path, name: str, slot: dict[str, Any]) -> Path:
    """The shipped flow's words around a single question."""
    flow = yaml.load(read_flow("b2b-software")[0], yaml.BaseLoader)  # every scalar stays the text that it is
    flow |= {"flow": name, "slots": [slot], "rules": [], "qualified_at": 1, "recording": {"start": "off"}}
    flow |= {"greeting": {"inbound": "Hello!", "outbound": "Hello!"}, "disclose": "This is an automated assistant."}
    file.write_text(yaml.safe_dump(flow, sort_keys=False))
    load_flow(file)  # a mistake here would show as a call that nobody takes
    return file


def write_rule(folder: Path, number: str, flow: Path, trunk: str = "e2e") -> Path:
    """Lead calls of a number to a flow."""
    agent = {"agent_name": "leadline", "metadata": json.dumps({"flow": str(flow)})}
    rule = {
        "name": f"e2e-{flow.stem}",
        "trunk_ids": [trunk],
        "numbers": [number],
        "rule": {"dispatch_rule_callee": {"room_prefix": "call-", "randomize": True}},
        "room_config": {"empty_timeout": 30, "departure_timeout": 5, "agents": [agent]},
    }
    file = folder / f"rule-{flow.stem}.json"
    file.write_text(json.dumps({"dispatch_rule": rule}))
    return file


def with_small_flows(stack: Stack, folder: Path) -> Stack:
    """The stack, with the small flows behind their numbers from now on."""
    asyncio.run(_apply(stack.at, write_files(folder)))
    return stack


async def _apply(at: Endpoints, files: Files) -> None:
    async with open_livekit(at) as lk:
        await apply(lk, load_files([files.trunk, *files.rules]))


def open_livekit(at: Endpoints) -> api.LiveKitAPI:
    """LiveKit's API with the stack's keys."""
    return api.LiveKitAPI(at.livekit_url, at.api_key, at.api_secret)


# -- calling


@asynccontextmanager
async def calling(at: Endpoints, number: str, caller: str) -> AsyncIterator[PhoneCall]:
    """An answered call, hung up on leaving if it is still up."""
    async with Phone(user=caller) as phone:
        call = await phone.call(number, (at.sip_ip, at.sip_port), wait=30)
        try:
            yield call
        finally:
            await call.hangup()
        assert phone.errors == []


async def bot_turn(call: PhoneCall, since: float | None = None, limit_s: float = 30.0) -> tuple[float, float]:
    """Wait until the bot has begun to speak and is silent again: when it began and when it ended."""
    began = await call.media.wait_speech(call.t["answer"] if since is None else since)
    return began, await call.media.wait_quiet(TURN_S, timeout=limit_s)


@cache
def _voice() -> ShiftedVoice:
    return ShiftedVoice(LocalVoice(), _PACE)


async def speech(text: str) -> Pcm:
    """A caller's words for the telephone, in another voice than the bot's."""
    return await asyncio.to_thread(lambda: phone_speech(_voice(), text))


# -- what a call leaves


async def rows(at: Endpoints, caller: str) -> list[Call]:
    """The calls from or to this number, newest first."""
    async with open_calls(at.database_url, migrated=True) as calls:
        return [call for call in await calls.list(100) if caller in (call.begun.caller, call.begun.callee)]


async def finished(at: Endpoints, caller: str, count: int = 1, limit_s: float = RECORD_S) -> list[Call]:
    """Wait until there are `count` calls of this number, all of them over; newest first."""
    found: list[Call] = []

    async def there() -> bool:
        found[:] = await rows(at, caller)
        return len(found) >= count and all(call.ended_at is not None for call in found)

    try:
        await eventually(there, limit_s)
    except TimeoutError:
        pytest.fail(
            f"after {limit_s:g} s: {[(call.id, call.disposition) for call in found]} instead of {count} results"
        )
    assert len(found) == count
    return found


async def recorded(at: Endpoints, call: Call) -> Part:
    """Wait until the call's only recording is whole."""
    parts: list[Part] = []

    async def whole() -> bool:
        async with open_calls(at.database_url, migrated=True) as calls:
            parts[:] = await calls.recordings(call.id)
        return bool(parts) and parts[-1].ended == "whole"

    await eventually(whole, RECORD_S)
    (part,) = parts
    return part


async def turns(at: Endpoints, call: Call) -> list[Turn]:
    """The transcript."""
    async with open_calls(at.database_url, migrated=True) as calls:
        return list(await calls.turns(call.id))


async def said(at: Endpoints, call: Call, who: str) -> list[str]:
    """One side's words in the transcript."""
    return [turn.text for turn in await turns(at, call) if turn.who == who]


async def suppressed(at: Endpoints, number: str) -> bool:
    """Whether this number is never called again."""
    async with open_calls(at.database_url, migrated=True) as calls:
        return await calls.is_suppressed(number)


async def rooms(at: Endpoints) -> list[str]:
    """The rooms there are."""
    async with open_livekit(at) as lk:
        return [room.name for room in (await lk.room.list_rooms(api.ListRoomsRequest())).rooms]


def processes(stack: Stack) -> set[int]:
    """The worker's family: fork server, resource tracker, judge, idle processes, and one process more for each call."""
    pid = stack.pid("worker")
    if pid is None:
        return set()
    try:
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


async def at_rest(stack: Stack) -> set[int]:
    """Wait until no room is there and only idle processes are; returns the worker's family then."""
    family: set[int] = set()

    async def rests() -> bool:
        family.clear()
        if not isinstance(stack, Stack):  # a worker that others started: its processes are theirs
            return not await rooms(stack.at)
        family.update(processes(stack))
        return not await rooms(stack.at) and len(family) == _FAMILY + BotSettings().idle_processes

    try:
        await eventually(rests, 30)
    except TimeoutError:
        pytest.fail(f"not at rest: rooms {await rooms(stack.at)}, {len(family)} processes")
    return family


async def nothing_left(stack: Stack, before: set[int], calls: int = 1) -> None:
    """Wait until the worker rests again, and check that the processes of so many calls are gone."""
    after = await at_rest(stack)
    assert len(before - after) >= calls or not isinstance(stack, Stack)
