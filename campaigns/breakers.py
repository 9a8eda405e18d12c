"""When a campaign must stop by itself: rules over its last attempts, each with the reason in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Seen:
    """An attempt that has ended. `talked_s` is None where nobody answered."""

    outcome: str
    flags: tuple[str, ...] = ()
    talked_s: float | None = None
    detail: str = ""  #: what the network said, for the reason


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is too much. Defaults are those that carriers and the law watch; shares are of 1."""

    trunk_failures: int = 5  #: in a row
    no_agent: int = 5  #: in a row
    blocked: int = 3  #: of the last 50
    short_share: float = 0.10  #: of answered calls of up to 12 s, after 50
    average_s: float = 30.0  #: of answered calls, after 50
    abandoned_warn: float = 0.01
    abandoned_stop: float = 0.03
    opted_out: float = 0.05  #: of people reached, after 20
    unanswered: int = 30  #: in a row


DEFAULT: Final = Bounds()
_SHORT_S: Final = 12.0
_ANSWERED_MIN: Final = 50
_PEOPLE_MIN: Final = 20
Rule: TypeAlias = Callable[[Sequence[Seen], Bounds], str]


def tripped(seen: Sequence[Seen], bounds: Bounds = DEFAULT) -> str:
    """Why to stop, "" when there is no reason. `seen` is the newest last, since the campaign was last set going."""
    return next((why for rule in RULES if (why := rule(seen, bounds))), "")


def warnings(seen: Sequence[Seen], bounds: Bounds = DEFAULT) -> list[str]:
    """What is not well yet no reason to stop."""
    people, left = _share(seen, "human", "abandoned")
    if people >= _PEOPLE_MIN and bounds.abandoned_warn <= left / people < bounds.abandoned_stop:
        return [f"{left} of {people} people heard nothing within two seconds; {bounds.abandoned_stop:.0%} stops it"]
    return []


def _config(seen: Sequence[Seen], bounds: Bounds) -> str:
    if seen and seen[-1].outcome == "config_error":
        told = seen[-1].detail or "no detail"
        return f"the trunk refuses our calls ({told}): mend credentials, codecs or address, then resume"
    return ""


def _trunk(seen: Sequence[Seen], bounds: Bounds) -> str:
    if _in_a_row(seen, bounds.trunk_failures, "congestion"):
        told = seen[-1].detail
        return f"{bounds.trunk_failures} calls in a row failed at the trunk ({told}): ask the carrier, lower cps"
    return ""


def _agents(seen: Sequence[Seen], bounds: Bounds) -> str:
    if _in_a_row(seen, bounds.no_agent, "system_error"):
        return f"no agent came for {bounds.no_agent} calls in a row: start `leadline worker`, or look at `leadline logs worker`"
    return ""


def _silent(seen: Sequence[Seen], bounds: Bounds) -> str:
    reached = [one for one in seen if one.talked_s is not None]
    if _in_a_row(reached, 2, "abandoned"):
        return "two people in a row answered and did not hear the bot: look at `leadline logs worker`"
    return ""


def _blocked(seen: Sequence[Seen], bounds: Bounds) -> str:
    count = sum(one.outcome in ("network_blocked", "unwanted") for one in seen[-50:])
    if count >= bounds.blocked:
        return f"{count} of the last {len(seen[-50:])} calls were blocked or unwanted (603+, 607, 608): the caller ID is labelled"
    return ""


def _short(seen: Sequence[Seen], bounds: Bounds) -> str:
    talked = [one.talked_s for one in seen if one.talked_s is not None]
    if len(talked) < _ANSWERED_MIN:
        return ""
    short = sum(seconds <= _SHORT_S for seconds in talked)
    if short / len(talked) > bounds.short_share:
        return f"{short} of {len(talked)} answered calls lasted 12 s or less: carriers take that for spam"
    average = sum(talked) / len(talked)
    if average < bounds.average_s:
        return f"answered calls last {average:.0f} s on average, less than {bounds.average_s:.0f} s"
    return ""


def _abandoned(seen: Sequence[Seen], bounds: Bounds) -> str:
    people, left = _share(seen, "human", "abandoned")
    if people >= _PEOPLE_MIN and left / people >= bounds.abandoned_stop:
        return f"{left} of {people} people heard nothing within two seconds (16 CFR 310.4(b)(4): 3 % at most)"
    return ""


def _opted_out(seen: Sequence[Seen], bounds: Bounds) -> str:
    people, out = _share(seen, "human", "dnc")
    if people >= _PEOPLE_MIN and out / people >= bounds.opted_out:
        return f"{out} of {people} people asked not to be called again: is this the right list?"
    return ""


def _nobody(seen: Sequence[Seen], bounds: Bounds) -> str:
    if _in_a_row(seen, bounds.unanswered, "no_answer"):
        return (
            f"nobody answered {bounds.unanswered} calls in a row: the caller ID may be labelled, or the trunk be broken"
        )
    return ""


def _in_a_row(seen: Sequence[Seen], count: int, outcome: str) -> bool:
    """Whether the last `count` of them, which there must be, all came to this."""
    last = seen[-count:]
    return len(last) == count and all(one.outcome == outcome for one in last)


def _share(seen: Sequence[Seen], of: str, those: str) -> tuple[int, int]:
    people = [one for one in seen if of in one.flags]
    return len(people), sum(those in one.flags for one in people)


#: In the order of urgency.
RULES: Final[tuple[Rule, ...]] = (_config, _trunk, _agents, _silent, _blocked, _abandoned, _opted_out, _short, _nobody)
