"""How fast the bot falls silent when it is interrupted, and what does not make it fall silent: over real calls."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

import numpy as np
import yaml

from bench.edge import CALLER, Edge, edge, floor_ms, route, worker
from bench.figures import conditions, summary
from bench.sounds import ECHO_DB, echoing, hum, recording
from bot.caller import phone_speech
from bot.speech.audio import Pcm
from bot.speech.voice import LocalVoice, ShiftedVoice
from sip.phone import CallFailed, Phone, PhoneCall
from sip.phone.voice import Segment
from store.flowfiles import load_flow, read_flow

METHOD = (
    "long questions of strategy `stop`, interrupted 0.7 to 1.7 s after their first sound; first loud packet that the "
    "phone sent to last loud packet received before 300 ms of silence (kernel times, -45 dBFS); a backchannel or a "
    "disturbance counts as a stop when the question was not heard to its end, its pause is the longest silence in it "
    "beyond that of an undisturbed one"
)
NUMBER: Final = "+12025550192"
QUESTIONS: Final = 6
#: In turn, as the bot says no sentence that was in both of the last two prompts.
ASK: Final = (
    "Now please tell me about your plans for the next year, and what you would like to change. "
    "A few words are enough, there is no need for every detail.",
    "Now please tell me about your plans for the coming year, and what you would want to change. "
    "A few words will do, there is no need for every detail.",
)
INTERRUPTIONS: Final = (
    "We want to start in spring.",
    "Our drivers need a better plan.",
    "There is too much paper.",
    "I would like to know the price.",
    "We have two warehouses.",
)
BACKCHANNELS: Final = ("Okay.", "Right.", "I see.")
HUM: Final = "mm-hmm"
#: Level of each disturbance, dBFS; speech is about -20.
DISTURBANCES: Final[Mapping[str, float]] = {"music": -32.0, "street": -32.0, "crowd": -38.0}
QUESTION_S: Final = 7.3  #: so long the question takes, the acknowledgement before it not counted
_QUIET_S: Final = 0.8
_LONG_QUIET_S: Final = 2.5  #: a pause is no end
_BRIDGE_S: Final = 0.3


@dataclass(slots=True)
class Found:
    """What the calls showed, times in milliseconds."""

    silent_ms: list[float] = field(default_factory=list)
    answered: int = 0
    offered: int = 0
    stops: dict[str, list[bool]] = field(default_factory=dict)
    pauses_ms: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


async def bargein(edge_name: str, n: int, at_once: int = 3) -> dict[str, object]:
    """`n` interruptions, then each disturbance over questions that nobody interrupts."""
    voice = ShiftedVoice(LocalVoice(), 1.08)
    words = {text: phone_speech(voice, text) for text in (*INTERRUPTIONS, *BACKCHANNELS)} | {HUM: hum()}
    found = Found()
    async with edge(edge_name) as where:
        floor = await floor_ms(where)
        await route(where, NUMBER, "leadline", json.dumps({"flow": str(_write_flow(where.folder))}))
        async with worker(where, calls_max=at_once + 2, idle_processes=at_once), Phone(user=CALLER) as phone:
            trials = n
            while trials > 0 and len(found.errors) < n:
                await asyncio.gather(*(_interrupt(phone, where, words, found, 1.7 * i) for i in range(at_once)))
                trials = n - len(found.silent_ms)
            kinds = ("nothing", "echo", *DISTURBANCES, HUM, *BACKCHANNELS)
            for at in range(0, len(kinds), at_once):
                await asyncio.gather(*(_disturb(phone, where, kind, words, found) for kind in kinds[at : at + at_once]))
    usual = max(found.pauses_ms.get("nothing") or [0.0])
    return {
        "edge": edge_name,
        "n": len(found.silent_ms),
        "floor_ms": round(floor),
        "silent_ms": summary(found.silent_ms),
        "over_floor_ms": round(float(np.median(found.silent_ms)) - floor) if found.silent_ms else None,
        "undisturbed_pause_ms": round(usual),
        "disturbances": {
            kind: {
                "questions": len(stops),
                "stopped": sum(stops),
                "longest_pause_beyond_usual_ms": round(max(0.0, max(found.pauses_ms[kind], default=0.0) - usual)),
            }
            for kind, stops in found.stops.items()
        },
        "levels_dbfs": {"echo below the bot's voice, dB": ECHO_DB, **DISTURBANCES},
        "offered": found.offered,
        "answered": found.answered,
        "errors": found.errors,
        "method": METHOD,
        **conditions(),
    }


def _write_flow(folder: Path) -> Path:
    """The shipped flow's words around long questions."""
    flow = yaml.load(read_flow("b2b-software")[0], yaml.BaseLoader)  # noqa: S506 - every scalar stays the text it is
    keypad = {"prompt": "Or press one to skip this."}
    slots = [
        {"name": f"plan_{i}", "type": "text", "ask": ASK[i % 2], "confirm": "none", "keypad": keypad}
        for i in range(QUESTIONS)
    ]
    flow |= {"flow": "long", "slots": slots, "rules": [], "qualified_at": 1, "recording": {"start": "off"}}
    flow |= {"greeting": {"inbound": "Hello!", "outbound": "Hello!"}, "disclose": "This is an automated assistant."}
    file = folder / "long.yaml"
    file.write_text(yaml.safe_dump(flow, sort_keys=False))
    load_flow(file)  # a mistake here would show as a call that nobody takes
    return file


async def _call(phone: Phone, where: Edge, found: Found) -> PhoneCall | None:
    found.offered += 1
    try:
        call = await phone.call(NUMBER, where.addr, wait=30)
    except (CallFailed, TimeoutError) as failed:
        found.errors.append(str(failed) or type(failed).__name__)
        await asyncio.sleep(1.0)
        return None
    found.answered += 1
    return call


async def _interrupt(phone: Phone, where: Edge, words: Mapping[str, Pcm], found: Found, later_s: float) -> None:
    """One call: hear the first question out, answer it, and interrupt every other one."""
    await asyncio.sleep(later_s)
    call = await _call(phone, where, found)
    if call is None:
        return
    try:
        await call.media.wait_quiet(_QUIET_S, timeout=30)
        said = await call.media.say(words[INTERRUPTIONS[0]])
        for text in INTERRUPTIONS[: QUESTIONS - 1]:
            began = await call.media.wait_speech(said.end)
            await asyncio.sleep(0.7 + random.random())
            said = await call.media.say(words[text])
            over = [one for one in call.media.speech(began, bridge=_BRIDGE_S) if one.start < said.start < one.end]
            if over:  # the caller may have begun in a breath between two sentences: not an interruption then
                found.silent_ms.append((over[-1].end - said.start) * 1e3)
    except TimeoutError as late:
        found.errors.append(str(late))
    finally:
        await call.hangup()


async def _disturb(phone: Phone, where: Edge, kind: str, words: Mapping[str, Pcm], found: Found) -> None:
    """Questions heard out while something sounds that is no answer."""
    call = await _call(phone, where, found)
    if call is None:
        return
    lengths: list[Segment] = []
    try:
        await call.media.wait_quiet(_QUIET_S, timeout=30)
        for text in INTERRUPTIONS[:3]:
            said = await call.media.say(words[text])
            began = await call.media.wait_speech(said.end)
            with echoing(call) if kind == "echo" else nullcontext():
                sounding = asyncio.create_task(_sound(call, kind, words))
                ended = await call.media.wait_quiet(_LONG_QUIET_S, timeout=30)
            call.media.stop_talking()
            await sounding
            lengths.append(Segment(began, ended))
        found.pauses_ms[kind] = [_longest_pause(call, one) for one in lengths]
        found.stops[kind] = [one.end - one.start < 0.85 * QUESTION_S for one in lengths]
    except TimeoutError as late:
        found.errors.append(f"{kind}: {late}")
    finally:
        await call.hangup()


async def _sound(call: PhoneCall, kind: str, words: Mapping[str, Pcm]) -> None:
    if kind in DISTURBANCES:
        await call.media.say(recording(kind, 6.0, DISTURBANCES[kind]))
    elif kind in (HUM, *BACKCHANNELS):
        await asyncio.sleep(1.2)
        await call.media.say(words[kind])


def _longest_pause(call: PhoneCall, over: Segment) -> float:
    """The longest silence inside a stretch, ms."""
    inside = [one for one in call.media.speech(over.start, bridge=0.02) if one.start < over.end]
    return max(chain([0.0], ((b.start - a.end) * 1e3 for a, b in pairwise(inside))))
