"""A lead as it is kept, and what a person at the terminal asks or changes about one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from store.calls import StoreError
from store.campaign_tables import attempts, callbacks, leads, phones
from store.closing import cancel_callbacks
from store.suppression import UNDER_WAY
from store.transaction import read, rows_of, writing


class UnknownLead(StoreError):
    """There is no such lead."""


class LeadBusy(StoreError):
    """The lead's call is under way."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a lead stands. `due_at`: when something must happen next; while `owner` holds it, when the lease ends."""

    state: str
    due_at: float | None
    expires_at: float | None
    owner: str
    tries: int
    last_outcome: str
    disposition: str
    score: int | None
    closed_reason: str
    decision: Mapping[str, Any]  #: the last one: allowed, rule, why, retry_at, at


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A person in a campaign. `number` is the one to dial next; `person` is what the list said, `custom` included."""

    id: int
    campaign: str
    external_id: str
    number: str
    shelf: int
    priority: int
    person: Mapping[str, Any]
    standing: Standing


@dataclass(frozen=True, slots=True)
class Phone:
    """One of a lead's numbers. `status`: ok, invalid, wrong_number, reassigned, suppressed."""

    number: str
    position: int
    kind: str
    shelf: int
    status: str


def lead_of(row: sa.RowMapping) -> LeadRow:
    """The lead in a row of `leads`."""
    standing = Standing(**{name: row[name] for name in Standing.__dataclass_fields__})
    plain = {name: row[name] for name in ("id", "campaign", "number", "shelf", "priority", "person")}
    return LeadRow(external_id=row["external_id"] or "", standing=standing, **plain)


async def get(engine: AsyncEngine, lead: int) -> LeadRow:
    """One lead. Raises UnknownLead."""
    async with engine.connect() as connection:
        found = await rows_of(connection, sa.select(leads).where(leads.c.id == lead))
    if not found:
        raise UnknownLead(f"no lead {lead}; `leadline lead show` takes an id, an external id or a telephone number")
    return lead_of(found[0])


async def find(engine: AsyncEngine, key: str, campaign: str = "", limit: int = 20) -> tuple[LeadRow, ...]:
    """Leads by id, external id or number (E.164), of one campaign or of all; empty when there is none."""
    wanted = [leads.c.external_id == key, leads.c.id.in_(sa.select(phones.c.lead).where(phones.c.number == key))]
    if key.isascii() and key.isdigit() and int(key) < 2**31:
        wanted.append(leads.c.id == int(key))
    query = sa.select(leads).where(sa.or_(*wanted)).order_by(leads.c.id).limit(limit)
    if campaign:
        query = query.where(leads.c.campaign == campaign)
    async with engine.connect() as connection:
        return tuple(lead_of(row) for row in await rows_of(connection, query))


async def phones_of(engine: AsyncEngine, lead: int) -> tuple[Phone, ...]:
    """A lead's numbers in the order in which they are tried."""
    query = sa.select(phones).where(phones.c.lead == lead).order_by(phones.c.position)
    async with engine.connect() as connection:
        rows = await rows_of(connection, query)
    return tuple(Phone(**{name: row[name] for name in Phone.__dataclass_fields__}) for row in rows)


async def attempts_of(engine: AsyncEngine, lead: int) -> tuple[Mapping[str, Any], ...]:
    """A lead's attempts in order, every column."""
    query = sa.select(attempts).where(attempts.c.lead == lead).order_by(attempts.c.begun_at)
    return await read(engine, query)


async def callbacks_in(
    engine: AsyncEngine, *, campaign: str = "", lead: int | None = None, state: str = "", limit: int = 1000
) -> tuple[Mapping[str, Any], ...]:
    """Callbacks, the next one first, every column."""
    query = sa.select(callbacks).order_by(callbacks.c.due_at).limit(limit)
    if campaign:
        query = query.where(callbacks.c.campaign == campaign)
    if lead is not None:
        query = query.where(callbacks.c.lead == lead)
    if state:
        query = query.where(callbacks.c.state == state)
    return await read(engine, query)


async def reset(engine: AsyncEngine, lead: int, now: float) -> LeadRow:
    """Begin anew with a lead: fresh, no tries, its first number, all numbers usable. Caps and gaps of the number stay, as
    its attempts do. Raises UnknownLead, LeadBusy."""
    first = [phone for phone in await phones_of(engine, lead) if phone.position == 0]
    values: dict[str, Any] = {"state": "pending", "closed_reason": "", "owner": "", "due_at": None, "tries": 0}
    values |= {"last_outcome": "", "disposition": "", "score": None, "decision": {}, "changed_at": now}
    if first:
        values |= {"number": first[0].number, "shelf": first[0].shelf}
    await _change(engine, lead, values, now, all_numbers=True)
    return await get(engine, lead)


async def _change(
    engine: AsyncEngine, lead: int, values: Mapping[str, Any], now: float, *, all_numbers: bool = False
) -> None:
    await get(engine, lead)
    async with writing(engine) as connection:
        idle = (leads.c.id == lead) & leads.c.state.not_in(UNDER_WAY)
        if not (await connection.execute(sa.update(leads).where(idle).values(**values))).rowcount:
            raise LeadBusy(f"lead {lead} has a call under way; wait until it has ended")
        await cancel_callbacks(connection, callbacks.c.lead == lead, now)
        if all_numbers:
            await connection.execute(sa.update(phones).where(phones.c.lead == lead).values(status="ok"))
