"""Doubt about a sound that goes on: is it speech? When to look at it, and what this line has shown so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: A backchannel is over by then, and of speech enough is there to be recognised.
FIRST_LOOK_S: Final = 0.7
_NO_HURRY_S: Final = 2.0  #: nobody is being interrupted
_NEXT_LOOK_S: Final = 1.5
LOOK_BACK_S: Final = 3.0  #: so much of the sound is looked at


@dataclass(slots=True)
class Doubt:
    """One per call. Times are Unix seconds."""

    noisy: bool = False  #: a sound without words has stopped the bot: from now on words come first
    sounding: bool = False  #: the ear has a turn open
    began_at: float = 0.0  #: of the sound
    look_at: float | None = None

    def onset(self, at: float, *, over_prompt: bool) -> bool:
        """Sound has begun; False when it is not to be believed before it has words."""
        self.sounding, self.began_at = True, at
        self.look_at = at + (FIRST_LOOK_S if over_prompt else _NO_HURRY_S)
        return not self.noisy

    def over(self, text: str) -> None:
        """The ear has closed the turn."""
        self.sounding, self.look_at = False, None
        if text:
            self.noisy = False

    def hushed(self, at: float) -> None:
        """The sound has paused after no more than a backchannel; should it go on, look again soon."""
        if self.sounding:
            self.look_at = at + FIRST_LOOK_S

    def looked(self, text: str, at: float) -> bool:
        """What was found in a sound that goes on; True when it is words on a line that was taken for noisy."""
        self.look_at = at + _NEXT_LOOK_S
        was, self.noisy = self.noisy, not text
        return was and bool(text)
