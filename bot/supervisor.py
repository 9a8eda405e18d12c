"""The supervisor: sees to it that a call whose process died gets another one, once, and that nobody hears silence.

Runs in every worker's parent. A death among its own job processes it sees at once. A call of a lost worker it sees by
the lease that nobody renews; whichever worker takes such a call from the dead owner first goes on with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.order import Order, ordered_again
from bot.postmortem import close_row
from bot.rooms import Away, Occupants, Rooms
from bot.stores import Stores
from flows.model import Direction
from store.live import LEASE_S, OVER, LiveAway, Lost, Owner, Snapshot, SnapshotError

log = logging.getLogger("leadline.supervisor")

DEATHS_MAX: Final = 3  #: a call that killed so many processes is poison: it gets an apology
_LOOK_S: Final = 0.05
_REAP_S: Final = 0.4
_RETRY_S: Final = 0.25
_PATIENCE_S: Final = 150.0  #: how long a server that is away is waited for
_SERVER_S: Final = 12.0  #: a livekit-server away for so long has lost its calls: the edge has hung up
_BACK_S: Final = 15.0  #: after Redis was away, how long the phone's leg may take to find back into its room
_LOST_S: Final = 7.0  #: away for so long, Redis has cost everybody the room: livekit-server's lists are of before
_SENT_S: Final = 0.6  #: a room that is opened anew may get its agent from livekit-server: how soon that one shows
_CLAIMS_S: Final = 3.0  #: and how long it may take, once it is in the room, to claim the call


@dataclass(frozen=True, slots=True)
class Serving:
    """A job process at work: its job, the room, and how it was ordered."""

    job: str
    room: str
    order: str


class Supervisor:
    """One per worker. `serving` lists the jobs that run here now."""

    def __init__(
        self,
        serving: Callable[[], Mapping[str, Serving]],
        rooms: Rooms,
        stores: Stores,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._serving = serving
        self._rooms = rooms
        self._stores = stores
        self._clock = clock
        self._seen: Mapping[str, Serving] = {}
        self._quiet = _Quiet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._deaths: dict[str, int] = {}  # by room, for as long as Redis cannot count them

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as together:
            together.create_task(_every(_LOOK_S, self.look), name="supervisor.processes")
            together.create_task(_every(_REAP_S, self.reap), name="supervisor.leases")

    async def look(self) -> None:
        """Notice processes of ours that are gone since the last look."""
        now = self._serving()
        for job in self._seen.keys() - now.keys():
            self._spawn(self._after(self._seen[job]))
        self._seen = now

    async def reap(self) -> None:
        """Take over calls whose lease nobody renewed, unless Redis was away: owners get the time to renew then."""
        live = self._stores.live
        try:
            if not self._quiet.over(await live.epoch(), self._clock()):
                return
            for room in await live.expired():
                if (lost := await live.take(room, None)) is not None:
                    log.error("the owner of a call is lost (%s): taking it over", lost.owner.where or "unclaimed")
                    self._spawn(self._succeed(room, lost.owner.order, lost))
        except LiveAway:
            self._quiet.begin(self._clock())

    async def settled(self) -> None:
        """Until every call in hand is handed on or closed."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="supervisor.succession")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a call could not be handed on", exc_info=error)

    async def _after(self, dead: Serving) -> None:
        """A job process is gone. After a call that ended well there is no room; a call that lives has another owner."""
        until = self._clock() + _PATIENCE_S
        while True:
            try:
                lost = await self._stores.live.take(dead.room, dead.job)
                holder = await self._stores.live.holder(dead.room) if lost is None else None
                if holder is not None:
                    if holder.job == OVER:
                        await self._hang_up(dead.room)
                    return  # or else another process has it
                break
            except LiveAway as away:
                self._quiet.begin(self._clock())
                if self._clock() > until:
                    log.error("the call of a dead process is given up: %s", away)
                    return
                await asyncio.sleep(_RETRY_S)
        await self._succeed(dead.room, dead.order, lost)

    async def _succeed(self, room: str, order: str, lost: Lost | None) -> None:
        """Give a room whose owner is gone a new one, as soon as livekit-server can be asked."""
        began, phone = self._clock(), _Phone()
        while True:
            try:
                await self._hand_on(room, order, lost, phone)
                return
            except Away as away:
                waited = self._clock() - began
                if waited > (_SERVER_S if away.server_gone else _PATIENCE_S):
                    log.error("livekit-server stays away: a call without a process is closed (%s)", away)
                    await self._close(room, lost)
                    return
            if not await self._still_ours(room, order, lost):
                log.warning("livekit-server has sent an agent itself: the call is left to that one")
                return
            await asyncio.sleep(_RETRY_S)

    async def _hand_on(self, room: str, order: str, lost: Lost | None, phone: _Phone) -> None:
        """Close the call if nobody is there, else order the next agent. Raises Away, also while the phone may return."""
        now = self._clock()
        back_s = self._quiet.back_s(now)
        people, last = await self._rooms.look(room, back_s), _read(lost)
        there = people is not None and bool(people.callers or _still_dialling(order, last))
        if (why := phone.awaited(there, people, now, outage=back_s is not None)) is not None:
            raise Away(why, server_gone=False)
        if people is None or not there:
            await self._close(room, lost)
            return
        await self._rooms.remove(room, people.agents)
        deaths = lost.deaths if lost is not None else self._deaths.get(room, 0) + 1
        if deaths > DEATHS_MAX:
            log.error("not even an apology can be said: hanging up")
            await self._rooms.close(room)
            await self._close(room, lost)
            return
        await self._rooms.order(room, ordered_again(order, apologise=deaths == DEATHS_MAX))
        self._deaths[room] = deaths
        log.error("the process of a call died (%d): the call gets another one", deaths)

    async def _hang_up(self, room: str) -> None:
        """A call that is over has no room, unless livekit-server could not be asked to close it."""
        try:
            people = await self._rooms.look(room)
            if people is not None and people.callers:
                log.warning("a call is over and the phone still up: hanging up")
                await self._rooms.close(room)
        except Away as away:
            log.warning("a call is over, and whether its phone hung up is not known: %s", away)

    async def _still_ours(self, room: str, order: str, lost: Lost | None) -> bool:
        """Keep the call ours while we wait for livekit-server: no second worker shall order an agent.

        False when somebody has claimed it since: a server that was restarted dispatches an agent to the room by itself,
        who must not be put out as a stale one.
        """
        if lost is not None:
            with contextlib.suppress(LiveAway):
                return await self._stores.live.renew(room, Owner("", order), lost.generation)
        return True

    async def _close(self, room: str, lost: Lost | None) -> None:
        """Nobody is in the room any more: what its last process had not written is written now."""
        body = lost.flow_body if lost is not None else None
        await close_row(self._stores, room, _read(lost), body, time.time())
        self._deaths.pop(room, None)
        if lost is not None:
            with contextlib.suppress(LiveAway):
                await self._stores.live.end(room, lost.generation)


class _Quiet:
    """Redis is new to us, or was restarted: for one lease nobody is called lost."""

    def __init__(self) -> None:
        self._epoch = ""
        self._until = 0.0
        self._away = (float("-inf"), float("-inf"))  # from, to

    def begin(self, now: float) -> None:
        """Redis is away."""
        began, last = self._away
        self._epoch, self._away = "", (began if now - last < LEASE_S else now, now)

    def back_s(self, now: float) -> float | None:
        """How long ago Redis came back, within the time in which phones find back after a long outage; else None."""
        began, last = self._away
        return now - last if last - began >= _LOST_S and now - last < _BACK_S else None

    def over(self, epoch: str, now: float) -> bool:
        """Redis has answered, in this epoch."""
        if epoch != self._epoch:
            self._epoch, self._until = epoch, now + LEASE_S
        return now >= self._until


class _Phone:
    """One call's phone, as far as it may still be on its way back into a room that it lost while Redis was away.

    livekit-server serves nobody without Redis, so the phone's leg loses the room together with the agent.
    """

    def __init__(self) -> None:
        self._missed = False
        self._back_at: float | None = None

    def awaited(self, there: bool, people: Occupants | None, now: float, *, outage: bool) -> str | None:
        """Why the call is not decided yet; None when it can be."""
        if not there:
            self._missed, self._back_at = True, None
            return "after an outage of Redis the phone may find back into its room" if outage else None
        if not self._missed:
            return None
        if self._back_at is None:
            self._back_at = now
        sent = people is not None and bool(people.agents)
        if now - self._back_at < (_CLAIMS_S if sent else _SENT_S):
            return "the phone is back in its room, and livekit-server may send an agent itself"
        return None


async def _every(seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await work()
        await asyncio.sleep(seconds)


def _still_dialling(order: str, last: Snapshot | None) -> bool:
    """Whether the dialer has yet to send its INVITE: it waits for an agent."""
    outbound = Order.parse(order, "").direction is Direction.OUTBOUND
    return outbound and (last is None or last.state.focus.stage == "new")


def _read(lost: Lost | None) -> Snapshot | None:
    if lost is None or lost.snapshot is None:
        return None
    try:
        return Snapshot.load(lost.snapshot)
    except SnapshotError as broken:
        log.error("%s", broken)
        return None
