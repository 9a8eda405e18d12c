"""What follows when a machine answers a call of ours: a mailbox, a screener, a menu. Pure, and the one place that decides:
phrases, the length of an opening and tones come from wherever they are heard."""

from __future__ import annotations

from typing import Final

from flows import closing
from flows.asking import listen
from flows.hear.intents import only_answers
from flows.hear.machine import answered_by, sounds_recorded
from flows.model import AnsweredBy, Direction, Heard, Machine, Mode, changed
from flows.prompts import sentences
from flows.state import Focus
from flows.turn import Turn

#: A tone is a mailbox's if somebody spoke so long right before it: people say hello faster, and a toaster does not announce itself.
ANNOUNCED_S: Final = 2.5
#: An opening of this length is a machine's if it has one of their words.
LONG_S: Final = 8.0
#: A mailbox that has been silent so long records, though no tone was heard.
NO_TONE_S: Final = 4.0


def kind_of(event: Heard | Machine) -> AnsweredBy:
    """Who answered, as far as this tells."""
    if isinstance(event, Heard):
        if only_answers(event.text):
            return "unknown"
        recorded = event.spoken_s >= LONG_S and sounds_recorded(event.text)
        return answered_by(event.text) or ("voicemail" if recorded else "unknown")
    if event.kind == "tone":
        return "voicemail" if event.spoken_s >= ANNOUNCED_S else "unknown"
    return event.kind


def answered(turn: Turn, event: Heard | Machine) -> bool:
    """Act on a machine and tell whether there was one. Who has answered a question already is a person."""
    tone = isinstance(event, Machine) and event.kind == "tone"
    if turn.focus.stage == "mailbox":
        leave_message(turn) if tone else listen(turn, NO_TONE_S)
        return True
    said_something = any(answer.mode is not Mode.PREFILL for answer in turn.state.answers.values())
    outbound = turn.state.context.direction is Direction.OUTBOUND
    if not outbound or turn.focus.stage not in ("new", "ask", "confirm") or said_something:
        return False
    kind = kind_of(event)
    if kind not in ("human", "unknown"):
        turn.state = changed(turn.state, notes=changed(turn.state.notes, answered_by=kind))
    match kind:
        case "voicemail" if not turn.flow.opening.voicemail:
            closing.end_silently(turn, "voicemail")
        case "voicemail" if tone:
            leave_message(turn)
        case "voicemail":
            turn.refocus(Focus("mailbox"))
            listen(turn, NO_TONE_S)
        case "ivr":
            closing.end_silently(turn, "machine")
        case "screening":
            _introduce(turn)
        case _:
            return False
    return True


def leave_message(turn: Turn) -> None:
    """The mailbox records."""
    turn.say(turn.text(turn.flow.opening.voicemail), "disclosure")
    closing.end_silently(turn, "voicemail")


def _introduce(turn: Turn) -> None:
    """Say who calls and why, once: "please stay on the line" is waited out."""
    line = turn.text(turn.flow.opening.screening)
    if not any(sentence in prompt for sentence in sentences(line) for prompt in turn.state.recent):
        turn.say(line, "answer")
    listen(turn)
