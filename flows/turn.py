"""One step in the making: the state so far and the effects so far. Lives only inside `step`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from flows.flow import Flow, Slot
from flows.model import Answer, BargeIn, Direction, Effect, Expect, Keypad, Listen, Say, changed
from flows.prompts import begun, render, sentences
from flows.readback import line
from flows.state import Focus, State

Kind: TypeAlias = Literal["disclosure", "greeting", "ask", "answer", "ack", "closing"]

#: A disclosure that was cut off is said again, once.
_DISCLOSURES_MAX: Final = 2


class Turn:
    """Collects what one event leads to. `lead_in` holds sentences waiting for the next prompt."""

    def __init__(self, flow: Flow, state: State, at: float) -> None:
        self.flow = flow
        self.state = state
        self.at = at
        self.effects: list[Effect] = []
        self.lead_in: list[str] = []
        # Counted here and written into the state once, by `done`: copies cost more than all else in a step.
        self._ids = state.counts.effects
        self._prompts = state.counts.prompts
        self._recent = state.recent

    # -- state

    @property
    def focus(self) -> Focus:
        """The open question."""
        return self.state.focus

    @property
    def slot(self) -> Slot | None:
        """The slot of the open question."""
        name = self.state.focus.slot
        return self.flow.slot(name) if name else None

    def refocus(self, focus: Focus) -> None:
        """Turn to another question, or count something about the open one."""
        self.state = changed(self.state, focus=focus)

    def put(self, answer: Answer) -> None:
        """Keep an answer."""
        answers = MappingProxyType({**self.state.answers, answer.slot: answer})
        self.state = changed(self.state, answers=answers)

    def drop(self, slot: str) -> None:
        """Forget an answer."""
        rest = {name: answer for name, answer in self.state.answers.items() if name != slot}
        self.state = changed(self.state, answers=MappingProxyType(rest))

    def skip(self, slot: str, why: str) -> None:
        """Leave a question open for good."""
        skipped = MappingProxyType({**self.state.notes.skipped, slot: why})
        self.state = changed(self.state, notes=changed(self.state.notes, skipped=skipped))

    def know(self, facts: Mapping[str, str]) -> None:
        """Add facts."""
        context = self.state.context
        merged = MappingProxyType({**context.facts, **facts})
        self.state = changed(self.state, context=changed(context, facts=merged))

    # -- words

    def text(self, template: str, **values: str) -> str:
        """Fill a template of the flow."""
        if "{{" not in template:
            return template
        context = self.state.context
        return render(template, {**self.flow.script.variables, **values}, context.lead, context.facts)

    def add(self, text: str) -> None:
        """Have `text` said before the next prompt."""
        if text:
            self.lead_in.append(text)

    def add_line(self, key: str, at: int = 0, **values: str) -> None:
        """Have one of the flow's lines said before the next prompt."""
        self.add(line(self.flow, key, at, **values))

    def ack(self) -> None:
        """Acknowledge without reading back; the wordings take turns."""
        counts = self.state.counts
        self.add_line("acks", counts.acks)
        self.state = changed(self.state, counts=changed(counts, acks=counts.acks + 1))

    # -- effects

    def act(self, effect: Callable[[str], Effect]) -> None:
        """Add an effect, made with the next id."""
        self.effects.append(effect(f"e{self._ids}"))
        self._ids += 1

    def say(self, text: str, kind: Kind = "ask", slot: str | None = None, barge_in: BargeIn = BargeIn.STOP) -> None:
        """Speak what waits in `lead_in` and `text`, without a sentence that the last two prompts both had."""
        if kind != "disclosure":
            self._disclose_again(kind)
        parts = [part for piece in (*self.lead_in, text) for part in sentences(piece)]
        self.lead_in = []
        kept = [part for part in dict.fromkeys(parts) if not self._said_twice(part)] or [self._listening()]
        words = " ".join(begun(part) for part in kept)
        self.act(lambda id_: Say(id_, words, barge_in, kind, slot))
        self._prompts += 1
        self._recent = (*self._recent[-1:], tuple(kept))

    def listen(self, expect: Expect, keypad: Keypad, no_input_s: float) -> None:
        """Expect the caller."""
        self.act(lambda id_: Listen(id_, expect, keypad, no_input_s))

    def disclose(self) -> None:
        """Speak the greeting and the disclosure; it cannot be interrupted."""
        opening, direction = self.flow.opening, self.state.context.direction
        greeting = opening.greeting.get(direction.value) or ""
        if direction is Direction.WEB and not greeting:
            greeting = opening.greeting.get(Direction.INBOUND.value) or ""
        counts = self.state.counts
        self.state = changed(self.state, counts=changed(counts, disclosures=counts.disclosures + 1))
        waiting, self.lead_in = self.lead_in, []
        if self.state.counts.disclosures == 1:
            self.add(self.text(greeting))
        notice = opening.opt_out_notice if direction is Direction.OUTBOUND else ""
        self.say(self.text(f"{opening.disclose} {notice}".strip()), "disclosure", None, BargeIn.NONE)
        self.lead_in = waiting

    def done(self) -> tuple[State, tuple[Effect, ...]]:
        """Return the step's result. New words replace those that were still to be said."""
        if not self.effects:
            return self.state, ()
        pending = self.state.pending
        if any(isinstance(effect, Say | Listen) for effect in self.effects):
            pending = unsaid(pending)
        state = changed(
            self.state,
            pending=(*pending, *self.effects),
            counts=changed(self.state.counts, effects=self._ids, prompts=self._prompts),
            recent=self._recent,
        )
        return state, tuple(self.effects)

    def _disclose_again(self, kind: Kind) -> None:
        state = self.state
        begun = 0 < state.counts.disclosures < _DISCLOSURES_MAX
        fresh = any(isinstance(effect, Say) and effect.kind == "disclosure" for effect in self.effects)
        if begun and not fresh and not state.notes.disclosed and kind != "closing":
            self.disclose()

    def _said_twice(self, sentence: str) -> bool:
        return len(self._recent) == 2 and sentence in self._recent[0] and sentence in self._recent[1]

    def _listening(self) -> str:
        texts = self.flow.script.lines["listening"]
        return next(text for text in texts if not self._said_twice(text))


def unsaid(pending: tuple[Effect, ...]) -> tuple[Effect, ...]:
    """Return `pending` without words and listening."""
    return tuple(effect for effect in pending if not isinstance(effect, Say | Listen))
