"""The switchboard of one call: sends the caller away by REFER, or rings a person in, briefs them alone and opens the line."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from livekit import api, rtc
from sqlalchemy.exc import SQLAlchemyError

from bot.hold import HoldMusic
from bot.legs import HEAD_START, HUMAN, Legs, LegsError, Scene
from bot.mouth import Mouth
from bot.speech.audio import Pcm
from bot.speech.voice import RATE
from campaigns import gate
from campaigns.gate import GatePolicy, Leg, Purpose, Refused, Seat
from flows.model import Transfer
from sip.outcome import Ending, Outcome
from sip.routes import Route, RouteError, find_route
from store.calls import Calls

log = logging.getLogger("leadline.transfer")

Mode: TypeAlias = Literal["cold", "warm"]
ACCEPT, DECLINE = "1", "2"
_FRAME_MS: Final = 40
_AGAIN_S: Final = (0.05, 0.15, 0.3)  #: the caller's edge subscribes at the same moment as we see the new track
_REOPEN_S: Final = 0.4  #: until a leg hears a track that it is subscribed to again: speech before that is lost
_SOON_S: Final = 0.5  #: until the room tells that a leg is gone
_APART_S: Final = 5.0  #: after the answer, until the legs are known to be apart
_WORDS_S: Final = 40.0
_FAREWELL_S: Final = 8.0
#: A REFER that the trunk itself turns down: the person has not been asked yet, so they are rung into the call.
_REFER_UNKNOWN: Final = {Ending.TRUNK_REFUSED, Ending.TRUNK_DOWN}


class TransferRefused(Exception):
    """Nobody took the transfer; the message is the reason in one word: busy, declined, unanswered, …"""


@dataclass(frozen=True, slots=True)
class Desk:
    """What transfers need to know of this installation and this call."""

    call_id: str
    policy: GatePolicy
    destinations: Mapping[str, str] = field(default_factory=dict)
    trunk: str = ""  #: the outbound trunk's name, or host:port of a SIP peer
    caller_id: str = ""  #: shown to the person; "": a number of the trunk, or `ours`
    ours: str = ""  #: our number in this call
    human_max_s: int = 3600


@dataclass(slots=True)
class Person:
    """One person who was rung. Times are Unix seconds."""

    leg: Leg
    gone_words: str
    came: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    denied: bool = False  #: they may hear nobody
    keys: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(16))
    answered_at: float | None = None
    together_at: float | None = None
    left_at: float | None = None
    hearing: asyncio.Task[None] | None = None

    async def decision(self) -> str:
        """The key that decides, or "gone"."""
        gone = asyncio.create_task(self.gone.wait())
        try:
            while True:
                key = asyncio.create_task(self.keys.get())
                await asyncio.wait({gone, key}, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    key.cancel()
                    return "gone"
                if key.result() in (ACCEPT, DECLINE):
                    return key.result()
        finally:
            gone.cancel()


@dataclass(slots=True)
class News:
    """Who is told what happens."""

    tell: Callable[[str, str], None] = lambda stage, reason: None
    left: Callable[[float], None] = lambda talked_s: None  #: the person who took the call hung up, after so long
    heard: Callable[[Pcm, float], None] = lambda pcm, at: None  #: what they say to the caller: 24 kHz, Unix seconds


class Switchboard:
    """One per call."""

    def __init__(
        self,
        lk: api.LiveKitAPI,
        room: rtc.Room,
        caller: Callable[[], str | None],
        mouth: Mouth,
        calls: Calls,
        desk: Desk,
    ) -> None:
        self.news = News()
        self._lk = lk
        self._room = room
        self._mouth = mouth
        self._calls = calls
        self._desk = desk
        self._legs = Legs(lk, room, caller)
        self._music = HoldMusic(room)
        self._people: list[Person] = []
        room.on("track_published", self._on_track)
        room.on("participant_disconnected", self._on_left)
        room.on("sip_dtmf_received", self._on_key)

    async def adopt(self, *, together: bool) -> None:
        """Another process had the call: whoever it rang in stays if they talk with the caller. Who has left meanwhile has
        left: the caller must not be alone."""
        there = HUMAN in self._room.remote_participants
        if there and together:
            leg, now = self._leg("", Route(""), Purpose.STAFF), time.time()
            self._people.append(Person(leg, "", answered_at=now, together_at=now, hearing=self._listen_to_person()))
        elif there:
            await gate.drop(self._lk, Seat(self._room.name, HUMAN))
        elif together:
            self.news.left(0.0)
        try:
            await self._legs.take_over()
        except LegsError as failed:
            log.error("the caller's keys may not be heard: %s", failed)

    # -- what the hands ask

    async def connect(self, transfer: Transfer) -> Mode:
        """Put the caller through; returns how, once somebody has them. Cancelling brings the caller back.

        Raises:
            TransferRefused: nobody has.
        """
        to = self._desk.destinations.get(transfer.to, transfer.to)
        try:
            if HUMAN in self._room.remote_participants:  # rung by a process that died
                await gate.drop(self._lk, Seat(self._room.name, HUMAN))
            await self._music.start()
            if transfer.mode == "cold":
                outcome = await self._refer(transfer, to)
                if outcome.name is Ending.ANSWERED:
                    self.news.tell("transferred", "")
                    await self._music.stop()
                    return "cold"
                if outcome.name not in _REFER_UNKNOWN:
                    raise TransferRefused(outcome.name.value)
                log.info("the trunk does not transfer (%s): the person is rung into the call instead", outcome)
            await self._warm(transfer, to)
            self._music.stop_soon(_REOPEN_S)  # until the two hear one another
            return "warm"
        except TransferRefused as refused:
            self.news.tell("failed", str(refused))
            await self._music.stop()
            raise
        except (LegsError, RouteError, SQLAlchemyError, rtc.participant.PublishTrackError) as failed:
            log.error("the transfer failed on our side: %s", failed)
            self.news.tell("failed", "failed")
            await self._music.stop()
            raise TransferRefused("failed") from failed

    async def take_back(self) -> None:
        """The caller is ours again: whoever talks with them is hung up, and the bot is heard."""
        await self._music.stop()
        if (person := self._person) is not None:
            await self._part(person)

    async def close(self, now: Callable[[], float] = time.time) -> None:
        """The call is over: a person who still waits for the caller is told so, and what legs cost is settled."""
        await self._music.stop()
        person = self._person
        if person is not None and person.answered_at is not None and person.together_at is None:
            with contextlib.suppress(TimeoutError, LegsError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._mouth.say(person.gone_words)
        for rung in self._people:
            if rung.hearing is not None:
                rung.hearing.cancel()
                await asyncio.gather(rung.hearing, return_exceptions=True)
            if rung.answered_at is not None:
                lasted = (rung.left_at or now()) - rung.answered_at
                with contextlib.suppress(SQLAlchemyError):  # the reservation then counts in full
                    await self._calls.settle(rung.leg.call_id, rung.leg.name, max(lasted, 1.0))
        self._people.clear()

    # -- cold

    async def _refer(self, transfer: Transfer, to: str) -> Outcome:
        caller = self._legs.caller()
        if caller is None:
            raise TransferRefused("failed")
        leg = self._leg(to, Route(self._host(caller)), Purpose.REFER)
        seat = Seat(self._room.name, caller, transfer.ring_s)
        self.news.tell("referring", "")
        outcome = await gate.refer(self._lk, leg, seat, self._desk.policy, self._calls, time.time())
        return self._allowed(outcome)

    # -- warm

    async def _warm(self, transfer: Transfer, to: str) -> None:
        route = await find_route(self._lk, self._desk.trunk)
        person = Person(self._leg(to, route, Purpose.STAFF), transfer.gone)
        self._people.append(person)
        apart = asyncio.create_task(self._keep_apart(person), name="transfer.apart")
        ready = asyncio.create_task(
            self._mouth.prepare(f"{transfer.briefing} {transfer.briefing_keys} {transfer.gone}")
        )
        try:
            self.news.tell("ringing", "")
            seat = Seat(self._room.name, HUMAN, transfer.ring_s, HEAD_START + transfer.digits)
            outcome = await gate.ring(self._lk, person.leg, seat, self._desk.policy, self._calls, time.time())
            if self._allowed(outcome).name is not Ending.ANSWERED:
                raise TransferRefused(self._allowed(outcome).name.value)
            person.answered_at = time.time()
            self.news.tell("answered", "")
            await self._let_in(person, transfer, apart)
            person.together_at = time.time()
            person.hearing = self._listen_to_person()
            self.news.tell("together", "")
        except asyncio.CancelledError:
            raise  # the bot speaks again, and `take_back` comes first; or the call is over, and `close` says so
        except BaseException:
            await self._part(person)
            raise
        finally:
            apart.cancel()
            ready.cancel()
            await asyncio.gather(apart, ready, return_exceptions=True)

    async def _let_in(self, person: Person, transfer: Transfer, apart: asyncio.Task[None]) -> None:
        """From the answer to the open line. Raises TransferRefused, LegsError."""
        try:
            if not person.denied:  # fail closed: sound may have crossed
                raise LegsError("the person answered before the legs were kept apart")
            await asyncio.wait({apart}, timeout=_APART_S)
            if not apart.done():
                raise LegsError("the person's leg never said that it was answered")
            await apart
            await self._legs.brief()
            log.info("the person is briefed")
            await self._brief(person, transfer)
            await self._legs.play(Scene.TOGETHER)
        except LegsError:
            if await _soon(person.gone):  # a leg that has hung up meanwhile can be told nothing
                raise TransferRefused("declined") from None
            raise

    async def _keep_apart(self, person: Person) -> None:
        await person.came.wait()
        await self._legs.deny()
        person.denied = True
        for pause in _AGAIN_S:
            await asyncio.sleep(pause)
            await self._legs.deafen_caller()
        await self._legs.answered()

    async def _brief(self, person: Person, transfer: Transfer) -> None:
        """Tell the person who is calling and wait for a key. Raises TransferRefused."""
        decision = asyncio.create_task(person.decision(), name="transfer.decision")
        try:
            for words in (f"{transfer.briefing} {transfer.briefing_keys}", transfer.briefing_keys):
                await self._say(words, decision)
                await asyncio.wait({decision}, timeout=transfer.accept_s / 2)
                if decision.done():
                    break
            if not decision.done():
                raise TransferRefused("not_accepted")  # a machine, or nobody who knows what to do
            if decision.result() != ACCEPT:
                raise TransferRefused("declined")
        finally:
            decision.cancel()

    async def _say(self, words: str, until: asyncio.Task[str]) -> None:
        saying = asyncio.create_task(self._mouth.say(words), name="transfer.briefing")
        try:
            await asyncio.wait({saying, until}, return_when=asyncio.FIRST_COMPLETED, timeout=_WORDS_S)
        finally:
            self._mouth.stop()
            if not saying.done():
                await asyncio.wait({saying}, timeout=1.0)
            saying.cancel()

    async def _part(self, person: Person) -> None:
        """Hang the person up and let the caller hear the bot again, before anything is said."""
        heard = person.answered_at is not None
        person.left_at = person.left_at or time.time()
        if not person.gone.is_set():
            await gate.drop(self._lk, Seat(self._room.name, HUMAN))
        for last in (False, True):
            try:
                await self._legs.play(Scene.ALONE)
                break
            except LegsError as failed:
                if last:
                    log.error("the caller may not hear the bot again: %s", failed)
        if heard:
            await asyncio.sleep(_REOPEN_S)

    def _listen_to_person(self) -> asyncio.Task[None] | None:
        """Hear what they say, for the recording."""
        person = self._room.remote_participants.get(HUMAN)
        tracks = [] if person is None else [p.track for p in person.track_publications.values() if p.track is not None]
        return asyncio.create_task(self._hear(tracks[0]), name="transfer.hear") if tracks else None

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1, frame_size_ms=_FRAME_MS)
        try:
            async for event in stream:
                self.news.heard(np.frombuffer(event.frame.data, np.int16), time.time())
        finally:
            await stream.aclose()

    # -- small things

    @property
    def _person(self) -> Person | None:
        """Who is rung or connected now."""
        last = self._people[-1] if self._people else None
        return last if last is not None and last.left_at is None else None

    def _leg(self, to: str, route: Route, purpose: Purpose) -> Leg:
        shown = self._desk.caller_id or ("" if route.numbers else self._desk.ours)
        name = f"transfer-{len(self._people) + 1}" if purpose is Purpose.STAFF else "refer"
        return Leg(self._desk.call_id, to, route, shown, purpose, self._desk.human_max_s, name)

    def _host(self, caller: str) -> str:
        """Where the caller's leg comes from, "" when LiveKit does not know."""
        participant = self._room.remote_participants.get(caller)
        return participant.attributes.get("sip.hostname", "") if participant is not None else ""

    def _allowed(self, outcome: Outcome | Refused) -> Outcome:
        if isinstance(outcome, Refused):
            raise TransferRefused("not_allowed")
        return outcome

    # -- room events

    def _on_track(self, _publication: object, participant: rtc.RemoteParticipant) -> None:
        if participant.identity == HUMAN and self._people:
            self._people[-1].came.set()

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        person = self._person
        if participant.identity != HUMAN or person is None:
            return
        person.gone.set()
        if person.together_at is not None:
            person.left_at = time.time()
            self.news.tell("left", "")
            self.news.left(person.left_at - person.together_at)

    def _on_key(self, event: rtc.SipDTMF) -> None:
        person = self._person
        if person is None or event.participant is None or event.participant.identity != HUMAN:
            return
        if not person.keys.full():
            person.keys.put_nowait(event.digit)


async def _soon(event: asyncio.Event) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_SOON_S):
            await event.wait()
    return event.is_set()
