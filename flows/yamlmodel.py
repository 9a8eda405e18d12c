"""A YAML file as a pydantic model: checked, or the first fault with file, line, key and fix, worded once for all files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from flows.yamltext import FlowError, Located, Path, dotted

Model = TypeVar("Model", bound=BaseModel)

_FIXES: Final[Mapping[str, str]] = {
    "int_parsing": "Write a whole number.",
    "int_type": "Write a whole number.",
    "bool_parsing": "Write true or false.",
    "string_type": "Write text, in quotes when it looks like a number.",
    "too_short": "Write at least one.",
}


def checked(located: Located, model: type[Model], what: str, fixes: Mapping[str, str]) -> Model:
    """The file as `model`; `what` names such a file, `fixes` adds to the fixes by pydantic's type of error.

    Raises FlowError: for a key that is not known before any other fault, else for what stands first in the file.
    """
    try:
        return model.model_validate(located.data)
    except ValidationError as problem:
        found = [
            (error["type"] != "extra_forbidden", _told(located, model, what, fixes, error))
            for error in problem.errors(include_url=False)
        ]
        raise min(found, key=lambda one: (one[0], one[1].line))[1] from None


def _told(
    located: Located, model: type[BaseModel], what: str, fixes: Mapping[str, str], error: ErrorDetails
) -> FlowError:
    path: Path = tuple(part for part in error["loc"] if isinstance(part, int | str) and part != "[key]")
    if error["type"] == "missing":
        return located.error(path, "the key is missing", fixes.get("missing", f"Add '{path[-1]}: …'."))
    if error["type"] == "extra_forbidden":
        return located.error(path, "the key is not known here", _nearest(model, what, path))
    allowed = str(error.get("ctx", {}).get("expected", ""))
    fix = f"Use {allowed}." if allowed else {**_FIXES, **fixes}.get(error["type"], "Correct the value.")
    problem = error["msg"].removeprefix("Value error, ")
    given = error["input"]
    if error["type"] != "value_error" and isinstance(given, str | int | float):
        problem += f" (it is {str(given)[:60]!r})"
    return located.error(path, f"{problem[:1].lower()}{problem[1:]}", fix)


def _nearest(model: type[BaseModel], what: str, path: Path) -> str:
    known = sorted(_keys_at(model, path[:-1]))
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Remove it; {dotted(path[:-1]) or what} takes: {', '.join(known)}."


def _keys_at(model: type[BaseModel], path: Path) -> Iterable[str]:
    """Return the keys of the block that `path` leads to."""
    for part in path:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = _model_in(model.model_fields[part].annotation)
        if inner is None:
            return ()
        model = inner
    return model.model_fields


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found:
            return found
    return None
