"""`leadline campaign start|pause|resume|cancel|status|report` with a far end that is simulated: what they do and exit with."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.rulefiles import SHIPPED
from cli.main import app
from tests.databases import Databases

FILE = """
campaign: spring
purpose: telemarketing
seller: Example Software
flow: b2b-software
caller_ids: ["+442079460999"]
countries: [GB]
hours: {mon-sun: "00:00-24:00"}
holidays: true
pacing: {concurrency: 5, cps: 20, canary: 2}
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A folder with a campaign, rules without hours, and a database."""

    folder: Path
    file: str

    def run(self, *words: str, code: int = 0) -> str:
        """Run a command; returns what it printed."""
        done = CliRunner().invoke(app, list(words))
        assert done.exit_code == code, (words, done.exit_code, done.output, done.exception)
        return done.stdout

    def put(self, **values: object) -> None:
        """Change the campaign's row."""
        with closing(sqlite3.connect(self.file)) as rows:
            rows.execute(f"UPDATE campaigns SET {', '.join(f'{key} = ?' for key in values)}", list(values.values()))
            rows.commit()

    def state(self) -> str:
        """The campaign's state."""
        with closing(sqlite3.connect(self.file)) as rows:
            return str(rows.execute("SELECT state FROM campaigns").fetchone()[0])


@pytest.fixture
async def url(databases: Databases, tmp_path: Path) -> str:
    return await databases.url("sqlite", tmp_path)


@pytest.fixture
def desk(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("LEADLINE_DATABASE_URL", url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spring.yaml").write_text(FILE)
    rules = (SHIPPED / "gb.yaml").read_text()
    rules = rules.replace("mon-sat", "mon-sun").replace("08:00-21:00", "00:00-24:00")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "gb.yaml").write_text(rules.replace("holidays: false", "holidays: true"))
    return Desk(tmp_path, url.removeprefix("sqlite+aiosqlite:///"))


def listed(desk: Desk, count: int) -> None:
    """A list of so many leads, imported."""
    header = "phone,external_id,consent_type,consent_at,consent_source,consent_text"
    rows = [
        f"+44 20 7946 {n:04},x{n},written,2026-11-01T10:00Z,web form,I agree to automated calls of Example Software."
        for n in range(count)
    ]
    (desk.folder / "list.csv").write_text("\n".join([header, *rows]))
    desk.run("campaign", "import", "spring.yaml", "list.csv", "--rules", "rules")


def test_a_campaign_from_the_list_to_the_report(desk: Desk) -> None:
    rules = ("--rules", "rules")
    run = desk.run
    listed(desk, 12)
    told = json.loads(run("campaign", "start", "spring.yaml", "--simulate", *rules, "--dry-run", "--json"))
    assert (told["waiting"], told["callable_now"], told["refused_for_good"]) == (12, 12, {})
    assert (told["calling_hours"] > 0, told["cost"] > 0) == (True, True)
    assert json.loads(run("campaign", "status", "spring", "--json"))["state"] == "draft"
    run("campaign", "start", "spring.yaml", "--simulate", *rules, "--yes", "--detach")
    assert "running" in run("campaign", "status", "spring")
    run("campaign", "pause", "spring")
    assert json.loads(run("campaign", "status", "spring", "--json"))["leads"] == {"pending": 12}
    run("campaign", "resume", "spring", "--simulate", *rules, "--detach")
    told = json.loads(run("campaign", "report", "spring", "--json"))
    assert {kpi["name"]: kpi["value"] for kpi in told["kpis"]}["attempts"] == 0
    report = run("campaign", "report", "spring", "--explain")
    assert "INVITEs sent" in report
    assert sum(sent for _, sent in told["reached"]["by caller ID"].values()) == sum(told["outcomes"].values())
    assert json.loads(run("campaign", "cancel", "spring", "--dry-run", "--json"))["closed"] == 12
    run("campaign", "cancel", "spring", "--yes")
    assert json.loads(run("campaign", "cancel", "spring", "--yes", "--json"))["closed"] == 0
    run("campaign", "start", "spring", "--simulate", *rules, "--yes", code=1)


#: Each command in each state: the state after it, or what is said of it.
STATES = ("draft", "scheduled", "running", "paused", "draining", "completed", "canceled", "archived")
ON_DETACHED = ("--simulate", "--rules", "rules", "--detach")
COMMANDS = {
    ("start", "spring", "--yes", *ON_DETACHED): ("running",) * 5 + ("is completed", "is canceled", "is archived"),
    ("resume", "spring", *ON_DETACHED): (
        *("was not started yet", "scheduled", "running", "running", "running"),
        *("is completed", "is canceled", "is archived"),
    ),
    ("pause", "spring"): (
        *("is draft", "paused", "paused", "paused", "paused"),
        *("is completed", "is canceled", "is archived"),
    ),
    ("cancel", "spring", "--yes"): ("canceled",) * 5 + ("is completed", "canceled", "is archived"),
    ("import", "spring", "more.csv", "--rules", "rules"): (
        *STATES[:5],
        *("is completed", "is canceled", "is archived"),
    ),
    ("watch", "spring"): ("",) * 5 + ("completed", "canceled", "archived"),
}


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_command_in_every_state(desk: Desk, words: tuple[str, ...]) -> None:
    listed(desk, 1)
    for state, then in zip(STATES, COMMANDS[words], strict=True):
        if not then:
            continue  # it goes on until it is over
        since = "{}" if state == "draft" else '{"since": 1}'
        desk.put(state=state, simulated=state != "draft", dialer=since, reason="")
        more = (desk.folder / "list.csv").read_text().replace("x0", f"x{state}").replace("7946 0", "7946 09")
        (desk.folder / "more.csv").write_text(more)
        done = CliRunner().invoke(app, ["campaign", *words])
        if then in STATES:
            assert (done.exit_code, desk.state()) == (0, then), (state, done.output)
        else:
            assert (done.exit_code, desk.state()) == (1, state), (state, done.output)
            assert f"campaign 'spring' {then}" in done.output


def test_a_campaign_that_begins_later_is_scheduled(desk: Desk) -> None:
    (desk.folder / "spring.yaml").write_text(FILE + "start_at: 2099-12-01T09:00Z\n")
    listed(desk, 1)
    assert "until 2099-12-01 09:00 UTC" in desk.run("campaign", "start", "spring.yaml", "--yes", *ON_DETACHED)
    assert "scheduled and begins 2099-12-01 09:00 UTC, simulated" in desk.run("campaign", "status", "spring")
    assert "scheduled and begins" in desk.run("campaign", "list")
    assert [row["state"] for row in json.loads(desk.run("campaign", "list", "--json"))] == ["scheduled"]
    desk.run("campaign", "pause", "spring")
    desk.run("campaign", "resume", "spring", *ON_DETACHED)
    assert desk.state() == "scheduled"
    (desk.folder / "spring.yaml").write_text(FILE)
    desk.run("campaign", "start", "spring.yaml", "--yes", *ON_DETACHED)
    assert desk.state() == "running"


def test_a_file_may_become_narrower_while_it_runs(desk: Desk) -> None:
    listed(desk, 1)
    start = ("campaign", "start", "spring.yaml", "--yes", *ON_DETACHED)
    desk.run(*start)
    for cps, code in ((30, 1), (10, 0), (20, 1)):
        (desk.folder / "spring.yaml").write_text(FILE.replace("cps: 20", f"cps: {cps}"))
        desk.run(*start, code=code)
        desk.run("campaign", "import", "spring.yaml", "list.csv", "--rules", "rules", code=code)
    said = CliRunner().invoke(app, list(start)).output
    assert "campaign 'spring' is running: its file lets more calls be made" in said
    assert "(pacing.cps): pause the campaign, then start it anew" in said
    desk.run("campaign", "pause", "spring")
    desk.run("campaign", "import", "spring.yaml", "list.csv", "--rules", "rules", code=1)
    desk.run(*start)
    assert desk.state() == "running"


def test_a_simulation_is_not_resumed_with_telephones(desk: Desk) -> None:
    listed(desk, 1)
    desk.run("campaign", "start", "spring.yaml", "--yes", *ON_DETACHED)
    desk.put(state="paused")
    done = CliRunner().invoke(app, ["campaign", "resume", "spring", "--rules", "rules", "--detach"])
    assert (done.exit_code, desk.state()) == (1, "paused"), done.output
    assert "is simulated: add --simulate" in done.output


def test_what_speaks_against_starting(desk: Desk) -> None:
    desk.run("campaign", "start", "nobody", "--simulate", code=1)
    desk.run("campaign", "start", "spring.yaml", "--simulate", "--rules", "rules", "--yes", code=1)
    listed(desk, 1)
    (desk.folder / "spring.yaml").write_text(FILE.replace("seller: Example Software", "seller: Somebody Else"))
    desk.run("campaign", "start", "spring.yaml", "--simulate", "--rules", "rules", "--yes", code=4)
    desk.run("campaign", "pause", "spring", code=1)
