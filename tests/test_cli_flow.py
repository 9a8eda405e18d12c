"""`leadline flow` and `leadline eval` at the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.eval import eval_command
from cli.flow import app
from store.flowfiles import list_flows

ROOT = Path(__file__).parents[1]
runner = CliRunner()


@pytest.mark.parametrize("name", list_flows())
def test_shipped_flows_pass_and_can_be_shown(name: str) -> None:
    assert "good (6 questions" in runner.invoke(app, ["check", name]).output
    shown = json.loads(runner.invoke(app, ["show", name, "--json"]).output)
    assert shown["flow"] == name
    assert runner.invoke(app, ["show", name]).exit_code == 0


def test_check_names_file_line_key_and_fix(tmp_path: Path) -> None:
    broken = tmp_path / "mine.yaml"
    broken.write_text("flow: mine\nversion: one\n", encoding="utf-8")
    result = runner.invoke(app, ["check", str(broken), "b2b-software"])
    assert result.exit_code == 1
    assert f"error: {broken}:" in result.output
    assert "b2b-software: good" in result.output


@pytest.mark.parametrize("command", ["show", "graph", "chat"])
def test_an_unknown_flow_is_one_clear_line(command: str) -> None:
    result = runner.invoke(app, [command, "nowhere"])
    assert result.exit_code == 1
    assert "there is no such flow or file" in result.output
    assert "b2b-software, home-services" in result.output


def test_list() -> None:
    assert [flow["flow"] for flow in json.loads(runner.invoke(app, ["list", "--json"]).output)] == list(list_flows())
    assert "b2b-software" in runner.invoke(app, ["list"]).output


def test_graph_shows_every_slot_branch_and_rule(tmp_path: Path) -> None:
    text = (ROOT / "flows" / "library" / "b2b-software.yaml").read_text(encoding="utf-8")
    branched = text.replace("    confirm: none", "    confirm: none\n    next: [{when: \"== 'no'\", go: phone}]", 1)
    (tmp_path / "b.yaml").write_text(branched, encoding="utf-8")
    drawn = runner.invoke(app, ["graph", str(tmp_path / "b.yaml")]).output
    assert drawn.startswith("flowchart TD\n")
    assert "q_good_time -- \"== 'no'\" --> q_phone" in drawn
    assert "q_timeline -. \"skip if lead.role == 'ceo'\" .-> q_phone" in drawn
    assert '(["unqualified"])' in drawn


def test_a_new_flow_is_good_differs_and_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    assert runner.invoke(app, ["new", "fleet", "--out", str(file)]).exit_code == 0
    assert "good" in runner.invoke(app, ["check", str(file)]).output
    changed = runner.invoke(app, ["diff", "b2b-software", str(file)])
    assert changed.exit_code == 1
    assert "+flow: fleet" in changed.output
    assert runner.invoke(app, ["diff", str(file), str(file)]).exit_code == 0
    again = runner.invoke(app, ["new", "fleet", "--out", str(file)])
    assert again.exit_code == 1
    assert "is there already" in again.output
    assert "is no name for a flow" in runner.invoke(app, ["new", "My Fleet"]).output


def test_diff_names_the_slots() -> None:
    output = runner.invoke(app, ["diff", "b2b-software", "home-services"]).output
    assert "slot added: postcode" in output
    assert "slot removed: budget" in output
    assert "slot changed: phone" in output


def test_chat_shows_slots_score_and_state() -> None:
    talk = "yes\n/key 25#\n\n/state\n/resume\n/what\nstop calling me\n"
    result = runner.invoke(app, ["chat", "b2b-software", "--var", "first_name=Dana"], input=talk)
    assert result.exit_code == 0
    for words in (
        "Hi Dana!",
        "company_size=25",
        "20 points",
        "ask budget",
        '"schema": 1',
        "the line dropped",
        "You are the caller",
        '"opt_out": true',
    ):
        assert words in result.output


def test_chat_ends_with_its_input() -> None:
    assert (
        '"disposition": "abandoned"'
        in runner.invoke(app, ["chat", "home-services", "--direction", "inbound"], input="").output
    )


def test_golden_calls_pass_and_a_changed_flow_fails_them(tmp_path: Path) -> None:
    calls = ROOT / "tests" / "calls" / "home-services.yaml"
    good = runner.invoke(app, ["test", str(calls)])
    assert good.exit_code == 0
    assert ", 0 failed" in good.output
    text = (ROOT / "flows" / "library" / "home-services.yaml").read_text(encoding="utf-8")
    other = tmp_path / "other.yaml"
    other.write_text(text.replace("Do you own the home?", "Yours?"), encoding="utf-8")
    bad = runner.invoke(app, ["test", str(calls), "--flow", str(other)])
    assert bad.exit_code == 1
    assert "should have said 'Do you own the home?'" in bad.output


def test_eval_reports_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    eval_command(flow=None, trials=1, seed=7, as_json=True, failures=False)
    report = json.loads(capsys.readouterr().out)
    assert report["groups"]["all"]["calls"] == 84
    assert report["groups"]["all"]["slot_accuracy"] >= 0.97
    assert report["groups"]["all"]["task_success"] >= 0.93
    for must in ("hostile", "keypad"):
        assert report["groups"][f"b2b-software: {must}"]["task_success"] == 1.0
