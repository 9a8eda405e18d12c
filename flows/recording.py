"""Whether the call may be recorded now, and a caller who does not want it. Fails closed: what is not known forbids."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from flows.asking import go_on, repeat
from flows.flow import Flow
from flows.model import Answer, Mode, Record
from flows.state import State
from flows.turn import Turn

#: The fact that says what the law of both parties' places asks for, and its only value that lets a notice suffice.
LAW: Final = "recording_law"
ONE_PARTY: Final = "one_party"

#: Stages in which a recording may begin; one that runs goes on through the goodbye.
_TALKING: Final = ("ask", "confirm", "human")
_OBJECTS = re.compile(
    r"\b(?:stop|quit|turn off|switch off|no|without|against|delete|erase) (?:the |this |your |any )?(?:being recorded|recordings?)\b"
    r"|\b(?:do not|don't|not to|never|can't|cannot|may not|mustn't|must not|shouldn't) (?:be |want (?:you )?(?:to )?(?:be )?|you )?"
    r"(?:record(?:ing|ed)?)\b"
    r"|\b(?:don't|do not|didn't|did not|never) (?:want|wish|like|agree|consent|agreed|consented)\b.{0,30}\brecord"
    r"|\brather not\b.{0,20}\brecord"
)


def may_record(flow: Flow, state: State) -> bool:
    """Tell whether sound may be kept: told first, not objected to, and agreed to where one party's consent is not enough."""
    notes = state.notes
    if flow.opening.recording.start == "off" or not notes.disclosed:
        return False
    if notes.transferred and not (_person_is_told(flow) and notes.recording == "on"):
        return False  # a person who takes the call was told of a recording that ran, or of none
    if notes.recording == "refused":
        return False
    if notes.recording == "off" and state.focus.stage not in _TALKING:
        return False
    consent = state.answers.get(flow.opening.recording.consent)
    if consent is not None:
        return consent.value == "yes" and consent.mode is not Mode.PREFILL
    return state.facts.get(LAW) == ONE_PARTY


def _person_is_told(flow: Flow) -> bool:
    plan = flow.closing.transfer
    return plan is not None and plan.mode == "warm" and plan.record


def follow(turn: Turn) -> None:
    """Switch the recording where it is not as it should be. What was recorded before a no is deleted."""
    wanted, notes = may_record(turn.flow, turn.state), turn.state.notes
    if wanted == (notes.recording == "on"):
        return
    turn.act(lambda id_: Record(id_, wanted, wanted or notes.transferred))
    turn.state = replace(turn.state, notes=replace(notes, recording="on" if wanted else "off"))


def objects(turn: Turn, text: str) -> bool:
    """Tell whether the caller says that the call must not be recorded."""
    return turn.flow.opening.recording.start != "off" and bool(_OBJECTS.search(text.lower().replace("\u2019", "'")))


def take_objection(turn: Turn, text: str) -> None:
    """Note the objection, whenever it comes; say so and go on with the questions where they are still asked."""
    if turn.state.notes.recording == "on":
        turn.act(lambda id_: Record(id_, False, keep=False))
    turn.state = replace(turn.state, notes=replace(turn.state.notes, recording="refused"))
    if turn.focus.stage not in ("ask", "confirm"):
        return
    turn.add(turn.text(turn.flow.opening.recording.objected))
    consent = turn.flow.opening.recording.consent
    if consent and turn.focus.slot == consent:
        turn.put(Answer(consent, "no", text, Mode.SPEECH, "implicit", at=turn.at))
        go_on(turn)
    else:
        repeat(turn)


def resumed(turn: Turn) -> None:
    """The process that recorded is gone: whoever goes on begins a part of its own."""
    pending = tuple(effect for effect in turn.state.pending if not isinstance(effect, Record))
    notes = turn.state.notes
    if notes.recording == "on":
        notes = replace(notes, recording="off")
    turn.state = replace(turn.state, pending=pending, notes=notes)
