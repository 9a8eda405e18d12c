"""The way through the questions: which one is open, what the rules say, and which answers count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flows.expressions import Scope, true
from flows.flow import FINISH, Flow, Slot
from flows.model import Answer, Confirm, Mode, Value
from flows.state import State

#: Below this, an answer is read back and confirmed whatever the flow says.
SURE: Final = 0.6


def needs_yes(slot: Slot, answer: Answer) -> bool:
    """Tell whether the answer still waits for the caller's yes to a read-back."""
    if answer.confirmed == "explicit":
        return False
    if slot.policy.confirm is Confirm.EXPLICIT:
        return True
    if answer.mode is Mode.SPEECH and answer.certainty < SURE and slot.policy.confirm is not Confirm.NONE:
        return True
    bound = slot.policy.explicit_above
    return bound is not None and _top(answer.value) > bound


def usable(flow: Flow, state: State) -> dict[str, Answer]:
    """Return the answers that rules and score may use: all but those still waiting for a yes."""
    found = {}
    for name, answer in state.answers.items():
        slot = flow.slot(name)
        if slot is not None and not needs_yes(slot, answer):
            found[name] = answer
    return found


def scope(flow: Flow, state: State, value: Value | None = None) -> Scope:
    """Return what expressions may look at."""
    values: Mapping[str, Value] = {name: answer.value for name, answer in usable(flow, state).items()}
    return Scope(values, state.context.facts, state.context.lead, value)


def current(flow: Flow, state: State, seen: Scope | None = None) -> Slot | None:
    """Return the first slot on the way that is not settled: not filled, or filled and not confirmed."""
    seen = seen or scope(flow, state)
    at, end = 0, len(flow.slots)
    while at < end:
        slot = flow.slots[at]
        answer = state.answers.get(slot.name)
        settled = slot.name in state.notes.skipped or (answer is not None and not needs_yes(slot, answer))
        if not settled and not (slot.skip_when and answer is None and true(slot.skip_when, seen)):
            return slot
        at = _after(flow, at, seen) if settled else at + 1
    return None


def rule_due(flow: Flow, state: State, seen: Scope) -> int | None:
    """Return the position of the first rule that holds and has not acted yet."""
    fired = state.notes.fired
    return next((at for at, rule in enumerate(flow.rules) if at not in fired and true(rule.when, seen)), None)


def _after(flow: Flow, at: int, seen: Scope) -> int:
    slot = flow.slots[at]
    for branch in slot.branches:
        here = Scope(seen.answers, seen.facts, seen.lead, seen.answers.get(slot.name))
        if branch.when is None or true(branch.when, here):
            if branch.go == FINISH:
                return len(flow.slots)
            return next(index for index, other in enumerate(flow.slots) if other.name == branch.go)
    return at + 1


def _top(value: Value) -> float:
    """Return the largest number of a value, 0 for none."""
    if isinstance(value, tuple):
        return max((part for part in value if isinstance(part, int | float)), default=0)
    return value if isinstance(value, int | float) else 0
