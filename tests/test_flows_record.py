"""The record is what docs/record.schema.json says, and its summary claims nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from flows.goldens import GoldenCall, parse_calls, play
from store.flowfiles import load_flow

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads((ROOT / "docs" / "record.schema.json").read_text(encoding="utf-8"))
CALLS = [
    call
    for file in sorted((ROOT / "tests" / "calls").glob("*.yaml"))
    for call in parse_calls(file.read_text(encoding="utf-8"), file.name)
]
TYPES = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def faults(schema: Mapping[str, object], value: object, at: str = "record") -> Iterator[str]:
    """Yield where `value` is not what `schema` says; knows the keywords that ours uses."""
    kinds = schema.get("type")
    if kinds is not None and not any(
        isinstance(value, TYPES[kind]) for kind in ([kinds] if isinstance(kinds, str) else kinds)
    ):  # type: ignore[attr-defined]
        yield f"{at}: {value!r} is no {kinds}"
    if "enum" in schema and value not in schema["enum"]:  # type: ignore[operator]
        yield f"{at}: {value!r} is not in the list"
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    if isinstance(value, str) and "pattern" in schema and not re.search(str(schema["pattern"]), value):
        yield f"{at}: {value!r} has another form"
    if isinstance(value, dict):
        known = schema.get("properties", {})
        assert isinstance(known, dict)
        yield from (f"{at}.{key} is missing" for key in schema.get("required", []) if key not in value)  # type: ignore[attr-defined]
        for key, item in value.items():
            inner = known.get(key, schema.get("additionalProperties", {}))
            if inner is False:
                yield f"{at}.{key} is not described"
            else:
                yield from faults(inner, item, f"{at}.{key}")
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            yield from faults(schema["items"], item, f"{at}[]")  # type: ignore[arg-type]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.flow}: {call.name}")
def test_every_golden_call_leaves_a_valid_record(call: GoldenCall) -> None:
    rehearsal, _ = play(load_flow(call.flow), call)
    record = json.loads(json.dumps(rehearsal.record()))
    assert list(faults(SCHEMA, record)) == []


def test_a_wrong_record_is_noticed() -> None:
    rehearsal, _ = play(load_flow(CALLS[0].flow), CALLS[0])
    record = json.loads(json.dumps(rehearsal.record())) | {"disposition": "sold", "extra": 1}
    assert len(list(faults(SCHEMA, record))) == 2


def test_voice_and_keypad_differ_only_in_how_it_was_said() -> None:
    voice, keys = (play(load_flow(call.flow), call)[0].record() for call in CALLS[:2])
    assert CALLS[1].name == "the same record by keypad alone"
    for same in ("score", "disposition", "next_action", "summary", "opt_out", "callback", "skipped"):
        assert voice[same] == keys[same]
    for slot, answer in voice["answers"].items():  # type: ignore[attr-defined]
        other = keys["answers"][slot]  # type: ignore[index]
        assert (answer["value"], answer["confirmed"]) == (other["value"], other["confirmed"])


def test_the_summary_names_every_answer() -> None:
    rehearsal, _ = play(load_flow(CALLS[0].flow), CALLS[0])
    summary = rehearsal.record()["summary"]
    assert summary == (
        "Qualified with 90 points (qualified from 60). Good time: yes. Company size: 25. Budget: 12000 a year. "
        "Timeline: 1-3m. Decides alone: yes. Number to call back: +12025550189."
    )
