"""The room's side of a call: join as a participant of kind SIP, subscribe, pass audio, keys and call status."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from livekit import api, rtc
from livekit.protocol.room import RoomConfiguration
from livekit.rtc._ffi_client import FfiHandle
from livekit.rtc.participant import PublishDTMFError, PublishTrackError

from sip.gateway.bridge import Bridge
from sip.gateway.frames import taps, voice_track
from sip.gateway.handles import part, part_once_joined
from sip.gateway.settings import GatewaySettings
from sip.rooms import FAILURES, participants
from sip.ua.audio import RATE
from sip.ua.dtmf import Digit
from sip.ua.tasks import Tasks, first_of

log = logging.getLogger(__name__)

KEY_MS, KEY_GAP_MS = 160, 80
_SETTLE_S = 0.3  # how long a join may also wait for its first subscription
_EXCUSED_S = 0.5  # how often an excused absence is looked at
_AGAIN_S = 0.15  # between two questions whether the server serves again
_ASK_S = 1.0  # how long it may take to say so
_OUT_S = 2.0  # how long the SDK may look for a way back while Redis is away; then we are out until it is there
_SLOW_S, _LOOK_S, _MISSED = 0.6, 0.15, 3  # a join takes some 50 ms; one that is slow and not there thrice was put out
PACKET_MS = 20  # frames of a track: smaller ones would only wait for each other, and cost twice the events


class JoinFailed(Exception):
    """The room could not be joined."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Who joins which room, and how."""

    room: str
    identity: str
    name: str
    metadata: str
    attributes: dict[str, str]
    token: str = ""  # given by the server, or made here
    ws_url: str = ""
    config: RoomConfiguration | None = None
    preset: str = ""

    def jwt(self, settings: GatewaySettings) -> str:
        if self.token:
            return self.token
        grants = api.VideoGrants(
            room_join=True,
            room=self.room,
            can_subscribe=True,
            can_publish=True,
            can_publish_data=True,
            can_update_own_metadata=True,
        )
        keys = settings.keys
        token = api.AccessToken(keys.api_key, keys.api_secret).with_kind("sip").with_identity(self.identity)
        token = token.with_name(self.name).with_metadata(self.metadata).with_attributes(self.attributes)
        token = token.with_grants(grants)
        if self.preset:
            token = token.with_room_preset(self.preset)
        if self.config is not None:
            token = token.with_room_config(self.config)
        return token.to_jwt()


@dataclass(slots=True)
class Outage:
    """A time without Redis, in which livekit-server serves nobody."""

    excused: Callable[[], bool] = lambda: False  # whether the server cannot help it that the room is away
    over: Callable[[], bool] = lambda: True  # whether there is a point in joining again
    hinders: Callable[[], str] = lambda: ""  # why no new call can join now
    deaf: Callable[[], None] = lambda: None  # told that no sound comes out of this process' rooms
    rejoining: bool = False


@dataclass(slots=True)
class Presence:
    """How it stands with the room."""

    joined: bool = False
    listening: bool = False
    heard: asyncio.Event = field(default_factory=asyncio.Event)  # somebody's audio is subscribed
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.TimerHandle | None = None
    lost_at: float = 0.0  # of the loop's clock
    outage: Outage = field(default_factory=Outage)
    seat: Seat | None = None  # where we joined
    status: str = ""  # the last one written, or to be written


class RoomSide:
    """One participant of kind SIP."""

    def __init__(self, settings: GatewaySettings, bridge: Bridge, tasks: Tasks, call_id: str) -> None:
        self.settings, self.bridge, self.tasks, self.call_id = settings, bridge, tasks, call_id
        self.presence = Presence()
        self.room = rtc.Room()
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=0)
        self._streams: dict[str, FfiHandle] = {}
        self._to_phone: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
        self._to_room: asyncio.Queue[Digit] = asyncio.Queue(maxsize=100)

    # Joining and leaving

    async def join(self, seat: Seat, gate: asyncio.Lock, ended: asyncio.Event, *, listen: bool) -> None:
        """Join and publish the phone's track, one join at a time. Raises JoinFailed.

        With `listen` the first subscription, a second negotiation, is also waited for under the gate."""
        self._follow(self.room)
        async with gate:
            if ended.is_set():
                raise JoinFailed("the caller hung up")
            if why := self.presence.outage.hinders():
                raise JoinFailed(why)
            await self._connect(self.room, seat)
            self.presence.joined = True
            if listen:
                self.listen()
                await first_of(self.presence.heard, self.presence.closed, ended, timeout=_SETTLE_S)

    async def _connect(self, room: rtc.Room, seat: Seat) -> None:
        """Raises JoinFailed."""
        self.presence.seat = seat
        try:
            async with asyncio.timeout(self.settings.limits.join):
                await self._enter(room, seat)
                track = rtc.LocalAudioTrack.create_audio_track(seat.identity, self.source)
                await room.local_participant.publish_track(track, voice_track(dtx=False))
        except (rtc.ConnectError, PublishTrackError, TimeoutError) as error:
            raise JoinFailed(f"the room could not be joined: {error or 'no answer'}") from error

    async def _enter(self, room: rtc.Room, seat: Seat) -> None:
        url, options = self._url(seat), rtc.RoomOptions(auto_subscribe=False)
        connecting = asyncio.create_task(room.connect(url, seat.jwt(self.settings), options))
        watch = asyncio.create_task(self._until_put_out(seat))
        try:
            await asyncio.shield(connecting)
        finally:
            watch.cancel()
            if not connecting.done():
                part_once_joined(room, connecting, self.settings.limits.leave)

    async def _until_put_out(self, seat: Seat) -> None:
        """Who is put out while the SDK still joins is not told by it, and the phone would ring on: ask the server."""
        await asyncio.sleep(_SLOW_S)
        missed = 0
        async with self._server(seat) as server:
            while missed < _MISSED:
                # When it does not answer, whether we are in cannot be said; the join has a limit of its own.
                with contextlib.suppress(*FAILURES):
                    there = any(person.identity == seat.identity for person in await participants(server, seat.room))
                    missed = 0 if there else missed + 1
                await asyncio.sleep(_LOOK_S)
        self.presence.closed.set()

    def _url(self, seat: Seat) -> str:
        return seat.ws_url or self.settings.ws_url

    def _server(self, seat: Seat) -> api.LiveKitAPI:
        keys = self.settings.keys
        return api.LiveKitAPI(self._url(seat).replace("ws", "http", 1), keys.api_key, keys.api_secret)

    def _follow(self, room: rtc.Room) -> None:
        room.on("track_published", self._on_published)
        room.on("track_subscribed", self._on_subscribed)
        room.on("track_unsubscribed", self._on_unsubscribed)
        room.on("participant_connected", self._on_participant)
        room.on("sip_dtmf_received", self._on_key)
        room.on("disconnected", lambda reason: self._on_disconnected(room))
        room.on("reconnecting", lambda: self._on_reconnecting(room))
        room.on("reconnected", lambda: self._on_reconnected(room))

    async def leave(self, reason: "rtc.DisconnectReason.ValueType") -> None:
        """Agents learn `reason` from participant_disconnected."""
        presence = self.presence
        if presence.lost:
            presence.lost.cancel()
        await self._part(self.room, reason)
        presence.closed.set()
        await self.source.aclose()

    async def _part(self, room: rtc.Room, reason: "rtc.DisconnectReason.ValueType") -> None:
        for sid in list(self._streams):
            self._stop_playing(sid)
        await part(room, self.settings.limits.leave, reason)

    async def _rejoin(self, seat: Seat) -> None:
        """Join again as soon as an outage is over: the SDK's own tries come up to five seconds apart, a phone in silence waits."""
        presence, reason = self.presence, rtc.DisconnectReason.CLIENT_INITIATED
        presence.joined = False
        await self._part(self.room, reason)  # two of one identity would put each other out
        while not presence.closed.is_set() and presence.outage.excused():
            room = rtc.Room()
            self._follow(room)
            try:
                await self._ask_server(seat)
                await self._connect(room, seat)
            except JoinFailed as error:
                log.debug("%s: not yet: %s", self.call_id, error)
                await self._part(room, reason)
                await asyncio.sleep(_AGAIN_S)
                continue
            if presence.closed.is_set():
                return await self._part(room, reason)  # the phone hung up meanwhile
            self.room, presence.joined, presence.outage.rejoining = room, True, False
            self._on_reconnected(room)
            self.listen()
            return await self.status(presence.status)

    async def _ask_server(self, seat: Seat) -> None:
        """Raises JoinFailed while the server has no answer to give: asking costs it and us less than a join that fails.

        The room is there, or the join would make it."""
        if not self.presence.outage.over():
            raise JoinFailed("Redis is away")
        try:
            async with asyncio.timeout(_ASK_S), self._server(seat) as server:
                await server.room.create_room(api.CreateRoomRequest(name=seat.room))
        except FAILURES as error:
            raise JoinFailed(str(error)) from error

    async def status(self, value: str) -> None:
        """Write sip.callStatus."""
        self.presence.status = value
        if not self.presence.joined or self.presence.closed.is_set():
            return
        try:
            async with asyncio.timeout(self.settings.limits.leave):
                await self.room.local_participant.set_attributes({"sip.callStatus": value})
        except TimeoutError:
            log.info("%s: sip.callStatus=%s was not written: the room does not answer", self.call_id, value)

    # Audio and keys

    def listen(self) -> None:
        """Subscribe to every audio track, now and later."""
        self.presence.listening = True
        for participant in self.room.remote_participants.values():
            self._on_participant(participant)
            for publication in participant.track_publications.values():
                self._on_published(publication, participant)

    def bridge_audio(self) -> None:
        """From now on the phone and the room hear each other."""
        self.bridge.on_digit = lambda digit: None if self._to_room.full() else self._to_room.put_nowait(digit)
        self.tasks.spawn(self.bridge.pump(self.source))
        self.tasks.spawn(self._keys_to_phone())
        self.tasks.spawn(self._keys_to_room())

    async def _keys_to_phone(self) -> None:
        while True:
            await self.bridge.send_dtmf(await self._to_phone.get(), KEY_MS, KEY_GAP_MS)

    async def _keys_to_room(self) -> None:
        while True:
            digit = await self._to_room.get()
            if not self.presence.joined:
                continue  # it is being joined again: nobody is there to hear a key
            try:
                await self.room.local_participant.publish_dtmf(code=digit.code, digit=digit.digit)
            except PublishDTMFError as error:
                log.warning("%s: a key did not reach the room: %s", self.call_id, error)

    def _play(self, track: rtc.Track, sid: str) -> None:
        self.bridge.add_track(sid)
        self._streams[sid] = taps().open(track, RATE, PACKET_MS, lambda it: self.bridge.feed(sid, it), self._on_nothing)

    def _stop_playing(self, sid: str) -> None:
        if (stream := self._streams.pop(sid, None)) is not None:
            taps().close(stream)
            self.bridge.drop_track(sid)

    # What the room tells

    def _on_nothing(self) -> None:
        log.error("%s: no sound comes out of the room, nor will: hanging up", self.call_id)
        self.presence.outage.deaf()
        self.presence.closed.set()

    def _on_published(self, publication: rtc.RemoteTrackPublication, participant: rtc.RemoteParticipant) -> None:
        if self.presence.listening and publication.kind == rtc.TrackKind.KIND_AUDIO:
            publication.set_subscribed(True)

    def _on_participant(self, participant: rtc.RemoteParticipant) -> None:
        if self.presence.listening and participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_SIP:
            self.presence.heard.set()  # two SIP participants must not wait for each other

    def _on_subscribed(self, track: rtc.Track, publication: rtc.RemoteTrackPublication, participant: object) -> None:
        self.presence.heard.set()
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            self._play(track, publication.sid)

    def _on_unsubscribed(self, track: object, publication: rtc.RemoteTrackPublication, participant: object) -> None:
        self._stop_playing(publication.sid)

    def _on_key(self, event: rtc.SipDTMF) -> None:
        if not self._to_phone.full():
            self._to_phone.put_nowait(event.digit)

    def _ours(self, room: rtc.Room) -> bool:
        """Not one that was given up, or is being joined instead."""
        return room is self.room and not self.presence.outage.rejoining

    def _on_disconnected(self, room: rtc.Room) -> None:
        """The room has ended, or the SDK has tried ten times to find back, which takes from some 7 s on."""
        if not self._ours(room):
            return
        if (lost := self.presence.lost) is not None and self.presence.outage.excused():
            lost.cancel()
            self._on_lost()
        else:
            self.presence.closed.set()

    def _on_reconnecting(self, room: rtc.Room) -> None:
        if not self._ours(room):
            return
        limit, loop = self.settings.limits.room_lost, asyncio.get_running_loop()
        if self.presence.outage.excused():
            limit = _OUT_S
            log.warning("%s: the room connection is lost, as Redis is or was away; joining again", self.call_id)
        else:
            log.warning("%s: the room connection is lost; hanging up unless it is back in %g s", self.call_id, limit)
        if self.presence.lost is None:
            self.presence.lost_at = loop.time()
            self.presence.lost = loop.call_later(limit, self._on_lost)

    def _on_reconnected(self, room: rtc.Room) -> None:
        if not self._ours(room):
            return
        log.info("%s: the room connection is back", self.call_id)
        if self.presence.lost:
            self.presence.lost.cancel()
            self.presence.lost = None

    def _on_lost(self) -> None:
        presence, loop = self.presence, asyncio.get_running_loop()
        if presence.outage.excused() and loop.time() - presence.lost_at < self.settings.limits.outage:
            presence.lost = loop.call_later(_EXCUSED_S, self._on_lost)  # the phone hears silence meanwhile
            if not presence.outage.rejoining and presence.seat is not None:
                presence.outage.rejoining = True
                self.tasks.spawn(self._rejoin(presence.seat))
            return
        log.error("%s: the room did not come back: is livekit-server running?", self.call_id)
        presence.closed.set()
