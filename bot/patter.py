"""Two silences that the caller must not hear: while a model thinks, and when something of ours has broken."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

log = logging.getLogger("leadline.deadair")

COURTESY: Final = "courtesy"  #: id of a bridge, which is no effect of the engine's
ACKNOWLEDGE_S: Final = 0.6  #: after the caller's last sound
DEAD_AIR_S: Final = 3.0
DEFECTS_MAX: Final = 3  #: after so many in a row the call is ended: a caller is not left in silence for minutes


@dataclass(slots=True)
class Patter:
    """When to bridge the wait for a slow answer; never twice in a row. Times are Unix seconds."""

    due: float | None = None
    last_time: bool = False  #: the turn before was bridged

    def wait(self, ended_at: float) -> None:
        """A turn whose words ended at `ended_at` is being thought about."""
        self.due = None if self.last_time else ended_at + ACKNOWLEDGE_S
        self.last_time = False

    def answered(self) -> None:
        """The answer is there, or the caller has gone on."""
        self.due = None

    def take(self, now: float) -> bool:
        """Whether to say something now."""
        if self.due is None or self.due > now:
            return False
        self.due, self.last_time = None, True
        return True


@dataclass(slots=True)
class DeadAir:
    """The watchdog: neither side makes a sound though the bot owes one. It never fires unless we have a defect."""

    since: float | None = None  #: nobody has made a sound since, and the bot owes one
    defects: int = 0  #: in a row

    def see(self, now: float, *, owes: bool, sounded_at: float = 0.0) -> bool:
        """Look at the call; True when the silence has lasted too long.

        `owes`: it is the bot's turn, and it is silent. `sounded_at`: when it last made a sound; between two looks a
        whole sentence may have been spoken.
        """
        if not owes:
            self.since = None
            return False
        self.since = max(now if self.since is None else self.since, sounded_at)
        if now - self.since < DEAD_AIR_S:
            return False
        self.since = None
        self.defects += 1
        log.error(
            "DEFECT dead air: %.0f s of silence that the bot owed a sound (%d in a row)", DEAD_AIR_S, self.defects
        )
        return True

    def sounded(self) -> None:
        """The bot has spoken to the end, or the caller has: whatever it was is over."""
        self.defects = 0

    @property
    def due(self) -> float | None:
        """When `see` would find too long a silence."""
        return None if self.since is None else self.since + DEAD_AIR_S
