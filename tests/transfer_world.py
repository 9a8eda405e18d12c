"""What tests of transfers need: flows with a person behind them, people who answer in every way, and ears for leaks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from cli.stack.config import Endpoints
from sip.phone import Phone, PhoneCall
from sip.trunks import apply, load_files
from sip.ua.audio import RATE
from sip.ua.g711 import Pcm
from store.flowfiles import load_flow, read_flow
from tests.e2e_support import open_livekit

OURS: Final = "+15125550180"  #: shown to the people who are rung
#: What caller and person sound like: tones that neither speech nor music holds for long.
CALLER_HZ, HUMAN_HZ = 1700.0, 2300.0
_WINDOW_S: Final = 0.1
AUDIBLE: Final = 0.04  #: of full scale: one packet of a tone sent at 0.3 measures 0.06, speech at that pitch below 0.02
#: Few words, so that most of a test is the transfer; tests of the briefing itself have the shipped ones.
_SHORT: Final = {
    "transferring": "One moment.",
    "transfer_failed": "Nobody is free.",
    "briefing": "A call.",
    "briefing_keys": "One or two?",
    "caller_gone": "The caller has hung up.",
}
_READY: Final = {
    "name": "ready",
    "type": "yes_no",
    "ask": "Ready?",
    "example": "Just say yes.",
    "confirm": "none",
}


@dataclass(frozen=True, slots=True)
class Case:
    """A number that reaches a flow whose callers are put through to `person`."""

    number: str
    person: str
    plan: Mapping[str, Any]
    words: Mapping[str, str]

    @property
    def name(self) -> str:
        """The flow's."""
        return f"to-{self.person[-3:]}"


def case(last: int, words: Mapping[str, str] = _SHORT, **plan: Any) -> Case:
    """The case with numbers that end in `last` and in `last` + 20 (two digits each); `words` replace the shipped ones."""
    how = {"mode": "warm", "ring_s": 5, "accept_s": 3, **plan}
    return Case(f"+151255501{last:02d}", f"+151255501{last + 20:02d}", how, words)


async def install(at: Endpoints, folder: Path, cases: list[Case], people: Phone) -> None:
    """Make the cases' numbers reach their flows, and their people's numbers ring at `people`."""
    trunk = folder / "trunk.json"
    numbers = [one.number for one in cases]
    inbound = {
        "name": "transfers",
        "numbers": numbers,
        "allowed_addresses": ["127.0.0.0/8"],
        "max_call_duration": "300s",
    }
    trunk.write_text(json.dumps({"trunk": inbound}))
    way_out = folder / "people.json"
    people_trunk = {"name": "people", "address": f"{people.ip}:{people.port}", "numbers": [OURS]}
    way_out.write_text(json.dumps({"trunk": {**people_trunk, "transport": "SIP_TRANSPORT_UDP"}}))
    files = [trunk, way_out, *(_write(folder, one) for one in cases)]
    async with open_livekit(at) as lk:
        await apply(lk, load_files(files))


def _write(folder: Path, one: Case) -> Path:
    flow = yaml.load(read_flow("b2b-software")[0], yaml.BaseLoader)  # every scalar stays the text that it is
    flow |= {
        "flow": one.name,
        "slots": [_READY],
        "rules": [],
        "qualified_at": 1,
        "transfer": {"to": one.person, **one.plan},
        "words": {**flow["words"], **one.words},
        "callback": {**flow["callback"], "ask": ["When?"]},
    }
    flow |= {"greeting": {"inbound": "Hello!"}, "disclose": "This automated call may be recorded."}
    file = folder / f"{one.name}.yaml"
    file.write_text(yaml.safe_dump(flow, sort_keys=False))
    load_flow(file)
    rule = {
        "name": one.name,
        "trunk_ids": ["transfers"],
        "numbers": [one.number],
        "rule": {"dispatch_rule_callee": {"room_prefix": "call-", "randomize": True}},
        "room_config": {
            "empty_timeout": 30,
            "departure_timeout": 5,
            "agents": [{"agent_name": "leadline", "metadata": json.dumps({"flow": str(file)})}],
        },
    }
    path = folder / f"rule-{one.name}.json"
    path.write_text(json.dumps({"dispatch_rule": rule}))
    return path


class People:
    """One phone at which everybody's number rings; each takes calls in a way of their own."""

    def __init__(self) -> None:
        self.ways: dict[str, Callable[[PhoneCall], Awaitable[None]]] = {}
        self.rung: list[PhoneCall] = []

    async def __call__(self, call: PhoneCall) -> None:
        """Take a call as the person behind the number does."""
        self.rung.append(call)
        await self.ways[call.to_user](call)

    def of(self, person: str) -> list[PhoneCall]:
        """The calls that reached this person."""
        return [call for call in self.rung if call.to_user == person]


def tone_heard(pcm: Pcm, hertz: float, rate: int = RATE) -> float:
    """The loudest tenth of a second of a tone, as a fraction of full scale."""
    window = round(_WINDOW_S * rate)
    whole = len(pcm) // window * window
    if not whole:
        return 0.0
    frames = pcm[:whole].reshape(-1, window).astype(np.float64) / 32768.0
    turn = np.exp(-2j * np.pi * hertz * np.arange(window) / rate)
    return float((2 * np.abs(frames @ turn) / window).max())


def alike(one: Pcm, other: Pcm) -> float:
    """How much of one recording is in the other, at whatever delay: 1 is the same, below 0.2 is chance."""
    if not len(one) or not len(other):
        return 0.0
    a, b = one.astype(np.float64), other.astype(np.float64)
    size = 1 << (len(a) + len(b)).bit_length()
    found = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(np.abs(found).max() / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))
