"""The port through which a dialer calls: place a call, wait for its end, ask whether it is up. LiveKit is one far end,
`campaigns.simulated` is another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from campaigns.gate import Refused, Withheld
from campaigns.outcomes import Talk
from sip.outcome import Outcome

__all__ = ["FarEnd", "Refused", "Ring", "Talk", "Withheld"]


@dataclass(frozen=True, slots=True)
class Ring:
    """One call to place; `attempt` is the call's id as well. Numbers in E.164, times in seconds."""

    attempt: str
    number: str
    caller_id: str
    ringing_s: int = 30
    max_call_s: int = 600
    lead: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class FarEnd(Protocol):
    """Whoever is called, and the way there."""

    async def place(self, ring: Ring, before_invite: Callable[[], Awaitable[None]]) -> Outcome | Refused:
        """Get an agent ready, await `before_invite`, send one INVITE, wait for its final answer.

        When `before_invite` raises Withheld nothing is sent, and that is a Refused of rule "withheld".
        """
        ...

    async def talk(self, attempt: str, limit_s: float) -> Talk | None:
        """Wait until a call is over, at most so long, and say what it came to. None: it was never answered, or nobody
        can say. Works for calls that another process placed."""
        ...

    async def is_up(self, attempt: str) -> bool:
        """Whether the call rings or is up; True when that cannot be asked."""
        ...

    async def hang_up(self, attempt: str) -> None:
        """End whatever there is of a call; of none is no error."""
        ...
