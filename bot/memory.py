"""The conversation's memory outside this process: told after every step, waited for only before something is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

from bot.history import History
from flows.flow import Flow
from flows.model import Effect, Listen, Record, Say
from flows.state import State
from store.live import Snapshot
from store.live_holding import Holding

_SETTLE_S: Final = 0.05


class Memory(Protocol):
    """Where a conversation's state is kept for whoever takes the call over."""

    def keep(self, state: State) -> None:
        """This is the state now. Never waits."""
        ...

    async def settled(self) -> None:
        """Until the newest state is kept, but not for long: an opt-out must not wait for a Redis that is away."""
        ...


class NoMemory:
    """For conversations that need not outlive their process."""

    def keep(self, state: State) -> None:
        """`Memory`."""

    async def settled(self) -> None:
        """`Memory`."""


class LiveMemory:
    """`Memory` in the live store."""

    def __init__(self, holding: Holding, history: History, flow: Flow, begun: Snapshot) -> None:
        self._holding = holding
        self._history = history
        self._begun = begun
        holding.put(begun, flow.body)

    def keep(self, state: State) -> None:
        """`Memory`."""
        self._holding.put(replace(self._begun, state=state, turns=self._history.turns))

    async def settled(self) -> None:
        """`Memory`."""
        await self._holding.settled(_SETTLE_S)


def unfinished(pending: Sequence[Effect]) -> tuple[Effect, ...]:
    """What a predecessor had begun and not acknowledged: acts, which can be repeated, and last words. Questions the
    engine asks anew in its own words."""
    return tuple(effect for effect in pending if _can_be_repeated(effect))


def _can_be_repeated(effect: Effect) -> bool:
    match effect:
        case Listen():
            return False
        case Say(kind=kind):
            return kind == "closing"
        case Record(on=on):
            return not on  # the engine begins a part anew; a recording that was refused must still be deleted
        case _:
            return True
