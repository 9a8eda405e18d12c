"""A dialer at work on a campaign in a real database, its far end simulated, its clock fast."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from campaigns.campaign_file import CampaignFile, read_campaign
from campaigns.desk import Desk, Plan
from campaigns.dialer import Dialer
from campaigns.far_end import FarEnd
from campaigns.policy.terms import CallerId
from campaigns.rulefiles import SHIPPED, load_packs
from campaigns.simulated import Exchange, Person, SimulatedFarEnd
from store import campaigns
from store.pace import MemoryPace, Pace
from tests.campaign_world import NOW, World

OURS = CallerId("+12025550100", owned=True, answered=True)
FILE = """
campaign: spring
purpose: telemarketing
seller: Seller
flow: b2b-software
caller_ids: ["+12025550100"]
countries: [US]
hours: {mon-sun: "08:00-21:00"}
limits: {per_caller_id: 100000}
pacing: {concurrency: 5, cps: 50, canary: 0}
"""
PACKS = load_packs(SHIPPED)
#: Monday 2026-11-30, 13:13 in Washington, 10:13 in Seattle.
NOON = NOW + 62_400


def quick(speed: float = 1.0, start: float = NOON) -> Callable[[], float]:
    """A clock that begins at noon in Washington and runs `speed` times as fast as ours."""
    began = time.monotonic()
    return lambda: start + (time.monotonic() - began) * speed


@dataclass(slots=True)
class Office:
    """Everything a dialer needs; several dialers may share one."""

    world: World
    exchange: Exchange
    clock: Callable[[], float]
    pace: Pace
    file: CampaignFile
    agents: int = 100
    told: list[str] = field(default_factory=list)

    def dialer(
        self, owner: str = "dialer-1", far_end: FarEnd | None = None, *, simulated: bool = False, **plan: Any
    ) -> Dialer:
        """One more dialer; `simulated` says which campaigns it takes."""

        async def free() -> int:
            return self.agents

        desk = Desk(
            self.world.engine,
            far_end or SimulatedFarEnd(self.exchange),
            self.pace,
            self.clock,
            free,
            owner,
            PACKS,
            self.told.append,
            simulated,
        )
        options: Mapping[str, Any] = {"inbound": 0, "idle_s": 0.01, **plan}
        return Dialer(desk, Plan(self.file, "h1", (OURS,), "carrier", **options))


async def an_office(
    world: World, who: Callable[[str], Person], *, start: float = NOON, text: str = FILE, speed: float = 1000.0
) -> Office:
    """An office for the campaign `spring`."""
    clock = quick(1.0, start)
    file = read_campaign(text, "spring.yaml")
    await campaigns.put(world.engine, file.spec(), clock(), "tests")
    return Office(world, Exchange(clock, who, speed), clock, MemoryPace(time.monotonic), file)
