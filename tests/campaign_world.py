"""A campaign with leads in a real database, for tests of whoever takes them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncEngine

from store import campaigns
from store.consents import Given
from store.database import open_engine
from store.dialing import DialQueue, NewAttempt, Taken
from store.staging import NewLead, NewPhone, Place, Staging, begin_import, finish_import
from tests.databases import Databases

WASHINGTON = Place("US", ("DC",), ("America/New_York",))
SEATTLE = Place("US", ("WA",), ("America/Los_Angeles",))
NOW = 1_796_000_000.0
CONSENT = Given("written", "telemarketing", "Seller", NOW - 86_400 * 30, "Yes, automated calls are fine.", "web form")


def number(n: int) -> str:
    """A fictional number; a hundred of each of many area codes."""
    area = 200 + n // 100
    return f"+1{area + (area >= 555)}55501{n % 100:02}"


def new_lead(n: int, place: Place = WASHINGTON, *also: int, priority: int = 50) -> NewLead:
    """A lead whose numbers are the n-th and those in `also`."""
    numbers = tuple(NewPhone(number(one), "mobile", place) for one in (n, *also))
    return NewLead(n, numbers, {"first_name": "Ada"}, external_id=f"x{n}", priority=priority, consent=CONSENT)


@dataclass(slots=True)
class World:
    """The database, its queue and one campaign that runs."""

    engine: AsyncEngine
    queue: DialQueue
    url: str

    async def add(self, *leads: NewLead, campaign: str = "spring", sha: str = "") -> dict[int, str]:
        """Import leads; returns why some were left out."""
        name = sha or f"file-{leads[0].line if leads else 0}"
        begun = await begin_import(self.engine, "leads", campaign, name, "list.csv", NOW, "tests")
        refused = await Staging(self.engine, begun.id, campaign).stage(leads, NOW)
        await finish_import(self.engine, begun.id, {"accepted": len(leads) - len(refused)}, {}, NOW)
        return refused

    async def take(self, now: float = NOW, owner: str = "dialer-1", campaign: str = "spring") -> Taken | None:
        """The next lead."""
        return await self.queue.take(campaign, owner, now, 60.0)

    async def begin(self, taken: Taken, now: float = NOW, owner: str = "dialer-1", attempt: str = "") -> bool:
        """Begin an attempt for a lead that was taken."""
        lead, attempt = taken.lead, attempt or f"call-{taken.lead.id}-{taken.lead.standing.tries}"
        row = NewAttempt(
            attempt, lead.id, lead.campaign, lead.number, "+12025550100", "h1", owner, taken.kind, {"allowed": True}
        )
        return await self.queue.begin(row, now, 660.0)


@asynccontextmanager
async def a_campaign(
    databases: Databases, kind: str, folder: Path, names: Sequence[str] = ("spring",)
) -> AsyncIterator[World]:
    """An empty campaign that runs, in SQLite or Postgres."""
    url = await databases.url(kind, folder)
    engine = open_engine(url)
    try:
        for name in names:
            await campaigns.put(engine, {"name": name, "seller": "Seller"}, NOW, "tests")
            await campaigns.move(engine, name, "running", NOW)
        yield World(engine, DialQueue(engine), url)
    finally:
        await engine.dispose()
