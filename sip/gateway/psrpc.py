"""psrpc over Redis, both sides: the request protocol that LiveKit's own services speak with each other."""

import asyncio
import logging
import random
import string
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError, Message

from sip.gateway import wire
from sip.gateway.bus import Bus, BusDown
from sip.ua.tasks import Tasks

log = logging.getLogger(__name__)

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)
Serve = Callable[[Q, float], Awaitable[Message]]  # request, seconds left

CLAIM_S = 1.0  # without a claim after so long there is no server
_ALNUM = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    return prefix + "".join(random.choices(_ALNUM, k=12))


def channel(*parts: str) -> str:
    """The Redis channel: non-empty parts joined by "|", all but [0-9A-Za-z_] written as u+XXXX."""
    return "|".join("".join(map(_escape, part)) for part in parts if part)


def _escape(c: str) -> str:
    if (c.isascii() and c.isalnum()) or c == "_":
        return c
    return f"u+{ord(c):04x}" if ord(c) < 0x10000 else f"U+{ord(c):08x}"


class RpcError(Exception):
    """`code` is psrpc's, such as "not_found"; `details` are messages for the caller."""

    def __init__(self, code: str, message: str, *details: Message) -> None:
        super().__init__(message)
        self.code, self.details = code, details


def pack(message: Message) -> bytes:
    """The envelope, wire-identical to google.protobuf.Any."""
    name = message.DESCRIPTOR.full_name
    return AnyMessage(type_url=f"type.googleapis.com/{name}", value=message.SerializeToString()).SerializeToString()


def unpack(data: bytes, kind: type[R]) -> R | None:
    """None when the data is not what it should be."""
    try:
        return kind.FromString(AnyMessage.FromString(data).value)
    except DecodeError:
        return None


class Client:
    """Asks one service; the first server that claims a request gets it."""

    def __init__(self, bus: Bus, service: str) -> None:
        self.bus, self.service, self.id = bus, service, new_id("CLI_")
        self._claims: dict[str, asyncio.Future[str]] = {}
        self._answers: dict[str, asyncio.Future[wire.Response]] = {}

    async def start(self) -> None:
        await self.bus.subscribe(channel(self.service, self.id, "CLAIM"), self._on_claim)
        await self.bus.subscribe(channel(self.service, self.id, "RES"), self._on_answer)

    def _on_claim(self, data: bytes) -> None:
        claim = unpack(data, wire.ClaimRequest)
        waiting = self._claims.get(claim.request_id) if claim else None
        if claim and waiting and not waiting.done():
            waiting.set_result(claim.server_id)

    def _on_answer(self, data: bytes) -> None:
        answer = unpack(data, wire.Response)
        waiting = self._answers.get(answer.request_id) if answer else None
        if answer and waiting and not waiting.done():
            waiting.set_result(answer)

    async def call(self, method: str, request: Message, kind: type[R], timeout: float = 3.0) -> R:
        """Raises RpcError; "unavailable" when Redis is away or no server claims the request."""
        loop, request_id = asyncio.get_running_loop(), new_id("REQ_")
        claim = self._claims[request_id] = loop.create_future()
        answer = self._answers[request_id] = loop.create_future()
        try:
            async with asyncio.timeout(timeout):
                await self._ask(method, request, request_id, timeout)
                # A request that the server cannot read is answered without a claim.
                done, _ = await asyncio.wait({claim, answer}, timeout=CLAIM_S, return_when="FIRST_COMPLETED")
                if not done:
                    raise RpcError("unavailable", "no response from servers")
                if claim.done():
                    grant = wire.ClaimResponse(request_id=request_id, server_id=claim.result())
                    await self.bus.publish(channel(self.service, method, "RCLAIM"), pack(grant))
                result = await answer
        except TimeoutError:
            raise RpcError("deadline_exceeded", f"{method} was not answered in {timeout:g} s") from None
        except BusDown as error:
            raise RpcError("unavailable", str(error)) from error
        finally:
            del self._claims[request_id], self._answers[request_id]
        if result.error:
            raise RpcError(result.code or "unknown", result.error)
        return kind.FromString(result.raw_response)

    async def _ask(self, method: str, request: Message, request_id: str, timeout: float) -> None:
        now = time.time_ns()
        envelope = wire.Request(
            request_id=request_id,
            client_id=self.id,
            sent_at=now,
            expiry=now + int(timeout * 1e9),
            raw_request=request.SerializeToString(),
        )
        await self.bus.publish(channel(self.service, method, "REQ"), pack(envelope))


class Server:
    """Serves one service; handlers by method and topic."""

    def __init__(self, bus: Bus, service: str, tasks: Tasks) -> None:
        self.bus, self.service, self.tasks, self.id = bus, service, tasks, new_id("SRV_")
        self._claims: dict[str, asyncio.Future[str]] = {}

    async def register(
        self,
        method: str,
        topic: str,
        kind: type[Q],
        serve: Serve[Q],
        affinity: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`serve` gets the request and the seconds left; it raises RpcError to refuse."""

        def on_request(data: bytes) -> None:
            envelope = unpack(data, wire.Request)
            if envelope and time.time_ns() < envelope.expiry:
                self.tasks.spawn(self._handle(envelope, kind, serve, affinity()))

        await self.bus.subscribe(channel(self.service, method, topic, "RCLAIM"), self._on_grant)
        await self.bus.subscribe(channel(self.service, method, topic, "REQ"), on_request, queue=True)

    async def deregister(self, method: str, topic: str) -> None:
        await self.bus.unsubscribe(channel(self.service, method, topic, "REQ"))
        await self.bus.unsubscribe(channel(self.service, method, topic, "RCLAIM"))

    def _on_grant(self, data: bytes) -> None:
        grant = unpack(data, wire.ClaimResponse)
        waiting = self._claims.get(grant.request_id) if grant else None
        if grant and waiting and not waiting.done():
            waiting.set_result(grant.server_id)

    async def _handle(self, envelope: wire.Request, kind: type[Q], serve: Serve[Q], affinity: float) -> None:
        result = wire.Response(request_id=envelope.request_id, server_id=self.id)
        try:
            request = kind.FromString(envelope.raw_request)
            if not await self._won(envelope, affinity):
                return
            answer = await serve(request, _left(envelope))
            result.raw_response = answer.SerializeToString()
        except RpcError as error:
            result.error, result.code = str(error), error.code
            for detail in error.details:
                result.error_details.add().Pack(detail)
        except DecodeError:
            result.error, result.code = "the request cannot be read", "malformed_request"
        except BusDown as error:
            log.warning("a request was lost: %s", error)
            return
        result.sent_at = time.time_ns()
        try:
            await self.bus.publish(channel(self.service, envelope.client_id, "RES"), pack(result))
        except BusDown as error:
            log.warning("an answer was lost: %s", error)

    async def _won(self, envelope: wire.Request, affinity: float) -> bool:
        """Offer to take the request; True when the client grants it to us."""
        grant = self._claims[envelope.request_id] = asyncio.get_running_loop().create_future()
        claim = wire.ClaimRequest(request_id=envelope.request_id, server_id=self.id, affinity=affinity)
        try:
            async with asyncio.timeout(_left(envelope)):
                await self.bus.publish(channel(self.service, envelope.client_id, "CLAIM"), pack(claim))
                winner: str = await grant
                return winner == self.id
        except TimeoutError:
            return False
        finally:
            del self._claims[envelope.request_id]


def _left(envelope: wire.Request) -> float:
    return (envelope.expiry - time.time_ns()) / 1e9
