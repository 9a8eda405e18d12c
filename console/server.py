"""Serving the console: checks what it was told, opens what it needs, and listens on loopback unless there are logins."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping

import uvicorn
from pydantic import ValidationError

from console.app import build
from console.desk import Desk
from console.logins import Cookies, Login, LoginsUnusable, read_logins
from console.rooms import Rooms
from console.settings import ConsoleSettings, LiveKitSettings
from sip.redaction import log_to_stderr
from store.calls import StoreError
from store.database import open_calls
from store.redis_events import RedisEvents
from store.settings import StoreSettings

log = logging.getLogger("leadline.console")

_GRACE_S = 2  #: streams are endless: they are cut when the server stops
_CONNECTIONS_MAX = 256


class ConsoleUnusable(Exception):
    """The console cannot be served like this; the message says what to do."""


def admit(settings: ConsoleSettings) -> Mapping[str, Login]:
    """The logins. Raises ConsoleUnusable when others could connect and nobody would have to log in."""
    logins: Mapping[str, Login] = {}
    if settings.logins is not None:
        try:
            logins = read_logins(settings.logins)
        except LoginsUnusable as wrong:
            raise ConsoleUnusable(str(wrong)) from None
        if not logins:
            raise ConsoleUnusable(f"{settings.logins} holds no login: add one with `leadline web login NAME`")
    if not settings.loopback and not logins:
        raise ConsoleUnusable(
            f"will not listen on {settings.host} without logins: add one with `leadline web login NAME`, "
            "or leave LEADLINE_CONSOLE_HOST at 127.0.0.1"
        )
    return logins


@contextlib.asynccontextmanager
async def open_desk(settings: ConsoleSettings, livekit: LiveKitSettings, store: StoreSettings) -> AsyncIterator[Desk]:
    """Everything that the console needs. Raises ConsoleUnusable, StoreError."""
    logins, secret = admit(settings), livekit.api_secret.get_secret_value()
    if not livekit.api_key or not secret:
        raise ConsoleUnusable(
            "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not set: `leadline up --web` sets them, "
            "`leadline web` takes those of a stack that runs"
        )
    rooms = Rooms(livekit.url, settings.livekit_url or livekit.url, livekit.api_key, secret)
    async with open_calls(store.database_url) as calls, RedisEvents(store.redis_url, time.time) as events:
        yield Desk(settings, calls, events, rooms, Cookies(secret), store.recordings_dir, time.time, logins)


async def serve(settings: ConsoleSettings, livekit: LiveKitSettings, store: StoreSettings) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    async with open_desk(settings, livekit, store) as desk:
        await _Server(configuration(desk)).serve()


def configuration(desk: Desk) -> uvicorn.Config:
    """How the desk is served."""
    settings = desk.settings
    return uvicorn.Config(
        build(desk),
        host=settings.host,
        port=settings.port,
        access_log=False,  # paths name calls
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=bool(settings.proxy),
        forwarded_allow_ips=settings.proxy or None,
        limit_concurrency=_CONNECTIONS_MAX,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        ws="none",
    )


class _Server(uvicorn.Server):
    """Says on standard output when it listens: whoever started it waits for that line."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            scheme = "https" if self.config.is_ssl else "http"
            sys.stdout.write(f"console ready: {scheme}://{self.config.host}:{self.config.port}/\n")
            sys.stdout.flush()


def main() -> None:
    """Serve; what a person can mend is said in one line, with exit code 1."""
    log_to_stderr()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(ConsoleSettings(), LiveKitSettings(), StoreSettings()))
    except ValidationError as wrong:
        first = wrong.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        sys.exit(f"leadline: setting LEADLINE_CONSOLE_{name} is {first['input']!r}: {first['msg']}")
    except (ConsoleUnusable, StoreError, OSError) as wrong:
        sys.exit(f"leadline: {wrong}")
    except KeyboardInterrupt:
        sys.exit(130)
