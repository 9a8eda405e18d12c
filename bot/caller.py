"""A simulated caller: phones the bot over SIP, hears it with its own ears, answers by voice, measures on the wire.

It knows the bot only by sound: what it hears is matched to the flow's own prompts to tell which question was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from rapidfuzz import fuzz

from bot.speech.audio import Pcm, resample, to_float, to_pcm
from bot.speech.moonshine import RATE as EAR_RATE
from bot.speech.moonshine import Recogniser
from bot.speech.voice import RATE as VOICE_RATE
from bot.speech.voice import Voice
from flows.flow import Flow
from flows.prompts import render, slot_templates
from sip.phone import PhoneCall
from sip.ua.audio import RATE as PHONE_RATE

_BOT_SILENT_S: Final = 0.7  #: after so much silence the caller takes the bot's turn to be over
_ANSWER_LIMIT_S: Final = 12.0  #: longest wait for the bot to speak
_MATCH_MIN: Final = 60.0
_TURNS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Persona:
    """Who calls: what they say to each question, first and later times."""

    name: str
    says: Mapping[str, tuple[str, ...]]  #: by slot
    confirms: str = "Yes, that's right."
    denies: str = "No, that's wrong."
    otherwise: str = "Yes."
    truth: Mapping[str, str] = field(default_factory=dict)  #: digits by slot, to judge a read-back


@dataclass(frozen=True, slots=True)
class Line:
    """One thing said in the call, as the phone saw it."""

    who: Literal["bot", "caller"]
    text: str  #: the caller's own words, or what the caller heard the bot say
    began_at: float
    ended_at: float
    response_ms: float | None = None  #: of the bot: from the end of the caller's sound to the first of its own


class Heard:
    """Tells which question a prompt asks, by its words."""

    def __init__(self, flow: Flow, lead: Mapping[str, str]) -> None:
        self._asks = [
            (slot.name, kind, render(text, {**_BLANK, **flow.script.variables}, lead))
            for slot in flow.slots
            for text in slot_templates(slot)
            for kind in [_kind(text, slot.words.confirm)]
            if kind != "ack" or text != slot.words.ack
        ]

    def question(self, text: str) -> tuple[str, str] | None:
        """(slot, "ask" or "confirm") of the best match, None when nothing is like it."""
        best: tuple[float, int, tuple[str, str]] | None = None
        for slot, kind, prompt in self._asks:
            score = (float(fuzz.partial_ratio(prompt.lower(), text.lower())), len(prompt))
            if best is None or score > best[:2]:
                best = (*score, (slot, kind))
        return best[2] if best is not None and best[0] >= _MATCH_MIN else None


class SimulatedCaller:
    """Holds one conversation on an answered call."""

    def __init__(self, persona: Persona, voice: Voice, recogniser: Recogniser, questions: Heard) -> None:
        self._persona = persona
        self._voice = voice
        self._recogniser = recogniser
        self._questions = questions
        self._asked: dict[str, int] = {}
        self.lines: list[Line] = []

    async def talk(self, call: PhoneCall, told: Callable[[Line], None] = lambda _line: None) -> list[Line]:
        """Until the bot hangs up, or falls silent for good. `told` gets each line as it is complete."""
        silent_since, said_at = call.t["answer"], None
        for _ in range(_TURNS_MAX):
            line = await self._hear(call, silent_since, said_at)
            if line is None or call.ended.is_set():
                if line is not None:
                    self._keep(line, told)
                break
            self._keep(line, told)
            spoken = await self.answer(call, line.text)
            if spoken is None:
                silent_since, said_at = line.ended_at + 0.05, None
                continue
            self._keep(spoken, told)
            silent_since = said_at = spoken.ended_at
        return self.lines

    def _keep(self, line: Line, told: Callable[[Line], None]) -> None:
        self.lines.append(line)
        told(line)

    async def _hear(self, call: PhoneCall, since: float, said_at: float | None) -> Line | None:
        """The bot's next words; None when it stays silent or the call ends first."""
        began = asyncio.ensure_future(call.media.wait_speech(since, timeout=_ANSWER_LIMIT_S))
        ended = asyncio.ensure_future(call.ended.wait())
        await asyncio.wait({began, ended}, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if not began.done():
            began.cancel()
            await asyncio.gather(began, return_exceptions=True)
            return None
        try:
            began_at = began.result()
        except TimeoutError:
            return None
        ended_at = began_at
        with contextlib.suppress(TimeoutError):
            ended_at = await call.media.wait_quiet(_BOT_SILENT_S, timeout=30)
        pcm = call.media.heard(began_at - 0.3)
        samples = resample(to_float(pcm), PHONE_RATE, EAR_RATE)
        heard = await asyncio.to_thread(self._recogniser.transcribe, samples)
        response = (began_at - said_at) * 1000 if said_at is not None else None
        return Line("bot", heard.text, began_at, ended_at, response)

    async def answer(self, call: PhoneCall, heard: str) -> Line | None:
        """Do what the caller does upon the bot's words; None for nothing. Other callers do otherwise."""
        reply = self._reply(heard)
        return None if reply is None else await self.speak(call, reply)

    async def speak(self, call: PhoneCall, text: str) -> Line:
        """Say `text` into the call."""
        pcm = await asyncio.to_thread(phone_speech, self._voice, text)
        segment = await call.media.say(pcm)
        return Line("caller", text, segment.start, segment.end)

    def _reply(self, heard: str) -> str | None:
        found = self._questions.question(heard)
        if found is None:
            return self._persona.otherwise if heard.rstrip().endswith("?") else None
        slot, kind = found
        if kind == "confirm":
            truth = self._persona.truth.get(slot)
            right = truth is None or _digits(truth) in _digits(heard) or not _digits(heard)
            return self._persona.confirms if right else self._persona.denies
        replies = self._persona.says.get(slot)
        if not replies:
            return self._persona.otherwise
        times = self._asked[slot] = self._asked.get(slot, 0) + 1
        return replies[min(times, len(replies)) - 1]


def phone_speech(voice: Voice, text: str) -> Pcm:
    """Speech for a telephone: PCM16 at 8 kHz, silence trimmed so that its end is the end of the words."""
    samples = voice.render(text)
    return to_pcm(resample(samples[: max(0, len(samples) - VOICE_RATE // 25)], VOICE_RATE, PHONE_RATE))


_BLANK: Final = {name: "" for name in ("value", "when", "day", "time", "zone", "low", "high", "period", "currency")}


def _kind(text: str, confirm: str) -> str:
    return "confirm" if text == confirm and confirm else "ask"


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
