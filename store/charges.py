"""What outbound legs may cost and did cost: reserved before they are dialled, so that no day can cost more than allowed."""

from __future__ import annotations

from dataclasses import dataclass

#: The leg of a call that its own row tells the length of.
CALL = "call"


@dataclass(frozen=True, slots=True)
class Charge:
    """A reservation for one leg of a call: `rate` per minute, for `longest_s` seconds at most. `at` is Unix seconds."""

    call_id: str
    leg: str
    at: float
    rate: float
    longest_s: float

    @property
    def most(self) -> float:
        """What the leg costs when it lasts as long as it may."""
        return self.rate * self.longest_s / 60
