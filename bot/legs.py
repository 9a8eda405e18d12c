"""Who hears whom in a call's room: one matrix, and the two calls of LiveKit's API that make a room follow it.

The bot hears everybody in every scene. Sound crosses between two legs only when a scene says so, and closing comes
before opening. A leg that is being dialled needs care: a SIP edge subscribes it to every track in the room when it is
answered, and the caller's leg to its track when it is published. So it may subscribe to nothing while it rings. Its
wishes are taken back before it may, once they are known to have arrived: they travel the same way as its call status,
which is waited for. A phone that answers at once leaves no time for that, so `HEAD_START` is dialled as its first key:
both livekit-sip and the gateway press keys before they let sound through and subscribe.

Keys are no sound: the server hands a key to every leg, whoever is subscribed to whom. So from the person's answer to the
open line the caller's leg may send none. The bot does not get them either in those seconds; it still hears words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final

import aiohttp
from livekit import api, rtc

#: Who is rung into the room, as a participant.
HUMAN: Final = "human"
BOT_TRACK: Final = "bot"
MUSIC_TRACK: Final = "hold"
#: A pause of half a second, in the language of early keys.
HEAD_START: Final = "w"
_ASK_S: Final = 3.0
#: How long a SIP edge's own subscriptions may be under way after it made them.
_SETTLE_S: Final = 0.25
_ACTIVE_S: Final = 3.0  #: after the answer, until the room knows of it


class Leg(StrEnum):
    """A listener whose subscriptions are ours to set."""

    CALLER = "caller"
    HUMAN = "human"


class Voice(StrEnum):
    """Whoever or whatever can be heard."""

    CALLER = "caller"
    HUMAN = "human"
    BOT = "bot"
    MUSIC = "music"


class Scene(StrEnum):
    """What is going on between the legs."""

    ALONE = "alone"  #: caller and bot
    RINGING = "ringing"  #: a person is being called
    BRIEFING = "briefing"  #: the bot speaks with the person alone
    TOGETHER = "together"  #: person and caller talk, the bot keeps silent


HEARS: Final[Mapping[Scene, Mapping[Leg, frozenset[Voice]]]] = {
    Scene.ALONE: {Leg.CALLER: frozenset({Voice.BOT, Voice.MUSIC}), Leg.HUMAN: frozenset()},
    Scene.RINGING: {Leg.CALLER: frozenset({Voice.BOT, Voice.MUSIC}), Leg.HUMAN: frozenset()},
    Scene.BRIEFING: {Leg.CALLER: frozenset({Voice.MUSIC}), Leg.HUMAN: frozenset({Voice.BOT})},
    Scene.TOGETHER: {
        Leg.CALLER: frozenset({Voice.HUMAN, Voice.BOT}),
        Leg.HUMAN: frozenset({Voice.CALLER, Voice.BOT}),
    },
}


class LegsError(Exception):
    """LiveKit did not do as told: who hears whom is not known, so nobody may be let in."""


class Legs:
    """The legs of one room. Every method takes milliseconds and raises LegsError when LiveKit refuses or is away."""

    def __init__(self, lk: api.LiveKitAPI, room: rtc.Room, caller: Callable[[], str | None]) -> None:
        self._lk = lk
        self._room = room
        self.caller = caller  #: identity of the caller's leg
        self._keys_pass: bool | None = True  #: None: another process had the call

    async def deny(self) -> None:
        """A person's leg is there: it may hear nobody, and the caller must not hear it."""
        await asyncio.gather(_asked(self._may_subscribe(False)), self.deafen_caller())

    async def deafen_caller(self) -> None:
        """Take the caller's leg's wish to hear the person back; it is made as soon as their track is there."""
        await self._subscribe(Leg.CALLER, frozenset({Voice.HUMAN}), False)

    async def answered(self) -> None:
        """Until the person's phone is picked up; from then on the caller's keys go nowhere. The head start is not over yet."""
        await self._status_is("automation", "active")
        await self._let_keys_pass(False)

    async def take_over(self) -> None:
        """Another process had the call, and may have died while the caller's keys went nowhere."""
        self._keys_pass = None
        await self._let_keys_pass(True)

    async def brief(self) -> None:
        """The person has answered: they may hear the bot, and the caller hears music."""
        try:
            async with asyncio.timeout(_ACTIVE_S):
                await self._status_is("active")
        except TimeoutError:
            raise LegsError("the person's leg never became active") from None
        for pause in (0.0, _SETTLE_S):
            await asyncio.sleep(pause)
            await self._close(Scene.BRIEFING)
        await _asked(self._may_subscribe(True))
        await self.play(Scene.BRIEFING)

    async def play(self, scene: Scene) -> None:
        """Make the room follow a row of the matrix: first nobody hears whom they must not, then the others are heard."""
        await self._close(scene)
        await self._let_keys_pass(scene is not Scene.BRIEFING)
        await asyncio.gather(*(self._subscribe(leg, hears, True) for leg, hears in HEARS[scene].items()))

    async def _close(self, scene: Scene) -> None:
        rows = HEARS[scene].items()
        await asyncio.gather(*(self._subscribe(leg, frozenset(Voice) - hears, False) for leg, hears in rows))

    async def _subscribe(self, leg: Leg, voices: frozenset[Voice], yes: bool) -> None:
        identity = self._identity(leg)
        if identity is None or identity not in self._room.remote_participants:
            return
        sids = [sid for voice in voices if voice.value != leg.value for sid in self._tracks(voice)]
        if sids:
            request = api.UpdateSubscriptionsRequest(
                room=self._room.name, identity=identity, track_sids=sids, subscribe=yes
            )
            await _asked(self._lk.room.update_subscriptions(request))

    async def _status_is(self, *wanted: str) -> None:
        """Until the person's leg says so of its call."""
        reached = asyncio.Event()

        def look(*_: object) -> None:
            person = self._room.remote_participants.get(HUMAN)
            if person is not None and person.attributes.get("sip.callStatus") in wanted:
                reached.set()

        self._room.on("participant_attributes_changed", look)
        try:
            look()
            await reached.wait()
        finally:
            self._room.off("participant_attributes_changed", look)

    async def _let_keys_pass(self, yes: bool) -> None:
        identity = self.caller()
        if yes == self._keys_pass or identity is None or identity not in self._room.remote_participants:
            return
        self._keys_pass = None  # not known, should this fail
        await _asked(self._change_keys(identity, yes))
        self._keys_pass = yes

    async def _change_keys(self, identity: str, yes: bool) -> None:
        where = api.RoomParticipantIdentity(room=self._room.name, identity=identity)
        permission = (await self._lk.room.get_participant(where)).permission
        if permission.can_publish_data != yes:
            permission.can_publish_data = yes
            request = api.UpdateParticipantRequest(room=self._room.name, identity=identity, permission=permission)
            await self._lk.room.update_participant(request)

    async def _may_subscribe(self, yes: bool) -> None:
        permission = api.ParticipantPermission(
            can_subscribe=yes, can_publish=True, can_publish_data=True, can_update_metadata=True
        )
        request = api.UpdateParticipantRequest(room=self._room.name, identity=HUMAN, permission=permission)
        await self._lk.room.update_participant(request)

    def _identity(self, leg: Leg) -> str | None:
        return HUMAN if leg is Leg.HUMAN else self.caller()

    def _tracks(self, voice: Voice) -> list[str]:
        if voice in (Voice.BOT, Voice.MUSIC):
            name = BOT_TRACK if voice is Voice.BOT else MUSIC_TRACK
            ours = self._room.local_participant.track_publications.values()
            return [publication.sid for publication in ours if publication.name == name]
        identity = HUMAN if voice is Voice.HUMAN else self.caller()
        participant = self._room.remote_participants.get(identity or "")
        return [] if participant is None else list(participant.track_publications)


async def _asked(request: Awaitable[object]) -> None:
    try:
        async with asyncio.timeout(_ASK_S):
            await request
    except (api.ServerError, aiohttp.ClientError, TimeoutError) as failed:
        raise LegsError(f"LiveKit did not change who hears whom: {failed or 'no answer in time'}") from failed
