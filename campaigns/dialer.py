"""The dialer: takes the next lead when an agent and a place are free, and lets each call run its course.

Progressive, one to one: nobody is dialled for whom no agent is reserved. It holds nothing that it could lose: what is
decided stands in rows before it happens, and whoever starts again looks after what was left.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from campaigns import recovery
from campaigns.attempting import SEATED_S, SEATS, Halt, carry_out, consider, places_of
from campaigns.breakers import Seen, tripped
from campaigns.campaign_file import from_spec
from campaigns.desk import HELD_S, Desk, Plan
from campaigns.edits import widened
from campaigns.kpis import Tried, by_outcome, tried_of
from store import attempts, campaigns
from store.campaigns import CampaignRow
from store.dialing import NewAttempt, Taken
from store.live import LiveAway

log = logging.getLogger(__name__)

_LEASE_S: Final = 30.0
_REAP_S: Final = 20.0
#: How long to wait at most before looking again for something to do.
_NAP_S: Final = 5.0
#: How long to wait when no number may be shown any more today.
_AGED_S: Final = 600.0
#: Rows of other dialers may become visible so late.
_LATE_S: Final = 5.0
#: How many of the last attempts the breakers are asked about.
_LOOKED_AT: Final = 500


@dataclass(slots=True)
class Seeing:
    """What the loop has seen of its campaign."""

    past: dict[str, Tried] = field(default_factory=dict)  #: attempts that have ended, the newest last, since `since`
    details: dict[str, str] = field(default_factory=dict)  #: what the network said of them
    since: float = -1.0
    seen_to: float = 0.0
    stale: bool = True  #: an attempt has ended since the breakers were asked
    reaped_at: float = 0.0
    version: str = ""  #: of the campaign's file, as it was at the last look
    wake: float | None = None  #: when there may be something to take again


class Dialer:
    """Dials one campaign. `run` returns when the campaign does not run any more, and no call of ours is up."""

    def __init__(self, desk: Desk, plan: Plan) -> None:
        self.desk = desk
        self.plan = plan
        self._tasks: set[asyncio.Task[None]] = set()
        self._ours: set[str] = set()
        self._seeing = Seeing()
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()

    def stop(self) -> None:
        """Take no more leads; calls that are up go on to their end."""
        self._stopping.set()
        self._ended.set()

    async def run(self) -> CampaignRow:
        """Dial until the campaign is over, paused, or `stop` was called; returns the campaign as it is then.

        Cancelling leaves calls to whoever starts next. Raises NotNow for a simulated campaign at a real desk and the other way
        round, sqlalchemy.exc.SQLAlchemyError when rows cannot be read.
        """
        there = await campaigns.get(self.desk.engine, self.plan.name)
        campaigns.check_kind(there.name, there.simulated, self.desk.simulated)
        try:
            for row in await recovery.own(self.desk):
                self._look_after(row)
            while not self._stopping.is_set() and await self._goes_on():
                if not await self._one_more():
                    await self._nap()
            while self._tasks:
                await asyncio.wait(self._tasks, timeout=1.0)
            await self._close_if_over()
            return await campaigns.get(self.desk.engine, self.plan.name)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _goes_on(self) -> bool:
        """Whether there is anything to dial for: the campaign runs, and no breaker has tripped."""
        now = self.desk.clock()
        row = await campaigns.get(self.desk.engine, self.plan.name)
        row = await campaigns.begin_if_due(self.desk.engine, row, now)
        if row.state not in ("running", "scheduled"):
            return False
        if row.spec_hash != (self._seeing.version or row.spec_hash) and not self._takes(row):
            return False
        self._seeing.version = row.spec_hash
        if row.end_at is not None and now >= row.end_at:
            await campaigns.move(self.desk.engine, row.name, "draining", now, reason="its end date is here")
            await attempts.end_all(self.desk.engine, row.name, "expired", now)
            return False
        if row.start_at is not None and now < row.start_at:
            self._seeing.wake = row.start_at
        if self._seeing.stale and row.state == "running":
            await self._ask_breakers(row)
            if (await campaigns.get(self.desk.engine, self.plan.name)).state != "running":
                return False
        if now - self._seeing.reaped_at >= _REAP_S:
            self._seeing.reaped_at = now
            for left in await recovery.others(self.desk):
                if left["campaign"] == self.plan.name:
                    self._look_after(left)
        return True

    def _takes(self, row: CampaignRow) -> bool:
        """Go on by a new version of the file, if it is narrower; another one needs a new dialer."""
        file = from_spec(row.spec)
        if wider := widened(self.plan.file, file):
            self.desk.told(f"the campaign was started anew with another file ({', '.join(wider)}): this dialing ends")
            return False
        callers = tuple(caller for caller in self.plan.callers if caller.number in file.caller_ids)
        self.plan = replace(self.plan, file=file, spec_hash=row.spec_hash, callers=callers)
        return True

    async def _ask_breakers(self, row: CampaignRow) -> None:
        """Look at what has ended since the last time, by whichever dialer."""
        seeing, pacing = self._seeing, self.plan.file.pacing
        seeing.stale = False
        since = float(row.dialer.get("since", row.started_at or 0.0))
        if since != seeing.since:
            seeing.past, seeing.details, seeing.since, seeing.seen_to = {}, {}, since, since
        longest = pacing.max_call + 2 * HELD_S
        begun = max(since, seeing.seen_to - longest)
        before = len(seeing.past)
        for one in await attempts.ended_since(self.desk.engine, row.name, begun, seeing.seen_to - _LATE_S):
            seeing.past[one["id"]] = tried_of(one)
            seeing.details[one["id"]] = " ".join(str(part) for part in (one["sip_status"], one["sip_phrase"]) if part)
            seeing.seen_to = max(seeing.seen_to, one["ended_at"])
        if before < pacing.canary <= len(seeing.past):
            told = ", ".join(f"{count} {name}" for name, count in by_outcome(seeing.past.values()).items())
            self.desk.told(f"the first {pacing.canary} calls: {told}; from now on {pacing.concurrency} at once")
        newest = list(seeing.past.items())[-_LOOKED_AT:]
        if why := tripped([_seen(tried, seeing.details[id_]) for id_, tried in newest], self.plan.bounds):
            await self._pause(why)

    async def _pause(self, why: str) -> None:
        log.warning("campaign %s is paused: %s", self.plan.name, why)
        self.desk.told(f"paused: {why}")
        try:
            await campaigns.move(self.desk.engine, self.plan.name, "paused", self.desk.clock(), reason=why)
        except campaigns.NotNow:
            log.info("campaign %s had stopped already", self.plan.name)

    async def _one_more(self) -> bool:
        """Begin one attempt; False when there is no place, no agent or no lead for one now."""
        if self._seeing.wake is not None and self.desk.clock() < self._seeing.wake:
            return False
        attempt = uuid.uuid4().hex
        places, most = places_of(self.plan.name), self._at_once()
        pace = self.desk.pace
        try:
            if not await pace.reserve(places, attempt, most, HELD_S):
                return False
            agents = await self.desk.free() - self.plan.inbound
            if not await pace.reserve(SEATS, attempt, agents, SEATED_S):
                await pace.let_go(places, attempt)
                return False
        except LiveAway as away:
            log.warning("nobody is dialled: %s", away)
            return False
        new = await self._take(attempt)
        if new is None:
            await self._leave(attempt)
            return self._seeing.wake is None
        self._spawn(self._call(*new), attempt)
        return True

    def _at_once(self) -> int:
        pacing = self.plan.file.pacing
        return 1 if len(self._seeing.past) < pacing.canary else pacing.concurrency

    async def _take(self, attempt: str) -> tuple[NewAttempt, Taken] | None:
        """The next attempt, begun; None when this lead is not to be called now, or there is none (then `wake` is set)."""
        desk, now = self.desk, self.desk.clock()
        taken = await desk.queue.take(self.plan.name, desk.owner, now, _LEASE_S)
        if taken is None:
            opening = await desk.queue.next_opening(self.plan.name, now)
            idle = opening is None and not self._tasks
            if idle and not await attempts.under_way(desk.engine, campaign=self.plan.name):
                await campaigns.move(desk.engine, self.plan.name, "completed", now)
            self._seeing.wake = min(now + _NAP_S, max(opening or now, now + self.plan.idle_s))
            return None
        self._seeing.wake = None
        try:
            new = await consider(desk, self.plan, taken, attempt)
        except Halt as why:
            if why.until is not None:
                # All numbers have made their calls of the day: the oldest of those ages out by itself.
                self._seeing.wake = min(why.until, desk.clock() + _AGED_S)
                return None
            await self._pause(f"{why}; see `leadline campaign validate`, then resume")
            return None
        if new is None:
            return None
        if not await desk.queue.begin(new, desk.clock(), HELD_S):
            await desk.queue.release(taken, desk.owner)
            return None
        return new, taken

    async def _call(self, new: NewAttempt, taken: Taken) -> None:
        try:
            ended = await carry_out(self.desk, self.plan, new, taken.lead)
            if ended is not None:
                log.info("attempt %s: %s", new.id, ended.name)
        finally:
            await self._leave(new.id)

    def _look_after(self, row: Mapping[str, Any]) -> None:
        if row["campaign"] == self.plan.name and row["id"] not in self._ours:
            self._spawn(self._see_to_its_end(row), str(row["id"]))

    async def _see_to_its_end(self, row: Mapping[str, Any]) -> None:
        try:
            outcome = await recovery.look_after(self.desk, self.plan, row)
            log.info("attempt %s, left behind: %s", row["id"], outcome)
        finally:
            await self._leave(str(row["id"]))

    def _spawn(self, work: Coroutine[Any, Any, None], attempt: str) -> None:
        task = asyncio.create_task(work, name=f"attempt.{attempt}")
        self._tasks.add(task)
        self._ours.add(attempt)

        def ended(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            self._ours.discard(attempt)
            self._seeing.stale, self._seeing.wake = True, None
            self._ended.set()
            if not done.cancelled() and (wrong := done.exception()) is not None:
                log.error("attempt %s broke off: %s", attempt, wrong, exc_info=wrong)

        task.add_done_callback(ended)

    async def _leave(self, attempt: str) -> None:
        try:
            await self.desk.pace.let_go(places_of(self.plan.name), attempt)
            await self.desk.pace.let_go(SEATS, attempt)
        except LiveAway as away:
            log.warning("places of %s run out by themselves: %s", attempt, away)

    async def _nap(self) -> None:
        """Until a call has ended, or it is time to look again."""
        wake, now = self._seeing.wake, self.desk.clock()
        wait = self.plan.idle_s if wake is None else max(wake - now, self.plan.idle_s)
        self._ended.clear()
        if self._stopping.is_set():
            return
        try:
            async with asyncio.timeout(min(wait, _NAP_S)):
                await self._ended.wait()
        except TimeoutError:
            return

    async def _close_if_over(self) -> None:
        row = await campaigns.get(self.desk.engine, self.plan.name)
        left = await attempts.under_way(self.desk.engine, campaign=row.name)
        if row.state == "draining" and not left:
            await campaigns.move(self.desk.engine, row.name, "completed", self.desk.clock(), reason=row.reason)


def _seen(tried: Tried, detail: str) -> Seen:
    return Seen(tried.outcome, tuple(tried.flags), tried.talked_s, detail)
