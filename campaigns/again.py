"""What becomes of a lead after an attempt: call again when, at the time asked for, or never. Pure; `now` is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from campaigns.outcomes import Kind, Talk
from store.attempts import CallBack, Close, Retry, Then

_HOUR, _DAY = 3600.0, 86_400.0
_SLOT_S: Final = 2 * _HOUR
#: A callback is dialled at its time or within this; later it was missed.
TOLERANCE_S: Final = 900.0
CALLBACK_MOST: Final = timedelta(days=30)
RESCHEDULES_MOST: Final = 3


@dataclass(frozen=True, slots=True)
class Again:
    """Seconds to wait after the first, second, … of an outcome (the last goes for all that follow), and how often such
    an outcome is followed by another try; None: as often as the campaign tries at all."""

    waits: tuple[float, ...]
    most: int | None = None
    same_try: bool = False  #: nobody's telephone rang: the try is not used up


#: Research behind the table: docs/campaigns.md. Outcomes that are not here close the lead.
AGAIN: Final[Mapping[str, Again]] = {
    "no_answer": Again((4 * _HOUR, _DAY, 2 * _DAY, 3 * _DAY, 5 * _DAY)),
    "busy": Again((1200.0, 1200.0, 4 * _HOUR, _DAY, 2 * _DAY)),
    "declined": Again((_DAY,), 1),
    "network_blocked": Again((_DAY,), 2, same_try=True),
    "congestion": Again((300.0, 600.0, 900.0), same_try=True),
    "config_error": Again((1800.0,), same_try=True),
    "system_error": Again((2.0, 10.0, 60.0, 300.0, 1800.0), same_try=True),
    "withheld": Again((300.0,), same_try=True),
    "voicemail": Again((_DAY, 2 * _DAY)),
    "mailbox_unavailable": Again((4 * _HOUR, _DAY, 2 * _DAY)),
    "ivr_gatekeeper": Again((_DAY,), 2),
    "call_screened": Again((2 * _DAY,), 2),
    "abandoned": Again((72 * _HOUR,), 1),
    "hangup_early": Again((2 * _DAY,), 1),
    "dropped": Again((900.0,), 1),
    "unknown": Again((0.0,)),
}
_CLOSED_BY_OUTCOME: Final = {
    "unwanted": Close("dnc", "suppressed"),
    "invalid_number": Close("invalid_number", "invalid"),
    "fax_modem": Close("invalid_number", "invalid"),
}
_CLOSED_BY_DISPOSITION: Final = {
    "qualified": Close("qualified"),
    "transferred": Close("qualified"),
    "human_requested": Close("manual"),
    "unqualified": Close("disqualified"),
    "not_interested": Close("not_interested"),
    "opted_out": Close("dnc"),
    "wrong_number": Close("wrong_number", "wrong_number"),
}
_EXHAUSTED: Final = Close("exhausted")


@dataclass(frozen=True, slots=True)
class Rules:
    """A campaign's own waits by outcome, its limit of tries, and the gap that it keeps between two calls."""

    waits: Mapping[str, Sequence[float]]
    tries: int
    gap_s: float


@dataclass(frozen=True, slots=True)
class Past:
    """What there was before: this lead's outcomes in order, the present one included, and how often the callback was
    moved. `lead` spreads calls that would else come back all at once."""

    lead: int
    outcomes: Sequence[str]
    tries: int
    reschedules: int = 0


def what_next(kind: Kind, talk: Talk | None, past: Past, rules: Rules, now: float) -> Then:
    """Say what becomes of the lead. `past.tries` counts this attempt, if it counts at all."""
    if kind.name in _CLOSED_BY_OUTCOME:
        return _CLOSED_BY_OUTCOME[kind.name]
    if talk is not None and kind.name == "conversation":
        if talk.disposition == "callback" and (asked := asked_for(talk.record, past.reschedules, now)) is not None:
            return asked
        return _CLOSED_BY_DISPOSITION.get(talk.disposition) or _once_more(past, now)
    again = AGAIN[kind.name]
    nth = sum(name == kind.name for name in past.outcomes)
    if again.most is not None and nth > again.most:
        return _EXHAUSTED
    if not again.same_try and past.tries >= rules.tries:
        return _EXHAUSTED
    waits = rules.waits.get(kind.name, again.waits) or again.waits
    wait = waits[min(nth, len(waits)) - 1] if nth else waits[0]
    if kind.name == "unknown":
        wait = rules.gap_s
    return Retry(_another_time(now, wait, past.lead), again.same_try)


def _once_more(past: Past, now: float) -> Then:
    """A conversation that came to nothing is tried once more, a day later."""
    talked = sum(name == "conversation" for name in past.outcomes)
    return Retry(_another_time(now, _DAY, past.lead)) if talked <= 1 else _EXHAUSTED


def _another_time(now: float, wait: float, lead: int) -> float:
    """`wait` from now, spread over a few minutes; after a day or more in another two hours of the day than now."""
    due = now + wait
    if wait < _DAY:
        return due + lead % 300 * min(1.0, wait / 3600.0)
    same = int(due % _DAY // _SLOT_S) == int(now % _DAY // _SLOT_S)
    return due + (_SLOT_S if same else 0.0) + lead % 300


def asked_for(record: Mapping[str, object], reschedules: int, now: float) -> CallBack | None:
    """The time that the person asked for, by the call's record; None when it is none that can be kept."""
    told = record.get("callback")
    if not isinstance(told, Mapping) or reschedules > RESCHEDULES_MOST:
        return None
    local, zone = str(told.get("when", "")), str(told.get("zone", ""))
    try:
        due = in_zone(local, zone)
    except ValueError:
        return None
    if not now <= due <= now + CALLBACK_MOST.total_seconds():
        return None
    return CallBack(due, local, zone, str(told.get("raw", "")), reschedules)


def in_zone(local: str, zone: str) -> float:
    """Unix seconds of a local ISO minute. Raises ValueError."""
    try:
        return datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone)).timestamp()
    except (ZoneInfoNotFoundError, OSError) as unknown:
        raise ValueError(f"{zone!r} is no time zone") from unknown


def next_day(local: str, zone: str, now: float) -> tuple[str, float]:
    """The same local time on the next day on which it is still to come: local ISO minute, Unix seconds."""
    at = datetime.fromisoformat(local)
    while (due := in_zone(at.isoformat(timespec="minutes"), zone)) <= now:
        at += timedelta(days=1)
    return at.isoformat(timespec="minutes"), due
