"""LiveKit's rooms as the worker's parent sees them: who is in one, remove somebody, order an agent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import aiohttp
from livekit import api
from livekit.protocol.models import ParticipantInfo

from bot.settings import LiveKitSettings

T = TypeVar("T")

_ASK_S: Final = 2.0
_HUMAN: Final = (ParticipantInfo.Kind.SIP, ParticipantInfo.Kind.STANDARD)


class Away(Exception):
    """The question was not answered. `server_gone`: nothing listens where livekit-server was."""

    def __init__(self, why: str, *, server_gone: bool) -> None:
        super().__init__(why)
        self.server_gone = server_gone


@dataclass(frozen=True, slots=True)
class Occupants:
    """Identities of who is in a room. A caller that still rings is also among `callers`."""

    callers: tuple[str, ...] = ()
    ringing: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()


class Rooms(Protocol):
    """What the supervisor and admission need of LiveKit. Everything raises Away."""

    async def look(self, room: str, since_s: float | None = None) -> Occupants | None:
        """Who is there; None when there is no such room.

        `since_s`: only who joined in the last so many seconds. livekit-server keeps its lists in Redis: whoever leaves
        while Redis is away stays on them, and cannot be put out.
        """
        ...

    async def remove(self, room: str, identities: Sequence[str]) -> None:
        """Put them out: an agent falls silent, a phone that rings hears "busy", one that talks is hung up."""
        ...

    async def order(self, room: str, metadata: str) -> None:
        """Have an agent sent there."""
        ...

    async def close(self, room: str) -> None:
        """Delete the room: hangs everybody up."""
        ...


class MemoryRooms:
    """`Rooms` in memory: the fake. `orders` and `removed` say what was asked for, `stale` who only seems to be there."""

    def __init__(self) -> None:
        self.rooms: dict[str, Occupants] = {}
        self.stale: set[str] = set()
        self.orders: list[tuple[str, str]] = []
        self.removed: list[tuple[str, str]] = []
        self.away: Away | None = None

    async def look(self, room: str, since_s: float | None = None) -> Occupants | None:
        self._there()
        found = self.rooms.get(room)
        if found is None or since_s is None:
            return found
        kinds = (found.callers, found.ringing, found.agents)
        return Occupants(*(tuple(who for who in kind if who not in self.stale) for kind in kinds))

    async def remove(self, room: str, identities: Sequence[str]) -> None:
        self._there()
        left = self.rooms[room]
        self.removed += [(room, identity) for identity in identities]
        self.rooms[room] = Occupants(
            *(tuple(i for i in kind if i not in identities) for kind in (left.callers, left.ringing, left.agents))
        )

    async def order(self, room: str, metadata: str) -> None:
        self._there()
        self.orders.append((room, metadata))

    async def close(self, room: str) -> None:
        self._there()
        self.rooms.pop(room, None)

    def _there(self) -> None:
        if self.away is not None:
            raise self.away


class LiveKitRooms:
    """`Rooms` of livekit-server."""

    def __init__(self, lk: api.LiveKitAPI, agent_name: str) -> None:
        self._lk = lk
        self._agent = agent_name

    async def look(self, room: str, since_s: float | None = None) -> Occupants | None:
        asked = self._lk.room.list_participants(api.ListParticipantsRequest(room=room))
        found = await _unless_gone(asked)
        if found is None or (not found.participants and not await self._exists(room)):
            return None
        oldest = 0.0 if since_s is None else time.time() - since_s
        people = [p for p in found.participants if p.joined_at + 1 > oldest]  # it is in whole seconds
        callers = [p for p in people if p.kind in _HUMAN]
        return Occupants(
            tuple(p.identity for p in callers),
            tuple(p.identity for p in callers if p.attributes.get("sip.callStatus") == "ringing"),
            tuple(p.identity for p in people if p.kind == ParticipantInfo.Kind.AGENT),
        )

    async def _exists(self, room: str) -> bool:
        """livekit-server lists the participants of any room, also of one that is not there: none."""
        found = await _unless_gone(self._lk.room.list_rooms(api.ListRoomsRequest(names=[room])))
        return found is not None and bool(found.rooms)

    async def remove(self, room: str, identities: Sequence[str]) -> None:
        for identity in identities:
            asked = self._lk.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))
            await _unless_gone(asked)

    async def order(self, room: str, metadata: str) -> None:
        request = api.CreateAgentDispatchRequest(agent_name=self._agent, room=room, metadata=metadata)
        await _unless_gone(self._lk.agent_dispatch.create_dispatch(request))

    async def close(self, room: str) -> None:
        await _unless_gone(self._lk.room.delete_room(api.DeleteRoomRequest(room=room)))


async def _unless_gone(asked: Awaitable[T]) -> T | None:
    """The answer; None when what is asked about is not there. Raises Away."""
    try:
        async with asyncio.timeout(_ASK_S):
            return await asked
    except api.ServerError as refused:
        if refused.code == "not_found":
            return None
        raise Away(refused.message, server_gone=False) from refused
    except aiohttp.ClientConnectorError as gone:
        raise Away("livekit-server is gone", server_gone=True) from gone
    except (aiohttp.ClientError, TimeoutError) as late:
        raise Away(str(late) or "livekit-server does not answer", server_gone=False) from late


@asynccontextmanager
async def open_rooms(livekit: LiveKitSettings, agent_name: str) -> AsyncIterator[LiveKitRooms]:
    """With one connection kept open: a dead agent must not wait for a handshake."""
    timeout = aiohttp.ClientTimeout(total=_ASK_S)
    secret = livekit.api_secret.get_secret_value()
    async with api.LiveKitAPI(livekit.url, livekit.api_key, secret, timeout=timeout) as lk:
        yield LiveKitRooms(lk, agent_name)
