"""The call's inbox: what the line, the ear and the mouth have to say, in order, in one bounded queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from bot.ear import Turn
from bot.speech.audio import Pcm
from flows.model import Event

log = logging.getLogger("leadline.inbox")

_SIZE: Final = 256


@dataclass(frozen=True, slots=True)
class Arrived:
    """The caller's leg is there; SIP attributes, empty for a browser."""

    at: float
    attributes: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Up:
    """The call is answered."""

    at: float


@dataclass(frozen=True, slots=True)
class Onset:
    """The caller began to make sound."""

    at: float


@dataclass(frozen=True, slots=True)
class Key:
    """One DTMF digit."""

    at: float
    key: str


@dataclass(frozen=True, slots=True)
class Away:
    """The caller's browser has lost the room; it may come back."""

    at: float


@dataclass(frozen=True, slots=True)
class Back:
    """It came back."""

    at: float


@dataclass(frozen=True, slots=True)
class Gone:
    """The caller's leg is gone. `ours`: nobody hung up, something on our side broke."""

    at: float
    reason: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Reported:
    """An event made by our own side: a prompt was spoken, an effect done."""

    event: Event


@dataclass(frozen=True, slots=True)
class Understood:
    """A turn that was put to a language model can be used."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """A sound that goes on was looked at: its words so far, "" for noise."""

    at: float
    began_at: float
    text: str


#: Why a conversation stopped in its middle. "superseded": another process has the call. "cut": our connection to the
#: room broke, the caller may be there. "dismissed": this worker must go now. "broken": the caller's leg was lost.
Why: TypeAlias = Literal["superseded", "cut", "dismissed", "broken"]


@dataclass(frozen=True, slots=True)
class Leave:
    """This process must let go of the call; the caller may still be there."""

    at: float
    why: Why


Signal: TypeAlias = Glimpse | Arrived | Up | Onset | Turn | Key | Away | Back | Gone | Reported | Understood | Leave


class Inbox:
    """Implements the sinks of line and ear. Audio goes straight to the ear; everything else queues."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Signal] = asyncio.Queue(_SIZE)
        self._hear: Callable[[Pcm, float], None] | None = None

    def attach(self, hear: Callable[[Pcm, float], None]) -> None:
        """Give audio to this ear from now on."""
        self._hear = hear

    async def next(self, limit_s: float) -> Signal | None:
        """The next signal, or None after `limit_s` seconds."""
        try:
            async with asyncio.timeout(max(0.0, limit_s)):
                return await self._queue.get()
        except TimeoutError:
            return None

    def put(self, signal: Signal) -> None:
        """Queue a signal; a caller who floods us with keys loses the newest ones, never the call."""
        try:
            self._queue.put_nowait(signal)
        except asyncio.QueueFull:
            log.warning("inbox full, dropped a %s", type(signal).__name__)

    def on_arrived(self, at: float, attributes: Mapping[str, str]) -> None:
        """`LineSink`."""
        self.put(Arrived(at, attributes))

    def on_answered(self, at: float) -> None:
        """`LineSink`."""
        self.put(Up(at))

    def on_audio(self, pcm: Pcm, at: float) -> None:
        """`LineSink`."""
        if self._hear is not None:
            self._hear(pcm, at)

    def on_key(self, key: str, at: float) -> None:
        """`LineSink`."""
        self.put(Key(at, key))

    def on_away(self, at: float) -> None:
        """`LineSink`."""
        self.put(Away(at))

    def on_back(self, at: float) -> None:
        """`LineSink`."""
        self.put(Back(at))

    def on_gone(self, at: float, reason: str, *, ours: bool = False) -> None:
        """`LineSink`."""
        self.put(Gone(at, reason, ours))

    def on_cut(self, at: float) -> None:
        """`LineSink`."""
        self.put(Leave(at, "cut"))

    def on_onset(self, at: float) -> None:
        """`EarSink`."""
        self.put(Onset(at))

    def on_turn(self, turn: Turn) -> None:
        """`EarSink`."""
        self.put(turn)
