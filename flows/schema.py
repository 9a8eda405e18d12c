"""Read a flow file with pydantic: text in, a checked `Flow` out, or an error with file, line, key and fix."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError

from flows.build import build
from flows.checks import check
from flows.filemodel import FlowFile
from flows.flow import Flow
from flows.yamltext import FlowError, Located, Path, dotted, read

__all__ = ["FlowError", "parse_flow"]

_FIXES = {
    "missing": "Add it",
    "extra_forbidden": "Remove it or correct its spelling",
    "string_pattern_mismatch": "Use lower-case letters, digits and underscores (a flow's name: dashes)",
    "int_parsing": "Write a whole number",
    "int_type": "Write a whole number",
    "bool_parsing": "Write true or false",
    "string_type": "Write text, in quotes when it looks like a number",
    "too_short": "Write at least one",
}


def parse_flow(text: str, source: str) -> Flow:
    """Parse and check a flow file; `source` names it in errors. Raises FlowError."""
    located = read(text, source)
    try:
        file = FlowFile.model_validate(located.data)
    except ValidationError as problem:
        raise _first_error(located, problem) from problem
    flow = build(file, located, body=text, digest=_digest(located.data))
    check(flow, located)
    return flow


def _digest(data: object) -> str:
    """Return the identity of a flow: of what it says, whatever its comments and spacing."""
    canonical = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _first_error(located: Located, problem: ValidationError) -> FlowError:
    """Turn the error that stands first in the file into one of ours."""
    errors = []
    for error in problem.errors(include_url=False):
        path: Path = tuple(part for part in error["loc"] if isinstance(part, int | str))
        path = tuple(part for part in path if part != "[key]")
        if error["type"] == "missing":
            errors.append(located.error(path, "the key is missing", f"Add '{path[-1]}: …'."))
        elif error["type"] == "extra_forbidden":
            errors.append(located.error(path, "the key is not known here", _nearest(path)))
        else:
            allowed = str(error.get("ctx", {}).get("expected", ""))
            fix = f"Use {allowed}." if allowed else _FIXES.get(error["type"], "Correct the value") + "."
            errors.append(located.error(path, error["msg"][:1].lower() + error["msg"][1:], fix))
    return min(errors, key=lambda error: error.line)


def _nearest(path: Path) -> str:
    known = sorted(_keys_at(FlowFile, path[:-1]))
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Remove it; {dotted(path[:-1]) or 'a flow file'} takes: {', '.join(known)}."


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
