"""What follows when a machine answers a call of ours: a mailbox, a screener, a menu."""

from __future__ import annotations

from flows import closing
from flows.asking import listen
from flows.model import AnsweredBy, Mode, changed
from flows.prompts import sentences
from flows.turn import Turn


def answered(turn: Turn, kind: AnsweredBy) -> bool:
    """Act on a machine and tell whether there was one. Who has answered a question already is a person."""
    said_something = any(answer.mode is not Mode.PREFILL for answer in turn.state.answers.values())
    if turn.focus.stage not in ("new", "ask", "confirm") or said_something:
        return False
    if kind not in ("human", "unknown"):
        turn.state = changed(turn.state, notes=changed(turn.state.notes, answered_by=kind))
    match kind:
        case "voicemail":
            if turn.flow.opening.voicemail:
                turn.say(turn.text(turn.flow.opening.voicemail), "disclosure")
            closing.end_silently(turn, "voicemail")
        case "ivr":
            closing.end_silently(turn, "machine")
        case "screening":
            _introduce(turn)
        case "human" | "unknown":
            return False
    return True


def _introduce(turn: Turn) -> None:
    """Say who calls and why, once: "please stay on the line" is waited out."""
    line = turn.text(turn.flow.opening.screening)
    if not any(sentence in prompt for sentence in sentences(line) for prompt in turn.state.recent):
        turn.say(line, "answer")
    listen(turn)
