"""Leads as a dialer takes them: in order, once, and never one that has opted out."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from store import attempts, campaigns, leads
from store.attempts import CallBack, Close, Ended, Retry, Then
from store.campaign_tables import callbacks
from store.consents import consents_of
from store.database import open_calls
from store.dialing import Taken
from store.retention_lists import old_lists
from store.staging import ImportRunning, Staging, begin_import, finish_import
from tests.campaign_world import NOW, SEATTLE, WASHINGTON, World, a_campaign, new_lead, number
from tests.databases import Databases

HOUR = 3600.0
QUIET = Ended("no_answer", NOW + 30)


@pytest.fixture(params=["sqlite", "postgres"])
async def world(request: pytest.FixtureRequest, databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    async with a_campaign(databases, request.param, tmp_path, ("spring", "autumn")) as made:
        yield made


async def taken_from(world: World, now: float = NOW) -> Taken:
    taken = await world.take(now)
    assert taken is not None
    return taken


async def called(world: World, then: Then, ended: Ended = QUIET, now: float = NOW) -> int:
    """Take the next lead, call it, end it; returns its id."""
    taken = await taken_from(world, now)
    assert await world.begin(taken, now)
    await attempts.finish(world.engine, f"call-{taken.lead.id}-{taken.lead.standing.tries}", ended, then)
    return taken.lead.id


async def test_fresh_ones_by_priority_then_age_over_all_shelves(world: World) -> None:
    await world.add(new_lead(1), new_lead(2, SEATTLE, priority=90), new_lead(3), new_lead(4, SEATTLE))
    order = [await taken_from(world) for _ in range(4)]
    assert [taken.lead.external_id for taken in order] == ["x2", "x1", "x3", "x4"]
    assert {taken.kind for taken in order} == {"fresh"}
    assert await world.take() is None


async def test_callbacks_then_retries_then_fresh_ones(world: World) -> None:
    await world.add(*(new_lead(n) for n in range(1, 4)))
    await called(world, Retry(NOW + HOUR))
    await called(world, CallBack(NOW + HOUR, "2026-11-30T10:00", "America/New_York", "tomorrow at ten"))
    order = [await taken_from(world, NOW + 2 * HOUR) for _ in range(3)]
    assert [(taken.kind, taken.lead.external_id) for taken in order] == [
        ("callback", "x2"),
        ("retry", "x1"),
        ("fresh", "x3"),
    ]
    assert order[0].callback is not None


async def test_nothing_is_due_before_its_time_and_the_next_opening_is_known(world: World) -> None:
    await world.add(new_lead(1), new_lead(2, SEATTLE))
    await called(world, Retry(NOW + HOUR))
    seattle = await taken_from(world)
    await world.queue.release(seattle, "dialer-1")
    await world.queue.close_shelf(seattle.lead.shelf, NOW + 2 * HOUR)
    assert await world.take() is None
    assert await world.queue.next_opening("spring", NOW) == NOW + HOUR
    again = await taken_from(world, NOW + HOUR)
    assert again.lead.external_id == "x1"
    assert await world.queue.next_opening("spring", NOW + HOUR) == NOW + 2 * HOUR
    assert (await taken_from(world, NOW + 2 * HOUR)).lead.external_id == "x2"


async def test_two_dialers_never_take_the_same_lead(world: World) -> None:
    await world.add(*(new_lead(n, WASHINGTON if n % 2 else SEATTLE) for n in range(40)))

    async def one(owner: str) -> list[int]:
        mine = []
        while taken := await world.take(owner=owner):
            mine.append(taken.lead.id)
        return mine

    async with asyncio.timeout(60):
        both = await asyncio.gather(one("dialer-1"), one("dialer-2"))
    assert len(both[0]) + len(both[1]) == len({*both[0], *both[1]}) == 40


async def test_a_lead_is_put_off_or_closed_by_a_decision(world: World) -> None:
    await world.add(new_lead(1), new_lead(2))
    first, second = await taken_from(world), await taken_from(world)
    assert await world.queue.defer(first, "dialer-1", NOW + HOUR, {"rule": "gap"}, NOW)
    assert await world.queue.close(second.lead.id, "dialer-1", "no_consent", {"rule": "consent"}, NOW)
    assert not await world.queue.close(second.lead.id, "dialer-1", "no_consent", {}, NOW), "it is held no more"
    standing = (await leads.get(world.engine, first.lead.id)).standing
    assert (standing.state, standing.due_at, standing.decision) == ("wait_retry", NOW + HOUR, {"rule": "gap"})
    assert (await leads.get(world.engine, second.lead.id)).standing.closed_reason == "no_consent"


async def test_an_expired_lead_is_closed_on_the_way(world: World) -> None:
    await world.add(dataclasses.replace(new_lead(1), expires_at=NOW), new_lead(2))
    assert (await taken_from(world)).lead.external_id == "x2"
    (old,) = await leads.find(world.engine, "x1")
    assert old.standing.closed_reason == "expired"


async def test_an_attempt_is_on_record_with_its_decision_and_counts_once(world: World) -> None:
    await world.add(new_lead(1))
    taken = await taken_from(world)
    assert await world.begin(taken)
    assert not await world.begin(taken, attempt="another"), "a lead is dialled once"
    (row,) = await attempts.under_way(world.engine, owner="dialer-1")
    assert (row["number"], row["decision"], row["state"]) == (number(1), {"allowed": True}, "dialing")
    await attempts.note(world.engine, row["id"], state="in_call", answered_at=NOW + 5)
    assert (await leads.get(world.engine, taken.lead.id)).standing.state == "in_call"
    ended = Ended("conversation", NOW + 60, "qualified", ("human", "contact"), score=80)
    for _ in range(2):
        lead = await attempts.finish(world.engine, row["id"], ended, Close("qualified"))
        assert (lead.standing.state, lead.standing.closed_reason) == ("closed", "qualified")
        assert (lead.standing.tries, lead.standing.score, lead.standing.disposition) == (1, 80, "qualified")
    late = await attempts.finish(world.engine, row["id"], QUIET, Retry(NOW + HOUR))
    assert late.standing.state == "closed", "what was told first stays"


async def test_our_own_fault_is_no_try(world: World) -> None:
    await world.add(new_lead(1))
    lead = await called(world, Retry(NOW + HOUR, same_try=True), Ended("system_error", NOW + 1, counts=False))
    assert (await leads.get(world.engine, lead)).standing.tries == 0


async def test_a_number_that_is_none_gives_way_to_the_next(world: World) -> None:
    await world.add(new_lead(1, WASHINGTON, 2))
    lead = await called(world, Close("invalid_number", phone="invalid"))
    row = await leads.get(world.engine, lead)
    assert (row.number, row.standing.state, row.standing.closed_reason) == (number(2), "pending", "")
    await called(world, Close("invalid_number", phone="invalid"), now=NOW + 1)
    assert (await leads.get(world.engine, lead)).standing.closed_reason == "invalid_number"
    assert [phone.status for phone in await leads.phones_of(world.engine, lead)] == ["invalid", "invalid"]


async def test_a_wrong_number_voids_what_its_former_owner_permitted(world: World) -> None:
    await world.add(new_lead(1))
    await called(world, Close("wrong_number", phone="wrong_number"))
    (kept,) = (await consents_of(world.engine, [number(1)]))[number(1)]
    assert (kept.revoked_at, kept.revoked_how.startswith("wrong_number in call")) == (NOW + 30, True)


@pytest.mark.parametrize("when", ["leased", "begun"])
async def test_an_opt_out_takes_the_lead_away_from_whoever_holds_it(world: World, when: str) -> None:
    await world.add(new_lead(1))
    taken = await taken_from(world)
    async with open_calls(world.url, migrated=True) as bot:
        if when == "leased":
            await bot.opt_out(number(1), "seller", NOW, "inbound", "another-call", "e1")
            assert not await world.begin(taken)
            assert await attempts.attempts_of_number(world.engine, number(1), 0.0) == ()
        else:
            assert await world.begin(taken)
            await bot.opt_out(number(1), "seller", NOW, "call", "this-call", "e1")
            await attempts.finish(world.engine, f"call-{taken.lead.id}-0", QUIET, Retry(NOW + HOUR))
    assert (await leads.get(world.engine, taken.lead.id)).standing.closed_reason == "dnc"


async def test_whatever_the_order_of_an_opt_out_and_a_lease_no_attempt_begins_after_it(world: World) -> None:
    """Both at once, many times: either the attempt began first, or it does not begin."""
    await world.add(*(new_lead(n) for n in range(20)))
    async with open_calls(world.url, migrated=True) as bot, asyncio.timeout(60):
        for n in range(20):
            taken = await taken_from(world)
            out = bot.opt_out(taken.lead.number, "seller", NOW, "inbound", f"c{n}", "e1")
            begin = world.begin(taken)
            _, begun = await asyncio.gather(out, begin) if n % 2 else reversed(await asyncio.gather(begin, out))
            standing = (await leads.get(world.engine, taken.lead.id)).standing
            assert (standing.state, standing.closed_reason) == (("dialing", "") if begun else ("closed", "dnc"))
            assert not await world.begin(taken, attempt=f"late-{n}"), "it has opted out by now"


async def test_an_opt_out_cancels_what_was_agreed_in_every_campaign(world: World) -> None:
    await world.add(new_lead(1))
    await world.add(new_lead(2), campaign="autumn")
    lead = await called(world, CallBack(NOW + HOUR, "2026-11-30T10:00", "America/New_York"))
    async with open_calls(world.url, migrated=True) as bot:
        await bot.opt_out(number(1), "global", NOW, "dnc", "c1", "e1")
    assert (await leads.get(world.engine, lead)).standing.closed_reason == "dnc"
    async with world.engine.connect() as connection:
        assert (await connection.execute(sa.select(callbacks.c.state))).scalars().all() == ["cancelled"]
    assert await world.take(campaign="autumn") is not None


async def test_what_a_dead_dialer_held_comes_back(world: World) -> None:
    await world.add(new_lead(1), new_lead(2))
    leased, dialled = await taken_from(world), await taken_from(world)
    assert await world.begin(dialled)
    assert await attempts.release_leases(world.engine, NOW + 30) == 0
    assert await attempts.release_leases(world.engine, NOW + 61) == 1
    assert not await world.begin(leased, NOW + 61)
    assert await attempts.left_behind(world.engine, NOW + 61) == ()
    (row,) = await attempts.left_behind(world.engine, NOW + 700)
    lead = await attempts.finish(
        world.engine, row["id"], Ended("unknown", NOW + 700, state="unknown"), Retry(NOW + 5 * HOUR)
    )
    assert (lead.standing.state, lead.standing.tries) == ("wait_retry", 1)


async def test_a_list_that_is_not_all_in_is_not_dialled_and_a_dead_importers_part_goes(world: World) -> None:
    begun = await begin_import(world.engine, "leads", "spring", "s1", "list.csv", NOW, "tests")
    await Staging(world.engine, begun.id, "spring").stage([new_lead(1), new_lead(2)], NOW)
    assert await world.take() is None
    with pytest.raises(ImportRunning, match="is being imported at this moment"):
        await begin_import(world.engine, "leads", "spring", "s1", "list.csv", NOW + 10, "tests")
    again = await begin_import(world.engine, "leads", "spring", "s1", "list.csv", NOW + 100, "tests")
    assert await leads.find(world.engine, "x1") == ()
    assert await Staging(world.engine, again.id, "spring").stage([new_lead(1), new_lead(2)], NOW + 100) == {}
    await finish_import(world.engine, again.id, {"accepted": 2}, {}, NOW + 100)
    assert (await begin_import(world.engine, "leads", "spring", "s1", "list.csv", NOW, "tests")).counts == {
        "accepted": 2
    }
    assert await world.take() is not None


async def test_duplicates_and_opt_outs_are_left_out_with_the_reason(world: World) -> None:
    await world.add(new_lead(1), campaign="autumn")
    async with open_calls(world.url, migrated=True) as bot:
        await bot.opt_out(number(2), "seller", NOW, "call", "c1", "e1")
        await bot.opt_out(number(5), "campaign", NOW, "call", "c1", "e2")
    refused = await world.add(new_lead(1), new_lead(2), new_lead(3), new_lead(4, WASHINGTON, 3))
    assert refused == {
        1: "duplicate: the number is in the campaign autumn",
        2: "suppressed: this number asked not to be called",
    }
    assert await world.add(new_lead(3)) == {3: "duplicate: the external id 'x3' is in the campaign already"}
    await campaigns.move(world.engine, "autumn", "canceled", NOW)
    assert await world.add(new_lead(1), sha="again") == {}


async def test_cancelling_closes_all_but_calls_under_way(world: World) -> None:
    await world.add(*(new_lead(n) for n in range(1, 5)))
    assert await world.begin(await taken_from(world))
    assert await attempts.end_all(world.engine, "spring", "canceled", NOW) == 3
    assert (await campaigns.counts(world.engine, "spring")).states == {"closed": 3, "dialing": 1}


async def test_a_lead_begins_anew_by_hand(world: World) -> None:
    await world.add(new_lead(1, WASHINGTON, 2))
    lead = await called(world, Close("invalid_number", phone="invalid"))
    taken = await taken_from(world)
    assert await world.begin(taken, NOW + 1)
    with pytest.raises(leads.LeadBusy, match="under way"):
        await leads.reset(world.engine, lead, NOW)
    await attempts.finish(world.engine, f"call-{lead}-1", QUIET, Close("exhausted"))
    row = await leads.reset(world.engine, lead, NOW)
    assert (row.standing.state, row.standing.tries, row.number) == ("pending", 0, number(1))


@pytest.mark.parametrize(
    ("states", "allowed"),
    [
        (("paused", "running", "completed", "archived"), True),
        (("draining", "canceled"), True),
        (("canceled", "running"), False),
        (("draft",), False),
    ],
)
async def test_the_states_of_a_campaign(world: World, states: tuple[str, ...], allowed: bool) -> None:
    async def go() -> None:
        for state in states:
            assert (await campaigns.move(world.engine, "spring", state, NOW)).state == state

    if allowed:
        await go()
    else:
        with pytest.raises(campaigns.NotNow, match="it cannot become"):
            await go()


async def test_no_attempt_begins_in_a_campaign_that_was_paused_meanwhile(world: World) -> None:
    await world.add(new_lead(1))
    taken = await taken_from(world)
    await campaigns.move(world.engine, "spring", "paused", NOW, reason="by hand")
    assert not await world.begin(taken)


async def test_leads_of_a_campaign_that_is_long_over_go_with_their_permissions(world: World) -> None:
    await world.add(*(new_lead(n) for n in range(1, 4)))
    await world.add(new_lead(9), campaign="autumn")
    await called(world, CallBack(NOW + HOUR, "2026-11-30T10:00", "America/New_York"))
    await attempts.end_all(world.engine, "spring", "canceled", NOW)
    await campaigns.move(world.engine, "spring", "canceled", NOW)
    assert await old_lists(world.engine, NOW, dry=False) == 0
    assert await old_lists(world.engine, NOW + 1, dry=True) == 3
    assert await old_lists(world.engine, NOW + 1, dry=False) == 3
    assert (await campaigns.counts(world.engine, "spring")).states == {}
    left = await consents_of(world.engine, [number(n) for n in (1, 2, 3, 9)])
    assert list(left) == [number(9)], "a lead of a campaign that goes on has it still"
