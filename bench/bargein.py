"""How fast the bot falls silent when it is interrupted, and what does not make it fall silent: over real calls."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import yaml

from bench.edge import CALLER, Edge, edge, floor_ms, fresh_caller, route, worker
from bench.figures import conditions, summary
from bench.heard import BLOCK_S, Heard, compare
from bench.sounds import ECHO_DB, echoing, hum, recording
from bot.caller import phone_speech
from bot.speech.audio import Pcm
from bot.speech.voice import LocalVoice, ShiftedVoice
from sip.phone import CallFailed, Phone, PhoneCall
from sip.ua.audio import RATE
from store.flowfiles import load_flow, read_flow

METHOD = (
    "long questions of strategy `stop`, interrupted 0.7 to 1.7 s after their first sound; first loud packet that the "
    "phone sent to last loud packet received before 300 ms of silence (kernel times, -45 dBFS); what the phone heard of a "
    "question is laid over an undisturbed recording of the same one, 240 ms at a time: it was cut short when more than "
    "two such pieces are missing, and a pause is by how much a piece came later than the one before it"
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
#: None of them asks for anything, which the bot would answer instead of asking the next question.
INTERRUPTIONS: Final = (
    "We want to start in spring.",
    "Our drivers need a better plan.",
    "There is too much paper.",
    "It takes us far too long.",
    "We have two warehouses.",
)
BACKCHANNELS: Final = ("Okay.", "Right.", "I see.")
HUM: Final = "mm-hmm"
#: Level of each disturbance, dBFS; speech is about -20.
DISTURBANCES: Final[Mapping[str, float]] = {"music": -32.0, "street": -32.0, "crowd": -38.0}
QUESTION_S: Final = 7.2  #: so long the question takes, the acknowledgement before it not counted
EACH: Final = 10  #: questions with each disturbance
_CALLS_MAX: Final = 6  #: with each disturbance; a call whose question is cut short ends there
_PAUSE_MS: Final = 60.0  #: less is a jitter buffer's doing
_AUDIBLE: Final = 300  #: a sample
_TORN_MS: Final = 2 * BLOCK_S * 1e3  #: a pause tears a piece apart, and so may a jitter buffer
_QUIET_S: Final = 0.8
_LONG_QUIET_S: Final = 2.5  #: a pause is no end
_BRIDGE_S: Final = 0.3


@dataclass(slots=True)
class Found:
    """What the calls showed, times in milliseconds."""

    silent_ms: list[float] = field(default_factory=list)
    answered: int = 0
    offered: int = 0
    usual: dict[str, Pcm] = field(default_factory=dict)  #: each question as the phone hears it undisturbed
    questions: dict[str, list[Heard]] = field(default_factory=dict)
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
            await _enough(phone, where, "nothing", words, found)  # the others are compared with these
            kinds = ("echo", *DISTURBANCES, HUM, *BACKCHANNELS)
            for at in range(0, len(kinds), at_once):
                await asyncio.gather(*(_enough(phone, where, kind, words, found) for kind in kinds[at : at + at_once]))
    return {
        "edge": edge_name,
        "n": len(found.silent_ms),
        "floor_ms": round(floor),
        "silent_ms": summary(found.silent_ms),
        "over_floor_ms": round(float(np.median(found.silent_ms)) - floor) if found.silent_ms else None,
        "disturbances": {kind: _summed(heard) for kind, heard in found.questions.items()},
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
        call = await phone.call(NUMBER, where.addr, from_user=fresh_caller(found.offered), wait=30)
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


async def _enough(phone: Phone, where: Edge, kind: str, words: Mapping[str, Pcm], found: Found) -> None:
    """Calls until so many questions were asked while something sounded."""
    for _ in range(_CALLS_MAX):
        if len(found.questions.get(kind, ())) < EACH:
            await _disturb(phone, where, kind, words, found)


async def _disturb(phone: Phone, where: Edge, kind: str, words: Mapping[str, Pcm], found: Found) -> None:
    """One call: questions heard out while something sounds that is no answer, until one is cut short."""
    call = await _call(phone, where, found)
    if call is None:
        return
    questions = found.questions.setdefault(kind, [])
    try:
        await call.media.wait_quiet(_QUIET_S, timeout=30)
        for at, text in enumerate(INTERRUPTIONS[: QUESTIONS - 1], start=1):  # the first one was heard out already
            said = await call.media.say(words[text])
            await call.media.wait_speech(said.end)
            with echoing(call) if kind == "echo" else nullcontext():
                sounding = asyncio.create_task(_sound(call, kind, words))
                await call.media.wait_quiet(_LONG_QUIET_S, timeout=30)
            call.media.stop_talking()
            await sounding
            arrived = call.media.heard(said.end)
            whole = found.usual.setdefault(ASK[at % 2], _end_of(arrived))
            questions.append(heard := await asyncio.to_thread(compare, whole, arrived))
            if heard.missing_ms > _TORN_MS:
                return  # the questions behind it come in another order
    except TimeoutError as late:
        found.errors.append(f"{kind}: {late}")
    finally:
        await call.hangup()


def _end_of(arrived: Pcm) -> Pcm:
    """The question: what was said last, without the silence behind it."""
    sounding = np.flatnonzero(np.abs(arrived) > _AUDIBLE)
    last = int(sounding[-1]) + 1 if len(sounding) else 0
    return arrived[max(0, last - round(QUESTION_S * RATE)) : last]


def _summed(questions: Sequence[Heard]) -> dict[str, float]:
    return {
        "questions": len(questions),
        "cut_short": sum(one.missing_ms > _TORN_MS for one in questions),
        "paused": sum(one.pause_ms > _PAUSE_MS for one in questions),
        "longest_pause_ms": round(max((one.pause_ms for one in questions), default=0.0)),
        "most_missing_ms": round(max((one.missing_ms for one in questions), default=0.0)),
    }


async def _sound(call: PhoneCall, kind: str, words: Mapping[str, Pcm]) -> None:
    if kind in DISTURBANCES:
        await call.media.say(recording(kind, 6.0, DISTURBANCES[kind]))
    elif kind in (HUM, *BACKCHANNELS):
        await asyncio.sleep(1.2)
        await call.media.say(words[kind])
