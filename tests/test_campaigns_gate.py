"""The gate: what it refuses is never dialled; what it lets through has a row before the INVITE."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from campaigns.gate import DialRequest, FlowRef, GatePolicy, Placed, Refused, check, dial, hang_up, is_up
from campaigns.numbers import DIALABLE, Number, NumberKind, classify
from campaigns.settings import GateSettings
from flows.model import Direction
from sip.outcome import Ending
from sip.routes import Route
from store.calls import NewCall, UnknownCall
from store.memory_calls import MemoryCalls
from tests.fake_livekit import FakeLiveKit, fake_api, sip_refusal

LOOPBACK = Route("127.0.0.1:5099")
CARRIER = Route("sip.example.invalid", "ST_1", "carrier")
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
    assert (call.sip.status, call.sip.call_id, call.answered_at, call.ended_at) == (200, "SCL_1", 101.0, None)


@pytest.mark.parametrize(
    ("status", "phrase", "code", "http", "disposition", "outcome"),
    [
        (486, "Busy Here", "resource_exhausted", 429, "no_contact", "busy"),
        (603, "Decline", "permission_denied", 403, "no_contact", "declined"),
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
    assert (call.disposition, call.record, call.ended_at) == (disposition, {"outcome": outcome}, 101.0)
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
