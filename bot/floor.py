"""What a conversation keeps of the moment: deadlines, effects on their way, and who has the floor."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from bot.doubt import Doubt
from bot.ear import Turn as Utterance
from bot.inbox import Why
from bot.mind_turn import Thinking
from bot.patter import DeadAir, Patter
from bot.waterfall import Waterfall
from flows.model import Effect, Say
from flows.retake import Step

#: After a call was taken over: how long keys of an entry begun before may still come.
REST_S: Final = 0.8


@dataclass(slots=True)
class Clock:
    """The deadlines of the moment, Unix seconds; None when not running."""

    no_input: float | None = None
    no_input_s: float = 5.0
    silences: int = 0
    call: float | None = None
    call_max_s: float = 600.0
    human_max_s: float = 3600.0  #: how long the caller may talk with a person who took the call over
    keys_from: float = (
        0.0  #: keys before this are the rest of an entry that died with the process that had its beginning
    )
    short: float | None = None  #: when a sound over an `ignore_short` prompt stops being short

    def is_rest(self, at: float) -> bool:
        """Whether a key belongs to an entry begun before the takeover: so do those that follow it without a pause."""
        if at >= self.keys_from:
            return False
        self.keys_from = at + REST_S
        return True

    def next(self, *others: float | None) -> float | None:
        """The earliest deadline."""
        return min((d for d in (self.no_input, self.call, self.short, *others) if d is not None), default=None)


@dataclass(slots=True)
class Batch:
    """The effects of one step."""

    effects: list[Effect]
    reply: Waterfall | None = None  #: of what the caller had said, for the response time
    stale: bool = False  #: newer effects are waiting: say no more


@dataclass(slots=True)
class Floor:
    """Who has the floor: the prompt being spoken, words said over it that wait for its end, words being thought about."""

    thinking: Thinking
    saying: Say | None = None
    held: list[Utterance] = field(default_factory=list)
    doubt: Doubt = field(default_factory=Doubt)
    patter: Patter = field(default_factory=Patter)
    dead_air: DeadAir = field(default_factory=DeadAir)
    taken: Step | None = None  #: the last words' step, which can be taken back
    excused: bool = False  #: the caller's browser is away, the bot owes no sound

    def deadlines(self) -> tuple[float | None, ...]:
        """When something here is due."""
        return self.doubt.look_at, self.patter.due, self.dead_air.due


@dataclass(slots=True)
class Exit:
    """The end of the conversation in this process; `why` when it stopped in its middle."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    why: Why | None = None
