"""Simulated callers: a persona knows the truth and how to put it, a behaviour decides how it comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from random import Random
from typing import Final

import yaml

from flows.model import Interrupted, Listen, Value
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

    def confirms(self, call: Rehearsal, slot: str) -> bool:
        """Tell whether what was read back is true."""
        fact, answer = self.persona.facts.get(slot), call.state.answers.get(slot)
        return fact is None or (answer is not None and answer.value == fact.value)

    def first(self, what: str) -> bool:
        """Tell whether this is the first time; remembers it."""
        new = what not in self.memory
        self.memory.add(what)
        return new


Behaviour = Callable[[Caller, Rehearsal, Listen], None]


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
    """Let the caller behave until the call is over."""
    while not call.over and caller.turns < _TURNS_MAX and call.listening is not None:
        caller.turns += 1
        behave(caller, call, call.listening)
    if not call.over:
        call.hang_up()


def terse(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Answer with the fact and nothing else."""
    slot = listen.expect.slot
    if listen.expect.kind == "confirm" and slot:
        call.say("Yes." if caller.confirms(call, slot) else "No.")
    else:
        call.say(caller.truth(slot))


def rambling(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Wrap every answer in words that say nothing."""
    if listen.expect.kind == "confirm":
        terse(caller, call, listen)
        return
    words = caller.truth(listen.expect.slot)
    head = caller.random.choice(_FILLERS)
    call.say(
        f"{head}{words[0].lower() if words[1:2].islower() else words[0]}{words[1:-1]}{caller.random.choice(_TAILS)}"
    )


def hesitant(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Mumble before some answers."""
    if (
        listen.expect.kind != "confirm"
        and caller.first(f"mumble {listen.expect.slot}")
        and caller.random.random() < 0.5
    ):
        call.say(caller.random.choice(["", "Uh.", "Hmm, well.", "Mm."]))
        return
    terse(caller, call, listen)


def silent(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Say nothing at first, every other question."""
    if caller.first(f"silence {listen.expect.slot}") and caller.random.random() < 0.5:
        call.stay_silent()
        return
    terse(caller, call, listen)


def correcting(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Give a wrong company size, or a wrong visit, and correct it a question later."""
    slot, facts = listen.expect.slot, caller.persona.facts
    if slot == "company_size" and caller.first("wrong size"):
        call.say("Seventy people.")
    elif slot == "budget" and "company_size" in facts and caller.first("right size"):
        value = facts["company_size"].value
        assert isinstance(value, tuple), "a size is a range"
        call.say(f"Sorry, I meant {value[0]} people, not seventy.")
    elif slot == "visit" and listen.expect.kind == "confirm" and caller.first("wrong visit"):
        call.say(f"No, {caller.truth(slot)}")
    elif slot == "visit" and caller.first("a wrong day"):
        call.say("Next Monday at noon.")
    else:
        terse(caller, call, listen)


def interrupting(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Speak before the prompt is over, where that is possible."""
    call.happen(Interrupted(call.now, f"e{int(listen.id[1:]) - 1}", "What"))
    terse(caller, call, listen)


def curious(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Ask something back before some answers."""
    if listen.expect.kind != "confirm" and caller.first(f"ask {listen.expect.slot}") and caller.random.random() < 0.5:
        call.say(caller.random.choice(_QUESTIONS))
        return
    terse(caller, call, listen)


def keypad(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Only press keys."""
    slot = listen.expect.slot or ""
    if listen.expect.kind == "confirm":
        call.keys("1" if caller.confirms(call, slot) else "2")
        return
    fact = caller.persona.facts.get(slot)
    call.keys(fact.keys if fact else "1")


def mixed(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Use the keypad for some answers."""
    (keypad if caller.random.random() < 0.5 else terse)(caller, call, listen)


def hostile(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Ask to be left alone at some point."""
    if (caller.turns > 1 and caller.random.random() < 0.4) or caller.turns >= 4:
        call.say(caller.random.choice(_OPT_OUTS))
    else:
        terse(caller, call, listen)


def busy(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Have no time now."""
    if listen.expect.kind == "confirm" and listen.expect.slot == "callback":
        call.say("Yes, that works.")
    elif caller.first("busy"):
        call.say(caller.random.choice(_BUSY))
    else:
        call.say("Tomorrow at two pm.")


def wanting_a_person(caller: Caller, call: Rehearsal, listen: Listen) -> None:
    """Answer one question, then want a human."""
    if caller.turns < 2:
        terse(caller, call, listen)
    else:
        call.say(caller.random.choice(_PEOPLE))


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
