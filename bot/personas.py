"""What a simulated caller says: one ordinary answer to each kind of question, more for the shipped flows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.caller import Persona
from flows.flow import Flow
from flows.model import SlotType

_PHONE: Final = "It's two oh two, five five five, zero one four two."

_BY_TYPE: Final[Mapping[SlotType, tuple[str, ...]]] = {
    SlotType.YES_NO: ("Yes, I am.", "Yes."),
    SlotType.INTEGER_RANGE: ("About fifty.", "Fifty."),
    SlotType.MONEY: ("Around five hundred dollars a month.", "Five hundred a month."),
    SlotType.TIMELINE: ("In the next two months.", "Next month."),
    SlotType.DATE_TIME: ("Tomorrow at ten in the morning.", "Tomorrow at ten."),
    SlotType.PHONE: (_PHONE, "Two oh two, five five five, zero one four two."),
    SlotType.EMAIL: ("Dana at example dot com.", "d a n a at example dot com."),
    SlotType.NAME: ("My name is Dana Miller.", "Dana Miller."),
    SlotType.COMPANY: ("We are called Northwind.", "Northwind."),
    SlotType.DIGITS: ("One zero zero one eight.", "One, zero, zero, one, eight."),
    SlotType.TEXT: ("We would like to hear more about it.",),
}
_OF_FLOW: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "b2b-software": {
        "good_time": ("Yeah, sure.", "Yes."),
        "company_size": ("We are about sixty people.", "Sixty."),
        "budget": ("Around eight hundred dollars a month.", "Eight hundred a month."),
        "timeline": ("We would like to start next month.", "Next month."),
        "decision_maker": ("Yes, I am.", "Yes."),
        "phone": (_PHONE, "Two oh two, five five five, zero one four two."),
    },
}
_TRUTH: Final = {"phone": "2025550142", "postcode": "10018"}


def persona_for(flow: Flow) -> Persona:
    """An ordinary caller who answers every question of the flow."""
    own = _OF_FLOW.get(flow.name, {})
    says = {slot.name: own.get(slot.name) or _choice(slot.choices) or _BY_TYPE[slot.type] for slot in flow.slots}
    return Persona("ordinary", says, truth=_TRUTH)


def _choice(choices: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The first choice in its own words."""
    first = next(iter(choices.items()), None)
    return () if first is None else (f"{(first[1] or (first[0],))[0]}.",)
