"""Which trunk and rule take a call: our explanation says what livekit-server decides, over random installations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from livekit import api
from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPUri

from cli.stack.config import Endpoints, StackConfig
from sip.gateway import wire
from sip.gateway.bus import Bus
from sip.gateway.psrpc import Client, RpcError
from sip.guards import rule_conflicts, trunk_conflicts
from sip.matching import Incoming, match, priority, room_of
from sip.trunks import Plan, stored
from sip.ua.tasks import Tasks
from tests.conftest import running

NUMBERS = ("+12025550100", "12025550100", "+1 (202) 555-0101", "+12025550101", "+12025550102")
CALLERS = ("+12025550134", "12025550135", "anonymous", "")
ADDRESSES = ("203.0.113.0/24", "198.51.100.7", "carrier.example", "203.0.113.9", "sip://wrong")
SOURCES = ("203.0.113.9", "198.51.100.7", "192.0.2.1")


def rule(name: str, kind: str = "callee", pin: str = "", **fields: list[str]) -> SIPDispatchRuleInfo:
    made = SIPDispatchRuleInfo(name=name, sip_dispatch_rule_id=f"SDR_{name}", **fields)
    if kind == "direct":
        made.rule.dispatch_rule_direct.room_name = name
        made.rule.dispatch_rule_direct.pin = pin
    elif kind == "individual":
        made.rule.dispatch_rule_individual.room_prefix = name
        made.rule.dispatch_rule_individual.pin = pin
    else:
        made.rule.dispatch_rule_callee.room_prefix = name
        made.rule.dispatch_rule_callee.randomize = True
        made.rule.dispatch_rule_callee.pin = pin
    return made


def test_the_order_of_rules() -> None:
    rules = [
        rule("direct with pin", "direct", "1", inbound_numbers=["+1"], numbers=["+2"]),
        rule("individual with pin", "individual", "1", inbound_numbers=["+1"], numbers=["+2"]),
        rule("callee with pin", "callee", "1", inbound_numbers=["+1"], numbers=["+2"]),
        rule("direct", "direct", inbound_numbers=["+1"], numbers=["+2"]),
        rule("individual", "individual", inbound_numbers=["+1"], numbers=["+2"]),
        rule("a callee", "callee", inbound_numbers=["+1"], numbers=["+2"]),
        rule("b callee", "callee", inbound_numbers=["+1"], numbers=["+2"]),
        rule("called only, with pin", "callee", "1", numbers=["+2"]),
        rule("called only", "callee", numbers=["+2"]),
        rule("anything", "direct"),
    ]
    assert sorted(reversed(rules), key=priority) == rules


@pytest.mark.parametrize(
    ("kind", "room"), [("direct", "x"), ("individual", "x_+12025550134_…"), ("callee", "x_+12025550100_…")]
)
def test_names_of_rooms(kind: str, room: str) -> None:
    assert room_of(rule("x", kind), Incoming("+12025550100", "+12025550134")) == room


def test_two_trunks_that_match_are_a_problem() -> None:
    both = [SIPInboundTrunkInfo(sip_trunk_id=name, name=name, numbers=["+12025550100"]) for name in "ab"]
    found = match(Plan(tuple(both)), Incoming("+12025550100", ""))
    assert (found.trunk, found.rule, found.problem) == (
        None,
        None,
        "several trunks match (a, b), and LiveKit takes none of them",
    )


# -- against livekit-server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    config = StackConfig("match", tmp_path_factory.mktemp("run"), parts=("redis", "livekit"), trunk_file=None)
    with running(config) as stack:
        yield stack.at


@dataclass(frozen=True, slots=True)
class Decided:
    """What the server said: ids, and whether it refused to choose."""

    trunk: str = ""
    rule: str = ""
    pin: bool = False
    refused: bool = False


async def decide(io: Client, call: Incoming) -> Decided:
    """Ask as livekit-sip does: for the trunk, then for the rule."""
    asked = wire.SIPCall(
        lk_call_id="SCL_test",
        source_ip=call.source,
        from_=SIPUri(user=call.calling, host=call.host),
        to=SIPUri(user=call.called),
    )
    try:
        trunk = await io.call("GetSIPTrunkAuthentication", wire.TrunkQuestion(call=asked), wire.Trunk)
        question = wire.RuleQuestion(
            call=asked,
            calling_number=call.calling,
            called_number=call.called,
            sip_trunk_id=trunk.sip_trunk_id,
            pin=call.pin,
        )
        found = await io.call("EvaluateSIPDispatchRules", question, wire.Rule)
    except RpcError as no:
        assert "SIP Trunks matched for" in str(no)
        return Decided(refused=True)
    return Decided(trunk.sip_trunk_id, found.sip_dispatch_rule_id, found.result == 2)


def some(rng: random.Random, values: tuple[str, ...], most: int = 2) -> list[str]:
    return rng.sample(values, rng.randint(0, most))


async def install(lk: api.LiveKitAPI, rng: random.Random) -> Plan:
    """Random trunks and rules, as far as the server takes them; ours to explain is what it refuses too."""
    before = await stored(lk)
    for old_rule in before.rules:
        await lk.sip.delete_dispatch_rule(
            api.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=old_rule.sip_dispatch_rule_id)
        )
    for old_trunk in before.inbound:
        await lk.sip.delete_trunk(api.DeleteSIPTrunkRequest(sip_trunk_id=old_trunk.sip_trunk_id))
    for n in range(rng.randint(0, 4)):
        trunk = SIPInboundTrunkInfo(
            name=f"t{n}",
            numbers=some(rng, NUMBERS),
            allowed_numbers=some(rng, CALLERS[:3], 1),
            allowed_addresses=some(rng, ADDRESSES) or ["203.0.113.0/24"],
        )
        there = (await stored(lk)).inbound
        conflict = any(trunk_conflicts([*there, trunk]))
        try:
            await lk.sip.create_inbound_trunk(api.CreateSIPInboundTrunkRequest(trunk=trunk))
        except api.ServerError as refusal:
            assert conflict, refusal
        else:
            assert not conflict
    trunks = [trunk.sip_trunk_id for trunk in (await stored(lk)).inbound]
    for n in range(rng.randint(1, 5)):
        pin = rng.choice(("", "", "", "1234"))
        wish = rule(f"r{n}", rng.choice(("direct", "individual", "callee")), pin)
        wish.sip_dispatch_rule_id = ""
        wish.trunk_ids[:] = rng.sample(trunks, rng.randint(0, min(2, len(trunks))))
        wish.numbers[:] = some(rng, NUMBERS)
        wish.inbound_numbers[:] = some(rng, CALLERS[:3], 1)
        there_rules = (await stored(lk)).rules
        conflict = any(rule_conflicts([*there_rules, wish]))
        try:
            await lk.sip.create_dispatch_rule(api.CreateSIPDispatchRuleRequest(dispatch_rule=wish))
        except api.ServerError as refusal:
            assert conflict, refusal
        else:
            assert not conflict or wish.trunk_ids, "the server compares with the rules of the same trunks only"
    return await stored(lk)


@pytest.mark.e2e
async def test_ours_is_what_the_server_decides(server: Endpoints) -> None:
    rng, compared, with_rule = random.Random(6), 0, 0
    tasks = Tasks(lambda error: None)
    bus = Bus(server.redis_url, tasks)
    await bus.start(5)
    io = Client(bus, "IOInfo")
    await io.start()
    try:
        async with api.LiveKitAPI(server.livekit_url, server.api_key, server.api_secret) as lk:
            for _ in range(24):
                there = await install(lk, rng)
                for _ in range(25):
                    call = Incoming(
                        rng.choice(NUMBERS),
                        rng.choice(CALLERS),
                        rng.choice(SOURCES),
                        rng.choice(("", "carrier.example")),
                        rng.choice(("", "", "", "1234", "9999")),
                    )
                    ours, theirs = match(there, call), await decide(io, call)
                    compared += 1
                    with_rule += bool(theirs.rule)
                    if theirs.refused:
                        assert ours.problem, (call, there)
                        continue
                    assert not ours.problem, (call, there)
                    chosen = Decided(
                        ours.trunk.sip_trunk_id if ours.trunk else "",
                        ours.rule.sip_dispatch_rule_id if ours.rule else "",
                        ours.asks_pin and not call.pin,
                    )
                    assert chosen == theirs, (call, ours.why)
    finally:
        await bus.close()
        await tasks.close()
    assert (compared, with_rule > 120) == (600, True), with_rule
