"""The line to a room: a voice that livekit-server does not take, and a room that no sound comes out of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from livekit import rtc

from bot import line
from bot.inbox import Gone, Inbox, Leave
from bot.line import Line


class Stuck:
    """A room, and ourselves in it, that takes a track when `publishing` returns."""

    def __init__(self, publishing: Callable[[], Awaitable[None]]) -> None:
        self.local_participant = self
        self.remote_participants: dict[str, rtc.RemoteParticipant] = {}
        self.told: dict[str, Callable[..., None]] = {}
        self._publishing = publishing

    def on(self, event: str, told: Callable[..., None]) -> None:
        self.told[event] = told

    async def publish_track(self, _track: rtc.LocalAudioTrack, _options: rtc.TrackPublishOptions) -> None:
        await self._publishing()


class Voice:
    """A track of sound."""

    kind = rtc.TrackKind.KIND_AUDIO


async def never() -> None:
    await asyncio.Event().wait()


async def refused() -> None:
    raise rtc.participant.PublishTrackError("no")


def opened(room: Stuck, inbox: Inbox) -> Line:
    """A line that watches; the room has only what it needs."""
    one = Line(room, inbox)  # type: ignore[arg-type]
    one.watch()
    return one


@pytest.mark.parametrize("publishing", [never, refused])
async def test_a_voice_that_is_not_taken_in_time_leaves_the_call_to_another_process(
    publishing: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "_OPEN_S", 0.01)
    inbox = Inbox()
    await opened(Stuck(publishing), inbox).open()
    told = await inbox.next(0.0)
    assert isinstance(told, Leave)
    assert told.why == "cut"


async def test_a_process_that_hears_no_sound_leaves_the_call_to_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Callable[[], None]] = []
    monkeypatch.setattr(line, "listen", lambda *arguments: told.append(arguments[-1]) or (lambda: None))
    inbox = Inbox()
    opened(Stuck(never), inbox)._listen(Voice())  # type: ignore[arg-type]
    told[0]()
    left = await inbox.next(0.0)
    assert isinstance(left, Leave)
    assert left.why == "cut"


async def test_a_caller_who_hangs_up_meanwhile_is_not_waited_with() -> None:
    inbox, room = Inbox(), Stuck(never)
    opening = asyncio.create_task(opened(room, inbox).open())
    await asyncio.sleep(0)
    room.told["disconnected"](rtc.DisconnectReason.ROOM_DELETED)
    await asyncio.wait_for(opening, 1.0)
    assert isinstance(await inbox.next(0.0), Gone)
    assert await inbox.next(0.0) is None
