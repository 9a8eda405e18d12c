"""The turn being thought about: it waits for the model, and never in the way of what the caller does next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.guesses import Patience
from bot.mind import Mind
from bot.waterfall import Waterfall
from flows.flow import Flow
from flows.model import Expect, Heard, Meaning, SlotType
from flows.state import State

#: Half a number is no guess at the whole.
_SPELLED: Final = frozenset({SlotType.PHONE, SlotType.EMAIL, SlotType.DIGITS})
#: Guesses at one turn that are put to the model before the turn is over: a caller who pauses often costs no fortune.
_GUESSES_MAX: Final = 2


@dataclass(frozen=True, slots=True)
class Thought:
    """A turn with what was made of it, and the times of what was done so far to answer it."""

    heard: Heard
    reply: Waterfall


@dataclass(frozen=True, slots=True)
class Guess:
    """Words that may turn out to be the whole turn, and what is being made of them."""

    state: State
    text: str
    task: asyncio.Task[Meaning | None]


class Foresight:
    """`bot.guesses.Patience` that shows every guess at a turn while the silence behind it is waited for.

    `sift` is shown all guesses, `watch` those with words, `think` only those that may be whole. What is known of the
    voice goes on as it came.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self.think: Callable[[str], None] | None = None
        self.watch: Callable[[str], None] | None = None
        self.sift: Callable[[str], None] | None = None

    def __call__(self, expect: Expect, text: str, /, *voice: Any) -> float:
        if self.sift is not None:
            self.sift(text)
        if self.watch is not None and text:
            self.watch(text)
        if self.think is not None and text and expect.kind not in _SPELLED:
            self.think(text)
        return self._patience(expect, text, *voice)


class Thinking:
    """At most one turn at a time. `wake` is called on the event loop when a thought is ready to be collected."""

    def __init__(self, mind: Mind, wake: Callable[[], None]) -> None:
        self._mind = mind
        self._wake = wake
        self._task: asyncio.Task[None] | None = None
        self._thought: Thought | None = None
        self._ready = False
        self._held = False
        self._guess: Guess | None = None
        self._guesses = 0

    @property
    def busy(self) -> bool:
        """Whether a turn waits here."""
        return self._thought is not None

    def begin(self, flow: Flow, state: State, heard: Heard, reply: Waterfall) -> bool:
        """Think about a turn; False when the rules suffice and it is to be used at once.

        Words said while a turn still waits here belong to it, unless the rules understand them alone.
        """
        guess, self._guess, self._guesses = self._guess, None, 0
        before, self._held = self.drop(), False
        unsure = self._mind.unsure(flow, state, heard.text, at=heard.at)
        if unsure and before is not None:
            heard = replace(heard, text=f"{before.heard.text} {heard.text}")
        if guess is not None and not (unsure and guess.text == heard.text and _same(guess.state, state)):
            guess.task.cancel()
            guess = None
        if not unsure:
            return False
        self._thought, self._ready = Thought(heard, reply), False
        self._task = asyncio.create_task(self._think(flow, state, self._thought, guess), name="call.mind")
        return True

    def foresee(self, flow: Flow, state: State, text: str, *, at: float) -> None:
        """Begin to think about what may be the whole turn; `begin` with the same words then costs less waiting."""
        if self.busy or self._guesses >= _GUESSES_MAX or (self._guess is not None and self._guess.text == text):
            return
        if not self._mind.unsure(flow, state, text, at=at):
            return
        self._forget()
        self._guesses += 1
        task = asyncio.create_task(self._mind.understand(flow, state, text, at=at), name="call.mind.guess")
        self._guess = Guess(state, text, task)

    def hold(self) -> None:
        """The caller makes a sound: keep the thought until it is known whether it was speech."""
        self._held = self.busy

    def release(self) -> None:
        """It was nothing."""
        self._held = False
        if self._ready:
            self._wake()

    def collect(self) -> Thought | None:
        """The thought, once it is ready and the caller is silent."""
        if not self._ready or self._held:
            return None
        return self.drop()

    def drop(self) -> Thought | None:
        """Think no more; what was said is returned."""
        thought, self._thought, self._ready = self._thought, None, False
        if self._task is not None:
            self._task.cancel()
            self._task = None
        return thought

    async def stop(self) -> None:
        """The call is over: nothing is left running."""
        self._forget()
        task = self._task
        self.drop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def _forget(self) -> None:
        if self._guess is not None:
            self._guess.task.cancel()
            self._guess = None

    async def _think(self, flow: Flow, state: State, thought: Thought, guess: Guess | None) -> None:
        heard, meaning = thought.heard, None
        try:
            if guess is not None:
                meaning = await guess.task
            else:
                meaning = await self._mind.understand(flow, state, heard.text, at=heard.at)
        finally:  # whatever happens, the turn is not lost: it goes on with the rules
            if self._thought is thought:
                self._thought = replace(thought, heard=replace(heard, meaning=meaning))
                self._task, self._ready = None, True
                self._wake()


def _same(one: State, other: State) -> bool:
    """Tell whether words would mean the same in both; that a prompt has ended meanwhile changes nothing."""
    return one.focus == other.focus and one.answers == other.answers
