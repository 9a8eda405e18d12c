"""An echo agent: joins rooms and republishes what it hears, frame by frame. The far end of every floor measurement.

    python -m bench.echo --url ws://127.0.0.1:7880 --room echo [--room ...] | --prefix echo-

with LIVEKIT_API_KEY and LIVEKIT_API_SECRET in the environment; prints "echo ready".
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from typing import Self

from livekit import api, rtc
from livekit.rtc.participant import PublishTrackError

from sip.gateway.settings import MissingKeys, read_keys
from sip.ua.tasks import Tasks

log = logging.getLogger(__name__)

RATE = 48_000
NUMBER = "+12025550101"
ROOM = "echo"
_POLL_S = 0.05
_LEAVE_S = 2.0
_WAITING = 4  # 10 ms frames; older ones are dropped, or a stall would stay in every later round trip


class EchoRoom:
    """One room, joined as an agent. A direct room may be joined before its caller comes."""

    def __init__(self, tasks: Tasks) -> None:
        self.room = rtc.Room()
        self.closed = asyncio.Event()
        # No queue: whatever waits here is added to every round trip.
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=0)
        self._tasks = tasks
        self._streams: dict[str, asyncio.Task[None]] = {}

    async def join(self, url: str, token: str) -> None:
        """Raises rtc.ConnectError."""
        self.room.on("track_subscribed", self._on_track)
        self.room.on("track_unsubscribed", self._on_gone)
        self.room.on("disconnected", lambda reason: self.closed.set())
        await self.room.connect(url, token)
        track = rtc.LocalAudioTrack.create_audio_track("echo", self.source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)

    async def leave(self) -> None:
        for stream in self._streams.values():
            stream.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await self.room.disconnect()
        await self.source.aclose()

    def _on_track(self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._streams[publication.sid] = self._tasks.spawn(self._echo(track))

    def _on_gone(self, track: object, publication: rtc.RemoteTrackPublication, participant: object) -> None:
        if stream := self._streams.pop(publication.sid, None):
            stream.cancel()

    async def _echo(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1, capacity=_WAITING)
        try:
            async for event in stream:
                await self.source.capture_frame(event.frame)
        finally:
            await stream.aclose()


class EchoAgent:
    """`async with EchoAgent(url, key, secret, rooms=("echo",))`: each room echoes inside.

    The server closes a room soon after its last caller left, agents or not, so rooms given by name are joined again.
    With `prefix` also every new room whose name begins so, found by asking the server 20 times a second."""

    def __init__(self, url: str, key: str, secret: str, *, rooms: tuple[str, ...] = (ROOM,), prefix: str = "") -> None:
        """`url` is the ws:// address of livekit-server."""
        self.url, self.key, self.secret, self.names, self.prefix = url, key, secret, rooms, prefix
        self.rooms: dict[str, EchoRoom] = {}
        self.errors: list[BaseException] = []
        self._tasks = Tasks(self._failed)

    async def __aenter__(self) -> Self:
        """Raises rtc.ConnectError."""
        for name in self.names:
            await self.join(name)
            self._tasks.spawn(self._stay(name))
        if self.prefix:
            self._tasks.spawn(self._follow())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._tasks.close()
        await asyncio.gather(*(room.leave() for room in self.rooms.values()))

    def _failed(self, error: BaseException) -> None:
        log.error("echo: %r", error)
        self.errors.append(error)

    async def join(self, name: str) -> None:
        """Join one more room, once. Raises rtc.ConnectError."""
        grants = api.VideoGrants(room_join=True, room=name, agent=True)
        token = (
            api.AccessToken(self.key, self.secret)
            .with_identity(f"echo-{id(self):x}")
            .with_kind("agent")
            .with_grants(grants)
        )
        room = self.rooms[name] = EchoRoom(self._tasks)
        await room.join(self.url, token.to_jwt())

    async def _stay(self, name: str) -> None:
        while True:
            room = self.rooms[name]
            await room.closed.wait()
            await room.leave()
            await asyncio.sleep(_POLL_S)
            try:
                await self.join(name)
            except (rtc.ConnectError, PublishTrackError) as error:
                log.info("%s: not joined again yet: %s", name, error)
                self.rooms[name].closed.set()

    async def _follow(self) -> None:
        async with api.LiveKitAPI(self.url.replace("ws", "http", 1), self.key, self.secret) as lk:
            while True:
                found = await lk.room.list_rooms(api.ListRoomsRequest())
                for room in found.rooms:
                    if room.name.startswith(self.prefix) and room.name not in self.rooms:
                        await self.join(room.name)
                await asyncio.sleep(_POLL_S)


async def provision(lk: api.LiveKitAPI, number: str = NUMBER, room: str = ROOM) -> str:
    """A trunk for `number` on loopback and a rule that leads to the direct room; returns the trunk's id.

    What is there already by that name is kept."""
    name = f"echo-{number}"
    trunks = await lk.sip.list_inbound_trunk(api.ListSIPInboundTrunkRequest())
    for known in trunks.items:
        if known.name == name:
            return known.sip_trunk_id
    trunk = await lk.sip.create_inbound_trunk(
        api.CreateSIPInboundTrunkRequest(
            trunk=api.SIPInboundTrunkInfo(name=name, numbers=[number], allowed_addresses=["127.0.0.0/8"])
        )
    )
    direct = api.SIPDispatchRule(dispatch_rule_direct=api.SIPDispatchRuleDirect(room_name=room))
    rule = api.SIPDispatchRuleInfo(name=name, trunk_ids=[trunk.sip_trunk_id], rule=direct)
    await lk.sip.create_dispatch_rule(api.CreateSIPDispatchRuleRequest(dispatch_rule=rule))
    return trunk.sip_trunk_id


async def _serve(given: argparse.Namespace) -> None:
    keys = read_keys()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    rooms = tuple(given.room or ())
    async with EchoAgent(given.url, keys.api_key, keys.api_secret, rooms=rooms, prefix=given.prefix):
        print("echo ready", flush=True)
        await stop.wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.echo", description="Echo agent for floor measurements.")
    parser.add_argument("--url", default="ws://127.0.0.1:7880")
    parser.add_argument("--room", action="append", help="a room to join now; may be repeated")
    parser.add_argument("--prefix", default="", help="join every room whose name begins so")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except (MissingKeys, rtc.ConnectError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
