"""Rooms for browsers: tokens that open one room for one microphone, and whether a room is still there."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Final

import aiohttp
from livekit import api

#: How long a token may wait until it is used. Once inside, the connection needs it no more.
TOKEN_S: Final = 120
_ASK_S: Final = 3.0
_EMPTY_S: Final = 30  #: the room closes when nobody came
_DEPARTURE_S: Final = 25  #: longer than the bot waits for a browser that reloads


class ServerAway(Exception):
    """livekit-server does not answer, or does not take our keys; the message says which."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """livekit-server as the console needs it. `public_url` is how browsers reach it."""

    url: str
    public_url: str
    api_key: str
    api_secret: str
    agent: str = "leadline"

    def token(self, room: str, identity: str, *, call_id: str, flow: str) -> str:
        """A token for this room alone: to be heard, to hear, to send keys. Joining first brings the bot."""
        grants = api.VideoGrants(
            room_join=True,
            room=room,
            can_publish=True,
            can_publish_sources=["microphone"],
            can_subscribe=True,
            can_publish_data=True,
            can_update_own_metadata=False,
        )
        dispatch = api.RoomAgentDispatch(
            agent_name=self.agent, metadata=json.dumps({"call_id": call_id, "direction": "web", "flow": flow})
        )
        config = api.RoomConfiguration(
            agents=[dispatch], empty_timeout=_EMPTY_S, departure_timeout=_DEPARTURE_S, max_participants=4
        )
        token = api.AccessToken(self.api_key, self.api_secret).with_identity(identity).with_grants(grants)
        return token.with_room_config(config).with_ttl(datetime.timedelta(seconds=TOKEN_S)).to_jwt()

    async def exists(self, room: str) -> bool:
        """Whether the room is there. Raises ServerAway."""
        timeout = aiohttp.ClientTimeout(total=_ASK_S)
        try:
            async with api.LiveKitAPI(self.url, self.api_key, self.api_secret, timeout=timeout) as server:
                return bool((await server.room.list_rooms(api.ListRoomsRequest(names=[room]))).rooms)
        except api.ServerError as refused:
            raise ServerAway(f"livekit-server refuses ({refused.code})") from None
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise ServerAway("livekit-server does not answer") from None
