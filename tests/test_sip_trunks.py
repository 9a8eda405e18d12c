"""Trunk and rule files: what is wrong in them is said with line and fix; what is right is applied and stays applied."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from livekit import api
from livekit.protocol.sip import SIPOutboundTrunkInfo

from sip.routes import RouteError, find_route
from sip.trunks import Plan, TrunkFileError, apply, keep_applied, load_files, with_overrides
from tests.fake_livekit import FakeLiveKit, Refusal, fake_api

ROOT = Path(__file__).parents[1]
OURS = (ROOT / "sip-trunk.json", sorted((ROOT / "deploy" / "sip").glob("dispatch-rule*.json")))

TRUNK = '{"trunk": {"name": "in", "numbers": ["+12025550100"]}}'
RULE = """{"dispatch_rule": {
  "name": "bot",
  "trunk_ids": ["in"],
  "rule": {"dispatch_rule_callee": {"room_prefix": "call-", "randomize": true}}
}}"""


def load(tmp_path: Path, trunk: str = TRUNK, rule: str = RULE) -> Plan:
    (tmp_path / "trunk.json").write_text(trunk)
    (tmp_path / "rule.json").write_text(rule)
    return load_files(tmp_path / "trunk.json", [tmp_path / "rule.json"])


def test_our_own_files_are_right() -> None:
    plan = load_files(*OURS)
    assert plan.inbound[0].numbers[0] == "+12025550100"
    flows = [json.loads(rule.room_config.agents[0].metadata)["flow"] for rule in plan.rules]
    assert sorted(flows) == ["b2b-software", "home-services"]
    assert all(rule.rule.dispatch_rule_callee.randomize for rule in plan.rules)


def test_camel_case_and_durations_are_read() -> None:
    plan = load_files(*OURS)
    assert plan.inbound[0].ringing_timeout.seconds == 20


def test_camel_case_means_the_same(tmp_path: Path) -> None:
    camel = RULE.replace("dispatch_rule", "dispatchRule").replace("dispatchRule_callee", "dispatchRuleCallee")
    camel = camel.replace("trunk_ids", "trunkIds").replace("room_prefix", "roomPrefix")
    assert load(tmp_path, rule=camel) == load(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "wrong", "fix"),
    [
        ('{"trunk": {\n"name": "in",\n"numbers": [}}', 3, "not JSON", "correct it"),
        ('{"trunk": {\n\t"name": "in",\n\t"number": ["+1"]}}', 3, '"number" is not a field', 'did you mean "numbers"'),
        ('{"trunk": {"name": "in",\n"zzzzz": 1}}', 2, '"zzzzz" is not a field', "known are sip_trunk_id, name"),
        ('{"trunk": {"name": "in",\n"numbers": "+12025550100"}}', 2, "must be a list", 'write ["+12025550100"]'),
        (
            '{"trunk": {"name": "in", "numbers": ["+1"],\n"include_headers": "ALL"}}',
            2,
            'cannot be "ALL"',
            "SIP_ALL_HEADERS",
        ),
        ('{"trunk": {"name": "in",\n"media": 3}}', 2, '"media" must be an object', "braces"),
        ('{"trunk": {"name": "in",\n"headers": []}}', 2, '"headers" must be an object', "{"),
        ('{"trunk": {"name": "in", "ringing_timeout": "soon"}}', 1, "ringing_timeout", "sip-trunk.json"),
        ('{"trunk": {"name": "in"}}', 1, "anyone", "allowed_addresses"),
        ('{"trunk": {"numbers": ["+12025550100"]}}', 1, 'no "name"', "give it one"),
        ('{"name": "in", "numbers": ["+12025550100"]}', 1, 'no "trunk"', '{"trunk": {'),
        ("[]", 1, 'no "trunk"', "put everything"),
    ],
)
def test_what_is_wrong_in_a_trunk_file_is_said(tmp_path: Path, text: str, line: int, wrong: str, fix: str) -> None:
    with pytest.raises(TrunkFileError) as caught:
        load(tmp_path, trunk=text)
    assert (caught.value.path.name, caught.value.line) == ("trunk.json", line)
    assert wrong in caught.value.wrong
    assert fix in caught.value.fix
    assert f"trunk.json:{line}: " in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "line", "wrong"),
    [
        ('"trunk_ids": ["in"],', "", 1, 'no "trunk_ids"'),
        ('["in"]', '["in",\n "out"]', 4, 'no trunk called "out"'),
        (
            '"rule": {"dispatch_rule_callee"',
            '"rule": {"dispatch_rule_calee"',
            4,
            '"dispatch_rule_calee" is not a field',
        ),
        ('"rule": {"dispatch_rule_callee": {"room_prefix": "call-", "randomize": true}}', '"metadata": ""', 1, "no"),
        ('"name": "bot",', "", 1, 'no "name"'),
    ],
)
def test_what_is_wrong_in_a_rule_file_is_said(tmp_path: Path, old: str, new: str, line: int, wrong: str) -> None:
    assert old in RULE
    with pytest.raises(TrunkFileError) as caught:
        load(tmp_path, rule=RULE.replace(old, new))
    assert (caught.value.path.name, caught.value.line) == ("rule.json", line)
    assert wrong in caught.value.wrong


def test_missing_files_twin_names_and_bad_addresses_are_said(tmp_path: Path) -> None:
    load(tmp_path)
    trunk, rule, out = tmp_path / "trunk.json", tmp_path / "rule.json", tmp_path / "out.json"
    with pytest.raises(TrunkFileError, match="cannot be read"):
        load_files(tmp_path / "nowhere.json", [])
    with pytest.raises(TrunkFileError, match="two rules"):
        load_files(trunk, [rule, rule])
    out.write_text('{"trunk": {"name": "out",\n"address": "sip:example.invalid"}}')
    with pytest.raises(TrunkFileError, match=r"out\.json:2: .*without \"sip:\""):
        load_files(trunk, [], [out])
    out.write_bytes(b"\xff\xfe")
    with pytest.raises(TrunkFileError, match="UTF-8"):
        load_files(out, [])


async def test_applying_creates_then_finds_everything_as_it_should_be() -> None:
    fake = FakeLiveKit()
    plan = load_files(*OURS)
    async with fake_api(fake) as lk:
        first = await apply(lk, plan)
        assert first.created == ("leadline-in", "leadline-home-services", "leadline-b2b-software")
        again = await apply(lk, plan)
        assert not again.changed
        assert again.ids == first.ids
        (trunk_id,) = fake.inbound
        assert [list(rule.trunk_ids) for rule in fake.rules.values()] == [[trunk_id], [trunk_id]]


async def test_applying_mends_what_differs_and_leaves_strangers_alone() -> None:
    fake = FakeLiveKit()
    plan = load_files(*OURS)
    async with fake_api(fake) as lk:
        await lk.sip.create_outbound_trunk(
            api.CreateSIPOutboundTrunkRequest(trunk=SIPOutboundTrunkInfo(name="carrier", address="sip.example.invalid"))
        )
        await apply(lk, plan)
        next(iter(fake.rules.values())).numbers[:] = ["+12025550199"]
        done = await apply(lk, with_overrides(plan, numbers=["+12025550100"], allowed_addresses=["127.0.0.1/32"]))
        assert done.updated == ("leadline-in", "leadline-home-services")
        assert [list(trunk.allowed_addresses) for trunk in fake.inbound.values()] == [["127.0.0.1/32"]]
        assert len(fake.outbound) == 1


async def test_outbound_trunks_are_applied_too(tmp_path: Path) -> None:
    fake = FakeLiveKit()
    load(tmp_path)
    (tmp_path / "out.json").write_text('{"trunk": {"name": "carrier", "address": "sip.example.invalid"}}')
    async with fake_api(fake) as lk:
        done = await apply(lk, load_files(tmp_path / "trunk.json", [], [tmp_path / "out.json"]))
    assert done.created == ("in", "carrier")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 -- a turn of the loop, not a pause
            await asyncio.sleep(0)


async def test_an_emptied_server_is_provisioned_again_and_an_outage_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "sip")
    fake = FakeLiveKit()
    plan = load_files(*OURS)
    async with fake_api(fake) as lk:
        await apply(lk, plan)
        keeping = asyncio.create_task(keep_applied(lk, plan, every_s=0.001))
        fake.flush()
        await until(lambda: sum("applied again" in line for line in caplog.messages) == 1)
        fake.away = Refusal("internal", "redis is away")
        tried = len(fake.requests)
        await until(lambda: len(fake.requests) > tried + 3)
        fake.flush()
        fake.away = None
        await until(lambda: sum("applied again" in line for line in caplog.messages) == 2)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        assert len(fake.rules) == 2
    said = [record.message for record in caplog.records if record.name == "sip.trunks"]
    assert ["applied again" in line for line in said] == [True, False, True]
    assert "redis is away" in said[1]


@pytest.mark.parametrize(
    ("wanted", "address", "loopback"),
    [
        ("127.0.0.1:5099", "127.0.0.1:5099", True),
        ("[::1]:5060", "[::1]:5060", True),
        ("localhost:5060", "localhost:5060", True),
        ("sip.example.invalid:5060", "sip.example.invalid:5060", False),
        ("carrier", "sip.example.invalid", False),
        ("lab", "127.0.0.9", True),
    ],
)
async def test_routes_by_address_or_by_name(wanted: str, address: str, loopback: bool) -> None:
    async with fake_api(_with_trunks("carrier=sip.example.invalid", "lab=127.0.0.9")) as lk:
        route = await find_route(lk, wanted)
    assert (route.address, route.is_loopback) == (address, loopback)
    assert (route.inline() is None) == bool(route.trunk_id)


async def test_one_stored_trunk_is_the_default_and_more_must_be_named() -> None:
    async with fake_api(_with_trunks("carrier=sip.example.invalid")) as lk:
        assert (await find_route(lk, "")).name == "carrier"
    for stored, wanted, says in [
        (("a=x", "b=y"), "", "stored: a, b"),
        ((), "", "stored: none"),
        (("a=x",), "c", "no outbound trunk called 'c'"),
    ]:
        async with fake_api(_with_trunks(*stored)) as lk:
            with pytest.raises(RouteError, match=says):
                await find_route(lk, wanted)


def _with_trunks(*pairs: str) -> FakeLiveKit:
    fake = FakeLiveKit()
    for name, _, address in (pair.partition("=") for pair in pairs):
        fake.outbound[name] = SIPOutboundTrunkInfo(name=name, address=address, sip_trunk_id=f"ST_{name}")
    return fake
