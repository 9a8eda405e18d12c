"""Ready behaviours for incoming calls: answer, busy, ring for ever, silence, voicemail, echo."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

from sip.phone.phone import Behaviour, PhoneCall
from sip.ua.audio import tone
from sip.ua.g711 import Pcm
from sip.ua.rtp import Packet

ACK_S = 5.0  # seconds to wait for the caller's ACK


def answer(after: float = 0.0, then: Callable[[PhoneCall], Awaitable[object]] | None = None) -> Behaviour:
    """Ring, answer after some seconds, then do something."""

    async def take(call: PhoneCall) -> None:
        call.ring()
        await asyncio.sleep(after)
        if call.ended.is_set():
            return
        await call.answer(ack_timeout=ACK_S)
        if then:
            await then(call)

    return take


def busy(code: int = 486, after: float = 0.0) -> Behaviour:
    """Refuse with a status."""

    async def take(call: PhoneCall) -> None:
        await asyncio.sleep(after)
        if not call.ended.is_set():
            call.reject(code)

    return take


def no_answer() -> Behaviour:
    """Ring until the caller gives up."""

    async def take(call: PhoneCall) -> None:
        call.ring()

    return take


def silent() -> Behaviour:
    """100 Trying and nothing more."""

    async def take(call: PhoneCall) -> None:
        return

    return take


def voicemail(
    greeting: str | os.PathLike[str] | Pcm, after: float = 0.2, beep: bool = True, record: float = 5.0
) -> Behaviour:
    """Greeting, beep, `record` seconds of listening, then hang up; `call.t["beep_end"]` is when recording began."""

    async def leave(call: PhoneCall) -> None:
        await call.media.say(greeting)
        if beep:
            await call.media.say(tone(1000, 0.4))
        call.t["beep_end"] = time.time()
        try:
            await call.wait_ended(record)
        except TimeoutError:
            await call.hangup()

    return answer(after, leave)


def echo() -> Behaviour:
    """Send back every packet: the floor of every latency measurement."""

    async def start(call: PhoneCall) -> None:
        def back(packet: Packet) -> None:
            call.media.echo(packet.payload)

        call.media.on_packet = back

    return answer(0.0, start)
