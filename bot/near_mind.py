"""Guesses at wishes that no rule knows: the nearest example, some milliseconds, no network; the engine asks before it acts."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from flows.flow import Flow
from flows.hear import IntentModel, intent
from flows.model import Meaning
from flows.state import State
from flows.suggestion import unsure
from flows.wishes import GUESS

if TYPE_CHECKING:
    from bot.mind import Mind

log = logging.getLogger("leadline.mind")

#: A guess takes about 12 ms; on a machine that is busier than that by far the turn goes on without it.
_LIMIT_S: Final = 0.25


class NearMind:
    """A `bot.mind.Mind` that asks `model` for the turns which the rules leave open, and `behind` before it, where there is one.

    What it finds is a guess: the engine asks the caller "shall I take you off our list?" and does nothing without a yes.
    """

    def __init__(self, model: IntentModel, behind: Mind | None = None) -> None:
        self._model = model
        self._behind = behind

    def unsure(self, flow: Flow, state: State, text: str, *, at: float) -> bool:
        """See `Mind`: also True where a refusal may hold more, "no thanks, and let your whole office know"."""
        return unsure(flow, state, text, at=at) or intent(text).name == "not_interested"

    async def understand(self, flow: Flow, state: State, text: str, *, at: float) -> Meaning | None:
        """See `Mind`: what the language model says counts; without an answer from it, the nearest example."""
        if self._behind is not None:
            meaning = await self._behind.understand(flow, state, text, at=at)
            if meaning is not None:
                return meaning
        try:
            async with asyncio.timeout(_LIMIT_S):
                name, _ = await asyncio.to_thread(self._model.classify, text)
        except TimeoutError:
            log.warning("no guess at a wish within %.2f s: going on with the rules", _LIMIT_S)
            return None
        return None if name is None else Meaning(name, GUESS)

    async def retell(self, flow: Flow, state: State) -> str | None:
        """See `Mind`."""
        return None if self._behind is None else await self._behind.retell(flow, state)
