"""A local server that speaks two hosted voices' HTTP protocols: the real plugins talk to it, and it can misbehave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, TypeAlias

import numpy as np
from aiohttp import web

KEY = "sk-test-local"
RATE = 24_000
PIECE_S = 0.1

Fault: TypeAlias = Literal["none", "hang", "stall", "reset", "refuse", "silence"]


@dataclass(slots=True)
class SpeechServer:
    """Use as an async context manager. `fault`: see `_speak`; `good_s` is the sound that comes before it."""

    fault: Fault = "none"
    good_s: float = 0.5
    asked: list[str] = field(default_factory=list)
    url: str = ""
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/audio/speech", self._openai)
        app.router.add_post("/v1/text-to-speech/{voice}/stream", self._elevenlabs)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.set()
        assert self._runner is not None
        await self._runner.cleanup()

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if request.headers.get("Authorization") != f"Bearer {KEY}" or body["response_format"] != "pcm":
            return web.json_response({"error": {"message": "wrong", "code": "wrong"}}, status=400)
        return await self._speak(request, body["input"])

    async def _elevenlabs(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if request.headers.get("xi-api-key") != KEY or request.query["output_format"] != "pcm_24000":
            return web.json_response({"detail": {"status": "wrong"}}, status=400)
        return await self._speak(request, body["text"])

    async def _speak(self, request: web.Request, text: str) -> web.StreamResponse:
        """Send a tone as long as the text, with half a second of silence before it, as hosted voices do.

        "hang" never answers; "stall" and "reset" stop after `good_s` of sound; "refuse" has no quota left; "silence"
        sends no sound at all.
        """
        self.asked.append(text)
        if self.fault == "refuse":
            return web.json_response({"error": {"message": "quota", "code": "quota"}}, status=429)
        if self.fault == "hang":
            await self._leaving.wait()
        response = web.StreamResponse(headers={"Content-Type": "audio/pcm"})
        await response.prepare(request)
        sound = tone(0.0 if self.fault == "silence" else sound_s(text))
        for start in range(0, len(sound), round(PIECE_S * RATE)):
            if self.fault in ("stall", "reset") and start / RATE >= 0.5 + self.good_s:
                if self.fault == "stall":
                    await self._leaving.wait()
                assert request.transport is not None
                request.transport.abort()
                return response
            await response.write(sound[start : start + round(PIECE_S * RATE)].tobytes())
            await asyncio.sleep(0)
        await response.write_eof()
        return response


def sound_s(text: str) -> float:
    """How long the server speaks for a text."""
    return 0.06 * len(text)


def tone(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Half a second of silence, a quiet tone, 0.3 s of silence."""
    t = np.arange(round(seconds * RATE)) / RATE
    sound = 0.05 * np.sin(2 * np.pi * 300 * t)
    return np.asarray(np.concatenate((np.zeros(RATE // 2), sound, np.zeros(RATE * 3 // 10))) * 32767, np.int16)
