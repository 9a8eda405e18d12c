"""The gateway process: one SIP port, one Redis bus, the calls between them."""

import asyncio
import contextlib
import logging
import socket
import time
from typing import Self

from livekit.rtc import DisconnectReason

from sip.gateway import wire
from sip.gateway.bridge import Bridge
from sip.gateway.bus import Bus
from sip.gateway.inbound import Inbound
from sip.gateway.leg import Leg, Tally
from sip.gateway.outbound import Outbound
from sip.gateway.psrpc import Client, Server
from sip.gateway.settings import GatewaySettings
from sip.ua.agent import UserAgent
from sip.ua.call import Call
from sip.ua.digest import Challenger
from sip.ua.message import Addr, Msg
from sip.ua.tasks import Tasks

log = logging.getLogger(__name__)

START_S = 10.0  # how long to wait for Redis at the start
_STOP_S = 5.0
_CLAIMED_S = 0.1  # who was promised a call before that has its leg by then
_BROKEN_EVERY_S = 5.0  # one log line in so long about malformed datagrams


class Gateway:
    """`async with Gateway(settings)`: calls are taken and made inside, hung up at the end."""

    def __init__(self, settings: GatewaySettings, sock: socket.socket | None = None) -> None:
        """`sock`: a SIP socket that is bound already."""
        self.settings = settings
        self.tasks = Tasks(lambda error: log.error("a task failed: %r", error))
        self.bus = Bus(settings.redis_url, self.tasks)
        self.io = Client(self.bus, "IOInfo")
        self.service = Server(self.bus, "SIPInternal", self.tasks)
        self.agent: UserAgent[Bridge] = UserAgent(
            self, Bridge, ip=settings.ip, port=settings.sip_port, user="livekit", product="leadline-gateway", sock=sock
        )
        self.legs: dict[str, Leg] = {}  # by the SIP Call-ID
        self.gate = asyncio.Lock()  # one join at a time: simultaneous ones stall the audio of every call
        self.challenger = Challenger()
        self.tally = Tally()

    async def __aenter__(self) -> Self:
        """Raises BusDown without Redis, OSError when the SIP port is taken."""
        await self.agent.__aenter__()
        try:
            await self.bus.start(START_S)
        except BaseException:
            await self.agent.__aexit__(None, None, None)
            raise
        await self.io.start()
        await self._offer()
        return self

    async def _offer(self) -> None:
        await self.service.register("CreateSIPParticipant", "", wire.Create, self.create, self._affinity)

    async def retire(self) -> bool:
        """Take no more calls if there are none: what comes now waits in the socket for who follows. False: one is on."""
        await self.service.deregister("CreateSIPParticipant", "")
        await asyncio.sleep(_CLAIMED_S)
        if self.legs:
            await self._offer()
            return False
        self.agent.transport.deafen()
        return True

    async def __aexit__(self, *exc: object) -> None:
        await self.service.deregister("CreateSIPParticipant", "")
        legs = [leg.close(DisconnectReason.SERVER_SHUTDOWN) for leg in list(self.legs.values())]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                await asyncio.gather(*legs, return_exceptions=True)
        await self.agent.__aexit__(None, None, None)
        await self.tasks.close()
        await self.bus.close()

    def _affinity(self) -> float:
        return 1 / (1 + len(self.legs))

    def keep(self, leg: Leg) -> None:
        if leg.call:
            self.legs[leg.call.dialog.call_id] = leg

    def forget(self, leg: Leg) -> None:
        if leg.call and self.legs.get(leg.call.dialog.call_id) is leg:
            del self.legs[leg.call.dialog.call_id]

    def hinders(self) -> str:
        """Why no new call can join a room now; "" when nothing does."""
        if self.tally.deaf:
            return "this process hears no room, another one takes over"
        if any(leg.room is not None and leg.room.presence.outage.rejoining for leg in self.legs.values()):
            return "calls that lost their room come first"
        return ""

    def deaf(self) -> None:
        """No sound comes out of the rooms: another process has to take over."""
        self.tally.deaf = True

    async def create(self, request: wire.Create, left: float) -> wire.Created:
        """CreateSIPParticipant. Raises RpcError."""
        return await Outbound(self, self.agent, request).run(left)

    # What the user agent asks (sip.ua.agent.Owner)

    async def incoming(self, call: Call[Bridge]) -> None:
        inbound = Inbound(self, call, self.challenger)
        self.keep(inbound.leg)
        await inbound.run()

    def refer(self, call: Call[Bridge], request: Msg) -> tuple[int, str]:
        return 405, "Method Not Allowed"

    def notify(self, call: Call[Bridge], request: Msg) -> None:
        if request.method == "NOTIFY" and (leg := self.legs.get(call.dialog.call_id)):
            leg.on_notify(request)

    def trace(self, way: str, msg: Msg, addr: Addr) -> None:
        log.debug("%s %s", way, f"{msg.status} {msg.method}" if msg.is_response else msg.method)

    def broken(self, error: BaseException, addr: Addr | None) -> None:
        if addr is None:
            log.error("a call failed: %r", error)
            return
        tally, now = self.tally, time.monotonic()
        tally.broken += 1
        if tally.broken > 1 and now - tally.broken_at < _BROKEN_EVERY_S:
            return
        log.warning("dropped %d malformed datagram(s), the last from %s:%d: %s", tally.broken, *addr, error)
        tally.broken, tally.broken_at = 0, now
