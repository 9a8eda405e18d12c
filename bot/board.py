"""What a call looks like from outside at one moment: the open question and the score, told when they change."""

from __future__ import annotations

import json
from typing import TypeAlias

from flows.flow import Flow
from flows.score import score
from flows.state import State
from store.events import Field

Told: TypeAlias = dict[str, Field]


class Board:
    """One per call. Remembers what it told last, so that only changes are told."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}

    def changes(self, flow: Flow, state: State) -> list[tuple[str, Told]]:
        """The live events, as kind and fields, that bring a watcher up to this state. Holds no personal data."""
        shown = {"question": question(flow, state), "score": points(flow, state)}
        changed = [(kind, fields) for kind, fields in shown.items() if self._told.get(kind) != fields]
        self._told = shown
        return changed


def question(flow: Flow, state: State) -> Told:
    """The open question: what is asked, for which time, and where the call stands."""
    focus = state.focus
    slot = flow.slot(focus.slot) if focus.slot else None
    return {
        "stage": focus.stage,
        "slot": focus.slot or "",
        "label": slot.words.label if slot is not None else "",
        "keypad": slot.keypad.keypad.collect if slot is not None else "none",
        "asked": focus.asked,
        "misses": focus.misses,
        "tries": slot.policy.tries if slot is not None else 0,
        "skipped": ",".join(state.notes.skipped),
    }


def points(flow: Flow, state: State) -> Told:
    """The score so far with the rules that gave it, as JSON: `[{"rule": "company_size >= 20", "points": 20}]`."""
    result = score(flow, state)
    rules = [{"rule": earned.rule, "points": earned.points} for earned in result.points]
    return {
        "total": result.total,
        "qualified_at": flow.closing.qualified_at,
        "coverage": result.coverage,
        "points": json.dumps(rules),
    }
