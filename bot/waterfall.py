"""The waterfall of a reply: when each step between the caller's last sound and the bot's first was taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from bot.ear import Turn

#: In the order in which they happen; "understood" may be long after "decided" when a language model was asked.
STEPS: Final = ("decoding", "decoded", "decided", "understood", "worded", "queued")


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Grows by one step at a time. All times are Unix seconds of this machine's clock."""

    ended_at: float  #: end of the caller's last sound, or the time of the last key
    steps: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, turn: Turn) -> Self:
        """What the ear did, up to its decision that the caller has finished."""
        seen = (("decoding", turn.decode_began_at), ("decoded", turn.decoded_at), ("decided", turn.decided_at))
        return cls(turn.ended_at, tuple((step, at) for step, at in seen if at is not None))

    def then(self, step: str, at: float) -> Waterfall:
        """The same with one step more; a step that was taken again counts from its last time."""
        return Waterfall(self.ended_at, (*(known for known in self.steps if known[0] != step), (step, at)))

    def ms(self) -> dict[str, int]:
        """Milliseconds after the caller's last sound, by step."""
        return {step: round((at - self.ended_at) * 1000) for step, at in self.steps}
