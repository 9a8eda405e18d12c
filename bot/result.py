"""The result of a call as it is stored, also of one that broke off on our side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from flows.engine import record
from flows.flow import Flow
from flows.state import Focus, State

#: The call broke off and it was our doing: a server was lost, or every process that took it died.
DROPPED: Final = "dropped"
_CALL_BACK: Final = "Call back soon: the call broke off on our side."


@dataclass(frozen=True, slots=True)
class Result:
    """What `Calls.finish` takes."""

    record: dict[str, object]
    disposition: str
    score: int


def result_of(flow: Flow, state: State) -> Result:
    """The record with its score. Somebody who was cut off is to be called back, unless they asked for the contrary."""
    found = record(flow, state)
    disposition = state.disposition or "failed"
    score = found["score"]
    total = score["total"] if isinstance(score, Mapping) else 0
    if disposition == DROPPED and not state.notes.opted_out:
        found["next_action"] = _CALL_BACK
    return Result(found, disposition, int(total))


def as_dropped(state: State, at: float) -> State:
    """The state of a call that ends here; what the conversation had come to by then stays."""
    reached = None if state.disposition == "abandoned" else state.disposition
    ended = replace(state, disposition=reached or DROPPED, notes=replace(state.notes, ended_at=at))
    return replace(ended, focus=Focus("over"))
