"""Every golden call goes as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.goldens import FlowError, GoldenCall, parse_calls, play
from store.flowfiles import load_flow

FILES = sorted((Path(__file__).parent / "calls").glob("*.yaml"))
CALLS = [call for file in FILES for call in parse_calls(file.read_text(encoding="utf-8"), file.name)]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.flow}: {call.name}")
def test_call(call: GoldenCall) -> None:
    rehearsal, problems = play(load_flow(call.flow), call)
    talk = "\n".join(f"{line.who:>6}: {line.text}" for line in rehearsal.spoken)
    assert not problems, f"{problems}\n{talk}"


def test_a_call_that_goes_otherwise_is_told() -> None:
    text = "calls: [{name: x, flow: b2b-software, talk: [{bot: Bonjour}, hangup], expect: {disposition: qualified, score: 3}}]"
    (call,) = parse_calls(text, "x.yaml")
    _, problems = play(load_flow(call.flow), call)
    assert len(problems) == 3
    assert "Bonjour" in problems[0]


def test_a_broken_file_names_its_line() -> None:
    text = "calls:\n  - name: x\n    flow: b2b-software\n    talk: [hangup]\n    expects: {}\n"
    with pytest.raises(FlowError, match=r"x\.yaml:\d: calls\[1\]"):
        parse_calls(text, "x.yaml")
