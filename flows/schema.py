"""Read a flow file with pydantic: text in, a checked `Flow` out, or an error with file, line, key and fix."""

from __future__ import annotations

import hashlib
import json

from flows.build import build
from flows.checks import check
from flows.filemodel import FlowFile
from flows.flow import Flow
from flows.yamlmodel import checked
from flows.yamltext import FlowError, read

__all__ = ["FlowError", "parse_flow"]

_FIXES = {"string_pattern_mismatch": "Use lower-case letters, digits and underscores (a flow's name: dashes)."}


def parse_flow(text: str, source: str) -> Flow:
    """Parse and check a flow file; `source` names it in errors. Raises FlowError."""
    located = read(text, source)
    file = checked(located, FlowFile, "a flow file", _FIXES)
    flow = build(file, located, body=text, digest=_digest(located.data))
    check(flow, located)
    return flow


def _digest(data: object) -> str:
    """Return the identity of a flow: of what it says, whatever its comments and spacing."""
    canonical = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
