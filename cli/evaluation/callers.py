"""Simulated callers: a persona knows the truth and how to put it, a behaviour decides how it comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from random import Random
from typing import Final, Protocol

import yaml

from flows.model import Expect, Interrupted, Value
from flows.rehearsal import Rehearsal

_FILLERS: Final = (
    "Well, you know, ",
    "Um, let me think, I would say ",
    "Right, so, as far as I know, ",
    "Oh, good question. ",
)
_TAILS: Final = (", if you ask me.", ", I believe.", ", to be honest.", ", I suppose.")
_QUESTIONS: Final = (
    "What is this going to cost?",
    "Wait, who am I talking to?",
    "Are you a machine?",
    "How come you have my number?",
)
_OPT_OUTS: Final = (
    "Take this number off your list.",
    "I never want to be called again.",
    "Quit calling here.",
    "Remove me, please.",
)
_BUSY: Final = ("I can't talk now, call me back tomorrow at two pm.", "Bad moment. Can you ring me tomorrow at 2 pm?")
_PEOPLE: Final = ("Let me talk to a human.", "I'd rather speak with a real person.")
#: Where `_BUSY` leads, from the morning on which evaluations take place.
CALLBACK_AT: Final = "2026-11-24T14:00"
_TURNS_MAX: Final = 60


@dataclass(frozen=True, slots=True)
class Fact:
    """One true answer: its value, ways to say it, the keys for it."""

    value: Value
    say: tuple[str, ...]
    keys: str


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody with a lead's facts and the disposition that they deserve."""

    flow: str
    name: str
    lead: Mapping[str, str]
    facts: Mapping[str, Fact]
    disposition: str


@dataclass(slots=True)
class Caller:
    """A persona in one call. `memory` is for the behaviour."""

    persona: Persona
    random: Random
    turns: int = 0
    memory: set[str] = field(default_factory=set)

    def truth(self, slot: str | None) -> str:
        """Return one way to answer `slot`; what the persona does not know is answered with a shrug."""
        fact = self.persona.facts.get(slot or "")
        return self.random.choice(fact.say) if fact else "I don't know."

    def confirms(self, side: Side, slot: str) -> bool:
        """Tell whether what was read back is true."""
        fact = self.persona.facts.get(slot)
        return fact is None or side.read_back(slot, fact)

    def first(self, what: str) -> bool:
        """Tell whether this is the first time; remembers it."""
        new = what not in self.memory
        self.memory.add(what)
        return new


class Side(Protocol):
    """The caller's end of a call, in text or at a telephone."""

    def say(self, text: str) -> object:
        """Say something; "" is a sound without words."""

    def keys(self, keys: str) -> object:
        """Press keys."""

    def stay_silent(self) -> object:
        """Let the bot wait."""

    def interrupt(self) -> None:
        """Speak into what the bot is saying."""

    def read_back(self, slot: str, fact: Fact) -> bool:
        """Tell whether what the bot has just read back is `fact`."""


Behaviour = Callable[[Caller, Side, Expect], None]


class _TextSide:
    """The caller's end of a call in text."""

    def __init__(self, call: Rehearsal) -> None:
        self._call = call
        self.say, self.keys, self.stay_silent = call.say, call.keys, call.stay_silent

    def interrupt(self) -> None:
        """Cut off the prompt before the question that is listened for."""
        listen = self._call.listening
        if listen is not None:
            self._call.happen(Interrupted(self._call.now, f"e{int(listen.id[1:]) - 1}", "What"))

    def read_back(self, slot: str, fact: Fact) -> bool:
        """Look at the answer itself."""
        answer = self._call.state.answers.get(slot)
        return answer is not None and answer.value == fact.value


def personas() -> tuple[Persona, ...]:
    """Return those who call."""
    text = (resources.files("cli.evaluation") / "personas.yaml").read_text(encoding="utf-8")
    found = []
    for flow, people in yaml.safe_load(text).items():
        for person in people:
            facts = {
                slot: Fact(_value(fact["value"]), tuple(fact["say"]), str(fact["keys"]))
                for slot, fact in person["slots"].items()
            }
            found.append(Persona(flow, person["name"], person["lead"], facts, person["disposition"]))
    return tuple(found)


def talk(caller: Caller, call: Rehearsal, behave: Behaviour) -> None:
    """Let the caller behave in text until the call is over."""
    side = _TextSide(call)
    while not call.over and caller.turns < _TURNS_MAX and call.listening is not None:
        caller.turns += 1
        behave(caller, side, call.listening.expect)
    if not call.over:
        call.hang_up()


def terse(caller: Caller, side: Side, asked: Expect) -> None:
    """Answer with the fact and nothing else."""
    slot = asked.slot
    if asked.kind == "confirm" and slot:
        side.say("Yes." if caller.confirms(side, slot) else "No.")
    else:
        side.say(caller.truth(slot))


def rambling(caller: Caller, side: Side, asked: Expect) -> None:
    """Wrap every answer in words that say nothing."""
    if asked.kind == "confirm":
        terse(caller, side, asked)
        return
    words = caller.truth(asked.slot)
    head = caller.random.choice(_FILLERS)
    side.say(
        f"{head}{words[0].lower() if words[1:2].islower() else words[0]}{words[1:-1]}{caller.random.choice(_TAILS)}"
    )


def hesitant(caller: Caller, side: Side, asked: Expect) -> None:
    """Mumble before some answers."""
    if asked.kind != "confirm" and caller.first(f"mumble {asked.slot}") and caller.random.random() < 0.5:
        side.say(caller.random.choice(["", "Uh.", "Hmm, well.", "Mm."]))
        return
    terse(caller, side, asked)


def silent(caller: Caller, side: Side, asked: Expect) -> None:
    """Say nothing at first, every other question."""
    if caller.first(f"silence {asked.slot}") and caller.random.random() < 0.5:
        side.stay_silent()
        return
    terse(caller, side, asked)


def correcting(caller: Caller, side: Side, asked: Expect) -> None:
    """Give a wrong company size, or a wrong visit, and correct it a question later."""
    slot, facts = asked.slot, caller.persona.facts
    if slot == "company_size" and caller.first("wrong size"):
        side.say("Seventy people.")
    elif slot == "budget" and "company_size" in facts and caller.first("right size"):
        value = facts["company_size"].value
        assert isinstance(value, tuple), "a size is a range"
        side.say(f"Sorry, I meant {value[0]} people, not seventy.")
    elif slot == "visit" and asked.kind == "confirm" and caller.first("wrong visit"):
        side.say(f"No, {caller.truth(slot)}")
    elif slot == "visit" and caller.first("a wrong day"):
        side.say("Next Monday at noon.")
    else:
        terse(caller, side, asked)


def interrupting(caller: Caller, side: Side, asked: Expect) -> None:
    """Speak before the prompt is over, where that is possible."""
    side.interrupt()
    terse(caller, side, asked)


def curious(caller: Caller, side: Side, asked: Expect) -> None:
    """Ask something back before some answers."""
    if asked.kind != "confirm" and caller.first(f"ask {asked.slot}") and caller.random.random() < 0.5:
        side.say(caller.random.choice(_QUESTIONS))
        return
    terse(caller, side, asked)


def keypad(caller: Caller, side: Side, asked: Expect) -> None:
    """Only press keys."""
    slot = asked.slot or ""
    if asked.kind == "confirm":
        side.keys("1" if caller.confirms(side, slot) else "2")
        return
    fact = caller.persona.facts.get(slot)
    side.keys(fact.keys if fact else "1")


def mixed(caller: Caller, side: Side, asked: Expect) -> None:
    """Use the keypad for some answers."""
    (keypad if caller.random.random() < 0.5 else terse)(caller, side, asked)


def hostile(caller: Caller, side: Side, asked: Expect) -> None:
    """Ask to be left alone at some point."""
    if (caller.turns > 1 and caller.random.random() < 0.4) or caller.turns >= 4:
        side.say(caller.random.choice(_OPT_OUTS))
    else:
        terse(caller, side, asked)


def busy(caller: Caller, side: Side, asked: Expect) -> None:
    """Have no time now."""
    if asked.kind == "confirm" and asked.slot == "callback":
        side.say("Yes, that works.")
    elif caller.first("busy"):
        side.say(caller.random.choice(_BUSY))
    else:
        side.say("Tomorrow at two pm.")


def wanting_a_person(caller: Caller, side: Side, asked: Expect) -> None:
    """Answer one question, then want a human."""
    if caller.turns < 2:
        terse(caller, side, asked)
    else:
        side.say(caller.random.choice(_PEOPLE))


BEHAVIOURS: Final[Mapping[str, Behaviour]] = {
    "terse": terse,
    "rambling": rambling,
    "hesitant": hesitant,
    "silent": silent,
    "correcting": correcting,
    "interrupting": interrupting,
    "curious": curious,
    "keypad": keypad,
    "mixed": mixed,
    "hostile": hostile,
    "busy": busy,
    "wanting a person": wanting_a_person,
}
#: Behaviours that end the call in their own way, and how.
OWN_ENDINGS: Final[Mapping[str, str]] = {
    "hostile": "opted_out",
    "busy": "callback",
    "wanting a person": "human_requested",
}


def _value(value: object) -> Value:
    return tuple(value) if isinstance(value, list) else str(value)
