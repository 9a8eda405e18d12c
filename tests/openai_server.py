"""A local server that speaks OpenAI's chat completions as a stream: the real plugin talks to it, and it can misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, TypeAlias

from aiohttp import web

KEY = "sk-test-local"

#: What the model says, or a function of the request's system and user messages.
Words: TypeAlias = str | Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server answers one request. Times in seconds.

    `fault`: "hang" accepts and never answers, "stall" stops after the first piece, "drop" closes the connection
    there, "garbage" sends a line that is no event.
    """

    words: Words = "{}"
    status: int = 200
    fault: Literal["none", "hang", "stall", "drop", "garbage"] = "none"
    first_s: float = 0.0
    piece_s: float = 0.0
    piece_chars: int = 16


@dataclass(slots=True)
class OpenAIServer:
    """Use as an async context manager. Behaviours are used in turn, the last one again and again."""

    behaviours: list[Behaviour] = field(default_factory=lambda: [Behaviour()])
    requests: list[dict[str, object]] = field(default_factory=list)
    base_url: str = ""
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        assert self._runner is not None
        await self._runner.cleanup()

    def system(self, at: int = -1) -> str:
        """Return the system message of a request."""
        return _message(self.requests[at], "system")

    def user(self, at: int = -1) -> str:
        """Return the user message of a request."""
        return _message(self.requests[at], "user")

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, object] = await request.json()
        self.requests.append(body)
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "Incorrect API key provided.", "invalid_api_key")
        if (wrong := _wrong(body)) is not None:
            return _error(400, wrong, "invalid_request_error")
        if behaviour.status != 200:
            return _error(behaviour.status, "scripted", "rate_limit" if behaviour.status == 429 else "server_error")
        if behaviour.fault == "hang":
            await self._leaving.wait()
        return await self._stream(request, body, behaviour)

    async def _stream(self, request: web.Request, body: dict[str, object], behaviour: Behaviour) -> web.StreamResponse:
        words = behaviour.words
        text = words if isinstance(words, str) else words(_message(body, "system"), _message(body, "user"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await self._pause(behaviour.first_s)
        await response.prepare(request)
        await response.write(_event(_chunk(body, {"role": "assistant", "content": ""})))
        for at in range(0, len(text), behaviour.piece_chars):
            await response.write(_event(_chunk(body, {"content": text[at : at + behaviour.piece_chars]})))
            if behaviour.fault == "stall":
                await self._leaving.wait()
            elif behaviour.fault == "drop":
                assert request.transport is not None
                request.transport.abort()
                return response
            elif behaviour.fault == "garbage":
                await response.write(b"data: {not json\n\n")
            await self._pause(behaviour.piece_s)
        await response.write(_event(_chunk(body, {}, finish="stop")))
        await response.write(_event(_usage(body)))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.sleep(seconds)


def _message(body: dict[str, object], role: str) -> str:
    messages = body["messages"]
    assert isinstance(messages, list)
    return "\n".join(str(message["content"]) for message in messages if message["role"] == role)


def _wrong(body: dict[str, object]) -> str | None:
    """Say what the real service would refuse: strict schemas must be closed, with every property required."""
    if body.get("stream") is not True:
        return "this server only streams"
    shape = body.get("response_format")
    if not isinstance(shape, dict) or shape.get("type") != "json_schema" or not shape["json_schema"].get("strict"):
        return "response_format must be a strict json_schema here"
    return _open_object(shape["json_schema"]["schema"])


def _open_object(schema: object) -> str | None:
    if isinstance(schema, list):
        return next((wrong for item in schema if (wrong := _open_object(item))), None)
    if not isinstance(schema, dict):
        return None
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return "'additionalProperties' is required to be supplied and to be false"
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            return "'required' is required to be supplied and to be an array including every key in properties"
    if schema.get("enum") == []:
        return "'enum' must not be empty"
    return next((wrong for item in schema.values() if (wrong := _open_object(item))), None)


def _chunk(body: dict[str, object], delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    return {
        "id": "chatcmpl-local",
        "object": "chat.completion.chunk",
        "created": 1_795_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _usage(body: dict[str, object]) -> dict[str, object]:
    return {
        **_chunk(body, {}),
        "choices": [],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }


def _event(data: dict[str, object]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _error(status: int, message: str, code: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": code, "code": code}}, status=status)
