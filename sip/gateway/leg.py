"""One call of the gateway from both sides: the telephone's and the room's, until either ends it."""

import asyncio
import logging
import re
import time
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.duration_pb2 import Duration
from livekit.protocol.sip import SIPCallInfo, SIPCallStatus
from livekit.rtc import DisconnectReason

from sip.gateway import wire
from sip.gateway.bridge import Bridge
from sip.gateway.bus import Bus
from sip.gateway.psrpc import Client, RpcError, Server
from sip.gateway.room import RoomSide
from sip.gateway.settings import GatewaySettings
from sip.gateway.status import rpc_error
from sip.ua.call import Call
from sip.ua.message import Msg
from sip.ua.tasks import Tasks, first_of
from sip.ua.transactions import NoResponse

log = logging.getLogger(__name__)

REFER_BYE_S = 1.0  # after a transfer the peer may hang up first
_TICK_S = 1.0
_FRAGMENT = re.compile(r"SIP/2\.0 (\d{3}) ?(.*)")


@dataclass(slots=True)
class Tally:
    """What has happened so far."""

    rooms: int = 0  # joined, or tried to
    deaf: bool = False  # a track gave no sound (sip.gateway.handles says why)
    broken: int = 0  # malformed datagrams since the last line about them
    broken_at: float = 0.0  # monotonic seconds of that line


class Exchange(Protocol):
    """What a leg needs of the gateway."""

    settings: GatewaySettings
    bus: Bus
    io: Client
    service: Server
    gate: asyncio.Lock
    tasks: Tasks
    tally: Tally

    def keep(self, leg: "Leg") -> None: ...

    def forget(self, leg: "Leg") -> None: ...

    def hinders(self) -> str: ...

    def deaf(self) -> None: ...


def seconds(duration: Duration, default: float) -> float:
    return duration.ToTimedelta().total_seconds() or default


class Leg:
    """Shared by inbound and outbound calls. `id` is LiveKit's call id and also our dialog tag, as in livekit-sip."""

    def __init__(self, gateway: Exchange, call_id: str, info: SIPCallInfo) -> None:
        self.gateway, self.id, self.info = gateway, call_id, info
        self.call: Call[Bridge] | None = None
        self.room: RoomSide | None = None
        self.tasks = Tasks(lambda error: log.error("%s: %r", call_id, error))
        self.closing = False
        self._refer: asyncio.Future[tuple[int, str]] | None = None

    def side(self, media: Bridge) -> RoomSide:
        """Our place in the room; not joined yet."""
        gateway = self.gateway
        gateway.tally.rooms += 1
        room = self.room = RoomSide(gateway.settings, media, self.tasks, self.id)
        outage = room.presence.outage
        outage.excused = lambda: gateway.bus.away_within(gateway.settings.limits.outage_over)
        outage.over = lambda: not gateway.bus.away_within(0)
        outage.hinders, outage.deaf = gateway.hinders, gateway.deaf
        return room

    def report(self, status: SIPCallStatus) -> None:
        """Tell the server how the call stands; nobody waits for it."""
        self.info.call_status = status
        state = wire.CallState(call_info=self.info)

        async def tell() -> None:
            try:
                await self.gateway.io.call("UpdateSIPCallState", state, wire.Empty)
            except RpcError as error:
                log.debug("%s: call state not reported: %s", self.id, error)

        self.gateway.tasks.spawn(tell())

    async def talk(self, limit: float) -> None:
        """The answered call: returns when either side ends it, on `limit` seconds, or without RTP."""
        assert self.call and self.room
        media_limit = self.gateway.settings.limits.media
        reception, start = self.call.media.reception, time.time()
        while not (self.call.ended.is_set() or self.room.presence.closed.is_set()):
            await first_of(self.call.ended, self.room.presence.closed, timeout=_TICK_S)
            now = time.time()
            quiet = now - max(reception.last_at, start)
            if now - start > limit:
                return log.info("%s: the maximum duration of %g s is reached", self.id, limit)
            if quiet > (media_limit if reception.last_at else 2 * media_limit):
                return log.info("%s: no RTP for %.0f s", self.id, quiet)

    async def close(
        self, reason: "DisconnectReason.ValueType" = DisconnectReason.CLIENT_INITIATED, error: str = ""
    ) -> None:
        """End both sides; may be called again. With `error` the call never came to be."""
        if self.closing:
            return
        self.closing = True
        self.gateway.forget(self)
        await self.gateway.service.deregister("TransferSIPParticipant", self.id)
        room, call = self.room, self.call
        told = asyncio.create_task(room.status("hangup")) if room and not error else None  # while the BYE is under way
        if call and not call.ended.is_set():
            hangup = self.gateway.tasks.spawn(call.hangup())  # may wait 32 s for a dead phone: nobody waits for that
            await asyncio.wait({hangup}, timeout=self.gateway.settings.limits.leave)
        if told:
            await told
        if room:
            await room.leave(reason)
        await self.tasks.close()
        if call:
            media = call.media
            media.close()
            log.info(
                "%s: closed by %s; packets %d in %d out, lost %d, dropped %d to room %d to phone",
                *(self.id, call.ended_by, media.reception.packets, media.out.packets, media.lost),
                *(media.dropped.to_room, media.dropped.to_phone),
            )
        self.info.error, self.info.ended_at_ns = error, time.time_ns()
        self.report(SIPCallStatus.SCS_ERROR if error else SIPCallStatus.SCS_DISCONNECTED)

    # Transfer

    async def serve_transfers(self) -> None:
        await self.gateway.service.register("TransferSIPParticipant", self.id, wire.Transfer, self.transfer)

    def on_notify(self, request: Msg) -> None:
        """A NOTIFY about a transfer of ours; only the last word counts."""
        fragment = _FRAGMENT.match(request.body.strip())
        if not fragment or not request.get("event").startswith("refer"):
            return
        if int(fragment[1]) >= 200 and self._refer and not self._refer.done():
            self._refer.set_result((int(fragment[1]), fragment[2].strip()))

    async def transfer(self, request: wire.Transfer, left: float) -> wire.Empty:
        """Blind transfer by REFER (RFC 3515). Raises RpcError when it is refused, fails or takes too long."""
        call = self.call
        if call is None or not call.active:
            raise RpcError("failed_precondition", "can't transfer non established call")
        if self._refer:
            raise RpcError("invalid_argument", "call already being transferred elsewhere")
        self._refer = asyncio.get_running_loop().create_future()
        headers = [
            ("refer-to", f"<{request.transfer_to.strip('<>')}>"),
            ("referred-by", f"<{call.dialog.local_uri}>"),
            *((k.lower(), v) for k, v in request.headers.items()),
        ]
        try:
            answer = await call.request("REFER", headers)
            if answer.status not in (200, 202):
                raise rpc_error("call transfer failed", answer.status, answer.reason)
            await self._transferred(self._refer, call, seconds(request.ringing_timeout, left))
        except NoResponse:
            raise RpcError("canceled", "no answer to REFER") from None
        finally:
            self._refer = None
        loop = asyncio.get_running_loop()
        loop.call_later(REFER_BYE_S, lambda: self.gateway.tasks.spawn(self.close()))
        return wire.Empty()

    async def _transferred(self, refer: "asyncio.Future[tuple[int, str]]", call: Call[Bridge], limit: float) -> None:
        """Until the last NOTIFY; a BYE before it counts as success."""
        ended = asyncio.create_task(call.ended.wait())
        waits: set[asyncio.Future[object]] = {refer, ended}  # type: ignore[arg-type]
        done, _ = await asyncio.wait(waits, return_when="FIRST_COMPLETED", timeout=limit)
        ended.cancel()
        if not done:
            raise RpcError("canceled", "refer canceled")
        if refer.done() and refer.result()[0] != 200:
            raise rpc_error("call transfer failed", *refer.result())
