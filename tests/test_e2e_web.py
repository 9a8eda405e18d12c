"""A caller in the room itself, as a browser would be: no SIP attributes, keys as data, voice as a track."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
from livekit import api, rtc

from bot.speech.audio import Pcm, resample, to_float, to_pcm
from cli.stack.stack import Stack
from flows.model import Direction
from sip.phone import level_db
from sip.phone.voice import LOUD_DB
from sip.ua.audio import RATE as PHONE_RATE
from store.calls import Call
from store.database import open_calls
from tests.e2e_support import Files, said, speech, write_files
from tests.waiting import eventually

pytestmark = pytest.mark.e2e

RATE = 48_000
_QUIET_FRAMES = 70  #: of 10 ms: the bot has finished its turn


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return write_files(tmp_path_factory.mktemp("flows"))


class Browser:
    """A participant that talks to the bot without a telephone."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.over = asyncio.Event()
        self._source = rtc.AudioSource(RATE, 1)
        self._loud = self._quiet = 0
        self._hearing: asyncio.Task[None] | None = None
        room.on("track_subscribed", self._subscribed)
        room.on("disconnected", lambda *_: self.over.set())

    def _subscribed(self, track: rtc.Track, *_: object) -> None:
        self._hearing = asyncio.create_task(self._hear(track))

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1, frame_size_ms=10)
        async for event in stream:
            loud = level_db(np.frombuffer(event.frame.data, np.int16)) > LOUD_DB
            self._loud += loud
            self._quiet = 0 if loud else self._quiet + 1
        await stream.aclose()

    async def bot_turn(self) -> None:
        """Wait until the bot has spoken and is silent again."""
        self._loud = 0
        await eventually(lambda: self._loud > 20 and self._quiet > _QUIET_FRAMES, 30)

    async def publish(self) -> None:
        """Offer a microphone."""
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        await self.room.local_participant.publish_track(track)

    async def say(self, words: Pcm) -> None:
        """Speak 8 kHz samples, with the silence behind them that a microphone would send."""
        silence = np.zeros(PHONE_RATE, np.int16)
        pcm = to_pcm(resample(to_float(np.concatenate([words, silence])), PHONE_RATE, RATE))
        for frame in np.array_split(pcm, max(1, len(pcm) // 480)):
            await self._source.capture_frame(rtc.AudioFrame(frame.tobytes(), RATE, 1, len(frame)))

    async def close(self) -> None:
        """Leave."""
        await self.room.disconnect()
        if self._hearing is not None:
            self._hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._hearing


@asynccontextmanager
async def browser(stack: Stack, room: str, flow: str) -> AsyncIterator[Browser]:
    """Someone in a room of their own, whose token calls the bot."""
    token = api.AccessToken(stack.api_key, stack.api_secret).with_identity(f"visitor-{room}")
    token = token.with_grants(api.VideoGrants(room_join=True, room=room))
    agent = api.RoomAgentDispatch(agent_name="leadline", metadata=json.dumps({"flow": flow}))
    token = token.with_room_config(api.RoomConfiguration(agents=[agent], departure_timeout=5))
    visitor = Browser(rtc.Room())
    await visitor.room.connect(stack.livekit_url, token.to_jwt())
    try:
        yield visitor
    finally:
        await visitor.close()


async def row_of(stack: Stack, room: str) -> Call:
    """The finished call of a room."""
    found: list[Call] = []

    async def there() -> bool:
        found[:] = [call for call in await calls.list(20) if call.begun.room == room and call.ended_at is not None]
        return bool(found)

    async with open_calls(stack.database_url, migrated=True) as calls:
        await eventually(there)
    return found[0]


@pytest.mark.parametrize("mode", ["keypad", "speech"])
async def test_a_visitor_is_greeted_and_answers(stack: Stack, files: Files, mode: str) -> None:
    room = f"web-{mode}"
    yes = await speech("Yes, I am.")
    async with browser(stack, room, str(files.flows["short"])) as visitor:
        if mode == "speech":
            await visitor.publish()
        await visitor.bot_turn()
        if mode == "speech":
            await visitor.say(yes)
        else:
            await visitor.room.local_participant.publish_dtmf(code=1, digit="1")
        await asyncio.wait_for(visitor.over.wait(), 20)
    row = await row_of(stack, room)
    assert (row.disposition, row.begun.direction, row.begun.caller) == ("qualified", Direction.WEB, "")
    assert row.record["answers"]["ready"]["mode"] == mode  # type: ignore[index]
    assert (await said(stack.at, row, "bot"))[0].startswith("Hello!")
