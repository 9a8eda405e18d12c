"""A dialer at work: who is called, in which order, what becomes of them, and what a death costs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from campaigns.campaign_file import read_campaign
from campaigns.far_end import Ring
from campaigns.simulated import CROWD, Person, SimulatedFarEnd, by_number
from sip.outcome import Ending, Outcome
from store import attempts, campaigns, leads
from store.attempts import CallBack
from store.database import open_calls
from store.dialing import DialQueue, NewAttempt
from store.staging import NewLead, Place
from tests import campaign_world
from tests.campaign_world import SEATTLE, WASHINGTON, World, a_campaign
from tests.databases import Databases
from tests.dialer_world import FILE, NOON, Office, an_office
from tests.far_end_contract import go, keeps_the_contract
from tests.waiting import eventually

HOUR = 3600.0
BUYER = Person(rings_s=1, talks_s=30)


def number(n: int, place: Place = WASHINGTON) -> str:
    """The n-th number there: area code 202, or 206."""
    return campaign_world.number(n + (200 if place is WASHINGTON else 600))


def new_lead(n: int, place: Place = WASHINGTON) -> NewLead:
    return campaign_world.new_lead(n + (200 if place is WASHINGTON else 600), place)


@pytest.fixture
async def world(databases: Databases, tmp_path: Path) -> AsyncIterator[World]:
    async with a_campaign(databases, "sqlite", tmp_path) as made:
        yield made


async def states(world: World) -> Counter[tuple[str, str]]:
    found = [await leads.get(world.engine, n) for n in range(1, 1 + await _count(world))]
    return Counter((lead.standing.state, lead.standing.closed_reason) for lead in found)


async def _count(world: World) -> int:
    return sum((await campaigns.counts(world.engine, "spring")).states.values())


async def all_of(office: Office) -> dict[str, str]:
    """Every attempt's number and outcome."""
    rows = await attempts.ended_since(office.world.engine, "spring", 0)
    return {row["number"]: row["outcome"] for row in rows}


async def until_quiet(office: Office) -> None:
    """Let a dialer work until nothing is left to do now."""
    dialer = office.dialer()
    running = asyncio.create_task(dialer.run())
    await eventually(lambda: dialer._seeing.wake is not None and not dialer._tasks, 20)
    dialer.stop()
    await running


FAR_ENDS = {
    number(1): (BUYER, "conversation", ("closed", "qualified")),
    number(2): (Person(486), "busy", ("wait_retry", "")),
    number(3): (Person(603), "declined", ("wait_retry", "")),
    number(4): (Person(603, "Network Blocked"), "network_blocked", ("wait_retry", "")),
    number(5): (Person(607), "unwanted", ("closed", "dnc")),
    number(6): (Person(404), "invalid_number", ("closed", "invalid_number")),
    number(7): (Person(0), "no_answer", ("wait_retry", "")),
    number(8): (Person(talks_s=4, disposition="abandoned"), "hangup_early", ("wait_retry", "")),
    number(9): (Person(talks_s=8, disposition="voicemail"), "voicemail", ("wait_retry", "")),
    number(10): (Person(talks_s=8, disposition="opted_out"), "conversation", ("closed", "dnc")),
    number(11): (Person(talks_s=8, first_audio_ms=None, disposition=""), "abandoned", ("wait_retry", "")),
    number(12): (Person(talks_s=9, disposition="wrong_number"), "conversation", ("closed", "wrong_number")),
}


async def test_every_far_end_has_its_outcome_and_is_rung_once(world: World) -> None:
    office = await an_office(world, lambda called: FAR_ENDS[called][0])
    await world.add(*(new_lead(n) for n in range(1, 13)))
    await until_quiet(office)
    assert await all_of(office) == {called: outcome for called, (_, outcome, _) in FAR_ENDS.items()}
    for n, (_, _, then) in enumerate(FAR_ENDS.values(), 1):
        lead = (await leads.get(world.engine, n)).standing
        assert (lead.state, lead.closed_reason) == then, n
    assert Counter(one.number for one in office.exchange.invited) == Counter(list(FAR_ENDS))


async def test_hours_close_a_shelf_and_cost_nobody_a_call(world: World) -> None:
    office = await an_office(world, lambda _: BUYER, start=NOON - 5 * HOUR)  # a quarter past eight in Washington
    await world.add(*(new_lead(n, SEATTLE) for n in (1, 2, 3)), new_lead(4, WASHINGTON))
    await until_quiet(office)
    assert list(await all_of(office)) == [number(4)]
    fresh = (await campaigns.counts(world.engine, "spring")).fresh
    assert [(places[0], places[3]) for places in fresh] == [(("WA",), 3)]
    assert fresh[0][2] > office.clock() + HOUR


async def test_a_number_that_opts_out_while_it_is_leased_is_not_rung(world: World) -> None:
    office = await an_office(world, lambda _: BUYER)
    await world.add(new_lead(1), new_lead(2))

    class Slow(SimulatedFarEnd):
        async def place(self, ring, before_invite):  # type: ignore[no-untyped-def]
            async with open_calls(world.url, migrated=True) as calls:
                if ring.number == number(1):
                    await calls.opt_out(number(1), "global", office.clock(), "spoken", "other-call", "e1")
            return await super().place(ring, before_invite)

    dialer = office.dialer(far_end=Slow(office.exchange))
    await asyncio.wait_for(dialer.run(), 20)
    assert [one.number for one in office.exchange.invited] == [number(2)]
    assert (await leads.get(world.engine, 1)).standing.closed_reason == "dnc"


async def test_pause_lets_calls_end_and_nobody_else_be_rung(world: World) -> None:
    office = await an_office(world, lambda _: Person(rings_s=1, talks_s=300))
    await world.add(*(new_lead(n) for n in range(1, 30)))
    running = asyncio.create_task(office.dialer().run())
    await eventually(lambda: len(office.exchange.invited) >= 5, 20)
    await campaigns.move(world.engine, "spring", "paused", office.clock(), reason="lunch")
    row = await asyncio.wait_for(running, 20)
    assert (row.state, row.reason) == ("paused", "lunch")
    found = await states(world)
    assert found["closed", "qualified"] == len(office.exchange.invited) < 29
    assert {state for state, _ in found} == {"closed", "pending", "wait_retry"} or found["pending", ""] > 0


async def test_no_agent_nobody_is_rung_and_some_are_kept_for_callers(world: World) -> None:
    office = await an_office(world, lambda _: Person(talks_s=200))
    await world.add(*(new_lead(n) for n in range(1, 6)))
    office.agents = 1
    dialer = office.dialer(inbound=1)
    running = asyncio.create_task(dialer.run())
    await eventually(lambda: dialer._seeing.reaped_at > 0, 20)
    dialer.stop()
    await running
    assert office.exchange.invited == []
    assert (await states(world))["pending", ""] == 5


async def test_a_lead_for_whom_no_agent_came_goes_back_at_once_and_has_lost_no_try(world: World) -> None:
    office = await an_office(world, lambda _: BUYER, text=FILE + "retry: {system_error: [1s]}\n")
    await world.add(new_lead(1))
    nobody = Outcome(Ending.NO_AGENT, None, "no agent took the call within 10 s")

    class Late(SimulatedFarEnd):
        async def place(self, ring, before_invite):  # type: ignore[no-untyped-def]
            tried.append(ring.attempt)
            return nobody if len(tried) == 1 else await super().place(ring, before_invite)

    tried = list[str]()
    await asyncio.wait_for(office.dialer(far_end=Late(office.exchange)).run(), 20)
    rows = await attempts.ended_since(world.engine, "spring", 0)
    assert [(row["outcome"], row["invited_at"] is None, row["counts"]) for row in rows] == [
        ("system_error", True, False),
        ("conversation", False, True),
    ]
    lead = (await leads.get(world.engine, 1)).standing
    assert (lead.closed_reason, lead.tries, len(office.exchange.invited)) == ("qualified", 1, 1)


async def test_the_canary_goes_one_by_one_and_then_says_how_it_went(world: World) -> None:
    office = await an_office(world, lambda _: BUYER, text=FILE.replace("canary: 0", "canary: 3"))
    await world.add(*(new_lead(n) for n in range(1, 9)))
    await until_quiet(office)
    assert any("the first 3 calls: 3 conversation" in told for told in office.told)
    assert (await states(world))["closed", "qualified"] == 8


async def test_a_refusing_trunk_stops_the_campaign_at_the_first_call(world: World) -> None:
    office = await an_office(world, lambda _: Person(403, "Forbidden"), text=FILE.replace("canary: 0", "canary: 1"))
    await world.add(*(new_lead(n) for n in range(1, 9)))
    row = await asyncio.wait_for(office.dialer().run(), 20)
    assert (row.state, "403 Forbidden" in row.reason) == ("paused", True)
    assert len(office.exchange.invited) == 1
    assert (await states(world))["pending", ""] == 7
    assert (await leads.get(world.engine, 1)).standing.tries == 0


async def test_a_caller_id_that_made_its_calls_of_the_day_makes_the_campaign_wait(world: World) -> None:
    office = await an_office(world, lambda _: BUYER, text=FILE.replace("per_caller_id: 100000", "per_caller_id: 3"))
    await world.add(*(new_lead(n) for n in range(1, 9)))
    dialer = office.dialer()
    running = asyncio.create_task(dialer.run())
    await eventually(lambda: (dialer._seeing.wake or 0) > office.clock() + 500 and not dialer._tasks, 20)
    dialer.stop()
    assert (await running).state == "running"
    assert len(office.exchange.invited) == 3
    assert (await states(world))["pending", ""] == 5


async def test_nobody_is_rung_before_the_campaign_begins(world: World) -> None:
    begins = datetime(2026, 12, 2, 10, tzinfo=ZoneInfo("America/New_York")).timestamp()
    text = FILE + "start_at: 2026-12-02T10:00-05:00\n"
    office = await an_office(world, lambda _: BUYER, text=text)
    await world.add(new_lead(1))
    await campaigns.move(world.engine, "spring", "paused", NOON)
    assert (await campaigns.set_going(world.engine, "spring", NOON)).state == "scheduled"
    await until_quiet(office)
    assert office.exchange.invited == []
    assert (await campaigns.get(world.engine, "spring")).state == "scheduled"
    later = await an_office(world, lambda _: BUYER, text=text, start=begins)
    assert (await later.dialer().run()).state == "completed"
    assert [one.number for one in later.exchange.invited] == [number(1)]


@pytest.mark.parametrize("simulated", [True, False])
async def test_a_simulation_is_not_dialled_nor_a_real_campaign_simulated(world: World, simulated: bool) -> None:
    office = await an_office(world, lambda _: BUYER)
    text = FILE.replace("spring", "rehearsal")
    rehearsal = await an_office(world, lambda _: BUYER, text=text)
    await world.add(new_lead(1))
    await world.add(new_lead(2), campaign="rehearsal")
    await campaigns.set_going(world.engine, "rehearsal", NOON, simulated=True)
    wrong = office if simulated else rehearsal
    name = wrong.file.campaign
    with pytest.raises(campaigns.NotNow, match="is real" if simulated else "is simulated"):
        await wrong.dialer(simulated=simulated).run()
    queue = DialQueue(world.engine, simulated=simulated)
    other = DialQueue(world.engine, simulated=not simulated)
    assert await queue.take(name, "dialer-1", NOON, 60.0) is None
    taken = await other.take(name, "dialer-1", NOON, 60.0)
    assert taken is not None
    new = NewAttempt("a1", taken.lead.id, name, taken.lead.number, "+12025550100", "h1", "dialer-1", "fresh", {})
    assert not await queue.begin(new, NOON, 60.0)
    assert await other.begin(new, NOON, 60.0)
    assert wrong.exchange.invited == []


@pytest.mark.parametrize(("at_once", "ends"), [(4, False), (6, True)])
async def test_a_dialer_goes_on_by_a_narrower_file_and_not_by_a_wider_one(
    world: World, at_once: int, ends: bool
) -> None:
    office = await an_office(world, lambda _: Person(talks_s=3000))
    await world.add(new_lead(1))
    dialer = office.dialer()
    running = asyncio.create_task(dialer.run())
    await eventually(lambda: len(office.exchange.invited) == 1, 20)
    new = read_campaign(FILE.replace("concurrency: 5", f"concurrency: {at_once}"), "spring.yaml")
    await campaigns.put(world.engine, new.spec(), office.clock(), "tests")
    if ends:
        await eventually(lambda: any("(pacing.concurrency)" in told for told in office.told), 20)
    else:
        await eventually(lambda: dialer.plan.file.pacing.concurrency == at_once, 20)
        dialer.stop()
    assert (await running).state == "running"


async def test_what_a_campaign_is_is_said_at_its_first_start(world: World) -> None:
    await an_office(world, lambda _: BUYER, text=FILE.replace("spring", "rehearsal"))
    for _ in range(2):
        await campaigns.set_going(world.engine, "rehearsal", NOON, simulated=True)
    with pytest.raises(campaigns.NotNow, match="is simulated: add --simulate, or give a real one a name"):
        await campaigns.set_going(world.engine, "rehearsal", NOON)
    await campaigns.set_going(world.engine, "spring", NOON)
    with pytest.raises(campaigns.NotNow, match="is real: give a simulation a name of its own"):
        await campaigns.set_going(world.engine, "spring", NOON, simulated=True)


async def test_a_callback_is_kept_at_its_time_and_a_missed_one_the_next_day(world: World) -> None:
    office = await an_office(world, lambda _: BUYER)
    await world.add(new_lead(1), new_lead(2))
    asked = {1: (NOON, "2026-11-30T13:13"), 2: (NOON - 2 * HOUR, "2026-11-30T11:13")}
    for n, (due, local) in asked.items():
        taken = await world.take(NOON - 3 * HOUR)
        assert taken is not None
        assert await world.begin(taken, NOON - 3 * HOUR)
        then = CallBack(due, local, "America/New_York", "later today")
        ended = attempts.Ended("conversation", NOON - 3 * HOUR + 60, flags=("human",), counts=False)
        await attempts.finish(world.engine, f"call-{n}-0", ended, then)
    await until_quiet(office)
    assert [one.number for one in office.exchange.invited] == [number(1)]
    rows = await leads.callbacks_in(world.engine)
    assert sorted((row["lead"], row["state"], row["local"]) for row in rows) == [
        (1, "kept", "2026-11-30T13:13"),
        (2, "missed", "2026-11-30T11:13"),
        (2, "open", "2026-12-01T11:13"),
    ]
    assert (await leads.get(world.engine, 2)).standing.due_at == NOON + 22 * HOUR - 20


async def test_who_comes_back_never_rings_again(world: World) -> None:
    """Four moments of death: before the INVITE, while it rings, while they talk, after the end."""
    office = await an_office(world, lambda _: Person(rings_s=50, talks_s=100))
    await world.add(*(new_lead(n) for n in range(1, 5)))
    moments = {}
    for moment in ("before", "ringing", "talking", "lost"):
        taken = await world.take(office.clock())
        assert taken is not None
        assert await world.begin(taken, office.clock(), attempt=moment)
        moments[moment] = taken.lead
    lives = []
    for moment in ("ringing", "talking", "lost"):
        assert await attempts.invite(world.engine, moment, "dialer-1", office.clock())
        assert not await attempts.invite(world.engine, moment, "dialer-1", office.clock())
        if moment != "lost":  # of this one the exchange has forgotten everything
            lives.append(asyncio.create_task(office.exchange.invite(moment, moments[moment].number, 30)))
    await asyncio.sleep(0)
    await until_quiet(office)
    await asyncio.gather(*lives)
    rows = {row["id"]: row for row in await attempts.ended_since(world.engine, "spring", 0)}
    assert {name: rows[name]["outcome"] for name in moments} == {
        "before": "withheld",
        "ringing": "conversation",
        "talking": "conversation",
        "lost": "unknown",
    }
    assert max(Counter(one.number for one in office.exchange.invited).values()) == 1
    waits = {name: (await leads.get(world.engine, lead.id)).standing for name, lead in moments.items()}
    assert (waits["before"].state, waits["before"].tries) == ("wait_retry", 0)
    due = waits["lost"].due_at
    assert due is not None
    assert due >= office.clock() + 4 * HOUR - 5


async def test_the_far_end_simulated_keeps_the_contract(world: World) -> None:
    people = {number(1): Person(486, rings_s=1), number(2): Person(rings_s=1, talks_s=3000)}
    office = await an_office(world, lambda called: people[called])
    end = SimulatedFarEnd(office.exchange)
    await keeps_the_contract(end, number(1), number(2), lambda: [one.number for one in office.exchange.invited])


async def test_the_far_end_simulated_calls_fictional_numbers_only(world: World) -> None:
    office = await an_office(world, by_number)
    refused = await SimulatedFarEnd(office.exchange).place(Ring("a2", "+12024561111", "+12025550100"), go)
    assert getattr(refused, "rule", "") == "fictional"
    assert office.exchange.invited == []
    assert sum(share for share, _ in CROWD) == 100
