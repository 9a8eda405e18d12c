"""Rule packs: what ships is whole and sourced, what is wrong is told with file, key and fault; `leadline rules`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from campaigns.policy.rulepack import RulePackError, read_pack
from campaigns.rulefiles import SHIPPED, load_packs
from cli.main import app

PACK = """\
country: US
version: test
hours: {mon-sun: "08:00-21:00"}
consent: {telemarketing: written}
source: {cite: law, url: "https://example.com/law", verified_on: 2026-11-26, read: statute}
states:
  NY: {zones: [America/New_York]}
"""


def leadline(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["rules", *args])
    return done.exit_code, done.output


def test_what_ships_knows_every_state_and_names_its_sources() -> None:
    packs = load_packs()
    assert {country: len(pack.states) for country, pack in packs.items()} == {"US": 51, "CA": 13, "GB": 1}
    for pack in packs.values():
        assert "telemarketing" in pack.consent
        codes = [code for rule in pack.states.values() for each in rule.area_codes.values() for code in each]
        assert len(codes) == len(set(codes)) or pack.country == "CA"  # 902 is two provinces', 867 three territories'
        for states in pack.postal_prefixes.values():
            assert set(states.split()) <= set(pack.states)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("country: US", "country: usa"), "country"),
        (("08:00-21:00", "21:00-08:00"), "ends before it begins"),
        (("08:00-21:00", "8-21"), "write it like 09:00-20:00"),
        (("mon-sun", "monday"), "names no days"),
        (("telemarketing: written", "telemarketing: maybe"), "consent.telemarketing"),
        (("verified_on: 2026-11-26, ", ""), "source.verified_on"),
        (("https://", "ftp://"), "source.url"),
        (("{zones: [America/New_York]}", "{zones: []}"), "states.NY.zones"),
        (("{zones: [America/New_York]}", "{zones: [America/New_York], per_24h: 3}"), "NY has a rule without a source"),
        (("{zones: [America/New_York]}", "{zone: [America/New_York]}"), "states.NY"),
        (("{zones: [America/New_York]}", '{zones: [America/New_York], area_codes: {Mars: ["212"]}}'), "Mars"),
        (("version: test", "version: test\nholiday: no"), "holiday"),
        (("states:", "states"), "t.yaml"),
    ],
)
def test_a_wrong_pack_is_told_with_its_key(change: tuple[str, str], told: str) -> None:
    assert read_pack(PACK, "t.yaml").country == "US"
    with pytest.raises(RulePackError, match=r"t\.yaml") as wrong:
        read_pack(PACK.replace(*change), "t.yaml")
    assert told in str(wrong.value)


def test_a_folder_without_rules_or_with_two_for_one_country_is_refused(tmp_path: Path) -> None:
    assert "without rules nobody is called" in leadline("show", "--rules", str(tmp_path))[1]
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(PACK)
    code, said = leadline("check", "--number", "+12125550134", "--rules", str(tmp_path))
    assert code == 2
    assert "b.yaml: there is a rule pack for US already" in said


def test_show() -> None:
    code, said = leadline("show", "US", "--json")
    assert code == 0
    assert [pack["country"] for pack in json.loads(said)] == ["US"]
    assert leadline("show")[0] == 0
    assert "there are CA, GB, US" in leadline("show", "FR")[1]


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["--number", "+12125550134", "--at", "2026-12-01T12:00-05:00"], 0, "America/New_York"),
        (["--number", "+12125550134", "--at", "2026-12-01T07:59-05:00"], 1, "2026-12-01T13:00:00+00:00"),
        (["--number", "+12125550134", "--state", "WA", "--at", "2026-12-01T09:00-05:00"], 1, "US-NY, US-WA"),
        (["--number", "911"], 1, "never dialled: emergency"),
        (["--number", "+33142685300"], 1, "no rule pack for FR"),
        (["--number", "+12125550134", "--at", "noon"], 2, "no time with an offset"),
        (["--number", "+12125550134", "--at", "2026-12-01T12:00"], 2, "no time with an offset"),
        (["--number", "+12125550134", "--rules", str(SHIPPED / "nowhere")], 2, "no rule packs"),
    ],
)
def test_check(args: list[str], code: int, told: str) -> None:
    done = leadline("check", *args)
    assert done[0] == code
    assert told in done[1]
