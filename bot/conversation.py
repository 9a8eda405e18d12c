"""The shell around the engine: signals in, `flows.step`, effects out. It holds the state and decides nothing.

One task reads the inbox, one carries out effects, batch by batch. New effects replace what was still to be said,
never what was still to be done: an opt-out is stored even when the caller hangs up in the same breath.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from typing import Final, assert_never

from bot.body import Body
from bot.ear import Turn as Utterance
from bot.floor import REST_S, Batch, Clock, Exit, Floor
from bot.inbox import (
    Arrived,
    Away,
    Back,
    Glimpse,
    Gone,
    Key,
    Leave,
    Onset,
    Reported,
    Signal,
    Understood,
    Up,
    Why,
)
from bot.memory import unfinished
from bot.mind_turn import Thinking
from bot.overlap import Overlap, Taken
from bot.patter import COURTESY
from bot.silences import bridge
from bot.waterfall import Waterfall
from flows import retake
from flows.engine import step
from flows.flow import Flow
from flows.model import (
    Answered,
    BargeIn,
    Callback,
    Done,
    Effect,
    End,
    Event,
    Expect,
    Heard,
    HungUp,
    Interrupted,
    Listen,
    Lookup,
    Operator,
    OptOut,
    Press,
    Pressed,
    Record,
    Resumed,
    Say,
    Silence,
    Transfer,
    TransferDone,
)
from flows.state import State

log = logging.getLogger("leadline.call")

_TICK_S: Final = 5.0  #: the longest wait without looking at the deadlines
_GRACE_S: Final = 30.0  #: after the time limit, how long the goodbye may take
_LAST_WORDS_S: Final = 0.35  #: sound under way to the phone when the room is closed
_LAST_ACTS_S: Final = 10.0  #: after the call, how long what is still to be done may take


class Conversation:
    """Carries one call from the first ring to its record."""

    def __init__(self, flow: Flow, state: State, body: Body, *, call_max_s: float, human_max_s: float = 3600.0) -> None:
        self.state = state
        self._flow = flow
        self._body = body
        self._clock = Clock(call_max_s=call_max_s, human_max_s=human_max_s)
        self._listen: Listen | None = None
        self._floor = Floor(Thinking(body.mind, lambda: body.inbox.put(Understood())))
        self._overlap = Overlap(flow, body, self._floor, self._clock)
        self._batches: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._latest = Batch([])
        self._exit = Exit()

    async def run(self) -> None:
        """Until the call is over. The caller's leg may still be up when this returns."""
        worker = asyncio.create_task(self._work(), name="call.effects")
        try:
            while not self._exit.over.is_set():
                deadline = self._clock.next(self._body.keys.deadline, *self._floor.deadlines())
                wait = _TICK_S if deadline is None else min(_TICK_S, deadline - self._body.now())
                signal = await self._body.inbox.next(wait)
                if signal is not None:
                    await self._take(signal)
                self._check_deadlines(self._body.now())
        finally:
            self._silence()
            await self._floor.thinking.stop()
            await self._overlap.stop()
            self._batches.put_nowait(None)
            await self._body.hands.stop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker, _LAST_ACTS_S)

    @property
    def left(self) -> Why | None:
        """Why it stopped in its middle, None when it did not."""
        return self._exit.why

    @property
    def answered(self) -> bool:
        """Whether the call was ever up."""
        return self._clock.call is not None

    # -- signals

    async def _take(self, signal: Signal) -> None:
        match signal:
            case Arrived():
                pass  # the job has used it before the conversation began
            case Up(at):
                self._on_up(at)
            case Onset() | Glimpse() | Utterance():
                self._on_sound(signal)
            case Key(at, key):
                self._on_key(key, at)
            case Away(at):
                self._floor.excused = True
                self._silence()
                self._clock.no_input = None
                self._body.history.away(at)
            case Back(at):
                self._floor.excused = False
                self._body.history.back(at)
                self._happen(Resumed(at))  # what was said meanwhile nobody heard: the question is asked again
            case Gone() | Leave():
                await self._on_parting(signal)
            case Reported(event):
                self._on_reported(event)
            case Understood():
                self._on_understood()
            case _:
                assert_never(signal)

    def _on_reported(self, event: Event) -> None:
        self._happen(event)
        if isinstance(event, TransferDone) and self._clock.call is not None:
            self._clock.call = max(self._clock.call, self._body.now() + self._clock.human_max_s)

    def _on_sound(self, signal: Onset | Glimpse | Utterance) -> None:
        if isinstance(signal, Onset):
            self._body.history.sound(signal.at)
        match self._overlap.take(signal, self._asked()):
            case Taken.QUIET:
                self._rearm_no_input(self._body.now())
            case Taken.WORDS:
                assert isinstance(signal, Utterance)
                self._hear(signal)
                if not self._floor.thinking.busy:
                    self._body.mouth.resume()  # words that moved nothing: the prompt goes on

    def guessed(self, text: str) -> None:
        """The caller has fallen silent, perhaps for a moment only, after these words."""
        now = self._body.now()
        self._overlap.guessed(text, now, self._asked())
        if text:  # the engine is pure: asking it what would be said next costs half a millisecond
            self._look_ahead(Heard(now, text))

    def _on_up(self, at: float) -> None:
        self._body.history.answered(at)
        fresh = self.state.focus.stage == "new"
        self._clock.call = (at if fresh else self.state.context.began_at) + self._clock.call_max_s
        if fresh:
            self._happen(Answered(at))
        elif self.state.ended:
            self._exit.over.set()  # all was said: only the hanging up was missing
        else:
            self._clock.keys_from = at + REST_S
            self._happen(Resumed(at), again=unfinished(self.state.pending))

    async def _on_parting(self, signal: Gone | Leave) -> None:
        """Without the caller the call is over; without us it goes on."""
        self._silence()
        self._floor.thinking.drop()
        match signal:
            case Gone(at, reason, ours):
                log.info("the caller's leg is gone: %s", reason)
                self._exit.why = "broken" if ours else None
                if (news := await self._body.hands.caller_left()) is not None:
                    self._happen(news)  # a transfer sent them on
                if (turn := await self._body.ear.finish(at)) and self._overlap.has_words(turn, self._asked()):
                    self._happen(self._heard(turn))  # "take me off your list", and hung up
                self._happen(HungUp(at))
            case Leave(why=why):
                log.warning("leaving the call to another process: %s", why)
                self._exit.why = why
        self._exit.over.set()

    def _heard(self, turn: Utterance) -> Heard:
        self._clock.silences = 0
        self._body.history.heard(turn, self._slot())
        return Heard(turn.decided_at, turn.text, confidence=turn.confidence, spoken_s=turn.voiced_s)

    def _hear(self, turn: Utterance) -> None:
        event, reply = self._heard(turn), Waterfall.of(turn)
        if (whole := retake.whole(self._flow, self._floor.taken, self.state, turn.began_at, event)) is not None:
            self.state, event = whole
            self._body.history.answers(self.state.answers)  # one may be taken back
        if not self._floor.thinking.begin(self._flow, self.state, event, reply):
            return self._happen(event, reply)
        self._floor.patter.wait(turn.ended_at)

    def _on_understood(self) -> None:
        thought = self._floor.thinking.collect()
        if thought is None:
            return  # the caller has gone on meanwhile
        self._rearm_no_input(self._body.now())
        self._happen(thought.heard, thought.reply)
        self._body.mouth.resume()

    def foresee(self, text: str) -> None:
        """The caller may have said all he will: think about it while the silence is still waited for."""
        self._floor.thinking.foresee(self._flow, self.state, text, at=self._body.now())

    def _on_key(self, key: str, at: float) -> None:
        if self._clock.is_rest(at):
            return
        entry = self._body.keys.press(key, at)
        if entry is None and self._body.keys.deadline is None:
            return  # a key that means nothing here: it must not silence the question, nor stop the clock
        self._clock.no_input = None
        if (saying := self._floor.saying) is not None and saying.barge_in is not BargeIn.NONE:
            self._silence()  # typed digits interrupt the prompt
        if entry is not None:
            self._enter(entry, at)

    def _enter(self, entry: str, at: float) -> None:
        self._clock.silences = 0
        self._floor.thinking.drop()
        self._body.history.pressed(entry, at, self._slot())
        self._happen(Pressed(at, entry), Waterfall(at))

    def _check_deadlines(self, now: float) -> None:
        clock, keys = self._clock, self._body.keys
        self._overlap.check(now)
        self._bridge(now)
        if keys.deadline is not None and keys.deadline <= now:
            if (entry := keys.expire()) is not None:
                self._enter(entry, now)
            else:
                self._rearm_no_input(now)
        if clock.short is not None and clock.short <= now:
            clock.short = None
            self._body.mouth.pause()
        if clock.no_input is not None and clock.no_input <= now:
            clock.no_input = None
            clock.silences += 1
            self._happen(Silence(now, clock.silences))
        if clock.call is not None and clock.call <= now:
            if self.state.ended:
                self._exit.over.set()
                return
            clock.call = now + _GRACE_S
            log.warning("the call has reached its time limit of %.0f s", clock.call_max_s)
            self._happen(Operator(now, "end", "time limit"))

    def _bridge(self, now: float) -> None:
        """Say something where the caller would hear silence: while a model thinks, and when something has broken."""
        waits, mouth = self._clock.no_input is not None or self._body.keys.deadline is not None, self._body.mouth
        lines, silent = self._flow.script.lines.get("thinking", ()), not waits and not mouth.audible
        match bridge(self._floor, now, self.state.focus.stage, lines, silent=silent, sounded_at=mouth.sounded_at):
            case Say() as say:
                self._batches.put_nowait(Batch([say]))
            case Resumed() | Operator() as event:
                self._body.history.defect("dead_air", now)
                self._happen(event)

    def _look_ahead(self, event: Event) -> None:
        _, effects = step(self._flow, self.state, event)
        self._body.mouth.ahead(effect.text for effect in effects if isinstance(effect, Say))

    # -- the step

    def _happen(self, event: Event, reply: Waterfall | None = None, again: Sequence[Effect] = ()) -> None:
        before, began = self.state, self._body.now()
        self.state, made = step(self._flow, before, event)
        if isinstance(event, Heard):
            self._floor.taken = retake.taken(before, self.state, event, made)
        self._body.memory.keep(self.state)
        effects = (*again, *made)
        if self.state.answers is not before.answers:
            self._body.history.answers(self.state.answers)
        self._body.history.moved(self._flow, self.state)
        if rest := self._record(effects):
            self._replace(rest, reply and reply.then("understood", began).then("worded", self._body.now()))

    def _record(self, effects: Sequence[Effect]) -> Sequence[Effect]:
        """Switch the recording at once, whatever is being said; returns what else there is to do."""
        for effect in effects:
            if isinstance(effect, Record):
                self._body.recorder.switch(effect.on, keep=effect.keep)
                self._body.inbox.put(Reported(Done(self._body.now(), effect.id)))
        return [effect for effect in effects if not isinstance(effect, Record)]

    def _replace(self, effects: Sequence[Effect], reply: Waterfall | None) -> None:
        """Hand new effects to the worker and stop saying what is stale."""
        self._silence()
        self._floor.patter.answered()
        self._clock.no_input = None
        for effect in effects:
            if isinstance(effect, Listen):
                self._expect(effect)  # an answer may come while the question is still being asked
        self._latest = Batch(list(effects), reply)
        self._batches.put_nowait(self._latest)

    def _silence(self) -> None:
        self._latest.stale = True
        if self._floor.saying is None or self._floor.saying.id != COURTESY:  # two words, said to their end
            self._body.mouth.stop()

    def _expect(self, listen: Listen) -> None:
        if self._listen is None or self._listen.id != listen.id:
            self._listen = listen
            self._body.ear.expect = listen.expect
            self._body.keys.arm(listen.keypad, (listen.expect.slot, listen.expect.kind))
            self._clock.no_input_s = listen.no_input_s

    # -- effects

    async def _work(self) -> None:
        """Carry out batches in order until None comes. Of a stale batch only the acts are done, not the words."""
        while (batch := await self._batches.get()) is not None:
            if any(isinstance(effect, Say | Listen) for effect in batch.effects):
                await self._body.hands.take_back()
            for effect in batch.effects:
                if not isinstance(effect, Say | Listen):
                    if self.left in ("superseded", "cut") and not isinstance(effect, OptOut):
                        continue  # its successor does it: only an opt-out may be done by both
                    await self._body.memory.settled()  # whoever takes over now knows of it
                    await self._act(effect)
                elif not batch.stale:
                    await self._speak(batch, effect)

    async def _act(self, effect: Effect) -> None:
        match effect:
            case End(id=id_):
                await asyncio.sleep(0 if self._exit.over.is_set() else _LAST_WORDS_S)
                self._exit.over.set()
                self._body.inbox.put(Reported(Done(self._body.now(), id_)))
            case OptOut(id=id_):
                await self._body.history.opt_out(effect, self._body.now())
                self._body.inbox.put(Reported(Done(self._body.now(), id_)))
            case Transfer():
                self._body.hands.begin(effect, lambda event: self._body.inbox.put(Reported(event)))
            case Lookup() | Callback() | Press():
                self._body.inbox.put(Reported(await self._body.hands.do(effect)))
            case Record():
                self._record([effect])

    async def _speak(self, batch: Batch, effect: Say | Listen) -> None:
        if isinstance(effect, Listen):
            self._rearm_no_input(self._body.now())
            self._look_ahead(Silence(self._body.now(), self._clock.silences + 1))
            return
        began_at = self._body.now()
        self._floor.saying = effect
        self._body.history.speaking(effect, began_at)
        spoken = await self._body.mouth.say(effect.text)
        self._floor.saying = None
        at = spoken.began_at if spoken.began_at is not None else began_at
        reply, batch.reply = batch.reply and batch.reply.then("queued", at), None
        self._body.history.said(effect, spoken.text, at, finished=spoken.finished, reply=reply)
        now = self._body.now()
        event = Done(now, effect.id) if spoken.finished else Interrupted(now, effect.id, spoken.text)
        self._floor.dead_air.sounded()
        if effect.id != COURTESY:
            self._body.inbox.put(Reported(event))
        held, self._floor.held = self._floor.held, []
        for turn in held:  # said over a prompt that could not be interrupted: used now
            self._body.inbox.put(turn)

    # -- small questions

    def _rearm_no_input(self, now: float) -> None:
        busy = self._body.mouth.speaking or self._floor.thinking.busy or self._body.keys.deadline is not None
        if self._listen is not None and not busy:
            self._clock.no_input = now + self._clock.no_input_s

    def _asked(self) -> Expect | None:
        return self._listen.expect if self._listen is not None else None

    def _slot(self) -> str | None:
        return asked.slot if (asked := self._asked()) is not None else None
