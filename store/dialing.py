"""The dialer's queue: the next lead is taken, and put back, put off, closed or dialled, each in one transaction.

Whoever takes a lead holds it until its lease ends. Nothing here decides whether a lead may be called; but no attempt
begins for a number that has opted out, and an opt-out takes leads away from whoever holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from store.campaign_tables import attempts, callbacks, campaigns, leads, phones, shelves
from store.closing import closed
from store.leads import LeadRow, lead_of
from store.suppression import suppressed
from store.transaction import AT_ONCE, writing

Kind: TypeAlias = Literal["callback", "retry", "fresh"]
_RACES: Final = 50  #: how often another dialer may be faster before there is nothing to take for now


@dataclass(frozen=True, slots=True)
class Taken:
    """A lead that is held now. `callback` is the id of the row when the person asked for this time."""

    lead: LeadRow
    kind: Kind
    callback: int | None = None


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """An attempt as it is before its INVITE. `id` is the call's id; `decision` is why it is allowed."""

    id: str
    lead: int
    campaign: str
    number: str
    caller_id: str
    spec_hash: str
    owner: str
    kind: Kind
    decision: Mapping[str, Any]


class DialQueue:
    """What one dialer, or several, take leads from. All times are Unix seconds.

    A queue is for real campaigns or for simulated ones: of the other kind no lead is taken and no attempt begins.
    """

    def __init__(self, engine: AsyncEngine, *, simulated: bool = False) -> None:
        self._engine = engine
        self._simulated = simulated

    async def take(self, campaign: str, owner: str, now: float, lease_s: float) -> Taken | None:
        """Take the next lead: callbacks that are due, then retries, then fresh ones by priority and age; None when
        there is nothing to take at `now`. Leads whose time is over are closed as expired on the way."""
        async with writing(self._engine) as connection:
            for _ in range(_RACES):
                found = await _next(connection, campaign, now, simulated=self._simulated)
                if found is None:
                    return None
                row, kind = found
                if row["expires_at"] is not None and row["expires_at"] <= now:
                    await _expire(connection, row, now)
                    continue
                held = {"state": "leased", "owner": owner, "due_at": now + lease_s, "changed_at": now}
                still = (leads.c.id == row["id"]) & (leads.c.state == row["state"])
                if not (await connection.execute(sa.update(leads).where(still).values(held))).rowcount:
                    continue  # another dialer was faster
                callback = await _callback_of(connection, row["id"]) if kind == "callback" else None
                return Taken(lead_of(row), kind, callback)
        return None

    async def release(self, taken: Taken, owner: str) -> bool:
        """Put a lead back as it was. False when `owner` does not hold it any more, as with all that follow."""
        was = taken.lead.standing
        return await self._put(taken.lead.id, owner, {"state": was.state, "owner": "", "due_at": was.due_at})

    async def defer(self, taken: Taken, owner: str, due_at: float, decision: Mapping[str, Any], now: float) -> bool:
        """Put a lead off until `due_at`, by a decision. A callback stays one."""
        state = "wait_callback" if taken.kind == "callback" else "wait_retry"
        values = {"state": state, "owner": "", "due_at": due_at, "decision": dict(decision), "changed_at": now}
        return await self._put(taken.lead.id, owner, values)

    async def close(self, lead: int, owner: str, reason: str, decision: Mapping[str, Any], now: float) -> bool:
        """Close a lead that is not to be called at all, by a decision."""
        return await self._put(lead, owner, {**closed(reason, now), "decision": dict(decision)})

    async def close_shelf(self, shelf: int, opens_at: float) -> None:
        """Take nothing from this shelf before `opens_at`: the hours of its places are over."""
        async with writing(self._engine) as connection:
            finished = (shelves.c.id == shelf) & shelves.c.opens_at.is_not(None)
            await connection.execute(sa.update(shelves).where(finished).values(opens_at=opens_at))

    async def next_opening(self, campaign: str, now: float) -> float | None:
        """When there may be something to take again: the earliest of shelves, retries and callbacks; None: never."""
        async with self._engine.connect() as connection:
            due = sa.select(sa.func.min(leads.c.due_at)).where(
                leads.c.campaign == campaign, leads.c.state.in_(["wait_retry", "wait_callback"])
            )
            fresh = sa.exists().where(leads.c.shelf == shelves.c.id, leads.c.state == "pending")
            opens = sa.select(sa.func.min(shelves.c.opens_at)).where(shelves.c.campaign == campaign, fresh)
            moments = [await connection.scalar(query) for query in (due, opens)]
        found = [max(float(moment), now) for moment in moments if moment is not None]
        return min(found) if found else None

    async def begin(self, attempt: NewAttempt, now: float, held_s: float) -> bool:
        """Keep an attempt before its INVITE; the lead is held for `held_s` more. False: `owner` does not hold the lead
        any more, its campaign does not run or is of the other kind, or its number has opted out. Then nothing may be sent."""
        held = (leads.c.id == attempt.lead) & (leads.c.state == "leased") & (leads.c.owner == attempt.owner)
        under_way = {"state": "dialing", "due_at": now + held_s, "tries": leads.c.tries + 1, "changed_at": now}
        row = {name: getattr(attempt, name) for name in NewAttempt.__dataclass_fields__}
        row |= {"state": "dialing", "begun_at": now, "decision": dict(attempt.decision), "flags": []}
        runs = sa.exists().where(campaigns.c.name == attempt.campaign, campaigns.c.state == "running")
        runs = runs.where(campaigns.c.simulated == self._simulated)
        async with writing(self._engine) as connection:
            moved = await connection.execute(sa.update(leads).where(held, leads.c.due_at > now, runs).values(under_way))
            if not moved.rowcount or await suppressed(connection, attempt.number):
                await connection.rollback()
                return False
            await connection.execute(sa.insert(attempts).values(row))
        return True

    async def _put(self, lead: int, owner: str, values: Mapping[str, Any]) -> bool:
        held = (leads.c.id == lead) & (leads.c.owner == owner) & (leads.c.state == "leased")
        async with writing(self._engine) as connection:
            return bool((await connection.execute(sa.update(leads).where(held).values(**values))).rowcount)


async def move_to_next_phone(connection: AsyncConnection, lead: int, number: str, status: str, now: float) -> bool:
    """Mark a number of a lead; with another one that is ok the lead goes on with that, pending. False: there is none."""
    this = (phones.c.lead == lead) & (phones.c.number == number)
    await connection.execute(sa.update(phones).where(this).values(status=status))
    others = sa.select(phones).where(phones.c.lead == lead, phones.c.status == "ok").order_by(phones.c.position)
    other = (await connection.execute(others.limit(1))).mappings().first()
    if other is None:
        return False
    fresh = {"state": "pending", "owner": "", "due_at": None, "changed_at": now}
    fresh |= {"number": other["number"], "shelf": other["shelf"]}
    await connection.execute(sa.update(leads).where(leads.c.id == lead).values(fresh))
    return True


async def _next(
    connection: AsyncConnection, campaign: str, now: float, *, simulated: bool
) -> tuple[sa.RowMapping, Kind] | None:
    """The lead to take, in one query over two indexes: the first callback that is due, the first retry, or the best of
    all shelves' first ones."""
    row = (
        (await connection.execute(_NEXT, {"campaign": campaign, "now": now, "simulated": simulated})).mappings().first()
    )
    return (row, _KINDS[row["rank"]]) if row is not None else None


_KINDS: Final[tuple[Kind, ...]] = ("callback", "retry", "fresh")


def _next_query() -> sa.Select[Any]:
    campaign, now = sa.bindparam("campaign", type_=sa.String), sa.bindparam("now", type_=sa.Double)
    mine = shelves.c.campaign == campaign

    def due(rank: int, state: str) -> sa.Select[Any]:
        finished = leads.c.shelf.in_(sa.select(shelves.c.id).where(mine, shelves.c.opens_at.is_not(None)))
        here = (leads.c.campaign == campaign) & (leads.c.state == state) & (leads.c.due_at <= now)
        first = sa.select(leads.c.id).where(here, finished).order_by(leads.c.due_at).limit(1).subquery()
        return sa.select(sa.literal(rank).label("rank"), first.c.id)

    inner = leads.alias("inner")
    first = (
        sa.select(inner.c.id)
        .where(inner.c.shelf == shelves.c.id, inner.c.state == "pending")
        .order_by(inner.c.priority.desc(), inner.c.id)
        .limit(1)
        .scalar_subquery()
    )
    best = sa.select(leads.c.id).select_from(shelves.join(leads, leads.c.id == first))
    best = best.where(mine, shelves.c.opens_at <= now).order_by(leads.c.priority.desc(), leads.c.id).limit(1)
    fresh = best.subquery()
    found = sa.union_all(
        due(0, "wait_callback"), due(1, "wait_retry"), sa.select(sa.literal(2).label("rank"), fresh.c.id)
    ).subquery()
    of_kind = sa.exists().where(campaigns.c.name == campaign, campaigns.c.simulated == sa.bindparam("simulated"))
    joined = sa.select(leads, found.c.rank).join(found, leads.c.id == found.c.id).where(of_kind)
    return joined.order_by(found.c.rank).limit(1)


_NEXT: Final = _next_query()


async def _expire(connection: AsyncConnection, row: sa.RowMapping, now: float) -> None:
    """Close this lead and the next ones of its kind that are over too, many at once."""
    alike = (leads.c.shelf == row["shelf"]) & (leads.c.state == row["state"]) & (leads.c.expires_at <= now)
    some = sa.select(leads.c.id).where(alike).order_by(leads.c.priority.desc(), leads.c.id).limit(AT_ONCE)
    await connection.execute(sa.update(leads).where(leads.c.id.in_(some)).values(closed("expired", now)))


async def _callback_of(connection: AsyncConnection, lead: int) -> int | None:
    query = sa.select(callbacks.c.id).where(callbacks.c.lead == lead, callbacks.c.state == "open")
    return await connection.scalar(query.order_by(callbacks.c.due_at).limit(1))
