"""The writes of a call as data, so that they can wait in a queue, lie in a journal and be repeated.

A write is a method of `Calls` with its arguments: `write(Calls.add_turn, call_id, turn)` is checked like the call itself.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Concatenate, Final, ParamSpec, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from store.calls import Calls

P = ParamSpec("P")

#: The methods that may be repeated: each does nothing the second time.
WRITES: Final = (
    "begin",
    "answered",
    "add_turn",
    "put_answers",
    "sip_result",
    "finish",
    "keep_flow",
    "opt_out",
    "put_recording",
    "note",
    "settle",
)


@dataclass(frozen=True, slots=True)
class Write:
    """`kind` is the method's name, `arguments` are by parameter."""

    kind: str
    arguments: Mapping[str, object]


def write(method: Callable[Concatenate[Calls, P], Awaitable[None]], *args: P.args, **kwargs: P.kwargs) -> Write:
    """A write to be made later. Raises TypeError for arguments that the method does not take."""
    kind = getattr(method, "__name__", "")
    assert kind in WRITES, f"{kind} is no write"
    bound = inspect.signature(method).bind(None, *args, **kwargs)
    bound.apply_defaults()
    return Write(kind, {name: value for name, value in bound.arguments.items() if name != "self"})


def to_line(write: Write) -> bytes:
    """One line of JSON, with its newline."""
    model = _model(write.kind).model_construct(None, **write.arguments)
    data = model.model_dump(mode="json", warnings=False)
    return json.dumps({"kind": write.kind, **data}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Write:
    """The write that `to_line` wrote. Raises ValueError for a damaged line."""
    data = json.loads(line)
    if not isinstance(data, dict) or data.get("kind") not in WRITES:
        raise ValueError("no write")
    kind = str(data.pop("kind"))
    try:
        model = _model(kind).model_validate(data)
    except ValidationError as wrong:
        raise ValueError(f"a {kind} whose {wrong.errors()[0]['loc']} is damaged") from None
    return Write(kind, {name: getattr(model, name) for name in type(model).model_fields})


async def carry_out(write: Write, calls: Calls) -> None:
    """Do the write. Raises what the store raises."""
    await getattr(calls, write.kind)(**write.arguments)


@cache
def _model(kind: str) -> type[BaseModel]:
    """The arguments of a method as a model of pydantic, made from its signature."""
    method = getattr(Calls, kind)
    hints = get_type_hints(method)
    parameters = [p for p in inspect.signature(method).parameters.values() if p.name != "self"]
    fields = {p.name: (hints[p.name], ... if p.default is p.empty else p.default) for p in parameters}
    config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    return create_model(kind, __config__=config, **fields)  # type: ignore[call-overload,no-any-return]
