"""Write a call's state as plain JSON data and read it back, with a schema version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from flows.model import (
    Answer,
    BargeIn,
    Callback,
    Direction,
    Effect,
    End,
    Expect,
    Keypad,
    Listen,
    Lookup,
    Mode,
    OptOut,
    Press,
    Record,
    Say,
    SlotType,
    Transfer,
    Value,
)
from flows.state import Context, Counts, Focus, Notes, State

SCHEMA: Final = 1
_EFFECTS: Final[Mapping[str, type[Effect]]] = {
    kind.__name__: kind for kind in (Say, Listen, Lookup, Transfer, OptOut, Callback, Record, Press, End)
}
#: What JSON hands over: its type is checked by what is built from it.
Data = Mapping[str, Any]


class StateError(ValueError):
    """The data is no state of this version."""


def dump_state(state: State) -> dict[str, object]:
    """Return the state as data for `json.dumps`."""
    data = {item.name: _plain(getattr(state, item.name)) for item in fields(state)}
    data["pending"] = [{"effect": type(effect).__name__, **_record(effect)} for effect in state.pending]
    return {"schema": SCHEMA, **data}


def load_state(data: Data) -> State:
    """Return the state that `dump_state` wrote. Raises StateError for another version or broken data."""
    if data.get("schema") != SCHEMA:
        raise StateError(
            f"state schema {data.get('schema')!r} is not {SCHEMA}: finish the call with the version that began it"
        )
    try:
        return State(
            call_id=data["call_id"],
            flow_hash=data["flow_hash"],
            context=_context(data["context"]),
            answers=_answers(data["answers"]),
            pending=tuple(_effect(effect) for effect in data["pending"]),
            disposition=data["disposition"],
            focus=_focus(data["focus"]),
            counts=Counts(**{**data["counts"], "digressions": _frozen(data["counts"]["digressions"])}),
            notes=_notes(data["notes"]),
            recent=tuple(tuple(prompt) for prompt in data["recent"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        raise StateError(f"the state cannot be read: {problem!r}") from problem


def _plain(value: object) -> object:
    """Return dataclasses, tuples, enums and mappings as JSON data."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return _record(value) if hasattr(value, "__dataclass_fields__") else value


def _record(value: object) -> dict[str, object]:
    return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}  # type: ignore[attr-defined]


def _frozen(data: Data) -> Mapping[str, Any]:
    return MappingProxyType(dict(data))


def _value(data: object) -> Value:
    if isinstance(data, list):
        return tuple(data)
    if isinstance(data, Mapping):
        return _frozen(data)
    assert isinstance(data, str | int | float), "a value is text, a number, a list or a mapping"
    return data


def _context(data: Data) -> Context:
    earlier = _answers(data.get("earlier", {}))
    return Context(
        Direction(data["direction"]), data["began_at"], _frozen(data["facts"]), _frozen(data["lead"]), earlier
    )


def _answers(data: Data) -> Mapping[str, Answer]:
    return MappingProxyType({name: _answer(answer) for name, answer in data.items()})


def _answer(data: Data) -> Answer:
    return Answer(**{**data, "value": _value(data["value"]), "mode": Mode(data["mode"])})


def _focus(data: Data) -> Focus:
    return Focus(**{**data, "rejected": tuple(_value(value) for value in data["rejected"])})


def _notes(data: Data) -> Notes:
    rest = {**data, "skipped": _frozen(data["skipped"]), "fired": tuple(data["fired"])}
    rest["callback"] = None if data["callback"] is None else (data["callback"][0], data["callback"][1])
    return Notes(**rest)


def _effect(data: Data) -> Effect:
    kind = _EFFECTS[data["effect"]]
    rest = {key: value for key, value in data.items() if key != "effect"}
    if kind is Say:
        rest["barge_in"] = BargeIn(rest["barge_in"])
    elif kind is Listen:
        rest["expect"] = _expect(rest["expect"])
        rest["keypad"] = Keypad(**rest["keypad"])
    elif kind is Lookup:
        rest["args"] = _frozen(rest["args"])
    return kind(**rest)


def _expect(data: Data) -> Expect:
    kind = data["kind"]
    asked = kind if kind in ("confirm", "open") else SlotType(kind)
    return Expect(asked, data["slot"], tuple(data["hotwords"]), data.get("length", 0))
