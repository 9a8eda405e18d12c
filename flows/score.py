"""The score of a call: points of rules that anybody can read, never a model's opinion."""

from __future__ import annotations

from dataclasses import dataclass

from flows.expressions import true
from flows.flow import Flow
from flows.path import scope, usable
from flows.state import State


@dataclass(frozen=True, slots=True)
class Earned:
    """A rule that gave points."""

    rule: str
    points: int


@dataclass(frozen=True, slots=True)
class Score:
    """`coverage` is the share (0 to 1) of scored questions that were answered: missing is not zero."""

    total: int
    points: tuple[Earned, ...]
    coverage: float


def score(flow: Flow, state: State) -> Score:
    """Score the usable answers: of each slot's list the first rule that holds counts."""
    answers = usable(flow, state)
    earned = []
    scored = [slot for slot in flow.slots if slot.score]
    for slot in scored:
        if slot.name not in answers:
            continue
        seen = scope(flow, state, answers[slot.name].value)
        first = next((rule for rule in slot.score if true(rule.when, seen)), None)
        if first is not None:
            earned.append(Earned(first.rule, first.points))
    answered = sum(slot.name in answers for slot in scored)
    coverage = answered / len(scored) if scored else 1.0
    return Score(sum(rule.points for rule in earned), tuple(earned), round(coverage, 2))
