"""Deleting what campaigns have kept long enough: leads with all that belongs to them, and permissions that are history."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from store.campaign_tables import attempts, callbacks, campaigns, consents, leads, phones
from store.campaigns import OVER
from store.transaction import AT_ONCE, writing


async def old_lists(engine: AsyncEngine, limit: float, *, dry: bool) -> int:
    """Delete, in batches, the leads of campaigns that were over before `limit` (Unix seconds), and permissions that were
    given, and withdrawn if they were, before it and whose number no lead has. Returns how many leads there were.

    What the campaign was, its imports' counts and its file stay: there is no person in them.
    """
    over = sa.select(campaigns.c.name).where(campaigns.c.state.in_(OVER), campaigns.c.ended_at < limit)
    theirs = leads.c.campaign.in_(over)
    if dry:
        async with engine.connect() as connection:
            return int(await connection.scalar(sa.select(sa.func.count()).select_from(leads).where(theirs)) or 0)
    count = 0
    while True:
        async with writing(engine) as connection:
            some = list((await connection.execute(sa.select(leads.c.id).where(theirs).limit(AT_ONCE))).scalars())
            for table in (callbacks, attempts, phones):
                await connection.execute(sa.delete(table).where(table.c.lead.in_(some)))
            await connection.execute(sa.delete(leads).where(leads.c.id.in_(some)))
        count += len(some)
        if not some:
            break
    await _old_consents(engine, limit)
    return count


async def _old_consents(engine: AsyncEngine, limit: float) -> None:
    history = consents.c.obtained_at < limit, sa.func.coalesce(consents.c.revoked_at, consents.c.kept_at) < limit
    unused = ~sa.exists().where(phones.c.number == consents.c.number)
    old = sa.select(consents.c.id).where(*history, unused).limit(AT_ONCE)
    while True:
        async with writing(engine) as connection:
            if not (await connection.execute(sa.delete(consents).where(consents.c.id.in_(old)))).rowcount:
                return
