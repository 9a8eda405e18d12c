"""SIP transactions over UDP: retransmission, matching, and the answers given before (RFC 3261 section 17)."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from sip.ua.message import Addr, Headers, Msg, is_ipv4, new_tag, note_source, reply_addr, tag_of
from sip.ua.tasks import Tasks
from sip.ua.transport import UdpTransport

T1, T2, TIMER_B = 0.5, 4.0, 32.0  # seconds
MAX_RINGING = 600.0  # seconds between a provisional and the final answer to an INVITE
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, REFER, NOTIFY"
_REMEMBERED = 2000  # server transactions and ACKs kept for retransmissions
_COPIED = ("via", "from", "call-id", "cseq", "record-route")  # from a request into its response


class NoResponse(Exception):
    """No final answer came in time (timer B or F)."""


class Transactions:
    """Client and server transactions of one user agent."""

    def __init__(self, transport: UdpTransport, tasks: Tasks, product: str) -> None:
        self.transport = transport
        self.tasks = tasks
        self.product = product
        self._clients: dict[tuple[str, str], asyncio.Queue[Msg]] = {}
        self._served: OrderedDict[tuple[str, str, str], Msg | None] = OrderedDict()
        self._acks: OrderedDict[str, tuple[Msg, Addr]] = OrderedDict()
        self._unacked: dict[str, asyncio.Event] = {}  # by call id: final answers that await their ACK

    # Client side

    async def request(
        self,
        msg: Msg,
        addr: Addr,
        provisional: Callable[[Msg], None] = lambda msg: None,
        resend: Callable[[], bool] = lambda: True,
    ) -> Msg:
        """Send until a final answer comes. Raises NoResponse after 32 s without any."""
        key = (msg.branch, msg.method)
        answers = self._clients[key] = asyncio.Queue(maxsize=16)
        loop = asyncio.get_running_loop()
        deadline, pause, limit = loop.time() + TIMER_B, T1, T1
        try:
            self.transport.send(msg, addr)
            while True:
                try:
                    async with asyncio.timeout(limit):
                        answer = await answers.get()
                except TimeoutError:
                    if loop.time() >= deadline or limit == MAX_RINGING:
                        raise NoResponse(f"no final answer to {msg.method}") from None
                    if resend():
                        self.transport.send(msg, addr)
                    pause = pause * 2 if msg.method == "INVITE" else min(pause * 2, T2)
                    limit = max(0.0, min(pause, deadline - loop.time()))
                    continue
                if answer.status >= 200:
                    return answer
                if msg.method == "INVITE":
                    limit = MAX_RINGING
                provisional(answer)
        finally:
            del self._clients[key]

    def ack(self, invite: Msg, ack: Msg, addr: Addr) -> None:
        """Send an ACK, and send it again whenever the final answer is repeated."""
        self._acks[invite.branch] = (ack, addr)
        while len(self._acks) > _REMEMBERED:
            self._acks.popitem(last=False)
        self.transport.send(ack, addr)

    def _response(self, msg: Msg) -> None:
        answers = self._clients.get((msg.branch, msg.method))
        if answers is not None and not answers.full():
            answers.put_nowait(msg)
        elif msg.method == "INVITE" and msg.status >= 200 and msg.branch in self._acks:
            self.transport.send(*self._acks[msg.branch])

    # Server side

    def receive(self, msg: Msg, addr: Addr) -> Msg | None:
        """A new request for the user agent; None when it was an answer or a repetition."""
        if msg.is_response:
            self._response(msg)
            return None
        key = (msg.branch, msg.method, msg.get("call-id"))  # the call id keeps apart peers that reuse a branch
        note_source(msg, addr)
        if msg.method == "ACK":
            self.acked(msg.get("call-id"))
            return msg
        if key in self._served:
            if answer := self._served[key]:
                self.reply(answer)
            return None
        self._served[key] = None
        while len(self._served) > _REMEMBERED:
            self._served.popitem(last=False)
        return msg

    def respond(
        self,
        request: Msg,
        code: int,
        reason: str,
        *,
        tag: str = "",
        contact: str = "",
        body: str = "",
        headers: Headers | None = None,
        tracked: bool = True,
    ) -> Msg:
        """Answer a request; `tag` is the dialog's, a new one when it is empty. What is not `tracked` is sent once."""
        out = [(k, v) for k, v in request.headers if k in _COPIED]
        to = request.get("to")
        out.append(("to", to if tag_of(to) or code == 100 else f"{to};tag={tag or new_tag()}"))
        if contact:
            out.append(("contact", contact))
        out += [("user-agent", self.product), ("allow", ALLOW)]
        if body:
            out.append(("content-type", "application/sdp"))
        answer = Msg(f"SIP/2.0 {code} {reason}", out + (headers or []), body)
        if not tracked:
            self.reply(answer)
            return answer
        self._served[(request.branch, request.method, request.get("call-id"))] = answer
        self.reply(answer)
        if request.method == "INVITE" and code >= 200:
            self._await_ack(answer)
        return answer

    def reply(self, answer: Msg) -> None:
        host, port = reply_addr(answer.get("via"))
        if is_ipv4(host):
            self.transport.send(answer, (host, port))

    def acked(self, call_id: str) -> None:
        if event := self._unacked.pop(call_id, None):
            event.set()

    async def wait_ack(self, call_id: str, timeout: float) -> bool:
        """Whether the ACK of the last final answer came within `timeout` seconds."""
        event = self._unacked.get(call_id)
        if event is None:
            return True
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            return False
        return True

    def _await_ack(self, answer: Msg) -> None:
        self.acked(answer.get("call-id"))  # an answer before this one is settled by it
        event = self._unacked[answer.get("call-id")] = asyncio.Event()
        self.tasks.spawn(self._repeat(answer, event))

    async def _repeat(self, answer: Msg, acked: asyncio.Event) -> None:
        """Repeat a final answer to an INVITE until its ACK comes (RFC 3261 13.3.1.4 and 17.2.1)."""
        loop, pause = asyncio.get_running_loop(), T1
        deadline = loop.time() + TIMER_B
        while loop.time() < deadline:
            try:
                async with asyncio.timeout(pause):
                    await acked.wait()
                return
            except TimeoutError:
                pause = min(pause * 2, T2)
                self.reply(answer)
        if self._unacked.get(answer.get("call-id")) is acked:
            del self._unacked[answer.get("call-id")]
