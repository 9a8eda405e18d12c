"""One call in one process: put the parts together, take the call, run the conversation, keep its result.

A call that another process had goes on where that one stopped (bot/succession.py); one that this process must leave
is left as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from livekit.agents import AutoSubscribe, JobContext

from bot import preload
from bot.apology import APOLOGY, apologise
from bot.body import Body
from bot.caller_leg import already_over, dial_is_over, known_call, new_call, wait_for_caller
from bot.conversation import Conversation
from bot.ear import Ear
from bot.echo import EchoGate, EchoingSpeaker
from bot.guesses import Recognition
from bot.hands import Hands
from bot.hangup import hang_up
from bot.history import History
from bot.inbox import Arrived, Inbox, Leave, Reported
from bot.keys import Keys
from bot.line import Line
from bot.memory import LiveMemory
from bot.mind import open_mind
from bot.mind_turn import Foresight
from bot.mouth import Mouth
from bot.order import BadOrder, Order
from bot.recorded import recorded
from bot.recorder import RecordedSpeaker, Recorder
from bot.result import as_dropped, result_of
from bot.return_call import BROKEN_OFF, recall, remember
from bot.senses import open_senses
from bot.settings import BotSettings
from bot.speech.audio import Pcm
from bot.stores import Stores, open_stores
from bot.studio import Studio, sentences
from bot.succession import Inheritance, claim, flow_of, inherit, leaving_when_superseded, myself, usable
from bot.switchboard import Desk, Switchboard
from bot.thrift import thrifty
from bot.witness import Witness
from campaigns.numbers import classify
from campaigns.recording_law import rule
from campaigns.settings import GateSettings
from flows.engine import begin, step
from flows.flow import Flow
from flows.handover import DESTINATIONS
from flows.model import Answered, Direction, HumanLeft, HungUp, Machine, Resumed, Say
from flows.patience import patience
from flows.prompts import fixed
from flows.recording import LAW
from flows.schema import FlowError
from flows.state import State
from sip.settings import SipSettings
from store.calls import Calls, NewCall
from store.live import LiveCalls, Snapshot
from store.live_holding import Holding

log = logging.getLogger("leadline.job")

_DECODER_NICE = 5  #: at 15 it got no processor for seconds on a machine that was full
_APOLOGY_S = 8.0
_GREETING_S = 3.0
_STORED_S = 10.0  #: cut off from the room, how long this process waits to hand its state to Redis


@dataclass(frozen=True, slots=True)
class Parts:
    """What lives as long as the call."""

    inbox: Inbox
    line: Line
    witness: Witness
    ear: Ear
    mouth: Mouth
    studio: Studio
    foresight: Foresight
    recorder: Recorder


@dataclass(frozen=True, slots=True)
class Seat:
    """What a conversation stands on."""

    ctx: JobContext
    parts: Parts
    flow: Flow
    history: History
    holding: Holding
    live: LiveCalls
    settings: BotSettings
    calls: Calls


async def take_call(ctx: JobContext) -> None:
    """The job's entry point. Returns when the call is over and its result is kept, or when another process has it."""
    settings = BotSettings()
    try:
        order = Order.parse(ctx.job.metadata, settings.flow)
        async with open_stores() as stores:
            if order.apologise:
                await apologise(ctx, stores)
            else:
                await _take(ctx, order, stores, settings)
    except (BadOrder, FlowError) as wrong:
        log.error("this call cannot be taken, its room is closed: %s", wrong)
        await ctx.delete_room(ctx.job.room.name)  # the phone hears "busy" now, not after the ringing time


async def _take(ctx: JobContext, order: Order, stores: Stores, settings: BotSettings) -> None:
    room, owner = ctx.job.room.name, myself(ctx.job.id, ctx.job.metadata)
    claiming = asyncio.create_task(claim(stores.live, room, owner), name="job.claim")
    await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
    claimed = await claiming
    before = await inherit(claimed, stores.shelf, room)
    async with (
        Holding(stores.live, room, owner, stores.shelf, claimed) as holding,
        _parts(ctx, settings, order.direction) as parts,
    ):
        known = await known_call(stores.calls, order) if before.snapshot is None else None
        flow = await flow_of(stores.calls, known, order, before)
        parts.line.watch()
        if known is not None:
            await _ready_to_greet(parts.studio, flow, known)
        await parts.line.stage("ready")
        async with leaving_when_superseded(holding, parts.inbox):
            arrived = await wait_for_caller(
                parts.inbox, settings.caller_wait_s, lambda: dial_is_over(stores.calls, order)
            )
            if arrived is None and usable(before, flow) is None:
                log.info("no caller came; leaving the room")
                await ctx.delete_room()
            elif arrived is not None and await already_over(stores.calls, arrived):
                log.warning("this caller's conversation was over before livekit-server came back; hanging up")
                await hang_up(ctx.api, ctx.room)
            else:
                call = _call(before, flow, known, order, arrived, room)
                async with stores.writer_of(call.id) as writer:
                    sip_id = arrived.attributes.get("sip.callID", "") if arrived is not None else ""
                    history = History(call, writer, stores.events, sip_call_id=sip_id, region=flow.locale.region)
                    seat = Seat(ctx, parts, flow, history, holding, stores.live, settings, stores.calls)
                    try:
                        async with recorded(parts.recorder, history):
                            over = await _converse(seat, usable(before, flow), arrived)
                    finally:
                        history.witnessed(parts.witness.happenings(time.time()))
                    if not over:
                        return
        await holding.over()


def _call(
    before: Inheritance, flow: Flow, known: NewCall | None, order: Order, arrived: Arrived | None, room: str
) -> NewCall:
    if (snapshot := usable(before, flow)) is not None:
        return snapshot.call
    assert arrived is not None, "without a predecessor there is a caller"
    return known or new_call(room, order, flow, arrived)


async def _converse(seat: Seat, before: Snapshot | None, arrived: Arrived | None) -> bool:
    """Hold the conversation and keep its result; False when it goes on in another process."""
    ctx, parts, flow, history = seat.ctx, seat.parts, seat.flow, seat.history
    call = history.call
    ctx.log_context_fields = {"call_id": call.id}
    snapshot = await _begin(seat, before)
    settings, switchboard = seat.settings, _switchboard(seat)
    if before is not None:
        await switchboard.adopt(together=snapshot.state.focus.stage == "human")
    async with open_mind(settings.llm, settings.llm_base_url, history.asked_model, preload.INTENTS) as mind:
        await _prepare_first_words(parts.studio, flow, snapshot.state)
        memory = LiveMemory(seat.holding, history, flow, snapshot)
        body = Body(parts.inbox, parts.ear, parts.mouth, Keys(), Hands(switchboard, parts.line.press), history)
        body.mind, body.recorder, body.memory = mind, parts.recorder, memory
        limits = {"call_max_s": settings.call_max_s, "human_max_s": settings.human_max_s}
        conversation = Conversation(flow, snapshot.state, body, **limits)
        parts.foresight.think, parts.foresight.watch = conversation.foresee, history.hearing
        parts.foresight.sift = conversation.guessed
        if arrived is None:  # the caller hung up while nobody had the call
            conversation.state, _ = step(flow, snapshot.state, HungUp(time.time()))
            await _finish(seat, conversation.state, switchboard)
            return True
        with _dismissable(parts.inbox):
            # The phone may ring a little longer: once it is answered, the greeting comes at once.
            await parts.line.open()
            await _talk(seat, conversation)
        parts.recorder.switch(False)
        if conversation.left in ("superseded", "cut"):
            if conversation.left == "cut" and not await seat.holding.stored(_STORED_S):
                log.warning("this call's state is on this machine only: Redis is still away")
            ctx.shutdown(conversation.left)
            return False
        if call.direction is Direction.OUTBOUND and not conversation.answered:
            return True  # nobody was reached: how the network answered is the dialer's to record
        if conversation.left in ("dismissed", "broken"):
            conversation.state = as_dropped(conversation.state, time.time())
        await _finish(seat, conversation.state, switchboard)
        if (summary := await mind.retell(flow, conversation.state)) is not None:  # nobody waits for it any more
            history.retold(summary)
            await history.flush()
    return True


async def _talk(seat: Seat, conversation: Conversation) -> None:
    """The conversation, and an apology when we break it off."""
    try:
        await conversation.run()
    except Exception:  # the top of a call: whatever broke, the caller hears an apology and the record is kept
        log.exception("the conversation broke")
    else:
        if conversation.left != "dismissed":
            return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(seat.parts.mouth.say(APOLOGY), _APOLOGY_S)


async def _begin(seat: Seat, before: Snapshot | None) -> Snapshot:
    """The state to start from: a new one, or where a predecessor stopped."""
    flow, history, call = seat.flow, seat.history, seat.history.call
    if before is not None:
        log.warning("going on with a call whose process died, %d answers are kept", len(before.state.answers))
        history.go_on(flow.body, before.state.answers, before.turns, time.time())
        return before
    history.begun(flow.body)
    law = rule(_e164(call.caller, flow), _e164(call.callee, flow), call.lead)
    there = ",".join(seat.settings.destinations)
    facts = {"caller": call.caller, "callee": call.callee, DESTINATIONS: there, LAW: law}
    earlier = await recall(seat.live, flow, call)
    state = begin(
        flow,
        call_id=call.id,
        direction=call.direction,
        at=call.created_at,
        facts=facts,
        lead=call.lead,
        earlier=earlier,
    )
    return Snapshot(call, state)


async def _finish(seat: Seat, state: State, switchboard: Switchboard) -> None:
    """Keep the result, then hang up: the row comes first, the room is the telephone."""
    result = result_of(seat.flow, state)
    seat.history.finished(result.record, result.disposition, result.score, time.time())
    await seat.history.flush()
    if result.disposition in BROKEN_OFF:
        await remember(seat.live, seat.flow, Snapshot(seat.history.call, state))
    await seat.parts.line.close()
    await switchboard.close()
    await hang_up(seat.ctx.api, seat.ctx.room)


async def _ready_to_greet(studio: Studio, flow: Flow, known: NewCall) -> None:
    """Render the greeting of a call that goes out before its INVITE: some telephones answer at once, and whoever hears
    nothing for two seconds was abandoned (16 CFR 310.4(b)(4)). Late words are better than none, so it is not waited for long."""
    state = begin(flow, call_id=known.id, direction=known.direction, at=known.created_at, lead=known.lead)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_GREETING_S):
            await _prepare_first_words(studio, flow, state)


async def _prepare_first_words(studio: Studio, flow: Flow, state: State) -> None:
    """Render what will be said first while the phone still rings; the engine is pure, so asking it costs nothing.

    Only the first sentence is waited for: the others come while it is spoken.
    """
    studio.fixed = frozenset(fixed(flow))
    now = time.time()
    _, effects = step(flow, state, Answered(now) if state.focus.stage == "new" else Resumed(now))
    texts = [effect.text for effect in effects if isinstance(effect, Say)]
    if first := next((sentence for text in texts for sentence in sentences(text)), ""):
        await studio.clip(first)
    studio.ahead(texts)


def _e164(number: str, flow: Flow) -> str:
    """A carrier may send the national form."""
    return classify(number, flow.locale.region).e164 if number else ""


def _switchboard(seat: Seat) -> Switchboard:
    call, parts, telephone = seat.history.call, seat.parts, SipSettings()
    desk = Desk(
        call_id=call.id,
        policy=GateSettings().policy,
        destinations=seat.settings.destinations,
        trunk=telephone.trunk,
        caller_id=telephone.caller_id,
        ours=call.caller if call.direction is Direction.OUTBOUND else call.callee,
        human_max_s=round(seat.settings.human_max_s),
    )
    aside = Mouth(parts.line.speaker, parts.studio)  # what is said to a person alone is not in the recording
    switchboard = Switchboard(seat.ctx.api, seat.ctx.room, lambda: parts.line.caller, aside, seat.calls, desk)
    switchboard.news.tell, switchboard.news.heard = seat.history.transfer, parts.recorder.bot
    switchboard.news.left = lambda talked_s: parts.inbox.put(Reported(HumanLeft(time.time(), talked_s)))
    return switchboard


@contextlib.contextmanager
def _dismissable(inbox: Inbox) -> Iterator[None]:
    """While the worker may send us away with SIGUSR1 (job processes ignore the signals that end the worker)."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, lambda: inbox.put(Leave(time.time(), "dismissed")))
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


@asynccontextmanager
async def _parts(ctx: JobContext, settings: BotSettings, direction: Direction | None) -> AsyncIterator[Parts]:
    inbox, senses = Inbox(), open_senses(settings)
    tones = senses.tones if direction is Direction.OUTBOUND else None  # who calls us is no mailbox
    with ThreadPoolExecutor(1, "ear", yield_to_audio) as listening, ThreadPoolExecutor(1, "studio") as rendering:
        witness = Witness(inbox)
        line = Line(ctx.room, witness)
        foresight = Foresight(patience)
        recognition = Recognition(senses.recogniser, listening, foresight, senses.turn_model)
        ear = Ear(inbox, recognition, senses.activity)
        studio = Studio(senses.voice, preload.CACHE, rendering, spare=senses.spare)
        recorder, gate = Recorder(), EchoGate(ear.push)

        def hear(pcm: Pcm, at: float) -> None:
            recorder.caller(pcm, at)
            gate.push(pcm, at)
            if tones is not None and (tone := tones.push(pcm, at)) is not None:
                inbox.put(Reported(Machine(tone.ended_at, "tone", tone.spoken_s)))

        inbox.attach(hear)
        mouth = Mouth(EchoingSpeaker(RecordedSpeaker(line.speaker, recorder), gate), studio)
        try:
            async with thrifty():
                yield Parts(inbox, line, witness, ear, mouth, studio, foresight, recorder)
        finally:
            await studio.close()
            await line.close()
            await senses.close()


def yield_to_audio() -> None:
    """Give this thread less of a busy machine than the threads that carry sound: a late word beats a torn one."""
    if sys.platform == "linux":  # where nice values are per thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _DECODER_NICE)
