"""A SIP user agent on one UDP port: places calls, takes calls, passes requests to the calls they belong to."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable
from typing import Generic, Protocol, Self, TypeVar

from sip.ua.call import Call, M
from sip.ua.dialog import Dialog, LocalEnd
from sip.ua.g711 import PCMA, PCMU
from sip.ua.media import MediaStream
from sip.ua.message import Addr, BadMessage, Headers, Msg, host_of, note_source, refusal, tag_of
from sip.ua.pacer import Pacer
from sip.ua.sdp import Sdp
from sip.ua.tasks import Tasks
from sip.ua.transactions import TIMER_B, Transactions
from sip.ua.transport import UdpTransport

H = TypeVar("H", bound=MediaStream)


class Owner(Protocol[H]):
    """What the owner of a user agent is told and asked."""

    async def incoming(self, call: Call[H]) -> None:
        """A new call; runs as a task of its own, the call is not answered yet."""

    def refer(self, call: Call[H], request: Msg) -> tuple[int, str]:
        """A transfer is asked for: the status and phrase to answer."""

    def notify(self, call: Call[H], request: Msg) -> None:
        """NOTIFY or INFO inside a call; it is answered 200."""

    def trace(self, way: str, msg: Msg, addr: Addr) -> None:
        """Every message; `way` is ">" for sent and "<" for received."""

    def broken(self, error: BaseException, addr: Addr | None) -> None:
        """A datagram that is no SIP message (with its sender), or a failed task (without)."""


class UserAgent(Generic[M]):
    """`async with UserAgent(...)`: bound to its port inside, everything ended after."""

    def __init__(
        self,
        owner: Owner[M],
        media: Callable[[str, Pacer], M],
        *,
        ip: str = "127.0.0.1",
        port: int = 0,
        user: str = "leadline",
        product: str = "leadline",
        codecs: tuple[int, ...] = (PCMU, PCMA),
        sock: socket.socket | None = None,
    ) -> None:
        """`port` 0 takes a free one; `sock` is one that is bound already; `media` makes the medium of each call."""
        self.owner, self.media, self.user, self.codecs = owner, media, user, codecs
        self.pacer = Pacer()
        self.calls: dict[str, Call[M]] = {}  # by Call-ID, ended ones for 32 s more
        self.tasks = Tasks(lambda error: owner.broken(error, None))
        self.transport = UdpTransport(ip, port, sock)
        self.wire = Transactions(self.transport, self.tasks, product)

    async def __aenter__(self) -> Self:
        """Raises OSError when the port is taken."""
        self.transport.receive, self.transport.broken = self._receive, self._broken
        self.transport.trace = self.owner.trace
        self.transport.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        hangups = [call.hangup() for call in self.calls.values() if call.active]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.gather(*hangups)
        for call in list(self.calls.values()):
            call.end("local")
        await self.tasks.close()
        self.transport.close()

    @property
    def local(self) -> LocalEnd:
        return LocalEnd(self.user, self.transport.ip, self.transport.port, self.wire.product)

    @property
    def live(self) -> list[Call[M]]:
        """Calls that are ringing or answered."""
        return [call for call in self.calls.values() if not call.ended.is_set()]

    async def outgoing(
        self,
        to: str,
        server: Addr | None = None,
        *,
        from_user: str = "",
        from_host: str = "",
        to_host: str = "",
        local_tag: str = "",
    ) -> Call[M]:
        """A call to user `to` at `server` (or to a full sip: URI); `dial` of it sends the INVITE.

        Raises OSError when the name of the server cannot be resolved, BadMessage for an unusable URI."""
        uri = to if to.startswith("sip:") else f"sip:{to}@{to_host or '{}:{}'.format(*(server or ('', 0)))}"
        peer = await _numeric(*(server or host_of(uri)))
        local = self.local
        from_uri = f"sip:{from_user or local.user}@{from_host or local.ip}"
        dialog = Dialog(local, peer, from_uri, uri)
        dialog.local_tag = local_tag or dialog.local_tag
        return self._keep(Call(self.wire, dialog, self.media(local.ip, self.pacer), True, self.codecs))

    def _keep(self, call: Call[M]) -> Call[M]:
        self.calls[call.dialog.call_id] = call

        def ended() -> None:  # late repetitions still belong to the call
            asyncio.get_running_loop().call_later(TIMER_B, self._forget, call)

        call.on_end = ended
        return call

    def _forget(self, call: Call[M]) -> None:
        if self.calls.get(call.dialog.call_id) is call:  # an INVITE with credentials reuses the Call-ID
            del self.calls[call.dialog.call_id]

    # Requests

    def _broken(self, error: BadMessage, addr: Addr, data: bytes) -> None:
        """Answer what can be answered, tell the owner."""
        if (found := refusal(data)) is not None:
            request, status, phrase = found
            with contextlib.suppress(BadMessage):
                note_source(request, addr)
                self.wire.respond(request, status, phrase, tracked=False)
        self.owner.broken(error, addr)

    def _receive(self, msg: Msg, addr: Addr) -> None:
        request = self.wire.receive(msg, addr)
        if request is None:
            return
        if (objection := _objection(request)) is not None:
            self.wire.respond(request, objection[0], objection[1], headers=objection[2])
            return
        call = self.calls.get(request.get("call-id"))
        method = request.method
        if method == "INVITE":
            self._invite(request, addr, call)
        elif method == "ACK":
            if call:
                call.on_ack(request)
        elif method == "OPTIONS":
            self._respond(request, 200, "OK")
        elif call is None and not tag_of(request.get("to")) and method not in ("BYE", "CANCEL", "NOTIFY", "INFO"):
            self._respond(request, 405, "Method Not Allowed")
        elif call is None or (call.ended.is_set() and method != "BYE"):
            self._respond(request, 481, "Call/Transaction Does Not Exist")
        else:
            self._in_call(call, method, request)

    def _in_call(self, call: Call[M], method: str, request: Msg) -> None:
        if method == "BYE":
            self._respond(request, 200, "OK", call)
            call.on_bye(request)
        elif method == "CANCEL":
            self._respond(request, 200, "OK", call)
            call.on_cancel()
        elif method == "REFER":
            self._respond(request, *self.owner.refer(call, request), call)
        elif method in ("NOTIFY", "INFO"):
            self._respond(request, 200, "OK", call)
            self.owner.notify(call, request)
        else:
            self._respond(request, 405, "Method Not Allowed", call)

    def _invite(self, request: Msg, addr: Addr, call: Call[M] | None) -> None:
        if call and call.active:
            if tag_of(request.get("to")) != call.dialog.local_tag:
                return self._respond(request, 482, "Loop Detected", call)
            try:
                call.on_reinvite(request)
            except BadMessage:
                self._respond(request, 488, "Not Acceptable Here", call)
            return
        if tag_of(request.get("to")):
            return self._respond(request, 481, "Call/Transaction Does Not Exist")
        try:
            offer = Sdp.parse(request.body) if request.body else None
            if offer:
                offer.codec(self.codecs)
        except BadMessage:
            return self._respond(request, 488, "Not Acceptable Here")
        try:
            media = self.media(self.transport.ip, self.pacer)
        except OSError:
            return self._respond(request, 503, "Service Unavailable")
        call = Call(self.wire, Dialog.of_invite(request, addr, self.local), media, False, self.codecs)
        call.exchange.invite, call.exchange.remote = request, offer
        self._keep(call)
        self.wire.respond(request, 100, "Trying")
        self.tasks.spawn(self.owner.incoming(call))

    def _respond(self, request: Msg, code: int, reason: str, call: Call[M] | None = None) -> None:
        self.wire.respond(request, code, reason, tag=call.dialog.local_tag if call else "")


def _objection(request: Msg) -> tuple[int, str, Headers] | None:
    """What speaks against a request whatever it is for (RFC 3261 8.2.2 and 8.2.3)."""
    if request.method in ("ACK", "CANCEL"):
        return None
    if not re.match(r"(?:sips?|tel):", request.uri, re.IGNORECASE):
        return 416, "Unsupported URI Scheme", []
    if required := request.get("require"):
        return 420, "Bad Extension", [("unsupported", required)]
    kind = request.get("content-type").partition(";")[0].strip().lower()
    if request.method == "INVITE" and request.body and kind and kind != "application/sdp":
        return 415, "Unsupported Media Type", [("accept", "application/sdp")]
    return None


async def _numeric(host: str, port: int) -> Addr:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    return str(found[0][4][0]), int(found[0][4][1])
