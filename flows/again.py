"""A caller whose call broke off and who calls again is asked whether to go on where it stopped.

The number alone is no proof of who calls (an ANI can be forged), so nothing of the earlier call is said aloud: only
answers that need no read-back come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flows.flow import CALLBACK, Flow
from flows.model import Answer, Mode, changed
from flows.path import current, needs_yes, scope
from flows.state import NO_ANSWERS, Focus, State
from flows.turn import Turn

#: The wish that the caller is asked about.
GO_ON: Final = "go_on"


def carried(flow: Flow, state: State) -> Mapping[str, Answer]:
    """Return the answers of a call that broke off, for the caller's next one: those that need not be read back."""
    answers = state.answers or state.context.earlier
    slots = {slot.name: slot for slot in flow.slots if slot.name != CALLBACK}
    kept = {
        name: answer
        for name, answer in answers.items()
        if name in slots and answer.mode is not Mode.PREFILL and not needs_yes(slots[name], answer)
    }
    return MappingProxyType(kept)


def face_first_question(turn: Turn) -> bool:
    """Turn to the first question without asking it; False when there is nothing to offer or to ask."""
    slot = current(turn.flow, turn.state, scope(turn.flow, turn.state)) if turn.state.context.earlier else None
    if slot is None:
        return False
    turn.refocus(Focus("ask", slot.name))
    return True


def take_up(turn: Turn) -> None:
    """The caller wants to go on: the earlier answers count again."""
    context = turn.state.context
    answers = MappingProxyType({**context.earlier, **turn.state.answers})
    turn.state = changed(turn.state, answers=answers, context=changed(context, earlier=NO_ANSWERS))
    turn.refocus(Focus("ask"))
