"""A campaign's file: what is read from it, and how it is told what is wrong with it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.campaign_file import from_spec, read_campaign
from cli.main import app
from flows.yamltext import FlowError

ROOT = Path(__file__).parent.parent
GOOD = """\
campaign: spring
purpose: telemarketing
seller: Example Software
flow: b2b-software
caller_ids: ["+12025550100"]
countries: [US]
hours: {mon-fri: "10:00-18:00"}
limits: {gap: 6h, tries: 3}
start_at: 2026-12-01T09:00-05:00
pacing: {ring: 20s}
retry: {busy: [20m, 1d]}
"""


def test_what_the_file_says_is_what_the_policy_is_asked_with() -> None:
    campaign = read_campaign(GOOD, "spring.yaml")
    policy = campaign.for_policy()
    assert (policy.name, policy.seller, policy.purpose) == ("spring", "Example Software", "telemarketing")
    assert (policy.limits.gap, policy.limits.tries, policy.limits.per_24h) == (timedelta(hours=6), 3, 2)
    assert policy.hours.days[0] == (600, 1080)
    assert policy.hours.days[5] is None
    assert not policy.hours.on_holidays
    assert (campaign.retries("busy"), campaign.retries("declined")) == ((1200.0, 86_400.0), ())
    assert from_spec(json.loads(json.dumps(campaign.spec()))) == campaign


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        (
            "countries: [US]",
            "contries: [US]",
            "spring.yaml:6: contries: the key is not known here. Did you mean 'countries'?",
        ),
        ("countries: [US]", "", "spring.yaml:1: countries: the key is missing"),
        ("countries: [US]", "countries: [usa]", "spring.yaml:6: countries"),
        ("purpose: telemarketing", "purpose: sales", "spring.yaml:2: purpose"),
        ('"+12025550100"', '"202 555 0100"', "write the number in full, as \\+12025550100"),
        ('"+12025550100"', '"911"', "is no number that can be called back"),
        ('"10:00-18:00"', '"18:00-10:00"', "spring.yaml:7: hours: '18:00-10:00' ends before it begins"),
        ("gap: 6h", "gap: soon", "spring.yaml:8: limits.gap: 'soon' is no span of time; write it like 30s"),
        ("-05:00", "", "is no time with an offset"),
        ("ring: 20s", "ring: 5s", "spring.yaml:10: pacing.ring"),
        ("pacing:", "end_at: 2026-11-01T09:00-05:00\npacing:", "spring.yaml:10: end_at: the campaign ends before"),
        ("pacing:", "voicemail: {action: message}\npacing:", "toll-free opt-out number"),
        ("pacing:", "consent: {override: yes}\npacing:", "the override names no reason"),
        ("pacing:", "flow: other\npacing:", "the key is there twice"),
    ],
)
def test_an_error_names_file_line_key_and_fix(line: str, instead: str, told: str) -> None:
    with pytest.raises(FlowError, match=told):
        read_campaign(GOOD.replace(line, instead), "spring.yaml")


def said(file: Path, *arguments: str) -> tuple[int, str]:
    sip = ["--sip", str(ROOT / "sip-trunk.json"), "--sip", str(ROOT / "deploy/sip/dispatch-rule.json")]
    done = CliRunner().invoke(app, ["campaign", "validate", str(file), *sip, *arguments])
    return done.exit_code, done.output


def test_init_writes_a_file_that_is_ready_once(tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    done = CliRunner().invoke(app, ["campaign", "init", "spring", "--to", str(file)])
    assert done.exit_code == 0, done.output
    assert said(file)[0] == 0
    again = CliRunner().invoke(app, ["campaign", "init", "spring", "--to", str(file)])
    assert (again.exit_code, "is there already" in again.output) == (1, True)


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        ("+12025550100", "+12025550199", "is on none of your trunks' lists"),
        ("+12025550100", "+12025550101", "nobody answers +12025550101"),
        ("seller: Example Software", "seller: Somebody Else", "the flow calls in the name of 'Example Software'"),
        ("flow: b2b-software", "flow: nothing-such", "there is no such flow"),
        ("countries: [US]", "countries: [US, AU]", "no rule pack for AU"),
    ],
)
def test_what_speaks_against_a_campaign(tmp_path: Path, line: str, instead: str, told: str) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(GOOD.replace(line, instead))
    code, output = said(file, "--json")
    findings = json.loads(output)
    assert (code, findings["ready"]) == (4, False)
    assert any(told in one["told"] and one["fix"] for one in findings["findings"]), output
