"""Rooms with our agent in them: made before anybody is dialled, deleted when nobody talks in them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from livekit import api
from livekit.protocol.models import ParticipantInfo

log = logging.getLogger(__name__)

#: The agent that takes our calls; workers register under this name.
AGENT = "leadline"
#: What the room outlives: nobody coming, and the caller's leaving.
EMPTY_S, DEPARTURE_S = 60, 5
POLL_S = 0.05
#: What LiveKit's API raises when it refuses or cannot be reached.
FAILURES = (api.ServerError, aiohttp.ClientError, TimeoutError)


@asynccontextmanager
async def room_with_agent(
    lk: api.LiveKitAPI, room: str, metadata: str, agent: str
) -> AsyncIterator[tuple[str, Callable[[bool], None]]]:
    """A room with an agent on its way; deleted on leaving unless the function given says to keep it."""
    kept = False

    def keep(yes: bool) -> None:
        nonlocal kept
        kept = yes

    await lk.room.create_room(api.CreateRoomRequest(name=room, empty_timeout=EMPTY_S, departure_timeout=DEPARTURE_S))
    try:
        await lk.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name=agent, room=room, metadata=metadata)
        )
        yield room, keep
    finally:
        if not kept:
            await delete_room(lk, room)


async def delete_room(lk: api.LiveKitAPI, room: str) -> None:
    """End whatever goes on in a room: LiveKit sends BYE or CANCEL to the phone. Never raises for a room that is gone."""
    try:
        await lk.room.delete_room(api.DeleteRoomRequest(room=room))
    except api.ServerError as gone:
        if gone.code != "not_found":
            log.warning("room %s could not be deleted (%s); it closes by itself", room, gone.code)
    except (aiohttp.ClientError, TimeoutError):
        log.warning("room %s could not be deleted: LiveKit cannot be reached; it closes by itself", room)


async def agent_ready(lk: api.LiveKitAPI, room: str, limit_s: float) -> bool:
    """Wait for the agent to publish that it is ready; False when it does not in time."""
    try:
        async with asyncio.timeout(limit_s):
            while True:
                if any(_is_ready(person) for person in await participants(lk, room)):
                    return True
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False


async def is_up(lk: api.LiveKitAPI, room: str) -> bool:
    """Whether the room is there; True when LiveKit cannot be asked."""
    try:
        return bool((await lk.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms)
    except FAILURES:
        return True


async def participants(lk: api.LiveKitAPI, room: str) -> list[ParticipantInfo]:
    """Who is in the room."""
    return list((await lk.room.list_participants(api.ListParticipantsRequest(room=room))).participants)


def _is_ready(person: ParticipantInfo) -> bool:
    return person.kind == ParticipantInfo.Kind.AGENT and person.attributes.get("leadline.stage") == "ready"
