"""Hanging up: the room is the telephone, so it is deleted, and looked at until it is gone."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

import aiohttp
from livekit import api, rtc

log = logging.getLogger("leadline.call")

_ASK_S: Final = 3.0
_GONE_S: Final = 1.0
_WRITTEN_S: Final = 9.0  #: livekit-server writes who is in a room every 5 s


async def hang_up(lk: api.LiveKitAPI, room: rtc.Room) -> bool:
    """Close the room that we are in, and with it the telephone's leg. False when it is still there after 20 s.

    A Redis that came back empty no longer knows which node holds the room, so the server cannot delete it (or denies
    that it exists). Asking for a room of that name tells it again, hence the second attempt. If the room itself was
    forgotten not even that helps: it is written down again only when somebody comes or goes, so then we go.
    """
    name, gone = room.name, asyncio.Event()
    room.on("disconnected", lambda *_: gone.set())
    for forgotten in (False, True):
        if not room.isconnected():
            return True
        try:
            async with asyncio.timeout(_ASK_S):
                if forgotten:
                    await lk.room.create_room(api.CreateRoomRequest(name=name))
                await lk.room.delete_room(api.DeleteRoomRequest(room=name))
        except api.ServerError as refused:
            log.info("the room was not deleted (%s)", refused.message)
        except (aiohttp.ClientError, TimeoutError) as away:
            log.info("the room was not deleted, livekit-server does not answer (%s)", away or "in time")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gone.wait(), _GONE_S)
            return True
    if await _leave_and_delete(lk, room):
        return True
    log.warning("the room could not be closed: it closes when the caller hangs up, or at its time limit")
    return False


async def _leave_and_delete(lk: api.LiveKitAPI, room: rtc.Room) -> bool:
    """Leave the room, and delete it as soon as livekit-server admits that there is one."""
    name = room.name
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(room.disconnect(), _ASK_S)
    loop = asyncio.get_running_loop()
    until = loop.time() + _WRITTEN_S
    while loop.time() < until:
        with contextlib.suppress(api.ServerError, aiohttp.ClientError, TimeoutError):
            async with asyncio.timeout(_ASK_S):
                await lk.room.create_room(api.CreateRoomRequest(name=name))
                await lk.room.delete_room(api.DeleteRoomRequest(room=name))
                return True
        await asyncio.sleep(_GONE_S / 2)
    return False
