"""The phone itself: places calls, takes calls as a behaviour says, answers transfers by script."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from sip.phone.voice import Voice
from sip.ua.agent import UserAgent
from sip.ua.call import Call
from sip.ua.digest import Challenger
from sip.ua.g711 import PCMA, PCMU
from sip.ua.message import Addr, Headers, Msg, uri_of
from sip.ua.pacer import Pacer

PhoneCall = Call[Voice]
Behaviour = Callable[[PhoneCall], Awaitable[None]]
Script = list[tuple[float, int, str]]  # (seconds to wait, SIP status, phrase) of each NOTIFY

REALM = "leadline-phone"
_LOG = 20_000  # messages kept


@dataclass(slots=True)
class Refer:
    """A transfer that the far end asks for."""

    call: PhoneCall
    to: str  # URI of Refer-To
    request: Msg
    t: float = field(default_factory=time.time)

    async def notify(self, status: int, phrase: str = "OK") -> None:
        """Report how the transfer goes (RFC 3515 2.4.4); 200 and above is the last word."""
        state = "terminated;reason=noresource" if status >= 200 else "active;expires=60"
        headers = [
            ("event", f"refer;id={self.request.cseq}"),
            ("content-type", "message/sipfrag;version=2.0"),
            ("subscription-state", state),
        ]
        await self.call.request("NOTIFY", headers, f"SIP/2.0 {status} {phrase}\r\n")


@dataclass(slots=True)
class Manner:
    """How a phone takes what comes."""

    on_call: Behaviour | None = None  # None: the call waits in `next_call`
    credentials: tuple[str, str] | None = None  # asked of callers (407)
    refer: tuple[int, str] = (202, "Accepted")
    notifies: Script | None = field(default_factory=lambda: [(0.0, 100, "Trying"), (0.1, 200, "OK")])


class Phone:
    """A telephone on one UDP port; `errors` must be empty when a test ends."""

    def __init__(
        self,
        ip: str = "127.0.0.1",
        port: int = 0,
        user: str = "1000",
        *,
        on_call: Behaviour | None = None,
        credentials: tuple[str, str] | None = None,
        codecs: tuple[int, ...] = (PCMU, PCMA),
        keep: bool = True,
    ) -> None:
        """`port` 0 takes a free one; `credentials` are asked of callers; `keep` False stores no packets."""
        self.manner = Manner(on_call, credentials)
        self.errors: list[BaseException] = []
        self.log: deque[tuple[float, str, Msg, Addr]] = deque(maxlen=_LOG)
        self.refers: asyncio.Queue[Refer] = asyncio.Queue(maxsize=100)
        self.notified: list[Msg] = []  # NOTIFY and INFO from far ends
        self._incoming: asyncio.Queue[PhoneCall] = asyncio.Queue(maxsize=1000)
        self._challenger = Challenger()

        def medium(ip: str, pacer: Pacer) -> Voice:
            return Voice(ip, pacer, keep)

        self.agent = UserAgent(self, medium, ip=ip, port=port, user=user, product="leadline-phone", codecs=codecs)

    async def __aenter__(self) -> Self:
        await self.agent.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.agent.__aexit__(*exc)

    @property
    def ip(self) -> str:
        return self.agent.transport.ip

    @property
    def port(self) -> int:
        return self.agent.transport.port

    @property
    def addr(self) -> Addr:
        return self.ip, self.port

    @property
    def calls(self) -> list[PhoneCall]:
        """Calls of the last half minute, ended ones included."""
        return list(self.agent.calls.values())

    async def call(
        self,
        to: str,
        server: Addr | None = None,
        *,
        wait: float | None = 30.0,
        from_user: str = "",
        headers: Headers | None = None,
        credentials: tuple[str, str] | None = None,
    ) -> PhoneCall:
        """Dial and wait up to `wait` seconds for the answer; None returns at once.

        Raises CallFailed when it is refused. When it is not answered in time the call is cancelled: TimeoutError."""
        call = await self.agent.outgoing(to, server, from_user=from_user)
        call.dial(headers, credentials)
        if wait is None:
            return call
        try:
            await call.wait_answered(wait)
        except TimeoutError:
            await call.hangup()
            raise
        return call

    async def next_call(self, timeout: float = 30.0) -> PhoneCall:
        """The next incoming call, when no behaviour is set. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            return await self._incoming.get()

    def sent_count(self, status: int) -> int:
        """How many answers with that status left, repetitions included."""
        return sum(way == ">" and msg.is_response and msg.status == status for _, way, msg, _ in self.log)

    # What the user agent asks (sip.ua.agent.Owner)

    async def incoming(self, call: PhoneCall) -> None:
        credentials = self.manner.credentials
        if credentials and not self._challenger.accepts(call.invite, REALM, credentials):
            challenge = self._challenger.challenge(REALM)
            return call.reject(407, "Proxy Authentication Required", [("proxy-authenticate", challenge)])
        if self.manner.on_call:
            await self.manner.on_call(call)
        else:
            self._incoming.put_nowait(call)

    def refer(self, call: PhoneCall, request: Msg) -> tuple[int, str]:
        transfer = Refer(call, uri_of(request.get("refer-to")), request)
        self.refers.put_nowait(transfer)
        if self.manner.refer[0] < 300 and self.manner.notifies:
            self.agent.tasks.spawn(self._report(transfer, self.manner.notifies))
        return self.manner.refer

    async def _report(self, transfer: Refer, script: Script) -> None:
        for pause, status, phrase in script:
            await asyncio.sleep(pause)
            if transfer.call.active:
                await transfer.notify(status, phrase)

    def notify(self, call: PhoneCall, request: Msg) -> None:
        self.notified.append(request)

    def trace(self, way: str, msg: Msg, addr: Addr) -> None:
        self.log.append((time.time(), way, msg, addr))

    def broken(self, error: BaseException, addr: Addr | None) -> None:
        self.errors.append(error)
