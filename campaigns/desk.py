"""What a dialer works with, and one campaign as it is dialled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from campaigns.again import Rules
from campaigns.breakers import DEFAULT, Bounds
from campaigns.campaign_file import CampaignFile
from campaigns.far_end import FarEnd
from campaigns.policy.rulepack import RulePack
from campaigns.policy.terms import CallerId
from store.dialing import DialQueue
from store.pace import Pace

#: A dialer says so often that it is alive; when it has not for `HELD_S`, others ask what became of its attempts.
HELD_S: Final = 45.0
RENEW_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Desk:
    """Shared by all attempts of one dialer. `clock` gives Unix seconds; `free` how many calls the workers take now.

    `owner` names the dialer, and stays the same when it is started again: what is left under it is its own.
    """

    engine: AsyncEngine
    far_end: FarEnd
    pace: Pace
    clock: Callable[[], float]
    free: Callable[[], Awaitable[int]]
    owner: str
    packs: Mapping[str, RulePack]
    told: Callable[[str], None] = lambda _: None
    simulated: bool = False  #: no telephone rings; real campaigns are not touched, as simulated ones else

    @property
    def queue(self) -> DialQueue:
        """The leads."""
        return DialQueue(self.engine, simulated=self.simulated)


@dataclass(frozen=True, slots=True)
class Plan:
    """A campaign as it is dialled. `inbound` is how many agents are kept free for callers; `trunk` names the pace."""

    file: CampaignFile
    spec_hash: str
    callers: tuple[CallerId, ...]
    trunk: str
    inbound: int = 1
    bounds: Bounds = DEFAULT
    idle_s: float = 0.25  #: how long to wait when there is no place for one more call
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def name(self) -> str:
        """The campaign's name."""
        return self.file.campaign

    @property
    def rules(self) -> Rules:
        """What goes for retries."""
        return Rules(self.file.retry, self.file.limits.tries, self.file.limits.gap)
