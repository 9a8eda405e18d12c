"""What starting a campaign would do, before anybody is called: how many leads may be called now, who not and why, how
long it may take and what it may cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from campaigns.campaign_file import CampaignFile
from campaigns.ledger import lead_of, ledger_of
from campaigns.policy.decide import decide
from campaigns.policy.rulepack import RulePack
from campaigns.policy.terms import Allowed, CallerId
from store.campaign_tables import leads as table
from store.campaign_tables import shelves
from store.leads import LeadRow
from store.leads import lead_of as row_of
from store.transaction import rows_of

#: How many leads are asked about one by one; with more of them the answer is drawn from so many, spread over the list.
SAMPLE: Final = 500
#: What is assumed of a lead: calls that it takes, the share that is answered, seconds of a call with its ringing.
TRIES, ANSWERED, TALK_S, CALL_S = 2.0, 0.4, 60.0, 45.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """`waiting`: leads that are not closed. Of `asked` of them `now` may be called now, and `refused` counts the others
    by rule; `opens_at` is the earliest moment at which one of those may be. Money in the unit of the carrier's bill."""

    waiting: int
    asked: int
    now: int
    refused: Mapping[str, int] = field(default_factory=dict)
    for_good: Mapping[str, int] = field(default_factory=dict)
    opens_at: float | None = None
    calling_hours: float = 0.0
    cost: float | None = None

    def of_all(self, count: int) -> int:
        """A count of those asked, drawn out to all."""
        return round(count * self.waiting / self.asked) if self.asked else 0


async def forecast(
    engine: AsyncEngine,
    file: CampaignFile,
    caller: CallerId | None,
    packs: Mapping[str, RulePack],
    now: float,
    per_minute: float | None,
) -> Forecast:
    """Ask the policy about the leads that wait. Changes nothing."""
    waiting, some = await _drawn(engine, file.campaign)
    when, policy = datetime.fromtimestamp(now, UTC), file.for_policy()
    refused: Counter[str] = Counter()
    for_good: Counter[str] = Counter()
    allowed, opens = 0, list[float]()
    for row in some:
        if row.standing.state != "pending" and (row.standing.due_at or 0) > now:
            refused["not due yet"] += 1
            opens.append(row.standing.due_at or now)
            continue
        decision = decide(lead_of(row), policy, await ledger_of(engine, row, caller, when), when, packs)
        if isinstance(decision, Allowed):
            allowed += 1
        elif decision.retry_at is None:
            for_good[decision.rule] += 1
        else:
            refused[decision.rule] += 1
            opens.append(decision.retry_at.timestamp())
    callable_ = round(waiting * (len(some) - for_good.total()) / len(some)) if some else 0
    calls = callable_ * TRIES
    pace = min(file.pacing.cps, file.pacing.concurrency / CALL_S)
    cost = None if per_minute is None else calls * ANSWERED * TALK_S / 60 * per_minute
    return Forecast(
        waiting,
        len(some),
        allowed,
        dict(refused),
        dict(for_good),
        min(opens) if opens else None,
        calls / pace / 3600,
        cost,
    )


async def _drawn(engine: AsyncEngine, campaign: str) -> tuple[int, list[LeadRow]]:
    finished = table.c.shelf.in_(
        sa.select(shelves.c.id).where(shelves.c.campaign == campaign, shelves.c.opens_at.is_not(None))
    )
    mine = (table.c.campaign == campaign) & table.c.state.in_(["pending", "wait_retry", "wait_callback"]) & finished
    async with engine.connect() as connection:
        waiting = int(await connection.scalar(sa.select(sa.func.count()).where(mine)) or 0)
        every = max(1, waiting // SAMPLE)
        query = sa.select(table).where(mine, table.c.id % every == 0).limit(SAMPLE)
        return waiting, [row_of(row) for row in await rows_of(connection, query)]
