"""Simulated callers by voice: the same personas and behaviours, at a telephone, over real SIP against a whole stack."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console

from bot.caller import Heard, Line, SimulatedCaller
from bot.caller import Persona as Script
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.voice import ShiftedVoice
from cli.demo import record_of, stack_for
from cli.evaluation.callers import BEHAVIOURS, OWN_ENDINGS, Behaviour, Caller, Fact, Persona
from cli.evaluation.scoring import Result, Task, due_slots
from cli.stack.stack import Stack
from flows.flow import Flow
from flows.hear import hear
from flows.model import Expect, SlotType, Value
from sip.phone import CallFailed, Phone, PhoneCall

#: Pitch and pace of the callers' voices; nothing was tuned on them.
PACES: Final = (0.93, 1.06, 1.14)
AT_ONCE: Final = 2
_NUMBER: Final = "+12025550100"
_CALL_S_MAX: Final = 240.0
#: Behaviours that a voice cannot have: a mumble without words has no text to be synthesised from.
_SAID_SILENTLY: Final = frozenset({"", "Mm."})
_INTO_THE_PROMPT_S: Final = 0.7
#: Fewer words than any question has.
_FRAGMENT: Final = 4
_BY_THE_CLOCK: Final = (SlotType.DATE_TIME, SlotType.TIMELINE)
#: What a caller checks when it is read back.
_LISTENED_TO: Final = (SlotType.PHONE, SlotType.DIGITS, SlotType.DATE_TIME)


@dataclass(slots=True)
class _Told:
    """What the caller said to each question, for values that depend on the day they were said on."""

    words: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Intent:
    """What a behaviour wants to do next, in words; the telephone does it."""

    heard: str
    flow: Flow
    told: _Told
    began: float
    words: str | None = None
    pressed: str = ""
    interrupts: bool = False

    def say(self, text: str) -> None:
        """See `Side`."""
        self.words = None if text in _SAID_SILENTLY else text

    def keys(self, keys: str) -> None:
        """See `Side`."""
        self.pressed = keys

    def stay_silent(self) -> None:
        """See `Side`."""

    def interrupt(self) -> None:
        """See `Side`."""
        self.interrupts = True

    def read_back(self, slot: str, fact: Fact) -> bool:
        """Compare numbers and moments by ear; what else was read back, or not heard well enough to tell, is believed."""
        asked = self.flow.slot(slot)
        if asked is None or asked.type not in _LISTENED_TO:
            return True
        locale = self.flow.locale
        heard = hear(asked.type, self.heard, now=self.began, zone=locale.zone, region=locale.region)
        truth = _truth(self.flow, slot, fact.value, self.told, self.began)
        if asked.type is SlotType.DATE_TIME:
            return heard.value is None or heard.value == truth
        # How often "five five five" was said is what the caller's own recogniser gets wrong.
        return heard.value is None or _runs(str(heard.value)) == _runs(str(truth))


def _runs(digits: str) -> str:
    return re.sub(r"(\d)\1+", r"\1", digits)


class BehavingCaller(SimulatedCaller):
    """A persona at a telephone that behaves as in text: it hears the bot by ear and answers by voice or keys."""

    def __init__(self, caller: Caller, behave: Behaviour, flow: Flow, pace: float) -> None:
        questions = Heard(flow, {})
        super().__init__(Script(caller.persona.name, {}), ShiftedVoice(VOICE, pace), RECOGNISER, questions)
        self._caller = caller
        self._behave = behave
        self._questions = questions
        self._flow = flow
        self._began = time.time()
        self.told = _Told()
        self._interrupted = False
        self._open = ""  #: the slot asked for last

    async def answer(self, call: PhoneCall, heard: str) -> Line | None:
        """Behave once; a prompt that asks nothing is only listened to."""
        if self._interrupted and len(heard.split()) < _FRAGMENT:
            return None  # what is left of the prompt that was spoken into
        self._interrupted = False
        asked = self._questions.question(heard)
        if asked is None and not heard.rstrip().endswith("?"):
            return None
        slot, kind = asked or ("", "ask")
        if kind == "confirm" and self._open:
            slot = self._open  # read-backs are worded alike: what was asked for last is read back
        elif slot:
            self._open = slot
        self._caller.turns += 1
        intent = _Intent(heard, self._flow, self.told, self._began)
        self._behave(self._caller, intent, Expect("confirm" if kind == "confirm" else "open", slot or None))
        line = await self._do(call, intent)
        if intent.words and (kind != "confirm" or intent.words.startswith("No, ")):
            self.told.words[slot] = intent.words.removeprefix("No, ")  # the last that was said counts
        if intent.interrupts and self._caller.first(f"interrupt {slot}"):
            self.lines.append(line)
            line = await self._speak_into(call, line)
            self._interrupted = True
        return line

    async def _do(self, call: PhoneCall, intent: _Intent) -> Line:
        if intent.pressed:
            began = time.time()
            await call.media.send_dtmf(intent.pressed)
            return Line("caller", f"[{intent.pressed}]", began, time.time())
        if intent.words is None:
            now = time.time()
            return Line("caller", "[silence]", now, now)
        return await self.speak(call, intent.words)

    async def _speak_into(self, call: PhoneCall, said: Line) -> Line:
        """Ask back into the bot's next words; without any, what was `said` stays the last."""
        try:
            began = await call.media.wait_speech(said.ended_at, timeout=6)
        except TimeoutError:
            return said
        await asyncio.sleep(max(0.0, began + _INTO_THE_PROMPT_S - time.time()))
        return await self.speak(call, "Sorry, what was that?")


async def evaluate_by_voice(
    console: Console,
    flows: Mapping[str, Flow],
    people: Sequence[Persona],
    trials: int,
    seed: int,
    behaviours: Sequence[str],
) -> list[list[Result]]:
    """Start a stack for each flow and let every persona call in each of `behaviours`, `AT_ONCE` at a time.

    Raises StackError when a stack does not start.
    """
    found: list[list[Result]] = []
    for name, flow in flows.items():
        tasks = [Task(person, behaviour) for person in people if person.flow == flow.name for behaviour in behaviours]
        if not tasks:
            continue
        gate = asyncio.Semaphore(AT_ONCE)
        async with stack_for(console, "eval", name) as stack, Phone(user="+12025550142") as phone:

            async def one(
                task: Task,
                trial: int,
                number: int,
                flow: Flow = flow,
                stack: Stack = stack,
                phone: Phone = phone,
                gate: asyncio.Semaphore = gate,
            ) -> Result:
                async with gate:
                    result = await _call(stack, phone, flow, task, seed + trial, f"+1303555{number:04d}")
                    console.print(
                        f"[dim]{flow.name}, {task.persona.name}, {task.behaviour}: {result.trouble or 'right'}[/]"
                    )
                    return result

            jobs = [
                one(task, trial, 100 + at * trials + trial) for at, task in enumerate(tasks) for trial in range(trials)
            ]
            results = await asyncio.gather(*jobs)
            found += [list(results[at * trials : (at + 1) * trials]) for at in range(len(tasks))]
    return found


async def _call(stack: Stack, phone: Phone, flow: Flow, task: Task, seed: int, number: str) -> Result:
    """Let one caller call and compare the record with the truth."""
    random = Random(f"{seed} {task.persona.name} {task.behaviour}")
    person = replace(task.persona, facts={name: _sayable(fact) for name, fact in task.persona.facts.items()})
    caller = Caller(person, random)
    behaving = BehavingCaller(caller, BEHAVIOURS[task.behaviour], flow, random.choice(PACES))
    began = time.time()
    try:
        call = await phone.call(_NUMBER, (stack.sip_ip, stack.sip_port), from_user=number, wait=30)
        await asyncio.wait_for(behaving.talk(call), _CALL_S_MAX)
        await call.hangup()
        record = (await record_of(stack, number)).record
    except (CallFailed, TimeoutError) as failed:
        return Result(task, 0, len(person.facts), False, caller.turns, f"{type(failed).__name__}: {failed}")
    result = _judge(flow, task, record, behaving.told, caller.turns, began)
    return (
        result
        if result.success
        else replace(result, heard=tuple(f"{line.who}: {line.text}" for line in behaving.lines))
    )


def _sayable(fact: Fact) -> Fact:
    """Keep the wordings without figures, which a synthesiser reads in its own way."""
    spoken = tuple(text for text in fact.say if not re.search(r"\d", text))
    return replace(fact, say=spoken or fact.say)


def _judge(flow: Flow, task: Task, record: Mapping[str, object], told: _Told, turns: int, began: float) -> Result:
    wanted = OWN_ENDINGS.get(task.behaviour, task.persona.disposition)
    got = record.get("disposition")
    trouble = [] if got == wanted else [f"ended as {got}, not {wanted}"]
    right = due = 0
    answers = record.get("answers")
    kept = answers if isinstance(answers, Mapping) else {}
    for slot in due_slots(flow, task.persona) if task.behaviour not in OWN_ENDINGS else ():
        due += 1
        value = kept[slot]["value"] if slot in kept else None
        truth = _truth(flow, slot, task.persona.facts[slot].value, told, began)
        right += value == truth
        if value != truth:
            trouble.append(f"{slot}: {value!r}, not {truth!r}")
    return Result(task, right, due, not trouble, turns, "; ".join(trouble))


def _truth(flow: Flow, slot: str, value: Value, told: _Told, now: float) -> object:
    """Return the value as JSON has it; what hangs on the day of the call is what was said or typed, read on that day."""
    found = flow.slot(slot)
    if found is not None and found.type in _BY_THE_CLOCK and slot in told.words:
        value = hear(found.type, told.words[slot], now=now, zone=flow.locale.zone).value or value
    elif found is not None and found.type is SlotType.DATE_TIME:
        value = coming(str(value), datetime.fromtimestamp(now, ZoneInfo(flow.locale.zone)).date())
    return list(value) if isinstance(value, tuple) else value


def coming(moment: str, today: date) -> str:
    """Return an ISO minute in the year in which its day comes next: keys tell a month and a day, no year."""
    when = datetime.fromisoformat(moment)
    days = (when.replace(year=year) for year in (today.year, today.year + 1))
    return next(day for day in days if day.date() >= today).isoformat(timespec="minutes")
