"""OPTIONS to a peer: over UDP to a phone, over TCP to a server with a body, to nobody, to silence."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sip.phone import Phone
from sip.reach import options
from sip.ua.message import Msg


@asynccontextmanager
async def tcp_peer(answers: list[str], body: str = "") -> AsyncIterator[str]:
    """A peer on TCP that answers each request with these status lines; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = Msg.parse(await reader.readuntil(b"\r\n\r\n"))
        for line in answers:
            headers = [(name, request.get(name)) for name in ("via", "from", "to", "call-id", "cseq")]
            text = body if line.startswith("SIP/2.0 2") else ""
            writer.write(bytes(Msg(line, [*headers, ("server", "carrier/1.0")], text)))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_phone_answers_over_udp() -> None:
    async with Phone(user="carrier") as phone:
        reached = await options(f"127.0.0.1:{phone.port}")
    assert (reached.status, reached.phrase, reached.wrong) == (200, "OK", "")


@pytest.mark.parametrize(
    ("answers", "body", "status"),
    [
        (["SIP/2.0 200 OK"], "v=0\r\n", 200),
        (["SIP/2.0 100 Trying", "SIP/2.0 403 Forbidden"], "", 403),
        (["SIP/2.0 404 Not Found"], "", 404),
    ],
)
async def test_any_final_answer_over_tcp_means_that_it_is_there(answers: list[str], body: str, status: int) -> None:
    async with tcp_peer(answers, body) as address:
        reached = await options(address, "tcp")
    assert (reached.status, reached.product, reached.wrong) == (status, "carrier/1.0", "")


async def test_who_does_not_answer_is_told_apart(unused_tcp_port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))
        silent = await options(f"127.0.0.1:{deaf.getsockname()[1]}", limit_s=0.7)
    assert (silent.status, silent.wrong) == (None, "no answer within 0.7 s")
    assert "firewall" in silent.fix
    for transport in ("tcp", "tls"):
        refused = await options(f"127.0.0.1:{unused_tcp_port}", transport)
        assert (refused.status, "refused" in refused.wrong.lower()) == (None, True)
    nowhere = await options("nowhere.invalid")
    assert nowhere.wrong == "nowhere.invalid is no known host"
    async with tcp_peer([]) as address:
        assert (await options(address, "tcp")).wrong == "the peer closed the connection"
        assert (await options(address, "tls")).status is None
