"""The caller's voice over the bot's, over real SIP: four strategies, the disclosure, backchannels, echo and noise."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rapidfuzz import fuzz

from bench.sounds import echoing, hum, recording
from bot.speech.audio import Pcm, resample, to_float
from cli.stack.stack import Stack
from flows.model import BargeIn
from sip.phone import PhoneCall
from sip.trunks import apply, load_files
from sip.ua.audio import RATE
from store.calls import Turn
from tests.e2e_support import calling, finished, open_livekit, speech, turns, write_flow, write_rule

pytestmark = pytest.mark.e2e

FIRST = "Please tell me how many people work at your company."
SECOND = "A rough figure is quite enough."
ASK = f"{FIRST} {SECOND}"
ANSWER, SIZE = "About twenty five people.", [25, 25]
NUMBERS = {strategy: f"+13125550{160 + at}" for at, strategy in enumerate(BargeIn)}
GREETING_S = 2.2  #: "Hello! This is an automated assistant." takes so long; the question follows at once
QUESTION_S = 4.6
END_S = 25.0
#: Each call of each run has a number of its own: calls are told apart by it, and who calls again after a call that broke
#: off is asked fewer questions.
CALLERS = [f"+1{area}55501{n:02d}" for area in (619, 720, 858, 952) for n in range(100)]
FRESH_CALLERS = iter(random.sample(CALLERS, len(CALLERS)))

#: What the caller does, given the call and when the question began.
Scene = Callable[[PhoneCall, float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a call left: the answer, the transcript, and what the phone heard from the question on until it was answered."""

    size: object
    transcript: list[Turn]
    heard: str

    @property
    def question(self) -> Turn:
        """The first asking."""
        return next(turn for turn in self.transcript if turn.who == "bot" and turn.slot == "size")

    @property
    def caller(self) -> list[str]:
        """The caller's words."""
        return [turn.text for turn in self.transcript if turn.who == "caller"]


@pytest.fixture(scope="module")
def site(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The suite's stack with one long question behind a number for each strategy."""
    asyncio.run(_open(stack, tmp_path_factory.mktemp("bargein")))
    return stack


async def _open(stack: Stack, folder: Path) -> None:
    rules = []
    for strategy, number in NUMBERS.items():
        slot = {"name": "size", "type": "integer_range", "ask": ASK, "example": "Say a number.", "confirm": "none"}
        slot |= {"keypad": {"prompt": "Or type the number and press pound.", "max": 4}}
        flow = write_flow(
            folder / f"{strategy}.yaml", f"bargein-{strategy.replace('_', '-')}", slot | {"barge_in": str(strategy)}
        )
        rules.append(write_rule(folder, number, flow, trunk="bargein"))
    trunk = folder / "trunk.json"
    told = {"allowed_addresses": ["127.0.0.0/8"], "ringing_timeout": "20s", "max_call_duration": "120s"}
    trunk.write_text(json.dumps({"trunk": {"name": "bargein", "numbers": list(NUMBERS.values()), **told}}))
    async with open_livekit(stack.at) as lk:
        await apply(lk, load_files((trunk, *rules)))


async def hold(site: Stack, strategy: BargeIn, scene: Scene) -> Kept:
    """One call in which the caller does `scene`, which must end with an answer."""
    from bot.speech.local import RECOGNISER  # loads models, which other tests do not need

    caller = next(FRESH_CALLERS)
    async with calling(site.at, NUMBERS[strategy], caller) as call:
        asked = await call.media.wait_speech(call.t["answer"]) + GREETING_S
        await scene(call, asked)
        until = time.time()
        await call.wait_ended(END_S)
        sound = call.media.heard(asked, until)
    (row,) = await finished(site.at, caller)
    heard = await asyncio.to_thread(RECOGNISER.transcribe, resample(to_float(sound), RATE, 16_000))
    answers = row.record["answers"]
    assert isinstance(answers, Mapping)
    return Kept(answers.get("size", {}).get("value"), await turns(site.at, row), heard.text)


async def moment(at: float) -> None:
    """Wait until a time of day."""
    await asyncio.sleep(max(0.0, at - time.time()))


def says(sound: Pcm, into_s: float) -> Scene:
    """The caller makes a sound so far into the question."""

    async def scene(call: PhoneCall, asked: float) -> None:
        await moment(asked + into_s)
        await call.media.say(sound)

    return scene


def answers_after(sound: Pcm, over: Pcm | None = None, *, echo: bool = False) -> Scene:
    """Something sounds during the question; the caller answers when it is over."""

    async def scene(call: PhoneCall, asked: float) -> None:
        with echoing(call) if echo else nullcontext():
            await moment(asked + 0.5)
            if over is not None:
                call.media.queue(over)
            await moment(asked + QUESTION_S)
            call.media.stop_talking()
            await call.media.wait_quiet(0.7)
        await call.media.say(sound)

    return scene


async def test_the_four_strategies(site: Stack) -> None:
    answer, short = await speech(ANSWER), await speech("Okay.")
    first_short = np.concatenate((short, np.zeros(RATE * 12 // 10, np.int16), answer))
    stop, finish, ignore, resume = await asyncio.gather(
        hold(site, BargeIn.STOP, says(answer, 1.0)),
        hold(site, BargeIn.FINISH_SENTENCE, says(answer, 1.0)),
        hold(site, BargeIn.IGNORE_SHORT, says(first_short, 0.6)),
        hold(site, BargeIn.RESUME, says(answer, 1.0)),
    )
    assert [kept.size for kept in (stop, finish, ignore, resume)] == [SIZE] * 4
    assert stop.question.interrupted
    assert 2 <= len(stop.question.text.split()) <= 9
    assert FIRST.startswith(stop.question.text)
    assert fuzz.partial_ratio(stop.question.text, stop.heard) > 75, "the transcript is what was really heard"
    assert (finish.question.text, finish.question.interrupted) == (FIRST, True)
    assert len(ignore.question.text.split()) > 6, "the short sound did not stop it, the answer did"
    assert ignore.question.interrupted
    assert (resume.question.text, resume.question.interrupted) == (ASK, False)
    assert "twenty" in " ".join(resume.caller).lower() or "25" in " ".join(resume.caller)


@pytest.mark.nightly
async def test_what_does_not_stop_the_bot(site: Stack) -> None:
    answer = await speech(ANSWER)
    hums = np.concatenate((hum(), np.zeros(RATE, np.int16), await speech("Okay.")))
    scenes = {
        "backchannels": answers_after(answer, hums),
        "echo": answers_after(answer, echo=True),
        "music": answers_after(answer, recording("music", 3.8, -30)),
        "street": answers_after(answer, recording("street", 3.8, -30)),
    }
    kept = await asyncio.gather(*(hold(site, BargeIn.STOP, scene) for scene in scenes.values()))
    for name, one in zip(scenes, kept, strict=True):
        assert (one.question.text, one.question.interrupted) == (ASK, False), (name, one.caller)
        assert one.size == SIZE, name
        assert len([words for words in one.caller if "twenty" in words or "25" in words]) == 1, (name, one.caller)
    assert len(kept[1].caller) == 1, "the bot did not hear itself"


async def test_words_over_the_disclosure_and_over_an_echo_are_kept(site: Stack) -> None:
    answer = await speech(ANSWER)

    async def over_disclosure(call: PhoneCall, asked: float) -> None:
        await moment(asked - GREETING_S + 0.3)
        await call.media.say(answer)

    async def double_talk(call: PhoneCall, asked: float) -> None:
        with echoing(call):
            await moment(asked + 1.0)
            call.media.stop_talking()
            await call.media.say(answer)  # the echo goes on behind it

    disclosed, doubled = await asyncio.gather(
        hold(site, BargeIn.STOP, over_disclosure),
        hold(site, BargeIn.STOP, double_talk),
    )
    spoken = " ".join(turn.text for turn in disclosed.transcript if turn.who == "bot" and not turn.interrupted)
    assert "This is an automated assistant." in spoken
    assert disclosed.size == SIZE
    assert doubled.question.interrupted
    assert doubled.size == SIZE
