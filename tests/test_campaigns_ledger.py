"""The policy's ledger, from rows: what is on record about a number, whichever campaign or call it came from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaigns.ledger import as_told, lead_of, ledger_of
from campaigns.policy.decide import decide
from campaigns.policy.rulepack import hours_of
from campaigns.policy.terms import Allowed, CallerId, Campaign, Refused
from campaigns.rulefiles import load_packs
from flows.model import Direction
from store import attempts, consents, leads
from store.attempts import Ended, Retry
from store.calls import NewCall
from store.database import open_calls
from store.transaction import writing
from tests.campaign_world import NOW, World, a_campaign, new_lead, number
from tests.databases import Databases

PACKS = load_packs()
CAMPAIGN = Campaign("spring", "telemarketing", "Seller", frozenset({"US"}), hours_of({"mon-sun": "00:00-24:00"}))
OURS = CallerId("+12025550199", owned=True, answered=True)
MOMENT = datetime(2026, 12, 1, 18, 0, tzinfo=UTC)
AT = MOMENT.timestamp()
HER = 12


@pytest.fixture(params=["sqlite", "postgres"])
async def world(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    async with a_campaign(databases, request.param, tmp_path, ("spring", "autumn")) as made:
        await made.add(new_lead(200 + HER))
        yield made


async def said(world: World, now: datetime = MOMENT) -> str:
    """What the policy says to the lead: the rule, or "allowed"."""
    (row,) = await leads.find(world.engine, f"x{200 + HER}")
    ledger = await ledger_of(world.engine, row, OURS, now)
    decision = decide(lead_of(row), CAMPAIGN, ledger, now, PACKS)
    told = as_told(decision, now)
    assert told["allowed"] == isinstance(decision, Allowed)
    return decision.rule if isinstance(decision, Refused) else "allowed"


async def test_a_lead_whose_list_says_how_it_agreed_is_called(world: World) -> None:
    assert await said(world) == "allowed"


async def test_a_permission_that_was_withdrawn_counts_no_more(world: World) -> None:
    async with writing(world.engine) as connection:
        assert await consents.revoke(connection, number(200 + HER), AT - 1, "by letter", seller="SELLER") == 1
        assert await consents.revoke(connection, number(200 + HER), AT, "by letter") == 0
    assert await said(world) == "consent"


@pytest.mark.parametrize("scope", ["global", "seller", "campaign"])
async def test_an_opt_out_on_any_call_holds_here(world: World, scope: str) -> None:
    async with open_calls(world.url, migrated=True) as bot:
        await bot.opt_out(number(200 + HER), scope, AT - 9, "call", "another", "e1")
    assert await said(world) == "suppressed"


async def test_attempts_of_other_campaigns_and_calls_by_hand_count_for_the_number(world: World) -> None:
    taken = await world.take(AT - 7200)
    assert taken is not None
    assert await world.begin(taken, AT - 7200)
    await attempts.finish(world.engine, f"call-{taken.lead.id}-0", Ended("busy", AT - 7199), Retry(AT))
    assert await said(world) == "gap"
    assert await said(world, MOMENT + timedelta(hours=3)) == "allowed"
    async with open_calls(world.url, migrated=True) as bot:
        by_hand = NewCall("c9", Direction.OUTBOUND, "b2b", "h", "r", "+12025550199", number(200 + HER), AT + 8000)
        await bot.begin(by_hand)
    assert await said(world, MOMENT + timedelta(hours=7)) == "cap"


async def test_what_rang_nowhere_does_not_count(world: World) -> None:
    taken = await world.take(AT - 60)
    assert taken is not None
    assert await world.begin(taken, AT - 60)
    fault = Ended("congestion", AT - 59, counts=False)
    await attempts.finish(world.engine, f"call-{taken.lead.id}-0", fault, Retry(AT, same_try=True))
    assert await said(world) == "allowed"


async def test_who_was_left_in_silence_is_left_alone(world: World) -> None:
    taken = await world.take(NOW)
    assert taken is not None
    assert await world.begin(taken, AT - 86_400 * 2)
    silent = Ended("abandoned", AT - 86_400 * 2, flags=("human", "abandoned"))
    await attempts.finish(world.engine, f"call-{taken.lead.id}-0", silent, Retry(AT))
    assert await said(world) == "abandoned"
