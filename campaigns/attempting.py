"""One attempt from the lead to its end: decided, kept, placed, talked out, and what becomes of the lead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

from campaigns.again import RESCHEDULES_MOST, TOLERANCE_S, Past, next_day, what_next
from campaigns.desk import HELD_S, RENEW_S, Desk, Plan
from campaigns.far_end import Refused, Ring, Withheld
from campaigns.ledger import as_told, lead_of, ledger_of
from campaigns.outcomes import Kind, Talk, answered, kind, unanswered
from campaigns.policy import terms
from campaigns.policy.decide import decide
from sip.outcome import Ending, Outcome
from store import attempts
from store.attempts import CallBack, Close, Ended, Retry
from store.dialing import NewAttempt, Taken
from store.leads import LeadRow, attempts_of, callbacks_in
from store.leads import get as get_lead

log = logging.getLogger(__name__)

#: A token that does not come in this time: the call is not made now.
_TOKEN_S: Final = 60.0
#: Tokens are this much rarer than the limit allows: what lies between a token and its INVITE takes not always equally long.
_HEADROOM: Final = 0.975
#: An agent's place counts as reserved until its worker has said that it is busy.
SEATED_S: Final = 15.0
_ANNOUNCED_S: Final = 1.5
SEATS: Final = "agents"
#: Why a lead is closed, by the rule that refused it for good.
_REASONS: Final = {
    "suppressed": "suppressed",
    "consent": "no_consent",
    "registry": "suppressed",
    "tries": "exhausted",
    "number_kind": "invalid_number",
}


class Halt(Exception):
    """The campaign cannot go on; the message says why and what to do. `until`: it can again from then on, by itself."""

    def __init__(self, why: str, until: float | None = None) -> None:
        super().__init__(why)
        self.until = until


def places_of(campaign: str) -> str:
    """The name under which a campaign's calls at once are counted."""
    return f"campaign:{campaign}"


async def consider(desk: Desk, plan: Plan, taken: Taken, attempt: str) -> NewAttempt | None:
    """Ask whether a lead that was taken may be called now; if not, it is put where it belongs, and None is returned.

    Raises Halt when it is the campaign that may not call.
    """
    now = desk.clock()
    if await _missed(desk, taken, now):
        return None
    when = datetime.fromtimestamp(now, UTC)
    callers = _in_order(plan.callers, taken.lead.id)
    decision: terms.Decision = terms.Refused("caller_id", "the campaign has no number to show")
    for caller in callers:
        ledger = await ledger_of(desk.engine, taken.lead, caller, when)
        asked = taken.kind == "callback"
        decision = decide(lead_of(taken.lead), plan.file.for_policy(), ledger, when, desk.packs, asked_for=asked)
        if isinstance(decision, terms.Allowed):
            return NewAttempt(
                id=attempt,
                lead=taken.lead.id,
                campaign=plan.name,
                number=decision.number,
                caller_id=caller.number,
                spec_hash=plan.spec_hash,
                owner=desk.owner,
                kind=taken.kind,
                decision=as_told(decision, when),
            )
        if decision.rule != "caller_id":
            break
    assert isinstance(decision, terms.Refused)
    await _put_away(desk, taken, decision, when)
    return None


def _in_order(callers: tuple[terms.CallerId, ...], lead: int) -> tuple[terms.CallerId, ...]:
    """A lead sees the same number each time, as long as that may be shown."""
    first = lead % len(callers) if callers else 0
    return (*callers[first:], *callers[:first])


async def _put_away(desk: Desk, taken: Taken, refused: terms.Refused, when: datetime) -> None:
    now = when.timestamp()
    if refused.rule == "caller_id":
        await desk.queue.release(taken, desk.owner)
        raise Halt(refused.why, refused.retry_at.timestamp() if refused.retry_at else None)
    if refused.retry_at is None:
        reason = _REASONS.get(refused.rule, refused.rule)
        await desk.queue.close(taken.lead.id, desk.owner, reason, as_told(refused, when), now)
    elif refused.rule == "hours" and taken.kind == "fresh":
        await desk.queue.release(taken, desk.owner)
        await desk.queue.close_shelf(taken.lead.shelf, refused.retry_at.timestamp())
    else:
        await desk.queue.defer(taken, desk.owner, refused.retry_at.timestamp(), as_told(refused, when), now)


async def _missed(desk: Desk, taken: Taken, now: float) -> bool:
    """A callback whose time is over is moved to the next day, at most three times; then it is a retry like others."""
    if taken.kind != "callback":
        return False
    rows = await callbacks_in(desk.engine, lead=taken.lead.id, state="open", limit=1)
    if not rows or now <= rows[0]["due_at"] + TOLERANCE_S:
        return False
    row = rows[0]
    if row["reschedules"] >= RESCHEDULES_MOST:
        then: CallBack | Retry = Retry(now)
    else:
        local, due = next_day(row["local"], row["zone"], now)
        then = CallBack(due, local, row["zone"], row["spoken"], row["reschedules"] + 1)
    await attempts.move_callback(desk.engine, taken.lead.id, desk.owner, then, now)
    return True


async def carry_out(desk: Desk, plan: Plan, new: NewAttempt, lead: LeadRow) -> Kind | None:
    """Place the call of an attempt that was begun, and see it to its end. None: nobody was rung."""

    async def last_word() -> None:
        await desk.pace.reserve(SEATS, new.id, 1, _ANNOUNCED_S)  # the agent is there: its worker counts it from now on
        await _turn(desk, plan, plan.trunk)
        if not await attempts.invite(desk.engine, new.id, desk.owner, desk.clock()):
            raise Withheld("opted out, paused or taken over in the meantime")
        await _turn(desk, plan, f"{plan.trunk}:sent")  # at most one interval: what the database took is evened out

    pacing = plan.file.pacing
    known = {**plan.file.variables, **_known(lead)}
    ring = Ring(new.id, new.number, new.caller_id, round(pacing.ring), round(pacing.max_call), known)
    async with held(desk, plan, new.id):
        placed = await desk.far_end.place(ring, last_word)
        if isinstance(placed, Refused):
            await not_placed(desk, new.id, new.lead, placed)
            return None
        return await _over(desk, plan, new.id, placed)


async def _turn(desk: Desk, plan: Plan, of: str) -> None:
    """Wait for a token. Raises Withheld when none comes in time."""
    until = desk.clock() + _TOKEN_S
    while (wait := await desk.pace.token(of, plan.file.pacing.cps * _HEADROOM)) > 0:
        if desk.clock() + wait > until:
            raise Withheld("no token came: too many calls want this trunk")
        await asyncio.sleep(wait)


def _known(lead: LeadRow) -> dict[str, str]:
    """What the conversation may know of the person: plain values only."""
    person = dict(lead.person)
    custom = person.pop("custom", None)
    plain = {**person, **custom} if isinstance(custom, dict) else person
    return {str(key): str(value) for key, value in plain.items() if isinstance(value, str | int | float)}


async def _over(desk: Desk, plan: Plan, attempt: str, placed: Outcome) -> Kind:
    now = desk.clock()
    status = {"sip_status": placed.sip_status, "sip_phrase": placed.phrase}
    if placed.name is not Ending.ANSWERED:
        await attempts.note(desk.engine, attempt, **status)
        return await settle(desk, plan, attempt, unanswered(placed), None)
    await attempts.note(desk.engine, attempt, state="in_call", answered_at=now, **status)
    talk = await desk.far_end.talk(attempt, plan.file.pacing.max_call + 30)
    if talk is None:
        return await settle(desk, plan, attempt, kind("dropped"), None)
    return await settle(desk, plan, attempt, answered(talk), talk)


async def settle(desk: Desk, plan: Plan, attempt: str, ended: Kind, talk: Talk | None) -> Kind:
    """Keep how an attempt ended, and what becomes of its lead."""
    now = desk.clock()
    row = await attempts.get(desk.engine, attempt)
    lead = await get_lead(desk.engine, row["lead"])
    before = await attempts_of(desk.engine, lead.id)
    outcomes = [one["outcome"] for one in before if one["id"] != attempt and one["outcome"]]
    asked = await callbacks_in(desk.engine, lead=lead.id, limit=1)
    past = Past(lead.id, [*outcomes, ended.name], lead.standing.tries, asked[0]["reschedules"] if asked else 0)
    then = what_next(ended, talk, past, plan.rules, now)
    values: dict[str, Any] = {"amd": talk.machine} if talk is not None and talk.machine else {}
    if talk is not None and talk.first_audio_ms is not None:
        values["first_audio_ms"] = talk.first_audio_ms
    if talk is not None and talk.disclosed_at is not None:
        values["disclosed_at"] = talk.disclosed_at
    if talk is not None and plan.file.cost_per_minute is not None:
        values["cost"] = round(talk.seconds / 60 * plan.file.cost_per_minute, 4)
    if values:
        await attempts.note(desk.engine, attempt, **values)
    result = Ended(
        outcome=ended.name,
        at=now if talk is None or row["answered_at"] is None else max(now, row["answered_at"]),
        disposition=talk.disposition if talk is not None else "",
        flags=ended.flags,
        counts=ended.counts,
        score=talk.score if talk is not None else None,
        state="unknown" if ended.name == "unknown" else "ended",
    )
    await attempts.finish(desk.engine, attempt, result, then)
    return ended


async def not_placed(desk: Desk, attempt: str, lead: int, why: Refused) -> None:
    """Nobody was rung: the try is given back, unless the gate will never let this number through."""
    now = desk.clock()
    ended = Ended("withheld", now, counts=False)
    if why.rule in ("withheld", "spend"):
        await attempts.finish(desk.engine, attempt, ended, Retry(now + 60 + lead % 60, same_try=True))
    else:
        reason = "dnc" if why.rule == "opted_out" else "invalid_number"
        log.info("attempt %s was refused by the gate: %s", attempt, why.rule)
        await attempts.finish(desk.engine, attempt, ended, Close(reason))


@asynccontextmanager
async def held(desk: Desk, plan: Plan, attempt: str) -> AsyncIterator[None]:
    """While this goes on, the lead and the places stay ours."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                await attempts.hold(desk.engine, attempt, desk.owner, desk.clock() + HELD_S)
                await desk.pace.reserve(places_of(plan.name), attempt, plan.file.pacing.concurrency, HELD_S)
            except Exception as away:  # the next renewal may fare better; two may fail before anybody asks
                log.warning("attempt %s could not be renewed: %s", attempt, away)

    renewing = asyncio.create_task(renew(), name="attempt.renew")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
