"""Is a part ready? One question a part, each asked the way its users will speak to it."""

from __future__ import annotations

import asyncio
import secrets
from http import HTTPStatus
from pathlib import Path

import aiohttp
import redis.asyncio
from livekit import api

from cli.stack.config import Endpoints
from cli.stack.problem import StackError

#: What the worker prints once the server has accepted it.
WORKER_READY = "worker ready"
#: What the console prints once it listens.
CONSOLE_READY = "console ready"
_ASK_S_MAX = 2.0


async def redis_ready(at: Endpoints) -> bool:
    """True if Redis answers PING, so not while it is still loading its file."""
    client = redis.asyncio.Redis.from_url(at.redis_url, socket_timeout=_ASK_S_MAX, socket_connect_timeout=_ASK_S_MAX)
    try:
        return bool(await client.execute_command("PING"))  # type: ignore[no-untyped-call]
    except (redis.exceptions.RedisError, OSError):
        return False
    finally:
        await client.aclose()


async def livekit_ready(at: Endpoints) -> bool:
    """True if livekit-server answers and takes our keys.

    Raises StackError if it answers but does not take them.
    """
    try:
        async with asyncio.timeout(_ASK_S_MAX), api.LiveKitAPI(at.livekit_url, at.api_key, at.api_secret) as server:
            await server.room.list_rooms(api.ListRoomsRequest())
    except api.TwirpError as error:
        if error.status == HTTPStatus.UNAUTHORIZED:
            raise StackError(
                f"livekit-server at {at.livekit_url} does not take the keys",
                "give LIVEKIT_API_KEY and LIVEKIT_API_SECRET as in its configuration",
            ) from None
        return False
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
    return True


async def gateway_ready(at: Endpoints) -> bool:
    """True if the SIP edge answers OPTIONS (RFC 3261 section 11), whatever the answer."""
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _FirstDatagram(answer), remote_addr=(at.sip_ip, at.sip_port)
    )
    try:
        host, port = transport.get_extra_info("sockname")[:2]
        transport.sendto(_options(at, f"{host}:{port}"))
        async with asyncio.timeout(0.5):
            return bool((await answer).startswith(b"SIP/2.0 "))
    except (TimeoutError, OSError):
        return False
    finally:
        transport.close()


async def says(log: Path, words: str) -> bool:
    """True if a part's log says that it is ready."""
    return words in await asyncio.to_thread(log.read_text, "utf-8", "replace")


class _FirstDatagram(asyncio.DatagramProtocol):
    """Hands on the first datagram, or the ICMP refusal that came in its stead."""

    def __init__(self, answer: asyncio.Future[bytes]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(exc)


def _options(at: Endpoints, us: str) -> bytes:
    token = secrets.token_hex(8)
    return (
        f"OPTIONS sip:{at.sip_ip}:{at.sip_port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {us};branch=z9hG4bK{token};rport\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:stack@{us}>;tag={token}\r\n"
        f"To: <sip:{at.sip_ip}:{at.sip_port}>\r\n"
        f"Call-ID: {token}\r\n"
        "CSeq: 1 OPTIONS\r\n"
        f"Contact: <sip:stack@{us}>\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()
