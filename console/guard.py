"""The door of the console: which hosts, origins and amounts get in, and the headers on everything that goes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.limits import Limit

BODY_MAX: Final = 64 * 1024
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_OURS: Final = ("same-origin", "none", "")  #: of Sec-Fetch-Site; "" from programs that are no browsers


def policy(livekit_url: str) -> str:
    """The Content-Security-Policy: everything from here alone, except the connection to livekit-server."""
    place = urlsplit(livekit_url)
    secure = place.scheme in ("wss", "https")
    room = " ".join(f"{scheme}://{place.netloc}" for scheme in (("wss", "https") if secure else ("ws", "http")))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        f"connect-src 'self' {room}; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


class Guard:
    """ASGI middleware around everything."""

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], livekit_url: str, limit: Limit, now: Callable[[], float]
    ) -> None:
        self._app = app
        self._hosts = frozenset((*hosts, *_LOOPBACK))
        self._policy = policy(livekit_url)
        self._limit = limit
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or say why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # we speak no WebSocket: uvicorn answers 403
        send = self._with_headers(scope, send)
        if (refusal := self._refusal(scope)) is not None:
            await _answer(send, *refusal)
            return
        await self._app(scope, _bounded(receive), send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str, float] | None:
        """Status, what is wrong, what to do, and the seconds to wait; None for who may come in."""
        headers = Headers(scope=scope)
        host = _hostname(f"//{headers.get('host', '')}")
        if host not in self._hosts:  # a name that was rebound to our address by somebody else's DNS
            return 421, "this server is not called so", "name it in LEADLINE_CONSOLE_HOSTS", 0
        if scope["path"].startswith("/api/"):
            origin = headers.get("origin")
            foreign = origin is not None and _place(origin) != headers.get("host", "").lower()
            if foreign or headers.get("sec-fetch-site", "") not in _OURS:
                return 403, "another page asked for this", "open the console itself", 0
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > BODY_MAX:
            return 413, "the request is too large", f"send at most {BODY_MAX} bytes", 0
        client = scope["client"][0] if scope.get("client") else ""
        if (wait := self._limit.take(client, self._now())) > 0:
            return 429, "too many requests", "wait a moment", wait
        return None

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["X-Frame-Options"] = "DENY"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=(), payment=()"
                headers.setdefault("Cache-Control", "no-store")
                if scope["scheme"] == "https":
                    headers["Strict-Transport-Security"] = "max-age=31536000"
            await send(message)

        return sent


def _place(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return ""


def _hostname(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # brackets that are no IPv6 address
        return ""


def _bounded(receive: Receive) -> Receive:
    """A body without a length in its header is cut off where it becomes too large."""
    taken = 0

    async def received() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > BODY_MAX else message

    return received


async def _answer(send: Send, status: int, error: str, fix: str, wait_s: float) -> None:
    body = json.dumps({"error": error, "fix": fix}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if wait_s > 0:
        headers.append((b"retry-after", str(int(wait_s) + 1).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
