"""Trunk and rule files: `lk` files are taken as they are; what is wrong is said with file, line and fix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.guards import GUARDS
from sip.trunk_files import Plan, load_files
from sip.trunk_json import TrunkFileError

ROOT = Path(__file__).parents[1]
OURS = [ROOT / "sip-trunk.json", *sorted((ROOT / "deploy" / "sip").glob("dispatch-rule*.json"))]
TEMPLATES = sorted((ROOT / "deploy" / "sip" / "templates").glob("*.json"))

TRUNK = '{"trunk": {"name": "in", "numbers": ["+12025550100"], "allowed_addresses": ["203.0.113.0/24"]}}'
RULE = """{"dispatch_rule": {
  "name": "bot",
  "trunk_ids": ["in"],
  "rule": {"dispatch_rule_callee": {"room_prefix": "call", "randomize": true}},
  "room_config": {"agents": [{"agent_name": "leadline"}]}
}}"""


def load(tmp_path: Path, trunk: str = TRUNK, rule: str = RULE, **told: Any) -> Plan:
    (tmp_path / "trunk.json").write_text(trunk)
    (tmp_path / "rule.json").write_text(rule)
    return load_files([tmp_path / "trunk.json", tmp_path / "rule.json"], **told)


def load_one(tmp_path: Path, data: object, **told: Any) -> Plan:
    (tmp_path / "sip.json").write_text(data if isinstance(data, str) else json.dumps(data))
    return load_files([tmp_path / "sip.json"], **told)


def test_our_own_files_are_right() -> None:
    plan = load_files(OURS)
    assert (plan.inbound[0].numbers[0], plan.inbound[0].ringing_timeout.seconds) == ("+12025550100", 20)
    flows = [json.loads(rule.room_config.agents[0].metadata)["flow"] for rule in plan.rules]
    assert sorted(flows) == ["b2b-software", "home-services"]
    assert all(rule.rule.dispatch_rule_callee.randomize for rule in plan.rules)


LK_FILES = {
    "inbound, snake case": {
        "trunk": {
            "name": "loop-in",
            "numbers": ["+12025550100"],
            "allowed_addresses": ["127.0.0.0/8"],
            "auth_username": "u",
            "auth_password": "p",
            "headers_to_attributes": {"X-Tenant": "tenant"},
            "include_headers": "SIP_X_HEADERS",
            "ringing_timeout": "20s",
            "max_call_duration": "1800s",
            "media": {"media_timeout": "60s"},
        }
    },
    "outbound": {
        "trunk": {
            "name": "loop-out",
            "address": "127.0.0.1:5099",
            "transport": "SIP_TRANSPORT_UDP",
            "numbers": ["+12025550100"],
            "authUsername": "u",
            "authPassword": "p",
        }
    },
    "rule, camel case": {
        "dispatchRule": {
            "name": "bot",
            "trunkIds": ["ST_x"],
            "rule": {"dispatchRuleCallee": {"roomPrefix": "call", "randomize": True}},
            "attributes": {"tenant": "t1"},
            "roomConfig": {"emptyTimeout": 30, "agents": [{"agentName": "leadline", "metadata": '{"a":1}'}]},
        }
    },
    "rule, individual kind": {
        "dispatch_rule": {
            "name": "each",
            "trunk_ids": ["ST_x"],
            "rule": {"dispatch_rule_individual": {"room_prefix": "call-"}},
            "room_config": {"agents": [{"agent_name": "leadline"}]},
        }
    },
    "bare, as `lk … update` takes and `list --json` prints it": {
        "sip_trunk_id": "ST_1",
        "name": "in",
        "numbers": ["+12025550100"],
        "allowed_addresses": ["203.0.113.1"],
        "created_at": "2026-01-01T00:00:00Z",
    },
}


@pytest.mark.parametrize("name", LK_FILES)
def test_files_of_lk_are_taken_unchanged(tmp_path: Path, name: str) -> None:
    plan = load_one(tmp_path, LK_FILES[name], stored=None, allow=["room-name"])
    assert sum(map(len, (plan.inbound, plan.outbound, plan.rules))) == 1


def test_camel_case_means_the_same(tmp_path: Path) -> None:
    camel = RULE.replace("dispatch_rule", "dispatchRule").replace("dispatchRule_callee", "dispatchRuleCallee")
    camel = camel.replace("trunk_ids", "trunkIds").replace("room_prefix", "roomPrefix")
    assert load(tmp_path, rule=camel) == load(tmp_path)


BUNDLE = {
    "trunks": [
        {"name": "in", "numbers": ["+12025550100"], "allowed_addresses": ["203.0.113.0/24"]},
        {"name": "out", "address": "sip.example.com", "numbers": ["+12025550100"]},
    ],
    "dispatch_rules": [{"name": "sales", "trunk_ids": ["in"], "flow": "b2b-software"}],
}


def test_one_file_may_hold_everything_and_name_the_flow(tmp_path: Path) -> None:
    plan = load_one(tmp_path, BUNDLE)
    assert [len(plan.inbound), len(plan.outbound), len(plan.rules)] == [1, 1, 1]
    (rule,) = plan.rules
    assert rule.rule.dispatch_rule_callee.randomize
    (agent,) = rule.room_config.agents
    assert (agent.agent_name, json.loads(agent.metadata)) == ("leadline", {"flow": "b2b-software"})
    listed = [{"trunk": trunk} for trunk in BUNDLE["trunks"]] + [{"dispatch_rule": BUNDLE["dispatch_rules"][0]}]
    assert load_one(tmp_path, listed) == plan


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    trunk = TRUNK.replace(
        '"allowed_addresses"', '"auth_username": "u-${SITE}", "auth_password": "${PASSWORD}", "headers"'
    )
    trunk = trunk.replace('["203.0.113.0/24"]', "{}")
    plan = load(tmp_path, trunk=trunk, env={"PASSWORD": "hunter2", "SITE": "east"})
    assert (plan.inbound[0].auth_username, plan.inbound[0].auth_password) == ("u-east", "hunter2")
    for env in ({"SITE": "east"}, {"SITE": "east", "PASSWORD": ""}):
        with pytest.raises(TrunkFileError, match=r"trunk\.json:1: \$\{PASSWORD\} is not set; set it .*PASSWORD=…"):
            load(tmp_path, trunk=trunk, env=env)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_templates_are_right(template: Path) -> None:
    names = ("CARRIER_USERNAME", "CARRIER_PASSWORD", "PBX_USERNAME", "PBX_PASSWORD")
    plan = load_files([template], dict.fromkeys(names, "x"))
    assert (len(plan.inbound), len(plan.outbound), len(plan.rules)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("text", "line", "wrong", "fix"),
    [
        ('{"trunk": {\n"name": "in",\n"numbers": [}}', 3, "not JSON", "correct it"),
        ('{"trunk": {\n\t"name": "in",\n\t"number": ["+1"]}}', 3, '"number" is not a field', 'did you mean "numbers"'),
        ('{"trunk": {"name": "in",\n"zzzzz": 1}}', 2, '"zzzzz" is not a field', "known are sip_trunk_id, name"),
        ('{"trunk": {"name": "in",\n"numbers": "+12025550100"}}', 2, "must be a list", 'write ["+12025550100"]'),
        ('{"trunk": {"name": "in",\n"numbers": [12025550100]}}', 2, "text in quotes", 'write "12025550100"'),
        (
            '{"trunk": {"name": "in", "numbers": ["+1"],\n"include_headers": "ALL"}}',
            2,
            'cannot be "ALL"',
            "SIP_ALL_HEADERS",
        ),
        (
            '{"trunk": {"name": "out", "address": "a",\n"transport": "tcp"}}',
            2,
            'cannot be "tcp"',
            'write "SIP_TRANSPORT_TCP"',
        ),
        ('{"trunk": {"name": "in",\n"media": 3}}', 2, '"media" must be an object', "braces"),
        ('{"trunk": {"name": "in",\n"krisp_enabled": "yes"}}', 2, "true or false", "without quotes"),
        ('{"trunk": {"name": "in",\n"headers": []}}', 2, '"headers" must be an object', "{"),
        ('{"trunk": {"name": "in",\n"ringing_timeout": "soon"}}', 2, '"ringing_timeout" is "soon"', '"20s"'),
        ('{"trunk": {"name": "in",\n"ringing_timeout": 20}}', 2, '"ringing_timeout" is 20', '"20s"'),
        ('{"trunk": {"name": "in"}}', 1, "anyone", "allowed_addresses"),
        ('{"trunk": {"name": "in",\n"allowed_addresses": ["0.0.0.0/0"]}}', 2, "anyone", "--allow open-trunk"),
        ('{"trunk": {"name": "in",\n"allowed_addresses": ["203.0.113.300"]}}', 2, "matches nobody", "203.0.113.7"),
        ('{"trunk": {"name": "in",\n"allowed_addresses": ["sip://x"]}}', 2, "ignored by LiveKit", "203.0.113.7"),
        ('{"trunk": {"name": "in",\n"auth_username": "u"}}', 2, "go together", "both"),
        ('{"trunk": {"numbers": ["+12025550100"]}}', 1, 'no "name"', "give it one"),
        ('{"trunk": {"name": "out",\n"address": "sip:example.invalid"}}', 2, "sip:example.invalid", 'without "sip:"'),
        ('{"trunk": {"name": "out",\n"address": "example.invalid"}}', 1, "no number to show", "--allow no-numbers"),
        ('{"trunk": {},\n"truncs": {}}', 2, '"truncs" is not known', "known are trunk"),
        ('{"trunks": [\n{"name": "a", "numberz": []}]}', 2, '"numberz" is not a field', "numbers"),
        ('{"trunks": [3]}', 1, "no trunk and no rule", "braces"),
        ("[]", 1, "no trunk and no rule", '{"trunk": {'),
        ("{}", 1, "no trunk and no rule", '{"trunk": {'),
        ("3", 1, "no trunk and no rule", "braces"),
    ],
)
def test_what_is_wrong_in_a_trunk_file_is_said(tmp_path: Path, text: str, line: int, wrong: str, fix: str) -> None:
    with pytest.raises(TrunkFileError) as caught:
        load(tmp_path, trunk=text)
    assert (caught.value.path.name, caught.value.line) == ("trunk.json", line), caught.value
    assert wrong in caught.value.wrong
    assert fix in caught.value.fix
    assert f"trunk.json:{line}: " in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "wrong"),
    [
        ('"trunk_ids": ["in"],', "", 1, 'no "trunk_ids"'),
        ('["in"]', '["in",\n "out"]', 4, 'no inbound trunk called "out"'),
        (
            '"rule": {"dispatch_rule_callee"',
            '"rule": {"dispatch_rule_calee"',
            4,
            '"dispatch_rule_calee" is not a field',
        ),
        ('"rule": {"dispatch_rule_callee": {"room_prefix": "call", "randomize": true}}', '"metadata": ""', 1, "no"),
        (
            '{"dispatch_rule_callee": {"room_prefix": "call", "randomize": true}}',
            '{"dispatch_rule_individual": {}}',
            4,
            "number",
        ),
        ('"randomize": true', '"randomize": false', 4, "share one room"),
        (
            '{"dispatch_rule_callee": {"room_prefix": "call", "randomize": true}}',
            '{"dispatch_rule_direct": {}}',
            4,
            "one room",
        ),
        ('{"agents": [{"agent_name": "leadline"}]}', "{}", 5, "names no agent"),
        ('{"agent_name": "leadline"}', '{"metadata": "{}"}', 5, "names no agent"),
        ('"name": "bot",', "", 1, 'no "name"'),
        ('"name": "bot",', '"name": "bot",\n"flow": "b2b-software",', 3, '"flow" stands for'),
        ('"name": "bot",', '"name": "bot", "numbers": ["+1", "+1"],', 2, "twice"),
    ],
)
def test_what_is_wrong_in_a_rule_file_is_said(tmp_path: Path, old: str, new: str, line: int, wrong: str) -> None:
    assert old in RULE
    with pytest.raises(TrunkFileError) as caught:
        load(tmp_path, rule=RULE.replace(old, new))
    assert (caught.value.path.name, caught.value.line) == ("rule.json", line), caught.value
    assert wrong in caught.value.wrong


def test_guards_can_be_waived_and_names_left_to_the_server(tmp_path: Path) -> None:
    odd = {"dispatch_rule": {"name": "bot", "trunk_ids": ["elsewhere"], "rule": {"dispatch_rule_direct": {}}}}
    with pytest.raises(TrunkFileError, match="elsewhere"):
        load_one(tmp_path, odd, allow=GUARDS)
    assert (
        load_one(tmp_path, odd, allow=GUARDS, stored=["elsewhere"]).rules
        == load_one(tmp_path, odd, allow=GUARDS, stored=None).rules
    )


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (
            {"numbers": ["+12025550100"]},
            {"numbers": ["1 (202) 555-0100"]},
            r"both take calls to the number \+12025550100",
        ),
        ({"numbers": []}, {"numbers": []}, "every number that no other trunk lists"),
    ],
)
def test_conflicts_are_explained_before_the_server_refuses(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], says: str
) -> None:
    from_carrier = {"allowed_addresses": ["203.0.113.0/24"]}
    trunks = [{"name": "a", **from_carrier, **first}, {"name": "b", **from_carrier, **second}]
    with pytest.raises(TrunkFileError, match=says):
        load_one(tmp_path, {"trunks": trunks})
    for trunk, number in zip(trunks, ("+12025550111", "+12025550112"), strict=True):
        trunk["allowed_numbers"] = [number]
    assert len(load_one(tmp_path, {"trunks": trunks}).inbound) == 2


def test_two_rules_for_the_same_calls_are_a_conflict(tmp_path: Path) -> None:
    twice = {
        **BUNDLE,
        "dispatch_rules": [BUNDLE["dispatch_rules"][0], {**BUNDLE["dispatch_rules"][0], "name": "other"}],
    }
    with pytest.raises(TrunkFileError, match='"sales" and "other" both take all calls of the trunk in'):
        load_one(tmp_path, twice)


def test_missing_files_and_twin_names_are_said(tmp_path: Path) -> None:
    load(tmp_path)
    trunk, rule = tmp_path / "trunk.json", tmp_path / "rule.json"
    with pytest.raises(TrunkFileError, match="cannot be read"):
        load_files([tmp_path / "nowhere.json"])
    with pytest.raises(TrunkFileError, match="two dispatch rules"):
        load_files([trunk, rule, rule])
    trunk.write_bytes(b"\xff\xfe")
    with pytest.raises(TrunkFileError, match="UTF-8"):
        load_files([trunk])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["trunk", "trunks", "dispatchRule", "name", "numbers", "rule", "media", "room_config", "agents", "flow"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(JSON)
def test_whatever_stands_in_a_file_is_taken_or_explained(
    tmp_path_factory: pytest.TempPathFactory, data: object
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_text(json.dumps(data))
    try:
        load_files([file], stored=None)
    except TrunkFileError as wrong:
        assert (wrong.line >= 1, bool(wrong.wrong), bool(wrong.fix)) == (True, True, True)
