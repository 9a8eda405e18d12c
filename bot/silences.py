"""What is said into a silence that the bot owes an answer: a bridge to a slow one, or a new start after a defect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.floor import Floor
from bot.patter import COURTESY, DEFECTS_MAX
from flows.model import BargeIn, Operator, Resumed, Say

_NOT_OURS: Final = frozenset({"new", "transfer", "human", "mailbox", "over"})  #: stages in which the bot need not speak


def bridge(
    floor: Floor, now: float, stage: str, lines: Sequence[str], *, silent: bool, sounded_at: float = 0.0
) -> Say | Resumed | Operator | None:
    """What to say or do now, if anything.

    Args:
        floor: of the conversation; its bridge and its watchdog are moved on.
        now: Unix seconds.
        stage: of the conversation's state.
        lines: what may be said while a model thinks; none: nothing is.
        silent: the bot makes no sound, and waits for nothing.
        sounded_at: when it last did, Unix seconds.
    """
    if floor.patter.take(now) and lines and floor.saying is None:
        return Say(COURTESY, lines[int(now) % len(lines)], BargeIn.NONE, "ack")
    owes = silent and not floor.excused and not floor.doubt.sounding and stage not in _NOT_OURS
    if floor.dead_air.see(now, owes=owes, sounded_at=sounded_at):
        return Resumed(now) if floor.dead_air.defects <= DEFECTS_MAX else Operator(now, "end", "dead air")
    return None
