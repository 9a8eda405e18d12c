"""What becomes of attempts whose dialer died. None of them ever sends an INVITE: a call that is up is seen to its end, one
that nobody can tell about is `unknown`, and one that was never sent costs nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from campaigns.attempting import held, not_placed, settle
from campaigns.desk import HELD_S, Desk, Plan
from campaigns.far_end import Refused
from campaigns.outcomes import answered, kind
from store import attempts

log = logging.getLogger(__name__)

#: How long to look for the result of a call that is over.
_LOOK_S: Final = 1.0


async def own(desk: Desk) -> tuple[dict[str, Any], ...]:
    """What this dialer left behind when it died: its leases are given back, its attempts are to be looked after."""
    await attempts.release_leases(desk.engine, desk.clock(), owner=desk.owner)
    return await attempts.under_way(desk.engine, owner=desk.owner)


async def others(desk: Desk) -> tuple[dict[str, Any], ...]:
    """What dead dialers left behind."""
    now = desk.clock()
    await attempts.release_leases(desk.engine, now)
    return await attempts.left_behind(desk.engine, now)


async def look_after(desk: Desk, plan: Plan, row: Mapping[str, Any]) -> str:
    """See an attempt to its end that another process, or an earlier life of this one, has begun; its outcome."""
    attempt = str(row["id"])
    await attempts.hold(desk.engine, attempt, desk.owner, desk.clock() + HELD_S)
    row = await attempts.get(desk.engine, attempt)  # asked again: from now on nobody else can send the INVITE
    if row["ended_at"] is not None:
        return str(row["outcome"])
    if row["invited_at"] is None:
        await desk.far_end.hang_up(attempt)
        await not_placed(desk, attempt, int(row["lead"]), Refused("withheld", "its dialer died before the INVITE"))
        return "withheld"
    up = await desk.far_end.is_up(attempt)
    log.info("attempt %s: its dialer died, its call is %s", attempt, "up" if up else "over")
    limit = plan.file.pacing.max_call + 30 if up else _LOOK_S
    async with held(desk, plan, attempt):
        talk = await desk.far_end.talk(attempt, limit)
    if talk is None:
        if up:
            await desk.far_end.hang_up(attempt)
        return (await settle(desk, plan, attempt, kind("unknown"), None)).name
    if row["answered_at"] is None:
        await attempts.note(desk.engine, attempt, answered_at=max(0.0, desk.clock() - talk.seconds))
    return (await settle(desk, plan, attempt, answered(talk), talk)).name
