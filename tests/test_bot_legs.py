"""Who hears whom: the matrix as it stands, and that no order of events lets sound through before it may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import api, rtc

from bot import legs
from bot.legs import HEARS, HUMAN, Leg, Legs, LegsError, Scene, Voice

CALLER = "sip_caller"
TRACKS = {"TR_caller": CALLER, "TR_human": HUMAN, "TR_bot": "bot", "TR_hold": "bot"}
NAMES = {"TR_bot": legs.BOT_TRACK, "TR_hold": legs.MUSIC_TRACK}


@dataclass
class Server:
    """livekit-server's rules of subscription: a leg hears a track that it wishes to hear and may. `away` fails all."""

    wishes: dict[str, set[str]] = field(default_factory=lambda: {CALLER: {"TR_bot", "TR_hold"}, HUMAN: set()})
    may: dict[str, bool] = field(default_factory=lambda: {CALLER: True, HUMAN: True})
    heard: set[tuple[str, str]] = field(default_factory=set)  #: (listener, track), ever
    keys: dict[str, bool] = field(default_factory=lambda: {CALLER: True, HUMAN: True})  #: may send them
    before_each: Callable[[], None] = lambda: None
    away: bool = False

    def look(self) -> None:
        for listener, tracks in self.wishes.items():
            if self.may[listener]:
                self.heard |= {(listener, track) for track in tracks}

    async def update_subscriptions(self, request: api.UpdateSubscriptionsRequest) -> None:
        self._arrive()
        wished = self.wishes[request.identity]
        wished |= set(request.track_sids) if request.subscribe else set()
        if not request.subscribe:
            wished -= set(request.track_sids)
        self.look()

    async def update_participant(self, request: api.UpdateParticipantRequest) -> None:
        self._arrive()
        self.may[request.identity] = request.permission.can_subscribe
        self.keys[request.identity] = request.permission.can_publish_data
        self.look()

    async def get_participant(self, where: api.RoomParticipantIdentity) -> api.ParticipantInfo:
        self._arrive()
        permission = api.ParticipantPermission(
            can_subscribe=self.may[where.identity], can_publish=True, can_publish_data=self.keys[where.identity]
        )
        return api.ParticipantInfo(identity=where.identity, permission=permission)

    def _arrive(self) -> None:
        self.before_each()
        if self.away:
            raise api.TwirpError("unavailable", "away", status=503)


class Room:
    """What `Legs` looks at of a room: participants, their tracks, the person's call status."""

    name = "call-1"

    def __init__(self) -> None:
        self.person = _participant(HUMAN)
        self.remote_participants = {CALLER: _participant(CALLER), HUMAN: self.person}
        self.local_participant = _participant("bot")
        self._listeners: list[Callable[..., None]] = []

    def on(self, _event: str, listener: Callable[..., None]) -> None:
        self._listeners.append(listener)

    def off(self, _event: str, listener: Callable[..., None]) -> None:
        self._listeners.remove(listener)

    def becomes_active(self) -> None:
        self.becomes("active")

    def becomes(self, status: str) -> None:
        self.person.attributes["sip.callStatus"] = status
        for listener in list(self._listeners):
            listener()


def _participant(identity: str) -> Any:
    sids = [sid for sid, owner in TRACKS.items() if owner == identity]
    publications = {sid: SimpleNamespace(sid=sid, name=NAMES.get(sid, "")) for sid in sids}
    return SimpleNamespace(identity=identity, attributes={}, track_publications=publications)


def legs_of(server: Server, room: Room) -> Legs:
    return Legs(cast(api.LiveKitAPI, SimpleNamespace(room=server)), cast(rtc.Room, room), lambda: CALLER)


def crossing(server: Server) -> set[tuple[str, str]]:
    """What caller and person ever heard of one another."""
    return server.heard & {(CALLER, "TR_human"), (HUMAN, "TR_caller")}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(legs, "_SETTLE_S", 0.0)
    monkeypatch.setattr(legs, "_ACTIVE_S", 0.05)
    yield


@pytest.mark.parametrize("scene", [scene for scene in Scene if scene is not Scene.TOGETHER])
def test_person_and_caller_hear_one_another_in_one_scene_only(scene: Scene) -> None:
    assert Voice.HUMAN not in HEARS[scene][Leg.CALLER]
    assert Voice.CALLER not in HEARS[scene][Leg.HUMAN]
    assert Voice.HUMAN in HEARS[Scene.TOGETHER][Leg.CALLER]
    assert Voice.CALLER in HEARS[Scene.TOGETHER][Leg.HUMAN]


def test_the_caller_does_not_hear_the_briefing() -> None:
    assert HEARS[Scene.BRIEFING] == {Leg.CALLER: {Voice.MUSIC}, Leg.HUMAN: {Voice.BOT}}


#: The tracks that the person's edge asks for when it answers, in any order, at any moment before its status is there.
WISHES = st.lists(st.sampled_from(["TR_caller", "TR_bot", "TR_hold"]), max_size=6)


@given(edge=WISHES, caller_wishes_at=st.integers(0, 3), arrivals=st.lists(st.integers(0, 2), max_size=12))
def test_no_order_of_events_lets_sound_through_before_the_key(
    edge: list[str], caller_wishes_at: int, arrivals: list[int]
) -> None:
    async def play() -> None:
        server, room = Server(), Room()
        who = legs_of(server, room)
        left, steps = list(edge), iter(arrivals)

        def meanwhile() -> None:  # the edge's own requests reach the server between ours
            for _ in range(next(steps, 0)):
                if left:
                    server.wishes[HUMAN].add(left.pop())
            server.look()

        if caller_wishes_at == 0:
            server.wishes[CALLER].add("TR_human")  # nothing flows yet: the phone rings
        await who.deny()
        for at in range(1, 4):
            if at == caller_wishes_at:
                server.wishes[CALLER].add("TR_human")
            await who.deafen_caller()
        server.heard.clear()
        server.before_each = meanwhile
        briefing = asyncio.create_task(who.brief())
        await asyncio.sleep(0)
        server.wishes[HUMAN] |= set(left)  # the status follows the wishes on the same way
        left.clear()
        room.becomes_active()
        await briefing
        server.look()
        assert crossing(server) == set()
        assert (HUMAN, "TR_bot") in server.heard
        assert (HUMAN, "TR_hold") not in server.heard
        server.heard.clear()
        server.look()
        assert server.heard == {(HUMAN, "TR_bot"), (CALLER, "TR_hold")}
        await who.play(Scene.TOGETHER)
        assert crossing(server) == {(CALLER, "TR_human"), (HUMAN, "TR_caller")}
        server.heard.clear()
        await who.play(Scene.ALONE)
        server.heard.clear()
        server.look()
        assert crossing(server) == set()
        assert (CALLER, "TR_bot") in server.heard

    asyncio.run(play())


async def test_a_leg_that_never_becomes_active_is_not_let_in() -> None:
    server, room = Server(), Room()
    who = legs_of(server, room)
    await who.deny()
    with pytest.raises(LegsError):
        await who.brief()
    assert not server.may[HUMAN]


async def test_the_callers_keys_go_nowhere_from_the_answer_to_the_open_line() -> None:
    server, room = Server(), Room()
    who = legs_of(server, room)
    await who.deny()
    answered = asyncio.create_task(who.answered())
    await asyncio.sleep(0)
    assert server.keys[CALLER], "while it rings the bot still takes keys"
    room.becomes("automation")
    await answered
    assert not server.keys[CALLER]
    room.becomes_active()
    await who.brief()
    assert server.keys == {CALLER: False, HUMAN: True}, "the person decides by key"
    await who.play(Scene.TOGETHER)
    assert server.keys == {CALLER: True, HUMAN: True}
    assert server.may[CALLER]


@pytest.mark.parametrize("silenced", [True, False])
async def test_who_takes_a_call_over_hears_its_keys_again(silenced: bool) -> None:
    server = Server()
    server.keys[CALLER] = not silenced
    await legs_of(server, Room()).take_over()
    assert server.keys[CALLER]


async def test_a_server_that_is_away_is_told() -> None:
    server = Server(away=True)
    with pytest.raises(LegsError):
        await legs_of(server, Room()).play(Scene.TOGETHER)


async def test_a_leg_that_is_gone_needs_nothing() -> None:
    server, room = Server(), Room()
    del room.remote_participants[HUMAN]
    await legs_of(server, room).play(Scene.ALONE)
    assert (CALLER, "TR_bot") in server.heard
