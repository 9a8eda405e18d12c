"""Whether a slot can be answered with keys as the file says."""

from __future__ import annotations

from flows.flow import SKIP, Slot
from flows.lines import TIMELINES
from flows.model import SlotType
from flows.yamltext import Located, Path

_MENU_KEYS = frozenset("12345678")
_DIGIT_TYPES = (SlotType.INTEGER_RANGE, SlotType.MONEY, SlotType.PHONE, SlotType.DIGITS, SlotType.DATE_TIME)


def check_keypad(slot: Slot, located: Located, path: Path) -> None:
    """Raise FlowError for a keypad mapping that cannot work."""
    here = (*path, "keypad")
    plan = slot.keypad
    if not slot.words.keypad and slot.type is not SlotType.YES_NO:
        raise located.error(
            path, "a caller who is not understood must know which keys to press", "Add 'keypad: {prompt: …}'."
        )
    if plan.keypad.collect == "digits":
        if slot.type not in _DIGIT_TYPES:
            raise located.error(here, f"digits cannot answer a slot of type {slot.type}", "Use a menu: 'keys: {1: …}'.")
        if plan.keys:
            raise located.error(
                here, "a keypad takes digits or has a menu, not both", "Remove 'keys', or 'collect: digits'."
            )
        if plan.keypad.length and plan.keypad.max:
            raise located.error(here, "'length' already bounds the digits", "Remove 'max'.")
        if slot.type is SlotType.DATE_TIME and plan.keypad.length != 8:
            raise located.error(
                here, "a date and time is typed as month, day, hour, minute", "Leave 'length' out; it is 8."
            )
        return
    if not plan.keys:
        raise located.error(here, "the menu has no keys", "Add 'keys: {1: …}', or use 'collect: digits'.")
    _check_menu(slot, located, here)


def _check_menu(slot: Slot, located: Located, here: Path) -> None:
    for key, value in slot.keypad.keys.items():
        where = (*here, "keys", key)
        if key not in _MENU_KEYS:
            raise located.error(
                where, f"key {key!r} cannot be in a menu", "Use 1 to 8: 0 asks for a human, 9 opts out, * repeats."
            )
        if value != SKIP and not _fits(slot, str(value)):
            raise located.error(where, f"{value!r} is no answer to a slot of type {slot.type}", _allowed(slot))
    values = [value for value in slot.keypad.keys.values() if value != SKIP]
    if len(set(map(str, values))) < len(values):
        raise located.error((*here, "keys"), "two keys mean the same", "Give each answer one key.")


def _fits(slot: Slot, value: str) -> bool:
    match slot.type:
        case SlotType.YES_NO:
            return value in ("yes", "no")
        case SlotType.TIMELINE:
            return value in TIMELINES
        case SlotType.CHOICE:
            return value in slot.choices
        case SlotType.TEXT | SlotType.COMPANY:
            return True
        case _:
            return False


def _allowed(slot: Slot) -> str:
    match slot.type:
        case SlotType.YES_NO:
            return "Use yes, no or skip."
        case SlotType.TIMELINE:
            return f"Use {', '.join(TIMELINES)} or skip."
        case SlotType.CHOICE:
            return f"Use {', '.join(slot.choices)} or skip."
        case _:
            return "Collect digits, or map the key to skip."
