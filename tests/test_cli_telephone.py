"""`leadline trunk|dispatch|sip` against a LiveKit in memory: what they print, change, and exit with."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo
from typer.testing import CliRunner, Result

from cli.main import app
from sip.phone import Phone
from tests.fake_livekit import KEY, SECRET, FakeLiveKit, Refusal, serving

BUNDLE: dict[str, Any] = {
    "trunks": [
        {"name": "in", "numbers": ["+12025550100", "+12025550101"], "allowed_addresses": ["203.0.113.0/24"]},
        {
            "name": "out",
            "address": "127.0.0.1:5099",
            "numbers": ["+12025550100"],
            "auth_username": "u",
            "auth_password": "${OUT_PASSWORD}",
        },
    ],
    "dispatch_rules": [
        {"name": "sales", "trunk_ids": ["in"], "numbers": ["+12025550100"], "flow": "b2b-software"},
        {"name": "home", "trunk_ids": ["in"], "numbers": ["+12025550101"], "flow": "home-services"},
    ],
}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLiveKit]:
    """A LiveKit in a thread of its own, named by the environment; the command runs in an empty folder."""
    fake, ready, ended = FakeLiveKit(), threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with serving(fake) as url:
            urls.append(url)
            ready.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    monkeypatch.chdir(tmp_path)
    for name, value in {"URL": urls[0], "API_KEY": KEY, "API_SECRET": SECRET}.items():
        monkeypatch.setenv(f"LIVEKIT_{name}", value)
    monkeypatch.setenv("OUT_PASSWORD", "hunter2")
    monkeypatch.setenv("COLUMNS", "200")
    yield fake
    ended.set()
    thread.join(10)


def leadline(*words: str, says: str = "") -> Result:
    return CliRunner().invoke(app, words, input=says or None)


def write(data: object, name: str = "sip.json") -> str:
    Path(name).write_text(data if isinstance(data, str) else json.dumps(data))
    return name


def test_one_file_one_apply_and_a_second_time_nothing(fake: FakeLiveKit) -> None:
    write(BUNDLE)
    assert leadline("sip", "diff").exit_code == 4
    assert fake.inbound == {}
    dry = leadline("sip", "apply", "--dry-run")
    assert (dry.exit_code, "4 to create" in dry.output, fake.inbound) == (0, True, {})
    done = leadline("sip", "apply")
    assert done.exit_code == 0, done.output
    for line in ("+ inbound trunk in", "+ outbound trunk out", "+ dispatch rule sales", "created in ST_"):
        assert line in done.output
    again = leadline("sip", "apply")
    assert (again.exit_code, "0 to create, 0 to update, 0 to delete, 4 unchanged" in again.output) == (0, True)
    assert leadline("sip", "diff").exit_code == 0
    (trunk,) = fake.outbound.values()
    assert trunk.auth_password == "hunter2"
    assert [list(rule.trunk_ids) for rule in fake.rules.values()] == [list(fake.inbound)] * 2


def test_what_differs_is_shown_field_by_field_but_no_secret(fake: FakeLiveKit, monkeypatch: pytest.MonkeyPatch) -> None:
    write(BUNDLE)
    leadline("sip", "apply")
    monkeypatch.setenv("OUT_PASSWORD", "correct horse")
    next(iter(fake.rules.values())).numbers[:] = ["+12025550199"]
    shown = leadline("sip", "diff")
    assert "auth_password: (secret) → (secret)" in shown.output
    assert "numbers: ['+12025550199'] → ['+12025550100']" in shown.output
    told = json.loads(leadline("sip", "diff", "--json").output)
    assert [change["action"] for change in told].count("update") == 2
    for output in (shown.output, json.dumps(told), leadline("trunk", "show", "out").output):
        assert "hunter2" not in output
        assert "correct horse" not in output


def test_pruning_asks_first(fake: FakeLiveKit) -> None:
    write(BUNDLE)
    leadline("sip", "apply")
    small = write({**BUNDLE, "dispatch_rules": BUNDLE["dispatch_rules"][:1]}, "small.json")
    assert leadline("sip", "apply", small).exit_code == 0
    assert len(fake.rules) == 2
    no = leadline("sip", "apply", small, "--prune", says="n\n")
    assert (no.exit_code, len(fake.rules)) == (1, 2)
    yes = leadline("sip", "apply", small, "--prune", "--yes")
    assert (yes.exit_code, "- dispatch rule home" in yes.output, len(fake.rules)) == (0, True, 1)


def test_export_and_apply_come_round(fake: FakeLiveKit, tmp_path: Path) -> None:
    write(BUNDLE)
    leadline("sip", "apply")
    ours = leadline("sip", "export")
    assert '"trunk_ids": [\n        "in"\n' in ours.output
    assert "${OUT_PASSWORD}" in ours.output
    write(ours.output, "exported.json")
    assert leadline("sip", "diff", "exported.json").exit_code == 0
    theirs = leadline("sip", "export", "--resolve", "--to", "lk")
    assert theirs.exit_code == 0, theirs.output
    assert "lk sip dispatch create lk/dispatch-sales.json" in theirs.output
    assert "lk sip inbound create lk/inbound-in.json" in theirs.output
    secret = tmp_path / "lk" / "outbound-out.json"
    assert (json.loads(secret.read_text())["trunk"]["auth_password"], secret.stat().st_mode & 0o777) == (
        "hunter2",
        0o600,
    )
    rule = json.loads((tmp_path / "lk" / "dispatch-sales.json").read_text())["dispatch_rule"]
    assert rule["trunk_ids"] == list(fake.inbound)
    assert "sip_dispatch_rule_id" not in rule
    resolved = json.loads(leadline("sip", "export", "sip.json", "--resolve").output)
    assert [thing["dispatch_rule"]["trunk_ids"] for thing in resolved[2:]] == [list(fake.inbound)] * 2


@pytest.mark.parametrize(
    ("words", "data", "code", "says"),
    [
        (("sip", "apply"), '{"trunk": {\n"name": "in"', 1, "sip.json:2: this is not JSON"),
        (("sip", "apply"), {"trunk": {"name": "in", "numberz": []}}, 1, 'did you mean "numbers"'),
        (("sip", "apply"), {"trunk": {"name": "in", "numbers": ["+12025550100"]}}, 1, "--allow open-trunk"),
        (("sip", "apply", "--allow", "everything"), BUNDLE, 1, "no guard called everything"),
        (
            ("sip", "apply"),
            {**BUNDLE, "dispatch_rules": [{**BUNDLE["dispatch_rules"][0], "flow": "nowhere"}]},
            1,
            "nowhere",
        ),
        (("sip", "diff", "elsewhere.json"), BUNDLE, 1, "cannot be read"),
        (("trunk", "create", "sip.json"), {"dispatch_rules": BUNDLE["dispatch_rules"]}, 1, "no trunk in this file"),
        (("trunk", "update", "sip.json"), BUNDLE, 5, "`leadline trunk create` makes it"),
        (("trunk", "show", "nobody"), BUNDLE, 5, "no trunk called 'nobody' (there are: none)"),
        (("dispatch", "show", "nobody"), BUNDLE, 5, "no dispatch rule called 'nobody'"),
        (("dispatch", "create", "sip.json"), BUNDLE, 1, "no inbound trunk called"),
        (("trunk", "new", "acme", "--number", "+12025550100", "--address", "x"), BUNDLE, 5, "there are: pbx, twilio"),
    ],
)
def test_what_is_wrong_is_said(fake: FakeLiveKit, words: tuple[str, ...], data: object, code: int, says: str) -> None:
    if words[0] == "dispatch":
        data = {"dispatch_rules": BUNDLE["dispatch_rules"]}
    write(data)
    shown = leadline(*words)
    assert shown.exit_code == code, shown.output
    assert says in shown.output
    assert (fake.inbound, fake.outbound, fake.rules) == ({}, {}, {})


def test_without_files_the_way_to_some_is_said(fake: FakeLiveKit) -> None:
    shown = leadline("sip", "apply")
    assert (shown.exit_code, "leadline trunk new" in shown.output) == (1, True)


def test_a_server_that_refuses_or_is_away_is_said(fake: FakeLiveKit, monkeypatch: pytest.MonkeyPatch) -> None:
    write(BUNDLE)
    fake.away = Refusal("internal", "sip not connected (redis required)")
    refused = leadline("sip", "apply")
    assert (refused.exit_code, "needs Redis" in refused.output) == (3, True)
    monkeypatch.setenv("LIVEKIT_URL", "ws://127.0.0.1:9")
    away = leadline("trunk", "list")
    assert (away.exit_code, "is LIVEKIT_URL right" in away.output) == (3, True)


def test_a_conflict_with_what_is_stored_is_explained(fake: FakeLiveKit) -> None:
    write(BUNDLE)
    leadline("sip", "apply")
    other = {"trunk": {"name": "other", "numbers": ["1 202 555 0101"], "allowed_addresses": ["198.51.100.7"]}}
    shown = leadline("trunk", "create", write(other, "other.json"))
    assert shown.exit_code == 3
    assert 'the trunks "in" and "other" both take calls to the number +12025550101' in shown.output


def test_trunks_and_rules_one_by_one(fake: FakeLiveKit) -> None:
    write({"trunks": BUNDLE["trunks"]}, "trunks.json")
    write({"dispatch_rules": BUNDLE["dispatch_rules"]}, "rules.json")
    assert leadline("trunk", "create", "trunks.json").exit_code == 0
    assert leadline("trunk", "create", "trunks.json").exit_code == 3
    assert leadline("dispatch", "create", "rules.json").exit_code == 0
    listed = leadline("trunk", "list").output
    assert "203.0.113.0/24" in listed
    assert "127.0.0.1:5099" in listed
    kept = leadline("trunk", "delete", "in", "--yes")
    assert (kept.exit_code, "delete sales, home first" in kept.output) == (3, True)
    rules = leadline("dispatch", "list").output
    assert rules.index("sales") < rules.index("home")
    assert 'leadline {"flow": "b2b-software"}' in rules
    for name in ("sales", "home"):
        assert leadline("dispatch", "delete", name, "--dry-run").exit_code == 0
        assert leadline("dispatch", "delete", name, "--yes").exit_code == 0
    assert leadline("trunk", "delete", "in", "--yes").exit_code == 0
    assert (fake.inbound, fake.rules, len(fake.outbound)) == ({}, {}, 1)
    assert [trunk["kind"] for trunk in json.loads(leadline("trunk", "list", "--json").output)] == ["outbound"]
    changed = {"trunk": {**BUNDLE["trunks"][1], "address": "127.0.0.1:5098"}}
    assert leadline("trunk", "update", write(changed, "out.json"), "--dry-run").exit_code == 0
    assert leadline("trunk", "update", "out.json").exit_code == 0
    assert [trunk.address for trunk in fake.outbound.values()] == ["127.0.0.1:5098"]


def test_a_template_becomes_a_file_that_applies(fake: FakeLiveKit, monkeypatch: pytest.MonkeyPatch) -> None:
    made = leadline(
        "trunk", "new", "pbx", "--number", "+12025550100", "--address", "192.0.2.20:5080", "--flow", "home-services"
    )
    assert (made.exit_code, "set PBX_PASSWORD and PBX_USERNAME" in made.output) == (0, True), made.output
    assert leadline("trunk", "new", "pbx", "--number", "+1", "--address", "x").exit_code == 1
    missing = leadline("sip", "apply")
    assert (missing.exit_code, "${PBX_USERNAME} is not set" in missing.output) == (1, True)
    monkeypatch.setenv("PBX_USERNAME", "leadline")
    monkeypatch.setenv("PBX_PASSWORD", "hunter2")
    assert leadline("sip", "apply").exit_code == 0
    (trunk,), (out,) = fake.inbound.values(), fake.outbound.values()
    assert (list(trunk.allowed_addresses), out.address) == (["192.0.2.20"], "192.0.2.20:5080")
    tested = leadline("trunk", "test", "pbx-in")
    assert (tested.exit_code, "+12025550100 → rule sales → agent leadline" in tested.output) == (0, True), tested.output


def test_dispatch_test_says_who_would_take_a_call_and_why_not_others(fake: FakeLiveKit) -> None:
    write(BUNDLE)
    before = leadline("dispatch", "test", "--to", "+12025550100")
    assert (before.exit_code, "none" in before.output) == (4, True)
    planned = leadline("dispatch", "test", "--to", "+12025550100", "sip.json")
    assert (planned.exit_code, "rule   sales" in planned.output) == (0, True), planned.output
    leadline("sip", "apply")
    good = leadline(
        "dispatch", "test", "--to", "+12025550101", "--from", "+12025550134", "--source", "203.0.113.9", "--live"
    )
    assert good.exit_code == 0, good.output
    for line in ("trunk  in", "rule   home", "room   call_+12025550101_…", "agent  leadline", "takes jobs"):
        assert line in good.output
    assert fake.rooms == {}
    stranger = leadline("dispatch", "test", "--to", "+12025550101", "--source", "198.51.100.7", "--json")
    told = json.loads(stranger.output)
    assert (stranger.exit_code, told["trunk"], told["rule"]) == (4, None, None)
    assert "trunk in: 198.51.100.7 is not among its allowed_addresses (203.0.113.0/24)" in told["why"]
    spelt = leadline("dispatch", "test", "--to", "12025550101")
    assert (spelt.exit_code, "exact strings, and it is written +12025550101 there" in spelt.output) == (4, True)


def test_an_outbound_trunk_is_asked_by_options(fake: FakeLiveKit, unused_udp_port: int) -> None:
    ready, ended, ports = threading.Event(), threading.Event(), list[int]()

    async def be_there() -> None:
        async with Phone(user="carrier") as phone:
            ports.append(phone.port)
            ready.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(be_there(),))
    thread.start()
    assert ready.wait(10)
    for name, address in {
        "up": f"127.0.0.1:{ports[0]}",
        "down": f"127.0.0.1:{unused_udp_port}",
        "lost": "nowhere.invalid",
    }.items():
        fake.outbound[name] = SIPOutboundTrunkInfo(
            name=name, sip_trunk_id=name, address=address, numbers=["+12025550100"]
        )
    up = leadline("trunk", "test", "up", "--json")
    ended.set()
    thread.join(10)
    assert (up.exit_code, json.loads(up.output)["status"]) == (0, 200), up.output
    for name, says in {"down": "refused", "lost": "no known host"}.items():
        shown = leadline("trunk", "test", name)
        assert (shown.exit_code, says in shown.output) == (4, True), shown.output


def test_things_without_names_are_found_by_id(fake: FakeLiveKit) -> None:
    fake.inbound["ST_1"] = SIPInboundTrunkInfo(sip_trunk_id="ST_1", numbers=["+12025550100"])
    fake.rules["SDR_1"] = SIPDispatchRuleInfo(sip_dispatch_rule_id="SDR_1")
    assert json.loads(leadline("trunk", "show", "ST_1").output)["numbers"] == ["+12025550100"]
    assert leadline("dispatch", "delete", "SDR_1", "--yes").exit_code == 0
    open_trunk = leadline("trunk", "test", "ST_1")
    assert (open_trunk.exit_code, "anyone on the internet" in open_trunk.output) == (4, True)


def test_the_doctor_says_what_keeps_calls_from_coming_and_going(
    fake: FakeLiveKit, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int, unused_udp_port: int
) -> None:
    monkeypatch.setenv("LEADLINE_REDIS_URL", f"redis://127.0.0.1:{unused_tcp_port}/0")
    fake.inbound["ST_1"] = SIPInboundTrunkInfo(sip_trunk_id="ST_1", name="in", numbers=["+12025550100"])
    fake.outbound["ST_2"] = SIPOutboundTrunkInfo(
        sip_trunk_id="ST_2", name="out", address=f"127.0.0.1:{unused_udp_port}", numbers=["+12025550100"]
    )
    fake.rules["SDR_1"] = SIPDispatchRuleInfo(sip_dispatch_rule_id="SDR_1", name="old", trunk_ids=["ST_gone"])
    said = leadline("doctor", "--sip", "--json")
    findings = {(one["what"], one["found"]): one for one in json.loads(said.output)}
    assert said.exit_code == 1
    for what, piece, verdict in (
        ("clock", "", "ok"),
        ("livekit", "1 inbound, 1 outbound trunks, 1 rules", "ok"),
        ("sip edges", "Redis cannot be asked", "missing"),
        ("agent", "took a trial job", "ok"),
        ("trunk in", "no rule takes calls to +12025550100", "missing"),
        ("trunk in", "anyone on the internet", "optional"),
        ("trunk out", "refused", "missing"),
        ("trunk out", "calls back to +12025550100 reach nobody", "optional"),
        ("rule old", "trunks are gone", "optional"),
    ):
        (found,) = [one for (name, text), one in findings.items() if name == what and piece in text]
        assert found["verdict"] == verdict, found
    assert fake.rooms == {}
    assert "livekit-server up with Redis" in _away(fake)


def _away(fake: FakeLiveKit) -> str:
    fake.away = Refusal("internal", "sip not connected (redis required)")
    shown = leadline("doctor", "--sip")
    assert shown.exit_code == 1
    return shown.output


def test_the_doctor_warns_of_a_private_edge_among_public_trunks(fake: FakeLiveKit) -> None:
    fake.inbound["ST_1"] = SIPInboundTrunkInfo(sip_trunk_id="ST_1", name="in", allowed_addresses=["54.172.60.0/30"])
    shown = leadline("doctor", "--sip", "--edge", "127.0.0.1:9")
    assert "nat_1_to_1_ip" in shown.output
