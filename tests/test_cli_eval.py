"""`leadline eval`: what it refuses, and how a spoken call is judged by its record."""

from __future__ import annotations

import json
from datetime import date
from random import Random

import pytest
import typer
from typer.testing import CliRunner

from cli.eval import eval_command
from cli.evaluation.callers import BEHAVIOURS, Caller, Persona, personas
from cli.evaluation.scoring import Task, due_slots
from cli.evaluation.voice import _Intent, _judge, _sayable, _Told, coming
from flows.model import Expect
from store.flowfiles import list_flows, load_flow

B2B = load_flow("b2b-software")
HOME = load_flow("home-services")
NOW = 1_795_446_000.0
app = typer.Typer()
app.command()(eval_command)
runner = CliRunner()


def person(flow: str) -> Persona:
    return next(one for one in personas() if one.flow == flow)


def record(flow: str) -> dict[str, object]:
    facts = person(flow).facts
    values = {name: list(f.value) if isinstance(f.value, tuple) else f.value for name, f in facts.items()}
    return {"disposition": "qualified", "answers": {name: {"value": value} for name, value in values.items()}}


def test_there_are_eight_behaviours_for_each_shipped_flow() -> None:
    assert len(BEHAVIOURS) >= 8
    assert {one.flow for one in personas()} == set(list_flows())


def test_only_some_callers_can_be_asked_for() -> None:
    done = runner.invoke(app, ["--flow", "b2b-software", "--persona", "head of", "--behaviour", "keypad", "--json"])
    report = json.loads(done.stdout)
    assert set(report["groups"]) == {"b2b-software: keypad", "b2b-software", "all"}
    assert report["groups"]["all"]["calls"] == 4


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--behaviour", "polite"], "no caller behaves 'polite'. Choose of: terse"),
        (["--persona", "nobody"], "no simulated callers know the flow"),
        (["--flow", "nowhere"], "nowhere"),
    ],
)
def test_what_is_not_there_is_one_clear_line(args: list[str], says: str) -> None:
    done = runner.invoke(app, args)
    assert done.exit_code == 1
    assert says in done.output


def test_a_behaviour_moves_a_telephone_as_it_moves_text() -> None:
    caller = Caller(person("b2b-software"), Random(1))
    for name, moves in (("keypad", "1"), ("terse", "")):
        intent = _Intent("", B2B, _Told(), NOW)
        BEHAVIOURS[name](caller, intent, Expect("open", "good_time"))
        assert intent.pressed == moves
        assert (intent.words is None) == bool(moves)


@pytest.mark.parametrize(
    ("slot", "heard", "right"),
    [
        ("phone", "Is that 312 555 0158?", True),
        ("phone", "Three one two, five five five, five one five eight, right?", False),
        ("phone", "Is that right?", True),
        ("visit", "Tuesday, November twenty-fourth, at eight in the morning, right?", True),
        ("visit", "Wednesday, November twenty-fifth, at eight in the morning, right?", False),
        ("owner", "Yes, right?", True),
    ],
)
def test_what_is_read_back_is_listened_to(slot: str, heard: str, right: bool) -> None:
    told = _Told({"visit": "Tomorrow morning at eight."})
    assert _Intent(heard, HOME, told, NOW).read_back(slot, person("home-services").facts[slot]) is right


def test_a_call_is_right_when_its_record_is() -> None:
    task = Task(person("b2b-software"), "terse")
    good = _judge(B2B, task, record("b2b-software"), _Told({"timeline": "In about two months."}), 7, NOW)
    assert (good.success, good.right, good.due) == (True, 6, len(due_slots(B2B, task.persona)))
    wrong = record("b2b-software") | {"disposition": "abandoned"}
    assert _judge(B2B, task, wrong, _Told(), 7, NOW).trouble == "ended as abandoned, not qualified"


def test_tomorrow_is_judged_by_the_day_of_the_call() -> None:
    task, day = Task(person("home-services"), "terse"), NOW + 3 * 86_400
    said = record("home-services")
    answers = said["answers"]
    assert isinstance(answers, dict)
    answers["visit"] = {"value": "2026-11-27T08:00"}
    told = _Told({"visit": "Tomorrow morning at eight."})
    assert _judge(HOME, task, said, told, 7, day).success


def test_figures_are_not_spoken() -> None:
    phone = person("b2b-software").facts["phone"]
    assert _sayable(phone).say == ("Two zero two, five five five, zero one one seven.",)


@pytest.mark.parametrize(
    ("today", "year"), [("2026-11-26", 2026), ("2026-11-30", 2026), ("2026-12-01", 2027), ("2027-01-05", 2027)]
)
def test_a_typed_day_is_the_next_one_of_that_name(today: str, year: int) -> None:
    assert coming("2026-11-30T09:00", date.fromisoformat(today)) == f"{year}-11-30T09:00"
