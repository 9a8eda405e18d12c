"""A call without sound: a shell that speaks in text and carries every effect out at once. For chat, tests, evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, assert_never

from flows.engine import begin, record, step
from flows.flow import Flow
from flows.keypad import press, timeout
from flows.model import (
    EMPTY,
    Answered,
    Callback,
    Direction,
    Done,
    Effect,
    End,
    Event,
    Found,
    Heard,
    HungUp,
    Listen,
    Lookup,
    OptOut,
    Press,
    Pressed,
    Record,
    Resumed,
    Say,
    Silence,
    Transfer,
    TransferDone,
    TransferFailed,
)
from flows.state import State

#: Seconds that pass with each turn: a rehearsal has no clock.
TURN_S = 4.0


@dataclass(frozen=True, slots=True)
class Spoken:
    """One line of the conversation."""

    who: Literal["bot", "caller"]
    text: str


@dataclass(slots=True)
class Rehearsal:
    """One call in text. `now` is Unix seconds and advances with each turn."""

    flow: Flow
    state: State
    now: float
    transfers: bool = True  #: whether somebody takes transfers
    listening: Listen | None = None
    spoken: list[Spoken] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    @classmethod
    def start(
        cls,
        flow: Flow,
        *,
        at: float,
        direction: Direction = Direction.OUTBOUND,
        facts: Mapping[str, str] = EMPTY,
        lead: Mapping[str, str] = EMPTY,
        call_id: str = "rehearsal",
    ) -> Rehearsal:
        """Begin a call and answer it."""
        state = begin(flow, call_id=call_id, direction=direction, at=at, facts=facts, lead=lead)
        call = cls(flow, state, at)
        call.happen(Answered(at))
        return call

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return self.state.ended

    def say(self, text: str) -> str:
        """The caller says `text`; returns the bot's reply."""
        self.spoken.append(Spoken("caller", text))
        return self.happen(Heard(self._tick(), text))

    def keys(self, keys: str) -> str:
        """The caller presses keys, then waits until the entry counts; returns the bot's reply."""
        self.spoken.append(Spoken("caller", f"[{keys}]"))
        reply: list[str] = []
        buffer = ""
        for key in keys:
            if self.listening is None:
                break
            keyed = press(self.listening.keypad, buffer, key)
            buffer = keyed.buffer
            if keyed.entry is not None:
                reply.append(self.happen(Pressed(self._tick(), keyed.entry)))
        if self.listening is not None and (entry := timeout(self.listening.keypad, buffer)) is not None:
            reply.append(self.happen(Pressed(self._tick(), entry)))
        return " ".join(part for part in reply if part)

    def stay_silent(self) -> str:
        """The caller says nothing; returns the bot's reply."""
        self.spoken.append(Spoken("caller", "[silence]"))
        return self.happen(Silence(self._tick()))

    def hang_up(self) -> None:
        """The caller hangs up."""
        self.spoken.append(Spoken("caller", "[hangs up]"))
        self.happen(HungUp(self._tick()))

    def resume(self) -> str:
        """Another process takes over; returns what it says first."""
        return self.happen(Resumed(self._tick()))

    def record(self) -> dict[str, object]:
        """Return the call's record as it stands."""
        return record(self.flow, self.state)

    def happen(self, event: Event) -> str:
        """Let the engine take one event, carry out all that follows, and return the words spoken."""
        words: list[str] = []
        queue: list[Event] = [event]
        while queue:
            self.state, effects = step(self.flow, self.state, queue.pop(0))
            self.effects.extend(effects)
            for effect in effects:
                queue.extend(self._do(effect, words))
        text = " ".join(words)
        if text:
            self.spoken.append(Spoken("bot", text))
        return text

    def _do(self, effect: Effect, words: list[str]) -> tuple[Event, ...]:
        match effect:
            case Say(id=id_, text=text):
                words.append(text)
                return (Done(self.now, id_),)
            case Listen():
                self.listening = effect
                return ()
            case Lookup(id=id_):
                return (Found(self.now, id_, error="no tools in a rehearsal"),)
            case Transfer(id=id_):
                if self.transfers:
                    return (TransferDone(self.now, id_),)
                return (TransferFailed(self.now, id_, "nobody answered"),)
            case OptOut(id=id_) | Callback(id=id_) | Record(id=id_) | Press(id=id_) | End(id=id_):
                return (Done(self.now, id_),)
            case _:
                assert_never(effect)

    def _tick(self) -> float:
        self.now += TURN_S
        return self.now
