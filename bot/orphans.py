"""Calls whose job process died: the phone is hung up and the row closed, or the caller would listen to silence."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

import aiohttp
from livekit import api
from livekit.agents import AgentServer
from sqlalchemy.exc import SQLAlchemyError

from bot.settings import LiveKitSettings
from flows.model import Direction
from store.calls import StoreError
from store.database import open_calls

log = logging.getLogger("leadline.worker")

_LOOK_EVERY_S: Final = 0.2
_ASK_S: Final = 3.0
_RECENT: Final = 200


async def close_orphans(server: AgentServer, livekit: LiveKitSettings, database_url: str) -> None:
    """Until cancelled: when a job is over, see to it that its call is over too. A call that ended well needs nothing."""
    running: dict[str, str] = {}
    while True:
        now = {info.job.id: info.job.room.name for info in server.active_jobs}
        for job in running.keys() - now.keys():
            if await _room_closed(livekit, running[job]):
                await _close_row(database_url, running[job])
        running = now
        await asyncio.sleep(_LOOK_EVERY_S)


async def _room_closed(livekit: LiveKitSettings, room: str) -> bool:
    """Delete a room; False when it was gone already, as it is when the bot has hung up."""
    timeout = aiohttp.ClientTimeout(total=_ASK_S)
    secret = livekit.api_secret.get_secret_value()
    try:
        async with api.LiveKitAPI(livekit.url, livekit.api_key, secret, timeout=timeout) as lk:
            await lk.room.delete_room(api.DeleteRoomRequest(room=room))
    except api.ServerError as refused:
        return refused.code != "not_found"
    except (aiohttp.ClientError, TimeoutError):
        return False  # the server is away: the edge hangs up by itself
    return True


async def _close_row(database_url: str, room: str) -> None:
    """Give the row the disposition `failed`, unless it has one. Of a call that nobody answered the dialer keeps it."""
    try:
        async with open_calls(database_url, migrated=True) as calls:
            for call in await calls.list(_RECENT):
                unanswered = call.begun.direction is Direction.OUTBOUND and call.answered_at is None
                if call.begun.room == room and call.ended_at is None and not unanswered:
                    log.error("the process of call %s died: the phone was hung up", call.id)
                    await calls.finish(call.id, "failed", 0, {"outcome": "the bot's process died"}, time.time())
    except (StoreError, SQLAlchemyError) as away:
        log.error("the process of a call died, and its row could not be closed: %s", away)
