"""Whether an expression of a flow file can ever be true: its names exist and it compares like with like."""

from __future__ import annotations

from flows.expressions import Compare, Condition, Literal, Ref, comparisons, field_allowed, refs
from flows.flow import Flow, Slot
from flows.lines import TIMELINES
from flows.model import SlotType
from flows.yamltext import Located, Path

_NUMBERS = (SlotType.INTEGER_RANGE, SlotType.MONEY)


def check_condition(flow: Flow, condition: Condition, located: Located, path: Path, of: Slot | None = None) -> None:
    """Raise FlowError for an unknown name or a comparison that cannot hold; `of` is the slot that `value` stands for."""
    found = tuple(refs(condition.node))
    if not found:
        raise located.error(
            path, f"{condition.text!r} is always the same", "Compare an answer or a fact, or leave it out."
        )
    for ref in found:
        _check_ref(flow, ref, located, path, of)
    for comparison in comparisons(condition.node):
        _check_comparison(flow, comparison, located, path, of)


def _check_ref(flow: Flow, ref: Ref, located: Located, path: Path, of: Slot | None) -> None:
    if ref.root in ("facts", "lead"):
        return
    slot = _slot(flow, ref, of)
    if slot is None:
        if ref.root == "value":
            raise located.error(path, "'value' stands for no answer here", "Write answers.NAME.")
        known = ", ".join(slot.name for slot in flow.slots)
        raise located.error(path, f"there is no slot {ref.name!r}", f"Slots are: {known}.")
    if not field_allowed(ref.field, slot.type.value):
        raise located.error(
            path,
            f"an answer of type {slot.type} has no {ref.field!r}",
            "Numbers have .low and .high, amounts also .period, names .name and .company.",
        )


def _slot(flow: Flow, ref: Ref, of: Slot | None) -> Slot | None:
    return of if ref.root == "value" else flow.slot(ref.name)


def _check_comparison(flow: Flow, comparison: Compare, located: Located, path: Path, of: Slot | None) -> None:
    for side, other in ((comparison.left, comparison.right), (comparison.right, comparison.left)):
        if not isinstance(side, Ref) or not isinstance(other, Literal) or side.root in ("facts", "lead"):
            continue
        slot = _slot(flow, side, of)
        if slot is None:
            continue
        values = other.value if isinstance(other.value, tuple) else (other.value,)
        for value in values:
            problem = _mismatch(slot, side.field, value)
            if problem:
                raise located.error(path, f"{slot.name!r} is never {value!r}", problem)


def _mismatch(slot: Slot, field: str, value: object) -> str:
    """Return how to mend a comparison of the slot's answer with `value`, "" when it can hold."""
    if slot.type in _NUMBERS:
        if field == "period":
            return "" if value in ("once", "month", "year") else "A period is 'once', 'month' or 'year'."
        return "" if isinstance(value, int | float) and not isinstance(value, bool) else "Compare it with a number."
    if not isinstance(value, str):
        return f"Compare a slot of type {slot.type} with a 'word' in quotes."
    allowed: tuple[str, ...] = ()
    if slot.type is SlotType.YES_NO:
        allowed = ("yes", "no")
    elif slot.type is SlotType.TIMELINE:
        allowed = tuple(TIMELINES)
    elif slot.type is SlotType.CHOICE:
        allowed = tuple(slot.choices)
    return f"Use one of: {', '.join(allowed)}." if allowed and value not in allowed else ""
