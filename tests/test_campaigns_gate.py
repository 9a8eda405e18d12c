"""The gate: what it refuses is never dialled; what it lets through has a row before the INVITE."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from campaigns.gate import (
    DialRequest,
    FlowRef,
    GatePolicy,
    Leg,
    Permit,
    Placed,
    Purpose,
    Refused,
    dial,
    hang_up,
    is_up,
    permit,
)
from campaigns.guard import check
from campaigns.numbers import DIALABLE, Number, NumberKind, classify
from campaigns.settings import GateSettings
from flows.model import Direction
from sip.outcome import Ending
from sip.routes import Route
from store.calls import NewCall, UnknownCall
from store.memory_calls import MemoryCalls
from tests.fake_livekit import FakeLiveKit, fake_api, sip_refusal

LOOPBACK = Route("127.0.0.1:5099")
CARRIER = Route("sip.example.invalid", "ST_1", "carrier", ("+12025550100", "+12025550101"))
OURS = "+12025550100"
REAL = GatePolicy(allow_fictional=True)
LEE = "+12025550134"


def request(number: str = LEE, route: Route = LOOPBACK) -> DialRequest:
    return DialRequest("c1", number, FlowRef("b2b-software", "h1"), route, "+12025550100", {"first_name": "Ada"})


def ticking() -> Callable[[], float]:
    ticks = itertools.count(100)
    return lambda: float(next(ticks))


async def test_an_answered_call_has_its_row_and_its_lead() -> None:
    fake, calls = FakeLiveKit(), MemoryCalls()
    async with fake_api(fake) as lk:
        placed = await dial(lk, request("(202) 555-0134"), GatePolicy(), calls, ticking())
        assert isinstance(placed, Placed)
        assert placed.outcome.name is Ending.ANSWERED
        assert await is_up(lk, "c1")
        await hang_up(lk, "c1")
        assert not await is_up(lk, "c1")
    call = await calls.get("c1")
    assert call.begun == NewCall(
        "c1", Direction.OUTBOUND, "b2b-software", "h1", "call-c1", "+12025550100", LEE, 100.0, {"first_name": "Ada"}
    )
    assert (call.sip.status, call.sip.call_id, call.ended_at) == (200, "SCL_1", None)
    assert call.answered_at is not None
    happened = await calls.happenings("c1")
    assert [(one.source, one.name) for one in happened] == [
        ("gate", "permitted"),
        ("room", "made"),
        ("agent", "ready"),
        ("sip", "invite"),
        ("sip", "answered"),
    ]
    assert happened[3].facts["address"] == "127.0.0.1:5099"


@pytest.mark.parametrize(
    ("status", "phrase", "code", "http", "disposition", "outcome"),
    [
        (486, "Busy Here", "resource_exhausted", 429, "no_contact", "busy"),
        (603, "Decline", "permission_denied", 403, "no_contact", "declined"),
        (603, "Network Blocked", "permission_denied", 403, "not_placed", "blocked"),
        (607, "Unwanted", "permission_denied", 403, "no_contact", "unwanted"),
        (608, "Rejected", "permission_denied", 403, "not_placed", "blocked"),
        (480, "Temporarily Unavailable", "resource_exhausted", 429, "no_contact", "unanswered"),
        (404, "Not Found", "not_found", 404, "no_contact", "not_found"),
        (503, "Service Unavailable", "failed_precondition", 412, "not_placed", "trunk_down"),
    ],
)
async def test_a_failed_call_is_closed_with_what_the_network_said(
    status: int, phrase: str, code: str, http: int, disposition: str, outcome: str
) -> None:
    fake, calls = FakeLiveKit(), MemoryCalls()
    fake.phone.answer = sip_refusal(status, phrase, code, http)
    async with fake_api(fake) as lk:
        await dial(lk, request(), GatePolicy(), calls, ticking())
    call = await calls.get("c1")
    assert (call.sip.status, call.sip.phrase) == (status, phrase)
    assert (call.disposition, call.record) == (disposition, {"outcome": outcome})
    assert call.ended_at is not None
    failed = (await calls.happenings("c1"))[-1]
    assert (failed.name, failed.facts) == ("failed", {"ending": outcome, "status": status, "phrase": phrase})
    assert await calls.is_suppressed(LEE) == (status == 607)
    assert call.answered_at is None


@pytest.mark.parametrize(
    ("number", "route", "rule", "says"),
    [
        ("911", LOOPBACK, "number_kind", "emergency"),
        ("411", LOOPBACK, "number_kind", "short"),
        ("+18005550199", LOOPBACK, "number_kind", "toll-free"),
        ("+449098790123", LOOPBACK, "number_kind", "premium"),
        ("nonsense", LOOPBACK, "number_kind", "like +12025550134"),
        ("+18765550134", LOOPBACK, "country", "JM is not among"),
        (LEE, CARRIER, "fictional", "fiction"),
        ("+12025550135", LOOPBACK, "opted_out", "not to be called"),
    ],
)
async def test_what_is_refused_is_not_dialled(number: str, route: Route, rule: str, says: str) -> None:
    fake, calls = FakeLiveKit(), MemoryCalls()
    await calls.opt_out("+12025550135", "seller", 1.0, "call", "c0", "e3")
    async with fake_api(fake) as lk:
        refused = await dial(lk, request(number, route), GatePolicy(), calls, ticking())
    assert isinstance(refused, Refused)
    assert refused.rule == rule
    assert says in refused.why
    assert fake.requests == []
    with pytest.raises(UnknownCall):
        await calls.get("c1")


@given(st.sampled_from(NumberKind), st.sampled_from(["US", "CA", "GB", "JM", "001", ""]), st.booleans(), st.booleans())
def test_only_dialable_kinds_in_allowed_countries_pass(
    kind: NumberKind, country: str, fictional: bool, loopback: bool
) -> None:
    refused = check(Number("+1", kind, country, fictional), GatePolicy(), LOOPBACK if loopback else CARRIER)
    passes = kind in DIALABLE and country in {"US", "CA", "GB"} and (loopback or not fictional)
    assert (refused is None) == passes


@pytest.mark.parametrize(
    ("route", "shown", "says"),
    [
        (LOOPBACK, "", "which number shall be shown"),
        (LOOPBACK, "leadline", "no number in the form"),
        (LOOPBACK, "2025550100", "in full, as +12025550100"),
        (LOOPBACK, "+19005550134", "no number in the form"),
        (LOOPBACK, LEE, "cannot call itself"),
        (CARRIER, "+12025550199", "not a number of the trunk 'carrier' (+12025550100, +12025550101)"),
    ],
)
async def test_the_number_shown_is_ours_and_can_be_called_back(route: Route, shown: str, says: str) -> None:
    refused = await permit(Leg("c1", LEE, route, shown), REAL, MemoryCalls(), 1.0)
    assert isinstance(refused, Refused)
    assert (refused.rule, says in refused.why) == ("caller_id", True), refused


async def test_a_trunk_lends_its_first_number() -> None:
    assert await permit(Leg("c1", LEE, CARRIER), REAL, MemoryCalls(), 1.0) == Permit(LEE, "+12025550100")
    any_number = Route("sip.example.invalid", "ST_1", "carrier", ("*",))
    assert await permit(Leg("c2", LEE, any_number, OURS), REAL, MemoryCalls(), 1.0) == Permit(LEE, OURS)


HOSTS = GatePolicy(sip_hosts=frozenset({"pbx.example.invalid"}), allow_fictional=True)


@pytest.mark.parametrize(
    ("to", "purpose", "policy", "verdict"),
    [
        ("tel:+12025550135", Purpose.STAFF, HOSTS, "+12025550135"),
        ("+12025550135", Purpose.REFER, HOSTS, "+12025550135"),
        ("sip:sales@pbx.example.invalid", Purpose.REFER, HOSTS, "sip:sales@pbx.example.invalid"),
        ("sip:1204@pbx.example.invalid:5080", Purpose.STAFF, HOSTS, "sip:1204@pbx.example.invalid:5080"),
        ("sip:sales@evil.example.invalid", Purpose.STAFF, HOSTS, "destination"),
        ("sip:sales@pbx.example.invalid;transport=tcp", Purpose.STAFF, HOSTS, "destination"),
        ("sip:sales@pbx.example.invalid?Replaces=x", Purpose.REFER, HOSTS, "destination"),
        ("sip:+19005550134@pbx.example.invalid", Purpose.STAFF, HOSTS, "number_kind"),
        ("sip:9911@pbx.example.invalid", Purpose.STAFF, HOSTS, "number_kind"),
        ("sip:112@pbx.example.invalid", Purpose.REFER, HOSTS, "number_kind"),
        ("sip:sales@pbx.example.invalid", Purpose.LEAD, HOSTS, "destination"),
        ("+18005550199", Purpose.STAFF, HOSTS, "number_kind"),
        ("+18005550199", Purpose.STAFF, GatePolicy(toll_free=True, allow_fictional=True), "+18005550199"),
    ],
)
async def test_where_calls_may_be_put_through_to(to: str, purpose: Purpose, policy: GatePolicy, verdict: str) -> None:
    found = await permit(Leg("c1", to, LOOPBACK, OURS, purpose, name="transfer-1"), policy, MemoryCalls(), 1.0)
    assert (found.rule if isinstance(found, Refused) else found.to) == verdict


async def test_staff_is_rung_also_when_they_opted_out_of_our_own_calls() -> None:
    calls = MemoryCalls()
    await calls.opt_out(LEE, "seller", 1.0, "call", "c0", "e1")
    assert isinstance(await permit(Leg("c1", LEE, LOOPBACK, OURS, Purpose.STAFF), REAL, calls, 1.0), Permit)
    assert isinstance(await permit(Leg("c2", LEE, LOOPBACK, OURS, Purpose.LEAD), REAL, calls, 1.0), Refused)


async def test_no_day_costs_more_than_it_may() -> None:
    """Ten minutes at 0.10 are reserved for each call; what was not used is free again, and tomorrow begins anew."""
    policy, calls, noon = GatePolicy(spend_per_day=2.0, rates={"US": 0.1}), MemoryCalls(), 43_200.0

    async def asked(call_id: str, at: float = noon) -> Permit | Refused:
        return await permit(Leg(call_id, LEE, LOOPBACK, OURS), policy, calls, at)

    assert [type(await asked(call)) for call in ("a", "b", "a")] == [Permit, Permit, Permit]
    refused = await asked("c")
    assert isinstance(refused, Refused)
    assert refused.rule == "spend"
    assert "2.00 of 2.00 for today (UTC)" in refused.why
    await calls.settle("a", "call", 60.0)
    assert isinstance(await asked("c"), Refused)
    await calls.settle("b", "call", 0)
    assert isinstance(await asked("c"), Permit)
    assert isinstance(await asked("d", noon + 86_400), Permit)


async def test_who_does_not_answer_costs_nothing() -> None:
    fake, calls = FakeLiveKit(), MemoryCalls()
    fake.phone.answer = sip_refusal(486, "Busy Here", "resource_exhausted", 429)
    async with fake_api(fake) as lk:
        await dial(lk, request(), GatePolicy(), calls, ticking())
    assert await calls.spent(0) == 0


def test_fiction_may_be_forbidden_or_allowed_by_hand() -> None:
    number = classify(LEE)
    assert check(number, GatePolicy(allow_fictional=False), LOOPBACK) is not None
    assert check(number, GatePolicy(allow_fictional=True), CARRIER) is None


async def test_a_cancelled_attempt_is_closed() -> None:
    fake, calls = FakeLiveKit(), MemoryCalls()
    fake.agent_stage = ""
    waiting = asyncio.Event()
    async with fake_api(fake) as lk:
        attempt = asyncio.create_task(
            dial(lk, request(), GatePolicy(), calls, ticking(), lambda _: waiting.set()),
        )
        await waiting.wait()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
    call = await calls.get("c1")
    assert (call.disposition, call.record) == ("not_placed", {"outcome": "cancelled"})
    assert fake.rooms == {}


def test_countries_are_read_from_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADLINE_DIAL_COUNTRIES", "us, IE")
    assert GateSettings().dial_countries == {"US", "IE"}
    monkeypatch.setenv("LEADLINE_DIAL_COUNTRIES", "Ireland")
    with pytest.raises(ValidationError, match="write them like US,CA,GB"):
        GateSettings()
    monkeypatch.delenv("LEADLINE_DIAL_COUNTRIES")
    for name, value in {"RATES": "us:0.01, GB:0.02", "TRANSFER_HOSTS": "PBX.example", "SPEND_PER_DAY": "-1"}.items():
        monkeypatch.setenv(f"LEADLINE_{name}", value)
    policy = GateSettings().policy
    assert (policy.rate_for("US"), policy.rate_for("CA"), policy.spend_per_day) == (0.01, 0.05, None)
    assert policy.sip_hosts == {"pbx.example"}
    monkeypatch.setenv("LEADLINE_RATES", "cheap")
    with pytest.raises(ValidationError, match=r"write them like US:0\.01"):
        GateSettings()
