"""Taking back: a caller who goes on just after we took the turn for finished had not finished, and both parts are one turn.

Nobody can answer a question of which less than a second was spoken. So what is said then belongs to the question before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flows.engine import step
from flows.flow import Flow
from flows.model import Effect, Heard, Listen, Say, changed
from flows.state import State

#: After the decision; the bot's first sound comes about 0.2 s into it.
WITHIN_S: Final = 0.9
_OVERLAP_S: Final = 0.5  #: the beginning of a sound is looked for backwards


@dataclass(frozen=True, slots=True)
class Step:
    """The last words that moved the conversation, and where it was before and after them."""

    before: State
    after: State
    heard: Heard


def taken(before: State, after: State, heard: Heard, effects: Sequence[Effect]) -> Step | None:
    """Remember a step; None when it did more than speak, which cannot be taken back."""
    asking = before.focus.stage in ("ask", "confirm")
    return Step(before, after, heard) if asking and all(isinstance(e, Say | Listen) for e in effects) else None


def whole(flow: Flow, last: Step | None, state: State, began_at: float, more: Heard) -> tuple[State, Heard] | None:
    """The state to go back to and the whole turn, or None when `more` is a turn of its own.

    Args:
        flow: of the call.
        last: what `taken` gave for the last words.
        state: of the conversation now.
        began_at: of the first sound of `more`, Unix seconds.
        more: what was said now.
    """
    if last is None or not more.text.strip() or not -_OVERLAP_S <= began_at - last.heard.at <= WITHIN_S:
        return None
    moved = (state.focus, state.answers, state.notes) != (last.after.focus, last.after.answers, last.after.notes)
    if moved or not last.heard.text.strip():
        return None
    # What was said since is said: prompts and effects are counted on.
    back = changed(last.before, counts=state.counts, pending=state.pending, recent=state.recent)
    first, rest = last.heard.text.strip().rstrip(".?!"), more.text.strip()
    confidence = min(last.heard.confidence, more.confidence)
    # Together they may say nothing, as "yes" and "no": then what was said last counts.
    for event in (Heard(more.at, f"{first}, {rest}", confidence=confidence), more):
        then, _ = step(flow, back, event)
        if then.focus.misses <= back.focus.misses:
            return back, event
    return None
