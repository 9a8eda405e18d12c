"""The line: one caller's leg in a room. Room events become calls on a sink; sound goes out through a short queue.

The bot talks to the room directly: manual turns leave nothing for AgentSession to decide, and the playhead must be
ours to pause, resume and know what was heard (docs/decisions/0004-direct-room-audio.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import numpy as np
from livekit import rtc

from bot.legs import HUMAN
from bot.speech.audio import Pcm
from bot.speech.voice import RATE
from sip.gateway.frames import listen, voice_track
from sip.ua.tasks import unless

log = logging.getLogger("leadline.line")

EAR_RATE: Final = 16_000
FRAME_S: Final = 0.02  #: of the caller's sound; a turn is over at the end of a frame
_RETURN_S: Final = 20.0  #: how long a browser that lost the room may take to come back, as after a reload
_PHONE_RETURN_S: Final = 10.0  #: and a phone's leg; by then the SIP edge has hung up a phone it cannot bring back
_OPEN_S: Final = 6.0  #: how long livekit-server may take to take our voice; it takes some 50 ms
_FIND_BACK_S: Final = 2.5  #: how long our own connection to the room may take to come back
_QUEUE_MS: Final = 200  #: enough to outlast a stalled loop; cleared at once for barge-in
_KEYS: Final = "0123456789*#ABCD"  #: in the order of their event codes (RFC 4733)
_KEY_PAUSE_S: Final = 0.5
_HUMAN_KINDS: Final = {
    rtc.ParticipantKind.PARTICIPANT_KIND_SIP,
    rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD,
}


#: How a leg says that the call is over; anything else may be a reload, a network or a server that failed.
_HUNG_UP: Final = {
    rtc.DisconnectReason.CLIENT_INITIATED,
    rtc.DisconnectReason.PARTICIPANT_REMOVED,
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.ROOM_CLOSED,
    rtc.DisconnectReason.USER_UNAVAILABLE,
    rtc.DisconnectReason.USER_REJECTED,
}
#: The room itself is gone, or we went. Any other end of the connection says nothing about the caller.
_CLOSED: Final = {
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.ROOM_CLOSED,
    rtc.DisconnectReason.CLIENT_INITIATED,
}


class LineSink(Protocol):
    """Who is told what happens on the line."""

    def on_arrived(self, at: float, attributes: Mapping[str, str]) -> None:
        """The caller's leg is in the room, perhaps still ringing; the attributes hold its numbers."""
        ...

    def on_answered(self, at: float) -> None:
        """Audio flows both ways now."""
        ...

    def on_audio(self, pcm: Pcm, at: float) -> None:
        """One frame of the caller, `FRAME_S` at 16 kHz."""
        ...

    def on_key(self, key: str, at: float) -> None:
        """One DTMF digit."""
        ...

    def on_away(self, at: float) -> None:
        """The caller's leg has lost the room without hanging up."""
        ...

    def on_back(self, at: float) -> None:
        """It has come back in time."""
        ...

    def on_gone(self, at: float, reason: str, *, ours: bool = False) -> None:
        """The caller's leg is gone, or the room is. `ours`: nobody hung up, something on our side broke."""
        ...

    def on_cut(self, at: float) -> None:
        """We are out of the room, and the caller may still be in it."""
        ...


class RoomSpeaker:
    """`mouth.Speaker` on a room's audio track."""

    def __init__(self) -> None:
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=_QUEUE_MS)
        self._cleared = asyncio.Event()

    async def write(self, pcm: Pcm) -> None:
        """Queue samples."""
        self._cleared.clear()
        await self.source.capture_frame(rtc.AudioFrame(pcm.tobytes(), RATE, 1, len(pcm)))

    async def wait_below(self, seconds: float) -> None:
        """Sleep while the queue plays down to `seconds`; a cleared queue ends the wait."""
        if (left := self.queued_s - seconds) > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._cleared.wait(), left)

    def clear(self) -> None:
        """Silence at once."""
        self.source.clear_queue()
        self._cleared.set()

    @property
    def queued_s(self) -> float:
        """Seconds still to be played."""
        return self.source.queued_duration


class Line:
    """Watches the room for the caller and reports to the sink. One caller a call: the first leg that is no agent."""

    def __init__(self, room: rtc.Room, sink: LineSink) -> None:
        self.speaker = RoomSpeaker()
        self._room = room
        self._sink = sink
        self._caller: str | None = None
        self._answered = False
        self._deafen: Callable[[], None] | None = None  #: ends listening to the caller
        self._returning: asyncio.TimerHandle | None = None
        self._finding_back: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()  #: nobody is left to speak to, or we are out of the room

    def watch(self) -> None:
        """Take the caller that is there or will come."""
        room = self._room
        room.on("participant_connected", self._arrived)
        room.on("participant_disconnected", self._left)
        room.on("participant_attributes_changed", self._changed)
        room.on("track_subscribed", self._subscribed)
        room.on("sip_dtmf_received", self._digit)
        room.on("disconnected", self._disconnected)
        room.on("reconnecting", self._reconnecting)
        room.on("reconnected", self._reconnected)
        for participant in room.remote_participants.values():
            self._arrived(participant)

    async def open(self) -> None:
        """Publish our track, which makes the SIP edge answer: do it once there is something to say.

        A server that does not take it in time has lost us. The SDK itself waits without limit, also once the room is gone.
        """
        track = rtc.LocalAudioTrack.create_audio_track("bot", self.speaker.source)

        async def publish() -> None:
            await self._room.local_participant.publish_track(track, voice_track(dtx=True))

        try:
            async with asyncio.timeout(_OPEN_S):
                await unless(self._over, publish())
        except (TimeoutError, rtc.participant.PublishTrackError):
            log.error("our voice was not taken into the room; another process gets the call")
            self._cut()

    async def close(self) -> None:
        """Stop listening."""
        self._stop_waiting()
        self._reconnected()
        self._stop_listening()

    @property
    def caller(self) -> str | None:
        """Identity of the caller's leg."""
        return self._caller

    async def stage(self, stage: str) -> None:
        """Tell the room where the bot stands: "ready" lets the dialer send its INVITE. Never personal data."""
        await self._room.local_participant.set_attributes({"leadline.stage": stage})

    async def press(self, digits: str) -> None:
        """Press keys towards the caller's side; "w" waits half a second, what is no key is left out."""
        for digit in digits:
            if digit in "wW":
                await asyncio.sleep(_KEY_PAUSE_S)
            elif digit.upper() in _KEYS:
                code = _KEYS.index(digit.upper())
                await self._room.local_participant.publish_dtmf(code=code, digit=digit.upper())

    # -- room events

    def _arrived(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._caller and self._stop_waiting():
            self._sink.on_back(time.time())
        if self._caller is not None or participant.kind not in _HUMAN_KINDS or participant.identity == HUMAN:
            return
        self._caller = participant.identity
        for publication in participant.track_publications.values():
            if publication.track is not None:
                self._listen(publication.track)
        self._sink.on_arrived(time.time(), dict(participant.attributes))
        self._check_answered(participant)

    def _changed(self, _changes: object, participant: rtc.Participant) -> None:
        if participant.identity == self._caller:
            self._check_answered(participant)

    def _check_answered(self, participant: rtc.Participant) -> None:
        """A SIP leg is up when its status says so; a browser leg when it is there."""
        status = participant.attributes.get("sip.callStatus")
        if self._answered or (status is not None and status != "active"):
            return
        self._answered = True
        self._sink.on_answered(time.time())

    def _subscribed(self, track: rtc.Track, _publication: object, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == self._caller:
            self._listen(track)

    def _listen(self, track: rtc.Track) -> None:
        if track.kind != rtc.TrackKind.KIND_AUDIO:
            return
        self._stop_listening()  # a browser that reconnects publishes anew

        def heard(samples: bytes) -> None:
            self._sink.on_audio(np.frombuffer(samples, np.int16), time.time())

        def deaf() -> None:
            log.error("no sound comes out of the room: another process gets the call")
            self._cut()

        self._deafen = listen(track, EAR_RATE, round(FRAME_S * 1000), heard, deaf)

    def _stop_listening(self) -> None:
        deafen, self._deafen = self._deafen, None
        if deafen is not None:
            deafen()

    def _digit(self, event: rtc.SipDTMF) -> None:
        if event.participant is None or event.participant.identity == self._caller:
            self._sink.on_key(event.digit, time.time())

    def _left(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity != self._caller:
            return
        self._stop_listening()
        reason = participant.disconnect_reason
        if not self._answered or reason in _HUNG_UP:
            self._gone(_name(reason))
        elif self._returning is None:
            self._sink.on_away(time.time())
            browser = participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD
            limit, loop = _RETURN_S if browser else _PHONE_RETURN_S, asyncio.get_running_loop()
            self._returning = loop.call_later(limit, lambda: self._gone(_name(reason), ours=True))

    def _gone(self, reason: str, *, ours: bool = False) -> None:
        self._over.set()
        self._sink.on_gone(time.time(), reason, ours=ours)

    def _stop_waiting(self) -> bool:
        """True if a caller who might come back was being waited for."""
        waiting, self._returning = self._returning, None
        if waiting is not None:
            waiting.cancel()
        return waiting is not None

    def _reconnecting(self) -> None:
        """The room's connection is lost. Its own attempts come ever more rarely: a process that joins anew is quicker."""
        if self._finding_back is None:
            loop = asyncio.get_running_loop()
            self._finding_back = loop.call_later(_FIND_BACK_S, self._cut)

    def _reconnected(self) -> None:
        lost, self._finding_back = self._finding_back, None
        if lost is not None:
            lost.cancel()

    def _disconnected(self, reason: object) -> None:
        log.info("out of the room: %s", reason)
        if reason in _CLOSED:
            self._gone(f"room: {reason}")
        else:
            self._cut()

    def _cut(self) -> None:
        self._over.set()
        self._sink.on_cut(time.time())


def _name(reason: rtc.DisconnectReason.ValueType | None) -> str:
    return str(reason) if reason is not None else "left"
