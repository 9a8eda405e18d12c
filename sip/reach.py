"""Whether a SIP peer answers: an OPTIONS request over UDP, TCP or TLS (RFC 3261 §11), and what came back."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final

from livekit.protocol.sip import SIPTransport

from sip.ua.message import BadMessage, Msg, new_branch, new_tag

LIMIT_S: Final = 4.0
_T1_S: Final = 0.5  # RFC 3261 17.1.2.2: requests over UDP are repeated after T1, then twice as long each time
_PORTS: Final = {"tls": 5061}
_LENGTH: Final = re.compile(rb"(?im)^(?:content-length|l)\s*:\s*(\d{1,5})\s*$")


@dataclass(frozen=True, slots=True)
class Reached:
    """What a peer answered. `status` is None when nothing came; `wrong` says what then. Any status means: it is there."""

    address: str
    transport: str
    status: int | None = None
    phrase: str = ""
    ms: int = 0
    product: str = ""
    wrong: str = ""
    fix: str = ""


def transport_of(transport: int) -> str:
    """`udp`, `tcp` or `tls`; LiveKit chooses UDP where a trunk says nothing."""
    names = {int(SIPTransport.SIP_TRANSPORT_TCP): "tcp", int(SIPTransport.SIP_TRANSPORT_TLS): "tls"}
    return names.get(int(transport), "udp")


async def options(address: str, transport: str = "udp", limit_s: float = LIMIT_S) -> Reached:
    """Ask `host[:port]` whether it is there; takes at most `limit_s` and never raises for what the network does."""
    host, _, port = address.rpartition(":") if address.rpartition(":")[2].isdigit() else (address, "", "")
    begun = time.monotonic()
    try:
        async with asyncio.timeout(limit_s):
            loop = asyncio.get_running_loop()
            number = int(port or _PORTS.get(transport, 5060))
            kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
            found = await loop.getaddrinfo(host.strip("[]"), number, type=kind)
            peer = (str(found[0][4][0]), int(found[0][4][1]))
            asked = _over_udp(host, peer) if transport == "udp" else _over_stream(host, peer, transport)
            answer = await asked
    except TimeoutError:
        fix = "is the address right, and does a firewall let us through? Some carriers answer OPTIONS of registered peers only"
        return Reached(address, transport, wrong=f"no answer within {limit_s:g} s", fix=fix)
    except socket.gaierror:
        return Reached(address, transport, wrong=f"{host} is no known host", fix="correct the trunk's address")
    except ssl.SSLError as wrong:
        fix = "the peer's certificate or protocol does not fit; livekit-sip would fail alike"
        return Reached(address, transport, wrong=f"TLS: {wrong.reason or wrong}", fix=fix)
    except (OSError, BadMessage) as wrong:
        refused = isinstance(wrong, ConnectionRefusedError)  # asyncio words it by sockets
        said = (
            "connection refused"
            if refused
            else wrong.strerror
            if isinstance(wrong, OSError) and wrong.strerror
            else str(wrong)
        )
        return Reached(address, transport, wrong=said, fix="is the peer up, and is this its transport?")
    ms = round((time.monotonic() - begun) * 1000)
    product = answer.get("server") or answer.get("user-agent")
    return Reached(address, transport, answer.status, answer.reason, ms, product)


def _request(host: str, local: tuple[str, int], transport: str) -> Msg:
    uri = f"sip:{host}" if transport == "udp" else f"sip:{host};transport={transport}"
    headers = [
        ("via", f"SIP/2.0/{transport.upper()} {local[0]}:{local[1]};rport;branch={new_branch()}"),
        ("max-forwards", "70"),
        ("from", f"<sip:ping@{local[0]}>;tag={new_tag()}"),
        ("to", f"<sip:{host}>"),
        ("call-id", f"{new_tag()}@{local[0]}"),
        ("cseq", "1 OPTIONS"),
        ("contact", f"<sip:ping@{local[0]}:{local[1]}>"),
        ("accept", "application/sdp"),
    ]
    return Msg(f"OPTIONS {uri} SIP/2.0", headers)


async def _over_udp(host: str, peer: tuple[str, int]) -> Msg:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET6 if ":" in peer[0] else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(peer)
        request = bytes(_request(host, sock.getsockname()[:2], "udp"))
        pause = _T1_S
        while True:
            await loop.sock_sendall(sock, request)
            try:
                async with asyncio.timeout(pause):
                    answer = Msg.parse(await loop.sock_recv(sock, 65_535))
                    if answer.is_response and answer.status >= 200:
                        return answer
            except TimeoutError:
                pause *= 2


async def _over_stream(host: str, peer: tuple[str, int], transport: str) -> Msg:
    context = ssl.create_default_context() if transport == "tls" else None
    reader, writer = await asyncio.open_connection(*peer, ssl=context, server_hostname=host if context else None)
    try:
        local = writer.get_extra_info("sockname")[:2]
        writer.write(bytes(_request(host, local, transport)))
        await writer.drain()
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            answer = Msg.parse(head + await reader.readexactly(int(length[1]) if length else 0))
            if answer.is_response and answer.status >= 200:
                return answer
    except asyncio.IncompleteReadError:
        raise OSError("the peer closed the connection") from None
    finally:
        writer.close()
