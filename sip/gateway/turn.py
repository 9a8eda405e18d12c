"""The gateway's work in one process: serve calls on a socket that was given, until another one takes over."""

import asyncio
import logging
import os
import signal
import socket
import sys
from typing import Final

from livekit.rtc._ffi_client import FfiClient

from sip.gateway.gateway import Gateway
from sip.gateway.settings import GatewaySettings
from sip.ua.tasks import first_of

log = logging.getLogger("sip.gateway")

_LOOK_S: Final = 0.5  # how often it is looked whether a call is on


async def work(settings: GatewaySettings, sock: socket.socket, calls: int) -> None:
    """Be warm, serve when told so, and after `calls` calls yield when told so. Raises BusDown."""
    stop, yielding = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    orders = await _orders()
    FfiClient.instance  # noqa: B018 - the native library is loaded before the turn comes, not in it
    _say("warm")
    if (await orders.readline()).strip() != b"serve":
        return
    async with Gateway(settings, sock) as gateway:
        _say("ready")
        listening = asyncio.create_task(_obey(orders, yielding))
        await _until_followed(gateway, stop, yielding, calls)
        if stop.is_set():
            log.info("stopping; %d call(s) are hung up", len(gateway.legs))
        listening.cancel()
    _say("done")


async def _until_followed(gateway: Gateway, stop: asyncio.Event, yielding: asyncio.Event, calls: int) -> None:
    asked = idle = False
    while not stop.is_set():
        await first_of(stop, timeout=_LOOK_S)
        idle, before = not gateway.legs, idle
        if not (idle and before):
            continue
        if yielding.is_set():
            if await gateway.retire():
                return
        elif not asked and (gateway.tally.deaf or (calls and gateway.tally.rooms >= calls)):
            _say("worn")
            asked = True


async def _orders() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _obey(orders: asyncio.StreamReader, yielding: asyncio.Event) -> None:
    while line := await orders.readline():
        if line.strip() == b"yield":
            yielding.set()
    os._exit(1)  # the process above us was killed: whoever starts the gateway again needs the port at once


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
