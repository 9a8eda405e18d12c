"""Put a value into words: for the caller's ear, and for a person who reads the record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flows.flow import Flow, Slot
from flows.lines import TIMELINES
from flows.model import SlotType, Value
from flows.prompts import render
from flows.spoken import LANGUAGES


def say_value(flow: Flow, slot: Slot, value: Value, facts: Mapping[str, str]) -> str:
    """Return the value as it is read back: digits in groups, an address spelled, a date with its weekday and zone."""
    voice = LANGUAGES[flow.locale.language]
    match slot.type:
        case SlotType.INTEGER_RANGE:
            return _range(flow, value)
        case SlotType.MONEY:
            return _money(flow, value)
        case SlotType.PHONE | SlotType.DIGITS:
            return voice.digits(str(value))
        case SlotType.EMAIL:
            return voice.email(str(value))
        case SlotType.TIMELINE:
            return line(flow, TIMELINES[str(value)])
        case SlotType.DATE_TIME:
            return say_moment(flow, str(value), facts)
        case SlotType.YES_NO:
            return line(flow, str(value))
        case SlotType.CHOICE:
            return slot.choices[str(value)][0]
        case _:
            return show_value(value)


def show_value(value: Value) -> str:
    """Return the value as a person reads it in a record: "20-50", "1000-2000 a month"."""
    if isinstance(value, Mapping):
        return ", ".join(part for part in value.values() if part)
    if isinstance(value, tuple):
        low, high = value[0], value[1] if len(value) > 1 else None
        shown = f"{_plain(low)}+" if high is None else _plain(low) if low == high else f"{_plain(low)}-{_plain(high)}"
        return f"{shown} a {value[2]}" if len(value) > 2 and value[2] != "once" else shown
    return str(value)


def line(flow: Flow, key: str, at: int = 0, **values: str) -> str:
    """Return one of the flow's lines, its values filled in."""
    texts = flow.script.lines[key]
    text = texts[at % len(texts)]
    return render(text, {**flow.script.variables, **values}) if "{{" in text else text


def zone_name(flow: Flow, facts: Mapping[str, str]) -> str:
    """Return how the caller's time zone is spoken."""
    zone = facts.get("zone", flow.locale.zone)
    if zone == flow.locale.zone:
        return flow.locale.zone_name
    return facts.get("zone_name") or f"{zone.rpartition('/')[2].replace('_', ' ')} time"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _range(flow: Flow, value: Value) -> str:
    assert isinstance(value, tuple), "a range is a pair"
    number = LANGUAGES[flow.locale.language].number
    low, high = value[0], value[1]
    assert isinstance(low, int | float), "a range has a lower end"
    if not isinstance(high, int | float):
        return line(flow, "at_least", low=number(low))
    if low == high:
        return number(low)
    if low in (0, 1):
        return line(flow, "at_most", high=number(high))
    return line(flow, "between", low=number(low), high=number(high))


def _money(flow: Flow, value: Value) -> str:
    assert isinstance(value, tuple), "an amount is low, high, period"
    amount = line(flow, "amount", value=_range(flow, value), currency=flow.locale.currency)
    period = value[2]
    return line(flow, f"a_{period}", value=amount) if period in ("month", "year") else amount


def say_moment(flow: Flow, value: str, facts: Mapping[str, str]) -> str:
    """Return a local ISO minute as it is spoken, with the caller's zone."""
    voice = LANGUAGES[flow.locale.language]
    when = datetime.fromisoformat(value)
    return line(flow, "moment", day=voice.day(when), time=voice.time(when), zone=zone_name(flow, facts))
