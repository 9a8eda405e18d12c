"""What a campaign came to, in figures whose formulas stand beside them. Pure: rows in, figures out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kpi:
    """One figure. `value` is None where its denominator is zero; `parts` are numerator and denominator of a share."""

    name: str
    formula: str
    value: float | None
    parts: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """From which number an attempt was made, and in which hour of the day where it rang ("" when unknown)."""

    caller_id: str
    hour: str


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt that has ended, as the figures need it. Seconds."""

    lead: int
    outcome: str
    flags: frozenset[str]
    disposition: str = ""
    talked_s: float | None = None
    counts: bool = True
    cost: float | None = None
    sent: bool = True  #: an INVITE was
    heard_ms: int | None = None  #: from the answer to the bot's first words, by the bot's clock
    made: Made = Made("", "")


def tried_of(row: Mapping[str, Any]) -> Tried:
    """An attempt from its row."""
    began, ended = row["answered_at"], row["ended_at"]
    talked = None if began is None or ended is None else max(0.0, ended - began)
    flags = frozenset(row["flags"])
    return Tried(
        row["lead"],
        row["outcome"],
        flags,
        row["disposition"],
        talked,
        row["counts"],
        row["cost"],
        row["invited_at"] is not None,
        row["first_audio_ms"],
        Made(row["caller_id"], _hour(row["decision"])),
    )


def _hour(decision: Mapping[str, Any]) -> str:
    """The hour of the day in the first of the places that the decision considered."""
    places = decision.get("local_times") or ()
    return f"{places[0][1][11:13]}:00" if places else ""


def kpis(attempts: Sequence[Tried], dialable: int) -> list[Kpi]:
    """All figures. `dialable`: leads of the campaign that were ever fit to be called."""
    attempts = [one for one in attempts if one.sent]
    sent = len(attempts)
    flags = Counter(flag for one in attempts for flag in one.flags)
    leads = {one.lead for one in attempts}
    dialable = max(dialable, len(leads))  # a number that turned out to be none was dialled all the same
    reached = {one.lead for one in attempts if "human" in one.flags}
    qualified = {one.lead for one in attempts if one.disposition in ("qualified", "transferred")}
    talked = [one.talked_s for one in attempts if one.talked_s is not None]
    costs = [one.cost for one in attempts if one.cost is not None]
    heard = sorted(one.heard_ms for one in attempts if one.heard_ms is not None)
    share = _share
    return [
        Kpi("attempts", "INVITEs sent", float(sent)),
        share("answer-seizure ratio", "answered ÷ attempts", flags["answered"], sent),
        share("connect rate", "human_answered ÷ attempts", flags["human"], sent),
        share("contact rate", "leads with a human_answered ÷ leads attempted", len(reached), len(leads)),
        share("right-party rate", "right_party ÷ human_answered", flags["right_party"], flags["human"]),
        share("screened rate", "answered by a screener ÷ answered", flags["screened"], flags["answered"]),
        share("machine rate", "machine ÷ answered", flags["machine"], flags["answered"]),
        share("completion rate", "flows completed ÷ right_party", flags["completed"], flags["right_party"]),
        share("qualified rate", "leads qualified ÷ right_party", len(qualified), flags["right_party"]),
        share("qualified of leads", "leads qualified ÷ leads attempted", len(qualified), len(leads)),
        share("abandonment", "abandoned ÷ human_answered", flags["abandoned"], flags["human"]),
        share("opt-out rate", "opted out ÷ human_answered", flags["dnc"], flags["human"]),
        share("list penetration", "leads attempted ÷ leads dialable", len(leads), dialable),
        _mean("attempts per contact", "attempts ÷ leads with a human_answered", float(sent), len(reached)),
        _mean("average call duration", "seconds answered ÷ answered", sum(talked), len(talked)),
        share("short calls", "answered ≤ 12 s ÷ answered", sum(one <= 12 for one in talked), len(talked)),
        share("very short calls", "answered ≤ 6 s ÷ answered", sum(one <= 6 for one in talked), len(talked)),
        Kpi(
            "first words p50", "ms from the answer to the bot's first words, half of calls within", _within(heard, 0.5)
        ),
        Kpi("first words p95", "the same, 95 of 100 calls within", _within(heard, 0.95)),
        Kpi("cost", "sum over attempts", round(sum(costs), 4) if costs else None),
        _mean("cost per attempt", "cost ÷ attempts with one", sum(costs), len(costs)),
        _mean("cost per right party", "cost ÷ right_party", sum(costs), flags["right_party"] if costs else 0),
        _mean("cost per qualified lead", "cost ÷ leads qualified", sum(costs), len(qualified) if costs else 0),
    ]


def by_outcome(attempts: Iterable[Tried]) -> dict[str, int]:
    """How many attempts ended in which way; the sum is the number of attempts."""
    return dict(sorted(Counter(one.outcome for one in attempts).items(), key=lambda pair: (-pair[1], pair[0])))


def connected_by(attempts: Iterable[Tried], what: Callable[[Made], str]) -> dict[str, tuple[int, int]]:
    """By caller ID or by hour: how many attempts a person answered, and how many there were."""
    sent, human = Counter[str](), Counter[str]()
    for one in attempts:
        if one.sent and (key := what(one.made)):
            sent[key] += 1
            human[key] += "human" in one.flags
    return {key: (human[key], sent[key]) for key in sorted(sent)}


def _share(name: str, formula: str, part: int, whole: int) -> Kpi:
    return Kpi(name, formula, part / whole if whole else None, (part, whole))


def _within(ordered: Sequence[int], part: float) -> float | None:
    """What this part of the values does not exceed (nearest rank)."""
    return float(ordered[max(0, math.ceil(part * len(ordered)) - 1)]) if ordered else None


def _mean(name: str, formula: str, total: float, count: int) -> Kpi:
    return Kpi(name, formula, round(total / count, 2) if count else None)
