"""What is no SIP, or SIP of another kind, gets the answer that RFC 3261 wants or none, and harms no call (after RFC 4475)."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.phone import Phone, answer, tone
from sip.ua.message import Msg, refusal

HEAD = (
    "Via: SIP/2.0/UDP {via};branch=z9hG4bK{n};rport\r\n"
    "From: <sip:+12025550111@127.0.0.1>;tag=t{n}\r\n"
    "To: <sip:+12025550100@127.0.0.1>\r\n"
    "Call-ID: torture-{n}\r\n"
)


def request(
    method: str, *, uri: str = "sip:+12025550100@127.0.0.1", version: str = "2.0", more: str = "", **swap: str
) -> str:
    """A request with one thing wrong; `{via}` and `{n}` are filled in when it is sent."""
    head = HEAD
    for old, new in swap.items():
        head = re.sub(
            rf"{old.replace('_', '-')}: [^\r]*\r\n", f"{old.replace('_', '-')}: {new}\r\n" if new else "", head
        )
    return f"{method} {uri} SIP/{version}\r\n{head}CSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"


#: What is wrong → the datagram, the answer's status (None: dropped).
TORTURE: dict[str, tuple[str, int | None]] = {
    "another version": (request("INVITE", version="7.0"), 505),
    "an unknown scheme": (request("INVITE", uri="nobody:knows"), 416),
    "an unknown method": (request("NEWMETHOD"), 405),
    "a subscription": (request("SUBSCRIBE"), 405),
    "a registration": (request("REGISTER"), 405),
    "an extension that is required": (request("OPTIONS", more="Require: nothingSupportsThis\r\n"), 420),
    "a body of another kind": (
        request("INVITE", more="Content-Type: text/plain\r\n").replace(
            "Content-Length: 0\r\n\r\n", "Content-Length: 5\r\n\r\nhello"
        ),
        415,
    ),
    "a description that is none": (
        request("INVITE", more="Content-Type: application/sdp\r\n").replace(
            "Content-Length: 0\r\n\r\n", "Content-Length: 5\r\n\r\nhello"
        ),
        488,
    ),
    "a length that is no number": (request("OPTIONS").replace("Length: 0", "Length: many"), 400),
    "a negative length": (request("INVITE").replace("Length: 0", "Length: -999"), 400),
    "a body cut off": (request("INVITE").replace("Length: 0", "Length: 9999"), 400),
    "the method of another request in CSeq": (request("OPTIONS").replace("1 OPTIONS", "1 INVITE"), 400),
    "spaces inside the request line": (request("INVITE", uri="sip:user@127.0.0.1 more"), 400),
    "a header without a name": (request("OPTIONS", more=": nothing\r\n"), 400),
    "a bye out of nowhere": (request("BYE"), 481),
    "a cancel out of nowhere": (request("CANCEL"), 481),
    "an invite into no call": (request("INVITE", To="<sip:+12025550100@127.0.0.1>;tag=nobody"), 481),
    "an ack to nothing": (request("ACK"), None),
    "a broken ack": (request("ACK").replace("Length: 0", "Length: many"), None),
    "no sender": (request("INVITE", Via="nonsense"), None),
    "no Call-ID": (request("INVITE", Call_ID=""), None),
    "no From": (request("INVITE", From=""), None),
    "an answer to nothing": (
        request("INVITE").replace("INVITE sip:+12025550100@127.0.0.1 SIP/2.0", "SIP/2.0 200 OK"),
        None,
    ),
    "a broken answer": (
        request("INVITE").replace("INVITE sip:+12025550100@127.0.0.1 SIP/2.0", "SIP/2.0 4294967301 Better"),
        None,
    ),
    "no SIP": ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "strange but right": (
        request("OPTIONS", uri="sip:a%20b;x=1@127.0.0.1:5060;lr;unknown=%00", more='X-Odd \t:  "\\"<,>;:"\r\n'),
        200,
    ),
}


async def replies(target: tuple[str, int], datagrams: list[bytes]) -> list[Msg]:
    """Send from a socket of our own and collect what comes back until an OPTIONS behind them is answered."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", 0))
        via = "{}:{}".format(*sock.getsockname())
        for datagram in datagrams:
            await loop.sock_sendto(sock, datagram.replace(b"{via}", via.encode()), target)
        last = request("OPTIONS").replace("{via}", via).replace("{n}", "last")
        await loop.sock_sendto(sock, last.encode(), target)
        found: list[Msg] = []
        async with asyncio.timeout(5):
            while not found or "last" not in found[-1].get("call-id"):
                found.append(Msg.parse(await loop.sock_recv(sock, 65535)))
        return found[:-1]


@pytest.mark.parametrize(("text", "status"), TORTURE.values(), ids=TORTURE)
async def test_torture(text: str, status: int | None) -> None:
    async with Phone(user="+12025550100") as phone:
        got = await replies(phone.addr, [text.replace("{n}", "1").encode()])
        assert [msg.status for msg in got if msg.status != 100] == ([] if status is None else [status])


async def test_a_call_in_progress_is_not_harmed() -> None:
    async with Phone(user="+12025550111") as me, Phone(user="+12025550100", on_call=answer()) as far:
        call = await me.call("+12025550100", far.addr)
        texts = [text.replace("{n}", str(n)).encode() for n, (text, _) in enumerate(TORTURE.values())]
        mine = call.dialog.call_id.encode()
        texts += [text.replace(b"torture-", mine + b"x") for text in texts]
        texts += [
            re.sub(rb"torture-\d+", mine, text) for text in texts if text.startswith((b"INVITE", b"OPTIONS", b"CANCEL"))
        ]
        await replies(far.addr, texts)
        said = await call.media.say(tone(440, 0.2))
        other = next(taken for taken in far.calls if taken.dialog.call_id == call.dialog.call_id)
        await other.media.wait_speech(said.start)
        assert call.active
        assert other.active
        await call.hangup()
        assert other.ended_by == "remote"


PIECES = st.sampled_from(
    [
        *(text.encode() for text, _ in TORTURE.values()),
        b"\r\n",
        b"\x00",
        b"Via: ",
        b";tag=",
        b"\xff\xfe",
        b"SIP/2.0",
        b"m=audio",
    ]
)
DATAGRAMS = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.lists(PIECES, max_size=3).map(b"".join),
        st.tuples(PIECES, st.integers(0, 400), st.binary(max_size=12), st.integers(0, 40)).map(
            lambda t: t[0][: t[1]] + t[2] + t[0][t[1] + t[3] :]
        ),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(DATAGRAMS)
def test_whatever_comes_the_agent_goes_on(datagrams: list[bytes]) -> None:
    async def shoot() -> None:
        async with Phone(user="+12025550100") as phone:
            await replies(phone.addr, [data.replace(b"{n}", b"2") for data in datagrams])
            assert all(isinstance(error, ValueError) for error in phone.errors)

    asyncio.run(shoot())


@given(st.binary(max_size=300))
def test_what_can_be_answered_can_be_written(data: bytes) -> None:
    if (found := refusal(data)) is not None:
        assert bytes(found[0])
