"""One telephone call: its dialog, its media, and what may be done with it."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sip.ua.dialog import Dialog
from sip.ua.digest import authorization
from sip.ua.media import MediaStream
from sip.ua.message import BadMessage, Headers, Msg, tag_of, user_of
from sip.ua.sdp import TELEPHONE_EVENT, Sdp
from sip.ua.tasks import first_of
from sip.ua.transactions import TIMER_B, NoResponse, Transactions

M = TypeVar("M", bound=MediaStream)

NAMES = {
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
}
_CANCEL_WAIT = 5.0  # seconds for the 487 after a CANCEL


class CallFailed(Exception):
    """The call was refused or never answered; `status` is the SIP status (408 without any answer)."""

    def __init__(self, status: int, reason: str, answered: bool = True) -> None:
        super().__init__(f"{status} {reason}")
        self.status, self.reason = status, reason
        self.answered = answered  # False: the far end sent no final answer at all


@dataclass(slots=True)
class Progress:
    """How far a call got."""

    ringing: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ended_by: str = ""  # "local", "remote" or "cancel"
    failure: CallFailed | None = None
    bye: Msg | None = None  # the far end's
    t: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Exchange:
    """The INVITE, its answer, and the session descriptions."""

    invite: Msg | None = None
    final: Msg | None = None
    remote: Sdp | None = None
    session: int = field(default_factory=lambda: random.randrange(1 << 31))
    version: int = 0
    dialing: asyncio.Task[None] | None = None
    cancelled: bool = False  # a CANCEL left


class Call(Generic[M]):
    """A call from INVITE to the end. Times in `t` are seconds of CLOCK_REALTIME under the names
    invite, trying, ringing, early, answer, reinvite, bye, end."""

    def __init__(self, wire: Transactions, dialog: Dialog, media: M, outgoing: bool, codecs: tuple[int, ...]) -> None:
        self.wire, self.dialog, self.media = wire, dialog, media
        self.outgoing, self.codecs = outgoing, codecs
        self.progress = Progress(t={"invite": time.time()})
        self.exchange = Exchange()
        self.on_end: Callable[[], None] = lambda: None  # the user agent's

    # What is known of it

    @property
    def t(self) -> dict[str, float]:
        return self.progress.t

    @property
    def ringing(self) -> asyncio.Event:
        return self.progress.ringing

    @property
    def answered(self) -> asyncio.Event:
        return self.progress.answered

    @property
    def ended(self) -> asyncio.Event:
        return self.progress.ended

    @property
    def ended_by(self) -> str:
        return self.progress.ended_by

    @property
    def failure(self) -> CallFailed | None:
        return self.progress.failure

    @property
    def invite(self) -> Msg:
        """The INVITE; of an outgoing call the last one sent."""
        assert self.exchange.invite is not None
        return self.exchange.invite

    @property
    def active(self) -> bool:
        return self.answered.is_set() and not self.ended.is_set()

    @property
    def state(self) -> str:
        if self.ended.is_set():
            return "ended"
        return "active" if self.active else "ringing" if self.ringing.is_set() else "new"

    @property
    def from_user(self) -> str:
        return user_of(self.invite.get("from"))

    @property
    def to_user(self) -> str:
        return user_of(self.invite.get("to"))

    async def wait_answered(self, timeout: float) -> None:
        """Raises CallFailed when the call ends first, TimeoutError after `timeout` seconds."""
        await first_of(self.answered, self.ended, timeout=timeout)
        if self.answered.is_set():
            return
        if self.failure:
            raise self.failure
        if self.ended.is_set():
            raise CallFailed(487, "ended before the answer", answered=False)
        raise TimeoutError(f"not answered in {timeout:g} s (state {self.state})")

    async def wait_ended(self, timeout: float) -> None:
        """Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            await self.ended.wait()

    # Incoming

    def ring(self) -> None:
        self.t.setdefault("ringing", time.time())
        self.ringing.set()
        self._respond(180, "Ringing")

    def early_media(self) -> None:
        """183 with a session description: audio flows before the answer."""
        body = self._answer_sdp()
        self.t["early"] = time.time()
        self._respond(183, "Session Progress", body)

    async def answer(self, headers: Headers | None = None, ack_timeout: float = 0.0) -> None:
        """200 OK, then wait up to `ack_timeout` seconds for the ACK. Raises BadMessage without a common codec."""
        body = self._answer_sdp()
        self.t["answer"] = time.time()
        self.answered.set()
        self._respond(200, "OK", body, headers)
        if ack_timeout:
            await self.wire.wait_ack(self.dialog.call_id, ack_timeout)

    def reject(self, code: int = 486, reason: str = "", headers: Headers | None = None) -> None:
        self._respond(code, reason or NAMES.get(code, "Rejected"), headers=headers)
        self.end("local")

    def drop(self) -> None:
        """End without any answer on the wire."""
        self.end("local")

    # Outgoing

    def dial(self, headers: Headers | None = None, credentials: tuple[str, str] | None = None) -> None:
        """Send the INVITE; how it goes shows in the events."""
        self.t["invite"] = time.time()
        self.exchange.dialing = self.wire.tasks.spawn(self._dial(headers or [], credentials))

    async def _dial(self, headers: Headers, credentials: tuple[str, str] | None) -> None:
        uri = self.dialog.remote_uri
        try:
            final = await self._invite(uri, headers)
            if final.status in (401, 407) and credentials and not self.ended.is_set():
                ask, give = ("www-authenticate", "authorization")
                if final.status == 407:
                    ask, give = ("proxy-authenticate", "proxy-authorization")
                value = authorization(credentials, final.get(ask), "INVITE", uri)
                self.dialog.remote_tag = ""
                final = await self._invite(uri, [*headers, (give, value)])
        except NoResponse:
            return self.end("remote", CallFailed(408, "no response (timer B)", answered=False))
        except BadMessage as error:
            return self.end("remote", CallFailed(400, str(error), answered=False))
        if final.status >= 300:
            return self.end("remote", CallFailed(final.status, final.reason))
        await self._established(final)

    async def _invite(self, uri: str, headers: Headers) -> Msg:
        invite = self.dialog.request("INVITE", [("content-type", "application/sdp"), *headers], self._offer(), uri)
        self.exchange.invite = invite
        final = await self.wire.request(
            invite, self.dialog.peer, self._provisional, resend=lambda: not self.ended.is_set()
        )
        self.exchange.final = final
        if final.status < 300:
            self.dialog.confirm(final)
        self.wire.ack(invite, *self.dialog.ack(invite, final))
        return final

    async def _established(self, final: Msg) -> None:
        if self.ended.is_set() or self.ended_by == "cancel":  # answered while we were giving up
            self.end("cancel")
            return await self._bye(None)
        try:
            self._apply(Sdp.parse(final.body))
        except BadMessage as error:
            self.end("local", CallFailed(488, str(error)))
            return await self._bye(None)
        self.t["answer"] = time.time()
        self.answered.set()

    def _provisional(self, msg: Msg) -> None:
        now = time.time()
        if self.ended.is_set():  # we gave up before the far end said anything
            self.wire.tasks.spawn(self._cancel())
        elif msg.status == 100:
            self.t.setdefault("trying", now)
        else:
            self.t.setdefault("ringing", now)
            self.ringing.set()
            self.dialog.remote_tag = self.dialog.remote_tag or tag_of(msg.get("to"))
            if msg.body and "early" not in self.t:
                self.t["early"] = now
                with contextlib.suppress(BadMessage):  # early media is a favour; the answer's description decides
                    self._apply(Sdp.parse(msg.body))

    # Both

    async def hangup(self, headers: Headers | None = None) -> None:
        """BYE, CANCEL or 603, whichever the state asks for; returns when the far end confirmed or 32 s passed."""
        if self.ended.is_set():
            return
        if self.answered.is_set():
            self.end("local")
            await self._bye(headers)
        elif not self.outgoing:
            self.reject(603)
        elif "trying" in self.t or "ringing" in self.t:
            self.progress.ended_by = "cancel"
            await self._cancel()
            await first_of(self.ended, timeout=_CANCEL_WAIT)
            self.end("cancel", CallFailed(487, "cancelled", answered=False))
        else:  # no CANCEL before a provisional answer (RFC 3261 9.1)
            self.end("cancel", CallFailed(487, "cancelled", answered=False))

    async def _bye(self, headers: Headers | None) -> None:
        with contextlib.suppress(NoResponse):
            await self.request("BYE", headers)

    async def _cancel(self) -> None:
        """Once only: a second CANCEL would be a repetition of the first."""
        if self.exchange.cancelled:
            return
        self.exchange.cancelled = True
        with contextlib.suppress(NoResponse):
            await self.wire.request(self.dialog.cancel(self.invite), self.dialog.peer)

    async def request(self, method: str, headers: Headers | None = None, body: str = "") -> Msg:
        """Any request inside the dialog and its final answer. Raises NoResponse."""
        return await self.wire.request(self.dialog.request(method, headers, body), self.dialog.addr())

    async def reinvite(self, direction: str) -> Msg:
        """Hold with "sendonly" or "inactive", resume with "sendrecv". Raises NoResponse, BadMessage."""
        self.media.out.direction = direction
        invite = self.dialog.request("INVITE", [("content-type", "application/sdp")], self._offer())
        final = await self.wire.request(invite, self.dialog.addr())
        self.wire.ack(invite, *self.dialog.ack(invite, final))
        if final.status < 300:
            self._apply(Sdp.parse(final.body))
        return final

    def on_reinvite(self, request: Msg) -> None:
        """The far end changes the session: answer what its hold or resume allows us."""
        self.t["reinvite"] = time.time()
        self.exchange.remote = Sdp.parse(request.body) if request.body else None
        self.media.out.direction = "sendrecv"
        self.wire.respond(
            request,
            200,
            "OK",
            tag=self.dialog.local_tag,
            contact=self.dialog.local.contact,
            body=self._answer_sdp(),
        )

    def on_ack(self, ack: Msg) -> None:
        if ack.body and self.exchange.remote is None:  # our 200 carried the offer
            self._apply(Sdp.parse(ack.body))

    def on_bye(self, bye: Msg) -> None:
        self.progress.bye = bye
        self.t["bye"] = time.time()
        self.end("remote")

    def on_cancel(self) -> None:
        if not self.answered.is_set() and not self.ended.is_set():
            self._respond(487, "Request Terminated")
            self.end("cancel", CallFailed(487, "Request Terminated"))

    def end(self, by: str, failure: CallFailed | None = None) -> None:
        if self.ended.is_set():
            return
        self.progress.ended_by = self.ended_by or by
        self.progress.failure = failure
        self.t["end"] = time.time()
        self.media.close()
        self.ended.set()
        if self.exchange.dialing and not self.exchange.dialing.done():
            asyncio.get_running_loop().call_later(TIMER_B, self.exchange.dialing.cancel)
        self.on_end()

    # Session descriptions

    def _offer(self) -> str:
        port = self.media.port
        sdp = Sdp(port.ip, port.number, self.codecs, TELEPHONE_EVENT, self.media.out.direction)
        return self._text(sdp)

    def _answer_sdp(self) -> str:
        """Answer the offer and start the media; an INVITE without one gets ours (RFC 3261 13.2.1)."""
        offer = self.exchange.remote
        if offer is None:
            return self._offer()
        port = self.media.port
        answer = offer.answer(port.ip, port.number, self.codecs, self.media.out.direction)
        self._apply(offer)
        self.media.out.direction = answer.direction
        return self._text(answer)

    def _text(self, sdp: Sdp) -> str:
        self.exchange.version += 1
        return sdp.text(self.exchange.session, self.exchange.version)

    def _apply(self, remote: Sdp) -> None:
        self.exchange.remote = remote
        self.media.start((remote.ip, remote.port), remote.codec(self.codecs), remote.telephone_event)

    def _respond(self, code: int, reason: str, body: str = "", headers: Headers | None = None) -> None:
        self.wire.respond(
            self.invite,
            code,
            reason,
            tag=self.dialog.local_tag,
            contact=self.dialog.local.contact,
            body=body,
            headers=headers,
        )
