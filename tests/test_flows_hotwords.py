"""Names that the recogniser prefers: whose, when, and what is no name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.flow import Slot
from flows.hotwords import hotwords
from flows.model import SlotType
from store.flowfiles import load_flow

LEAD = {
    "first_name": "Rajesh",
    "last_name": "Patel",
    "company": "Northwind Logistics",
    "contact_name": "Zoë O'Neil-Smith",
    "phone": "+12025550142",
    "notes": "Call Back Later",
}
OURS = {"agent": "Lee", "seller": "Example Software", "product": "scheduling software"}
SLOT = next(slot for slot in load_flow("b2b-software").slots if slot.name == "company_size")
NAMES = ("Rajesh Patel", "Rajesh", "Patel", "Northwind Logistics", "Zoë O'Neil-Smith")


def slot(kind: SlotType) -> Slot:
    return replace(SLOT, type=kind)


@pytest.mark.parametrize("kind", [SlotType.NAME, SlotType.COMPANY, SlotType.TEXT, SlotType.EMAIL])
def test_the_leads_names_are_expected_where_names_are_said(kind: SlotType) -> None:
    assert hotwords(slot(kind), LEAD, OURS) == NAMES


@pytest.mark.parametrize("kind", [SlotType.YES_NO, SlotType.INTEGER_RANGE, SlotType.MONEY, SlotType.PHONE])
def test_nobody_waits_for_names_where_none_is_said(kind: SlotType) -> None:
    assert hotwords(slot(kind), LEAD, OURS) == ()


def test_without_a_question_our_own_names_may_be_said_too() -> None:
    assert hotwords(None, {"first_name": "Dana"}, OURS) == ("Dana", "Lee", "Example Software")


def test_a_choice_is_heard_by_its_words() -> None:
    chosen = replace(slot(SlotType.CHOICE), choices={"electric": ("electric", "mains"), "gas": ("gas", "mains")})
    assert hotwords(chosen, LEAD, OURS) == ("electric", "mains", "gas")


@pytest.mark.parametrize(
    "value", ["", "n/a", "unknown", "Do not call, please ask for Dana first thing", "12345", "A" * 41]
)
def test_what_people_write_beside_names_is_none(value: str) -> None:
    assert hotwords(slot(SlotType.NAME), {"name": value}, OURS) == ()
