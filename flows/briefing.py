"""What the person who is called hears before the caller: who rings, and what the caller has said so far."""

from __future__ import annotations

from typing import Final

from flows.flow import Flow
from flows.model import SlotType
from flows.path import usable
from flows.readback import line, say_value, show_value
from flows.state import State

#: Long to listen to, and on the screen anyway.
_LEFT_OUT: Final = (SlotType.PHONE, SlotType.EMAIL, SlotType.DIGITS, SlotType.TEXT, SlotType.DATE_TIME)
_FACTS_MAX: Final = 4


def briefing(flow: Flow, state: State) -> str:
    """Return the words: the flow's greeting, the caller's name where it is known, and the answers that are sure."""
    said = [line(flow, "briefing")]
    if name := _name(flow, state):
        said.append(line(flow, "briefing_name", value=name))
    sure = usable(flow, state)
    facts = [slot for slot in flow.slots if slot.name in sure and slot.type not in (*_LEFT_OUT, SlotType.NAME)]
    for slot in [slot for slot in facts if slot.score][:_FACTS_MAX]:
        value = say_value(flow, slot, sure[slot.name].value, state.facts)
        said.append(line(flow, "briefing_fact", label=slot.words.label, value=value))
    plan = flow.closing.transfer
    if plan is not None and plan.record and state.notes.recording == "on":
        said.append(line(flow, "briefing_recorded"))
    return " ".join(said)


def _name(flow: Flow, state: State) -> str:
    for slot in flow.slots:
        answer = state.answers.get(slot.name)
        if slot.type is SlotType.NAME and answer is not None:
            return show_value(answer.value)
    lead = state.context.lead
    person = " ".join(part for part in (lead.get("first_name", ""), lead.get("last_name", "")) if part)
    return ", ".join(part for part in (person, lead.get("company", "")) if part)
