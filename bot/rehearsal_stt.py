"""A server that speaks Deepgram's and ElevenLabs' streaming protocols, recognises with any recogniser, and fails on order.

It lets a hosted set-up be tried without an account:

    python -m bot.rehearsal_stt --port 8090 --late 2
    LEADLINE_BOT_STT=deepgram LEADLINE_BOT_STT_BASE_URL=http://127.0.0.1:8090/v1/listen leadline up

The protocols: developers.deepgram.com/reference/speech-to-text/listen-streaming,
elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from aiohttp import WSMsgType, web
from multidict import MultiDict, MultiMapping

from bot.speech.audio import to_float
from bot.speech.moonshine import RATE, Recogniser, Transcript

_INTERIM_S: Final = 0.4  #: of new sound, then words that may still change
_ENOUGH_S: Final = 0.2  #: less sound than this holds no words
_REFUSALS: Final = {401: web.HTTPUnauthorized, 402: web.HTTPPaymentRequired, 429: web.HTTPTooManyRequests}

Message = Callable[[Transcript, bool, int, int], dict[str, Any]]  #: words, final, first sample, samples


@dataclass(slots=True)
class Faults:
    """What goes wrong; may be changed while the server runs."""

    refuse: int = 0  #: HTTP status instead of a connection
    late_s: float = 0.0  #: final words come so much later
    mute: bool = False  #: stays connected, says nothing (a stall)
    reset_after_s: float = math.inf  #: of sound, then the connection breaks
    garbage: bool = False  #: messages that are no JSON come between


@dataclass(slots=True)
class _Session:
    """One connection."""

    socket: web.WebSocketResponse
    sound: bytearray = field(default_factory=bytearray)  #: since the last final words
    begun_at: int = 0  #: sample of the stream where `sound` begins
    shown: int = 0  #: bytes of `sound` that interim words were made of
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class HostedSpeechServer:
    """Listens on the loopback. Counts what it was asked, so that a test can see it."""

    def __init__(self, recogniser: Recogniser, faults: Faults | None = None, *, key: str = "", port: int = 0) -> None:
        self.faults = faults or Faults()
        self.connections = 0
        self.flushes = 0
        self.queries: list[MultiMapping[str]] = []
        self._recogniser = recogniser
        self._key = key
        self._port = port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/v1/listen", self._deepgram)
        app.router.add_get("/v1/speech-to-text/realtime", self._elevenlabs)
        self._runner = web.AppRunner(app, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def url(self, provider: str) -> str:
        """What the provider's plugin is given as its base URL."""
        return f"http://127.0.0.1:{self._port}/v1" + ("/listen" if provider == "deepgram" else "")

    async def _open(self, request: web.Request, key: str) -> _Session:
        if self.faults.refuse:
            raise _REFUSALS.get(self.faults.refuse, web.HTTPServiceUnavailable)
        if self._key and key != self._key:
            raise web.HTTPUnauthorized
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connections += 1
        self.queries.append(MultiDict(request.query))
        return _Session(socket)

    async def _deepgram(self, request: web.Request) -> web.WebSocketResponse:
        session = await self._open(request, request.headers.get("Authorization", "").removeprefix("Token "))
        async for message in session.socket:
            if message.type is WSMsgType.BINARY:
                await self._hear(session, message.data, deepgram_results)
            elif message.type is WSMsgType.TEXT:
                kind = json.loads(message.data).get("type")
                if kind == "Finalize":
                    self._finalize(session, deepgram_results)
                elif kind == "CloseStream":
                    break
        return await self._closed(session)

    async def _elevenlabs(self, request: web.Request) -> web.WebSocketResponse:
        session = await self._open(request, request.headers.get("xi-api-key", ""))
        await session.socket.send_json({"message_type": "session_started", "session_id": "rehearsal"})
        async for message in session.socket:
            if message.type is not WSMsgType.TEXT:
                continue
            chunk = json.loads(message.data)
            try:
                sound = base64.b64decode(chunk.get("audio_base_64", ""), validate=True)
            except binascii.Error:
                await session.socket.send_json({"message_type": "input_error", "error": "audio is not base64"})
                break
            if sound:
                await self._hear(session, sound, elevenlabs_transcript)
            if chunk.get("commit"):
                self._finalize(session, elevenlabs_transcript)
        return await self._closed(session)

    async def _hear(self, session: _Session, sound: bytes, message: Message) -> None:
        session.sound += sound
        faults = self.faults
        if (session.begun_at + len(session.sound) // 2) / RATE >= faults.reset_after_s:
            faults.reset_after_s = math.inf  # once
            transport = session.socket._req.transport if session.socket._req is not None else None
            if transport is not None:
                transport.abort()
            return
        if faults.garbage:
            await session.socket.send_str("this is no JSON")
        if faults.mute or len(session.sound) - session.shown < _INTERIM_S * RATE * 2:
            return
        session.shown = len(session.sound)
        words = await self._recognise(bytes(session.sound))
        if words.text:
            await session.socket.send_json(message(words, False, session.begun_at, len(session.sound) // 2))

    def _finalize(self, session: _Session, message: Message) -> None:
        self.flushes += 1
        sound, begun_at = bytes(session.sound), session.begun_at
        session.begun_at += len(sound) // 2
        session.sound.clear()
        session.shown = 0
        task = asyncio.create_task(self._answer(session, message, sound, begun_at), name="stt.final")
        session.tasks.add(task)
        task.add_done_callback(session.tasks.discard)

    async def _answer(self, session: _Session, message: Message, sound: bytes, begun_at: int) -> None:
        late_s, mute = self.faults.late_s, self.faults.mute
        words = await self._recognise(sound)
        await asyncio.sleep(late_s)
        if not mute and not session.socket.closed:
            await session.socket.send_json(message(words, True, begun_at, len(sound) // 2))

    async def _recognise(self, sound: bytes) -> Transcript:
        samples = to_float(np.frombuffer(sound[: len(sound) // 2 * 2], "<i2"))
        if len(samples) < _ENOUGH_S * RATE:
            return Transcript("", 0.0)
        return await asyncio.to_thread(self._recogniser.transcribe, samples)

    async def _closed(self, session: _Session) -> web.WebSocketResponse:
        for task in session.tasks:
            task.cancel()
        await asyncio.gather(*session.tasks, return_exceptions=True)
        if not session.socket.closed:
            await session.socket.close()
        return session.socket


def deepgram_results(words: Transcript, final: bool, begun_at: int, samples: int) -> dict[str, Any]:
    """Deepgram's Results message."""
    start, seconds = begun_at / RATE, samples / RATE
    spoken = words.text.split()
    share = seconds / max(1, len(spoken))
    timed = [
        {
            "word": word.lower().strip(".,?!"),
            "punctuated_word": word,
            "start": start + i * share,
            "end": start + (i + 1) * share,
            "confidence": words.confidence,
        }
        for i, word in enumerate(spoken)
    ]
    best = {"transcript": words.text, "confidence": words.confidence, "words": timed}
    return {
        "type": "Results",
        "channel_index": [0, 1],
        "start": start,
        "duration": seconds,
        "is_final": final,
        "speech_final": False,
        "from_finalize": final,
        "channel": {"alternatives": [best]},
        "metadata": {"request_id": "rehearsal", "model_info": {"name": "rehearsal"}},
    }


def elevenlabs_transcript(words: Transcript, final: bool, begun_at: int, samples: int) -> dict[str, Any]:
    """ElevenLabs' partial and committed transcripts."""
    if not final:
        return {"message_type": "partial_transcript", "text": words.text}
    share = samples / RATE / max(1, len(words.text.split()))
    timed = [
        {
            "text": word,
            "type": "word",
            "start": begun_at / RATE + i * share,
            "end": begun_at / RATE + (i + 1) * share,
            "logprob": math.log(max(1e-6, min(1.0, words.confidence))),
        }
        for i, word in enumerate(words.text.split())
    ]
    return {"message_type": "committed_transcript_with_timestamps", "text": words.text, "words": timed}


async def _serve(given: argparse.Namespace) -> None:
    from bot.speech.local import RECOGNISER

    faults = Faults(late_s=given.late, mute=given.mute)
    async with HostedSpeechServer(RECOGNISER, faults, port=given.port) as server:
        sys.stdout.write(f"deepgram {server.url('deepgram')}\nelevenlabs {server.url('elevenlabs')}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m bot.rehearsal_stt", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--late", type=float, default=0.0, help="final words come so many seconds later")
    parser.add_argument("--mute", action="store_true", help="stay connected and say nothing")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(0)
    except OSError as wrong:
        sys.exit(f"cannot listen: {wrong.strerror}; choose another --port")


if __name__ == "__main__":
    main()
