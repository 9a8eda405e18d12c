"""What the files say is compared with what LiveKit has, applied, pruned, and stays applied."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from livekit import api
from livekit.protocol.sip import SIPInboundTrunkInfo, SIPOutboundTrunkInfo

from sip.routes import RouteError, find_route
from sip.trunks import Plan, PlanConflict, apply, changes, keep_applied, load_files, stored, with_overrides
from tests.fake_livekit import FakeLiveKit, Refusal, fake_api

ROOT = Path(__file__).parents[1]
OURS = [ROOT / "sip-trunk.json", *sorted((ROOT / "deploy" / "sip").glob("dispatch-rule*.json"))]


async def test_applying_creates_then_finds_everything_as_it_should_be() -> None:
    fake = FakeLiveKit()
    plan = load_files(OURS)
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
    plan = load_files(OURS)
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


CARRIER = SIPOutboundTrunkInfo(name="carrier", address="sip.example.invalid", numbers=["+12025550100"])


async def test_outbound_trunks_are_applied_too() -> None:
    fake = FakeLiveKit()
    async with fake_api(fake) as lk:
        done = await apply(lk, Plan(load_files(OURS).inbound, (CARRIER,)))
        assert done.created == ("leadline-in", "carrier")
        secret = SIPOutboundTrunkInfo(name="carrier", address="sip.example.invalid:5080", numbers=["+12025550100"])
        secret.auth_username, secret.auth_password = "u", "hunter2"
        (change,) = changes(Plan(outbound=(secret,)), await stored(lk))
        assert (change.action, change.fields) == (
            "update",
            (
                ("address", "sip.example.invalid", "sip.example.invalid:5080"),
                ("auth_password", "", "(secret)"),
                ("auth_username", "", "u"),
            ),
        )
        assert (await apply(lk, Plan(outbound=(secret,)))).updated == ("carrier",)


async def test_a_trunk_each_way_and_a_rule_may_share_a_name() -> None:
    """A rule that names its trunk means the inbound one."""
    fake, plan = FakeLiveKit(), load_files(OURS)
    same = SIPOutboundTrunkInfo(name="leadline-in", address="sip.example.invalid", numbers=["+12025550100"])
    async with fake_api(fake) as lk:
        await apply(lk, Plan(plan.inbound, (same,), plan.rules))
        assert not (await apply(lk, Plan(plan.inbound, (same,), plan.rules))).changed
    assert [list(rule.trunk_ids) for rule in fake.rules.values()] == [list(fake.inbound)] * 2


async def test_pruning_deletes_what_no_file_names_and_makes_room_first() -> None:
    """A trunk that is called otherwise now keeps its number: the old one has to go before the new one comes."""
    fake, plan = FakeLiveKit(), load_files(OURS)
    async with fake_api(fake) as lk:
        await apply(lk, Plan(plan.inbound, (CARRIER,), plan.rules))
        renamed = SIPInboundTrunkInfo()
        renamed.CopyFrom(plan.inbound[0])
        renamed.name = "other"
        wanted = Plan((renamed,))
        with pytest.raises(
            PlanConflict, match=r'"leadline-in" and "other" both take calls to the number \+12025550100.*--prune'
        ):
            changes(wanted, await stored(lk))
        planned = changes(wanted, await stored(lk), prune=True)
        assert [(change.action, change.name) for change in planned] == [
            ("delete", "leadline-home-services"),
            ("delete", "leadline-b2b-software"),
            ("delete", "leadline-in"),
            ("delete", "carrier"),
            ("create", "other"),
        ]
        done = await apply(lk, wanted, prune=True)
        assert (done.created, sorted(done.deleted)) == (
            ("other",),
            ["carrier", "leadline-b2b-software", "leadline-home-services", "leadline-in"],
        )
        assert not (await apply(lk, wanted, prune=True)).changed


async def test_two_things_of_one_name_are_not_guessed_between() -> None:
    fake = FakeLiveKit()
    async with fake_api(fake) as lk:
        for _ in range(2):
            await lk.sip.create_outbound_trunk(api.CreateSIPOutboundTrunkRequest(trunk=CARRIER))
        with pytest.raises(PlanConflict, match='two outbound things called "carrier"'):
            await apply(lk, Plan(outbound=(CARRIER,)))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 -- a turn of the loop, not a pause
            await asyncio.sleep(0)


async def test_an_emptied_server_is_provisioned_again_and_an_outage_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "sip")
    fake = FakeLiveKit()
    plan = load_files(OURS)
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
    for trunks, wanted, says in [
        (("a=x", "b=y"), "", "stored: a, b"),
        ((), "", "stored: none"),
        (("a=x",), "c", "no outbound trunk called 'c'"),
    ]:
        async with fake_api(_with_trunks(*trunks)) as lk:
            with pytest.raises(RouteError, match=says):
                await find_route(lk, wanted)


def _with_trunks(*pairs: str) -> FakeLiveKit:
    fake = FakeLiveKit()
    for name, _, address in (pair.partition("=") for pair in pairs):
        fake.outbound[name] = SIPOutboundTrunkInfo(name=name, address=address, sip_trunk_id=f"ST_{name}")
    return fake
