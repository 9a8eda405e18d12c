"""One call in one process: put the parts together, wait for the caller, run the conversation, keep its result."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from livekit.agents import AutoSubscribe, JobContext

from bot import preload
from bot.conversation import Body, Conversation
from bot.ear import Ear
from bot.echo import EchoGate, EchoingSpeaker
from bot.hands import Hands, TransferRefused
from bot.hangup import hang_up
from bot.history import History
from bot.inbox import Arrived, Gone, Inbox
from bot.keys import Keys
from bot.line import Line
from bot.mind import open_mind
from bot.mind_turn import Foresight
from bot.mouth import Mouth
from bot.order import BadOrder, Order, direction_of
from bot.recorder import RecordedSpeaker, Recorder
from bot.senses import open_senses
from bot.settings import BotSettings
from bot.speech.audio import Pcm
from bot.studio import Studio, sentences
from campaigns.numbers import classify
from campaigns.recording_law import rule
from flows.engine import begin, record, step
from flows.flow import Flow
from flows.model import Answered, Direction, Say
from flows.patience import patience
from flows.prompts import fixed
from flows.recording import LAW
from flows.schema import FlowError, parse_flow
from flows.state import State
from store.calls import Calls, NewCall, Part, UnknownCall
from store.database import open_calls
from store.flowfiles import load_flow
from store.recordings import folder_of
from store.redis_events import RedisEvents
from store.settings import StoreSettings
from store.writer import Writer, journal_path

log = logging.getLogger("leadline.job")

_RECENT = 100  #: calls among which a leg that came back is looked for
_DECODER_NICE = 15
_APOLOGY = "I'm sorry, something went wrong on our side. Goodbye."


@dataclass(frozen=True, slots=True)
class Parts:
    """What lives as long as the call."""

    inbox: Inbox
    line: Line
    ear: Ear
    mouth: Mouth
    studio: Studio
    foresight: Foresight
    recorder: Recorder


async def take_call(ctx: JobContext) -> None:
    """The job's entry point. Returns when the call is over and its result is kept."""
    try:
        await _take(ctx, BotSettings())
    except (BadOrder, FlowError) as wrong:
        log.error("this call cannot be taken, its room is closed: %s", wrong)
        await ctx.delete_room(ctx.job.room.name)  # the phone hears "busy" now, not after the ringing time


async def _take(ctx: JobContext, settings: BotSettings) -> None:
    order = Order.parse(ctx.job.metadata, settings.flow)
    async with _store() as (calls, events, writer_of):
        await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
        async with _parts(ctx, settings) as parts:
            known = await _known(calls, order)
            flow = await _flow(calls, known, order)
            await parts.line.open()
            await parts.line.stage("ready")
            arrived = await _caller(parts.inbox, settings.caller_wait_s)
            if arrived is None:
                log.info("no caller came; leaving the room")
                await ctx.delete_room()
                return
            if await _already_over(calls, arrived):
                log.warning("this caller's conversation was over before livekit-server came back; hanging up")
                await hang_up(ctx.api, ctx.room)
                return
            call = known or _new_call(ctx, order, flow, arrived)
            async with writer_of(call.id) as writer:
                sip_id = arrived.attributes.get("sip.callID", "")
                history = History(call, writer, events, sip_call_id=sip_id, region=flow.locale.region)
                async with _recording(parts.recorder, history):
                    await _converse(ctx, parts, flow, history, arrived, settings)


@asynccontextmanager
async def _recording(recorder: Recorder, history: History) -> AsyncIterator[None]:
    """Give the recorder a place and someone to tell; on leaving the file is whole and its row is written."""
    call, loop = history.call, asyncio.get_running_loop()

    def noted(part: Part) -> None:
        loop.call_soon_threadsafe(history.recorded, part)

    recorder.keep_in(folder_of(StoreSettings().recordings_dir, call.id, call.created_at), noted)
    try:
        yield
    finally:
        await asyncio.to_thread(recorder.close)
        await asyncio.sleep(0)  # what the recorder's thread told last is with the writer now
        await history.flush()


async def _converse(
    ctx: JobContext, parts: Parts, flow: Flow, history: History, arrived: Arrived, settings: BotSettings
) -> None:
    call = history.call
    ctx.log_context_fields = {"call_id": call.id}
    history.begun(flow.body)
    state = begin(
        flow,
        call_id=call.id,
        direction=call.direction,
        at=arrived.at,
        facts={
            "caller": call.caller,
            "callee": call.callee,
            LAW: rule(_e164(call.caller, flow), _e164(call.callee, flow), call.lead),
        },
        lead=call.lead,
    )
    async with open_mind(settings.llm, settings.llm_base_url, history.asked_model, preload.INTENTS) as mind:
        parts.studio.fixed = frozenset(fixed(flow))
        await _prepare_greeting(parts.studio, flow, state)
        body = Body(parts.inbox, parts.ear, parts.mouth, Keys(), Hands(_put_through), history)
        body.mind, body.recorder = mind, parts.recorder
        conversation = Conversation(flow, state, body, call_max_s=settings.call_max_s)
        parts.foresight.think, parts.foresight.watch = conversation.foresee, history.hearing
        parts.foresight.sift = conversation.guessed
        try:
            await conversation.run()
        except Exception:  # the top of a call: whatever broke, the caller hears an apology and the record is kept
            log.exception("the conversation broke")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(parts.mouth.say(_APOLOGY), 8)
        parts.recorder.switch(False)
        if call.direction is Direction.OUTBOUND and not conversation.answered:
            return  # nobody was reached: how the network answered is the dialer's to record
        await _finish(ctx, parts, flow, conversation.state, history)
        if (summary := await mind.retell(flow, conversation.state)) is not None:  # nobody waits for it any more
            history.retold(summary)
            await history.flush()


async def _finish(ctx: JobContext, parts: Parts, flow: Flow, state: State, history: History) -> None:
    """Keep the result, then hang up: the row comes first, the room is the telephone."""
    result = record(flow, state)
    score = result["score"]
    total = score["total"] if isinstance(score, Mapping) else 0
    history.finished(result, state.disposition or "failed", int(total), time.time())
    await history.flush()
    await parts.line.close()
    await hang_up(ctx.api, ctx.room)


async def _prepare_greeting(studio: Studio, flow: Flow, state: State) -> None:
    """Render what will be said first while the phone still rings; the engine is pure, so asking it costs nothing."""
    _, effects = step(flow, state, Answered(time.time()))
    for effect in effects:
        if isinstance(effect, Say):
            for sentence in sentences(effect.text):
                await studio.clip(sentence)


async def _caller(inbox: Inbox, limit_s: float) -> Arrived | None:
    """The caller's leg, or None when it never comes."""
    deadline = time.monotonic() + limit_s
    while (left := deadline - time.monotonic()) > 0:
        signal = await inbox.next(left)
        if isinstance(signal, Arrived):
            return signal
        if signal is None or isinstance(signal, Gone):
            return None
    return None


async def _known(calls: Calls, order: Order) -> NewCall | None:
    """The row that the dialer made for this call."""
    if order.call_id is None:
        return None
    try:
        return (await calls.get(order.call_id)).begun
    except UnknownCall:
        log.warning("the dispatch names a call without a row; going on without its lead")
        return None


async def _already_over(calls: Calls, arrived: Arrived) -> bool:
    """Whether this leg has had its conversation. A restarted server sends a new agent to legs that reconnect to it."""
    leg = arrived.attributes.get("sip.callID", "")
    return bool(leg) and any(
        call.sip.call_id == leg and call.ended_at is not None for call in await calls.list(_RECENT)
    )


def _new_call(ctx: JobContext, order: Order, flow: Flow, arrived: Arrived) -> NewCall:
    attributes = arrived.attributes
    direction = direction_of(order, attributes)
    theirs, ours = attributes.get("sip.phoneNumber", ""), attributes.get("sip.trunkPhoneNumber", "")
    outbound = direction is Direction.OUTBOUND
    return NewCall(
        id=order.call_id or uuid.uuid4().hex,
        direction=direction,
        flow=flow.name,
        flow_hash=flow.hash,
        room=ctx.room.name,
        caller=ours if outbound else theirs,
        callee=theirs if outbound else ours,
        created_at=arrived.at,
    )


async def _flow(calls: Calls, known: NewCall | None, order: Order) -> Flow:
    """The flow of the row, by content: a file edited meanwhile changes no call that was already placed."""
    if known is None:
        return preload.FLOWS.get(order.flow) or load_flow(order.flow)
    shipped = preload.FLOWS.get(known.flow)
    if shipped is not None and shipped.hash == known.flow_hash:
        return shipped
    body = await calls.flow_body(known.flow_hash)
    return parse_flow(body, known.flow) if body is not None else load_flow(known.flow)


def _e164(number: str, flow: Flow) -> str:
    """A carrier may send the national form."""
    return classify(number, flow.locale.region).e164 if number else ""


async def _put_through(to: str) -> None:
    raise TransferRefused("no transfer destination is configured" if not to else "transfers are not enabled here")


@asynccontextmanager
async def _parts(ctx: JobContext, settings: BotSettings) -> AsyncIterator[Parts]:
    inbox, senses = Inbox(), open_senses(settings)
    with ThreadPoolExecutor(1, "ear", yield_to_audio) as listening, ThreadPoolExecutor(1, "studio") as rendering:
        line = Line(ctx.room, inbox)
        foresight = Foresight(patience)
        ear = Ear(inbox, senses.recogniser, senses.activity, listening, foresight)
        studio = Studio(senses.voice, preload.CACHE, rendering, spare=senses.spare)
        recorder, gate = Recorder(), EchoGate(ear.push)

        def hear(pcm: Pcm, at: float) -> None:
            recorder.caller(pcm, at)
            gate.push(pcm, at)

        inbox.attach(hear)
        mouth = Mouth(EchoingSpeaker(RecordedSpeaker(line.speaker, recorder), gate), studio)
        try:
            yield Parts(inbox, line, ear, mouth, studio, foresight, recorder)
        finally:
            await studio.close()
            await line.close()


def yield_to_audio() -> None:
    """Give this thread less of a busy machine than the threads that carry sound: a late word beats a torn one."""
    if sys.platform == "linux":  # where nice values are per thread
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _DECODER_NICE)


class _WriterOf:
    """Makes the writer once the call's id is known."""

    def __init__(self, calls: Calls, settings: StoreSettings) -> None:
        self._calls = calls
        self._folder = settings.journal_dir

    def __call__(self, call_id: str) -> Writer:
        return Writer(self._calls, journal_path(self._folder, call_id))


@asynccontextmanager
async def _store() -> AsyncIterator[tuple[Calls, RedisEvents, _WriterOf]]:
    settings = StoreSettings()
    async with (
        open_calls(settings.database_url, migrated=True) as calls,
        RedisEvents(settings.redis_url, time.time) as events,
    ):
        yield calls, events, _WriterOf(calls, settings)
