"""`leadline flow hear`: one sentence, JSON lines, times and zones, and errors that say what to write."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from cli.hear import Ears, Unreadable, hear_command, moment
from flows.hear import RuleIntents

app = typer.Typer()
app.command()(hear_command)
runner = CliRunner()


@pytest.mark.parametrize(
    ("args", "value"),
    [
        (["--type", "integer_range", "--text", "somewhere between fifty and a hundred"], [50, 100]),
        (["--type", "money", "--text", "five grand a month"], [5000, 5000, "month"]),
        (["--type", "name", "--text", "Ada Example"], {"name": "Ada Example", "company": None}),
        (["--type", "yes_no", "--text", "hmm"], None),
        (["--type", "choice", "--choice", "gas=mains gas", "--choice", "oil=", "--text", "mains gas"], "gas"),
        (["--type", "date_time", "--text", "next tuesday at 3", "--now", "2026-11-23T10:00", "--zone", "America/New_York"], "2026-12-01T15:00"),
    ],
)  # fmt: skip
def test_one_sentence(args: list[str], value: object) -> None:
    result = runner.invoke(app, [*args, "--json"])
    assert result.exit_code == 0
    reply = json.loads(result.stdout)
    assert reply["value"] == value
    assert set(reply) == {"value", "intent", "certainty", "span"}


def test_json_lines_go_on_after_a_bad_line() -> None:
    lines = [
        '{"type": "digits", "text": "nine four"}',
        "oops",
        '{"type": "nothing", "text": "x"}',
        '{"type": "intent", "text": "stop calling me"}',
    ]
    result = runner.invoke(app, ["--stdin"], input="\n".join(lines))
    replies = [json.loads(line) for line in result.stdout.splitlines()]
    assert replies[0]["value"] == "94"
    assert "not JSON" in replies[1]["error"]
    assert "there is no type 'nothing'" in replies[2]["error"]
    assert replies[3]["intent"] == "opt_out"


def test_a_line_may_bring_its_own_moment_and_place() -> None:
    lines = [
        '{"type": "date_time", "text": "tomorrow at three", "now": "2026-11-23T10:00", "zone": "America/New_York"}',
        '{"type": "date_time", "text": "tomorrow at three", "now": 1795446000, "zone": "Europe/London"}',
        '{"type": "choice", "text": "the second one", "choices": {"gas": [], "oil": []}}',
        '{"type": "date_time", "text": "tomorrow", "zone": "Mars/Base"}',
    ]
    result = runner.invoke(app, ["--stdin"], input="\n".join(lines))
    replies = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reply.get("value") for reply in replies[:3]] == ["2026-11-24T15:00", "2026-11-24T15:00", "oil"]
    assert "America/New_York" in replies[3]["error"]


def test_the_intent_model_is_loaded_once_and_only_when_rules_are_silent() -> None:
    loads: list[int] = []

    def load() -> RuleIntents:
        loads.append(1)
        return RuleIntents()

    ears = Ears(0.0, "UTC", "US", load)
    ears.reply("intent", "stop calling me")
    assert loads == []
    ears.reply("intent", "blue")
    ears.reply("intent", "green")
    assert loads == [1]


@pytest.mark.parametrize(
    ("now", "zone", "says"), [("soon", "UTC", "2026-11-23T10:00"), ("", "Mars/Base", "America/New_York")]
)
def test_errors_say_what_to_write(now: str, zone: str, says: str) -> None:
    with pytest.raises(Unreadable, match=says):
        moment(now, zone)
