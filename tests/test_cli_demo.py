"""The demo's own pieces: the rule that leads to a flow, the JSON it writes."""

from __future__ import annotations

import json
from pathlib import Path

from bot.caller import Heard, Line
from bot.personas import persona_for
from cli.demo import Outcome, _rule_for, as_json
from flows.model import Direction
from store.calls import Call, NewCall
from store.flowfiles import list_flows, load_flow


def metadata(rule: Path) -> dict[str, str]:
    agents = json.loads(rule.read_text())["dispatch_rule"]["room_config"]["agents"]
    found: dict[str, str] = json.loads(agents[0]["metadata"])
    return found


def test_the_rule_leads_to_the_flow_asked_for(tmp_path: Path) -> None:
    assert metadata(_rule_for("home-services", tmp_path / "a")) == {"flow": "home-services"}
    own = tmp_path / "mine.yaml"
    own.write_text("flow: mine\n")
    assert metadata(_rule_for(str(own), tmp_path / "b")) == {"flow": str(own.resolve())}


def test_json_holds_turns_and_record(tmp_path: Path) -> None:
    lines = [Line("bot", "Hello", 1.0, 2.0, None), Line("caller", "Hi", 3.0, 4.0), Line("bot", "Fine", 4.4, 5.0, 400.4)]
    begun = NewCall("c1", Direction.INBOUND, "f", "h", "r", "+12025550142", "+12025550100", 0.0)
    found = as_json(Outcome(lines, Call(begun, record={"disposition": "qualified"}), tmp_path / "call.wav"))
    assert found["record"] == {"disposition": "qualified"}
    assert [turn["response_ms"] for turn in found["turns"]] == [None, None, 400]  # type: ignore[index,attr-defined]


def test_the_ordinary_caller_has_an_answer_to_every_question() -> None:
    for name in list_flows():
        flow = load_flow(name)
        assert set(persona_for(flow).says) == {slot.name for slot in flow.slots}


def test_a_question_is_known_by_its_sound() -> None:
    heard = Heard(load_flow("b2b-software"), {})
    assert heard.question("Great. How many people work at your company?") == ("company_size", "ask")
    assert heard.question("Okay, 25 people. What budget do you have in mind for this?") == ("budget", "ask")
    assert heard.question("Goodbye!") is None
