"""The shell around the engine: signals in, effects carried out, nothing decided, nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.body import Body
from bot.conversation import Conversation
from bot.doubt import FIRST_LOOK_S
from bot.ear import Ear, Turn
from bot.guesses import Recognition
from bot.hands import Hands
from bot.history import History
from bot.inbox import Gone, Inbox, Key, Onset, Reported, Up
from bot.keys import Keys
from bot.mind import Mind, NoMind
from bot.mouth import Mouth
from bot.rehearsal import Exchange, MemorySpeaker, OnTheSpot, ScriptedRecogniser, ScriptedVoice
from bot.speech.vad import VoiceActivity, builtin
from bot.studio import PromptCache, Studio
from bot.switchboard import Mode
from flows.engine import begin, record
from flows.flow import Flow, TransferPlan
from flows.model import Direction, HumanLeft, Operator
from store.calls import NewCall
from store.events import MemoryEvents
from store.flowfiles import load_flow
from store.memory_calls import MemoryCalls
from store.writer import Writer

AT = 1_795_021_600.0  # a Wednesday noon in New York
CALLER = "+12025550142"
FACTS = {"caller": CALLER, "destinations": "sales"}


class FrozenClock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.at = AT

    def __call__(self) -> float:
        return self.at


@dataclass
class Scene:
    """One conversation with everything around it in memory."""

    inbox: Inbox
    speaker: MemorySpeaker
    mouth: Mouth
    calls: MemoryCalls
    events: MemoryEvents
    history: History
    conversation: Conversation
    flow: Flow
    running: asyncio.Task[None]
    clock: FrozenClock

    async def pass_time(self, seconds: float) -> None:
        """Let time go by, and the conversation notice."""
        self.clock.at += seconds
        self.inbox.put(Key(self.clock.at, "A"))  # a key that means nothing wakes it
        await self.turns()

    async def turns(self, n: int = 200) -> None:
        """Let everybody work, without sound being heard."""
        for _ in range(n):
            await asyncio.sleep(0)

    async def hear_out(self) -> None:
        """Let the bot speak until it has nothing more to say."""
        for _ in range(8):
            await self.turns()
            await self.speaker.play_out()

    async def says(self, text: str, voiced_s: float = 1.0) -> None:
        self.inbox.put(Onset(AT))
        await self.turns()
        self.inbox.put(Turn(text, 0.95, AT, AT + voiced_s, AT + voiced_s + 0.2, voiced_s))
        await self.turns()

    async def words(self) -> list[tuple[str, str, bool]]:
        await self.history.flush()
        return [(t.who, t.text, t.interrupted) for t in await self.calls.turns("c1")]


@asynccontextmanager
async def scene(
    tmp_path: Path, flow_name: str = "b2b-software", mind: Mind | None = None, exchange: Exchange | None = None
) -> AsyncIterator[Scene]:
    flow = load_flow(flow_name)
    calls, clock = MemoryCalls(), FrozenClock()
    events = MemoryEvents(lambda: AT)
    async with Writer(calls, tmp_path / "journal.jsonl") as writer:
        call = NewCall("c1", Direction.INBOUND, flow.name, flow.hash, "room", CALLER, "+12025550100", AT)
        history = History(call, writer, events)
        history.begun(flow.body)
        inbox, speaker = Inbox(), MemorySpeaker()
        mouth = Mouth(speaker, Studio(ScriptedVoice(), PromptCache(None), OnTheSpot()), clock)
        recognition = Recognition(ScriptedRecogniser([""]), OnTheSpot(), lambda _e, _t, _f=None: 0.2)
        ear = Ear(inbox, recognition, VoiceActivity(builtin()))
        exchange = exchange or Exchange()
        hands = Hands(exchange, exchange.press)
        body = Body(inbox, ear, mouth, Keys(), hands, history, clock, mind or NoMind())
        state = begin(flow, call_id="c1", direction=Direction.INBOUND, at=AT, facts=FACTS, lead={})
        conversation = Conversation(flow, state, body, call_max_s=600)
        running = asyncio.create_task(conversation.run())
        found = Scene(inbox, speaker, mouth, calls, events, history, conversation, flow, running, clock)
        inbox.put(Up(AT))
        await found.turns()
        try:
            yield found
        finally:
            inbox.put(Gone(AT, "test over"))
            await asyncio.wait_for(running, 5)


async def test_the_greeting_is_spoken_when_the_call_is_up(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        who, text, interrupted = (await call.words())[0]
        assert (who, interrupted) == ("bot", False)
        assert "Example Software" in text


async def test_an_answer_moves_the_conversation_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Yeah, sure.")
        await call.hear_out()
        await call.says("About fifty people.")
        await call.hear_out()
        answers = {answer.slot: answer.value for answer in await call.calls.answers("c1")}
        assert answers == {"good_time": "yes", "company_size": (50, 50)}


async def test_a_reply_keeps_where_its_milliseconds_went(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        call.clock.at = AT + 1.2
        call.inbox.put(Turn("Sure.", 0.95, AT, AT + 1.0, AT + 1.2, 1.0, AT + 1.07, AT + 1.11))
        await call.hear_out()
        await call.history.flush()
        (reply,) = [turn for turn in await call.calls.turns("c1") if turn.timing]
        assert [*reply.timing] == ["decoding", "decoded", "decided", "understood", "worded", "queued"]
        assert {step: reply.timing[step] for step in ("decoding", "decoded", "decided", "worded")} == {
            "decoding": 70,
            "decoded": 110,
            "decided": 200,
            "worded": 200,
        }


async def test_words_over_a_question_stop_it_and_count(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Sure.")
        call.speaker.play(0.3)
        await call.turns()
        assert call.mouth.speaking
        await call.says("Fifty people.")
        await call.hear_out()
        words = await call.words()
        cut = [text for who, text, interrupted in words if who == "bot" and interrupted]
        assert len(cut) == 1
        assert "company_size" in call.conversation.state.answers


async def test_a_caller_who_goes_on_at_once_had_not_finished(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Sure.")
        await call.hear_out()
        call.inbox.put(Turn("Fifty.", 0.95, AT + 5, AT + 5.5, AT + 5.7, 0.5))
        await call.turns()
        call.speaker.play(0.2)
        assert call.mouth.speaking
        call.inbox.put(Turn("or sixty people.", 0.9, AT + 6, AT + 7, AT + 7.2, 1.0))
        await call.hear_out()
        answers = {answer.slot: answer.value for answer in await call.calls.answers("c1")}
        assert answers == {"good_time": "yes", "company_size": (50, 60)}
        assert call.conversation.state.focus.slot != "company_size"


async def test_a_backchannel_pauses_and_resumes_the_question(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Sure.")
        call.speaker.play(0.3)
        call.inbox.put(Onset(AT))
        await call.turns()
        assert call.mouth.paused
        await call.says("Mm-hmm.", voiced_s=0.4)
        assert not call.mouth.paused
        await call.hear_out()
        assert not any(interrupted for _, _, interrupted in await call.words())


async def test_a_backchannel_need_not_be_decided_before_the_question_goes_on(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Sure.")
        call.speaker.play(0.3)
        call.inbox.put(Onset(AT))
        await call.turns()
        assert call.mouth.paused
        call.conversation.guessed("Mm-hmm.")  # a guess, while the silence behind it is still waited for
        assert not call.mouth.paused


async def test_a_crowd_in_the_background_stops_the_bot_once_and_briefly(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Sure.")
        call.speaker.play(0.3)
        call.inbox.put(Onset(AT))
        await call.turns()
        assert call.mouth.paused
        await call.pass_time(FIRST_LOOK_S)  # the ear looks at it and finds no words
        assert not call.mouth.paused
        await call.says("", voiced_s=3.0)
        call.inbox.put(Onset(AT))
        await call.turns()
        assert not call.mouth.paused
        await call.hear_out()
        assert not any(interrupted for _, _, interrupted in await call.words())


async def test_words_over_the_disclosure_are_kept_until_its_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        call.speaker.play(0.2)
        await call.turns()
        await call.says("Yes, go ahead.")
        assert not call.mouth.paused
        assert call.conversation.state.answers == {}
        await call.hear_out()
        assert "good_time" in call.conversation.state.answers
        words = await call.words()
        assert next(interrupted for who, _, interrupted in words if who == "bot") is False


async def test_an_opt_out_is_stored_before_the_goodbye_is_spoken(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Please take me off your list.")
        assert await call.calls.is_suppressed(CALLER)
        assert call.mouth.speaking  # the goodbye has only begun
        await call.hear_out()
        assert call.conversation.state.disposition == "opted_out"


async def test_an_opt_out_counts_when_the_caller_hangs_up_in_the_same_breath(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        call.inbox.put(Turn("Take me off your list.", 0.9, AT, AT + 1, AT + 1.2, 1.0))
        call.inbox.put(Gone(AT + 1.3, "hung up"))
        await asyncio.wait_for(call.running, 5)
        assert await call.calls.is_suppressed(CALLER)
        assert record(call.flow, call.conversation.state)["disposition"] == "opted_out"


async def test_noise_changes_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        before = await call.words()
        await call.says("", voiced_s=0.1)
        await call.hear_out()
        assert await call.words() == before


async def test_hanging_up_ends_the_conversation_at_once(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        call.inbox.put(Gone(AT, "hung up"))
        await asyncio.wait_for(call.running, 5)
        assert call.conversation.state.disposition == "abandoned"
        assert not call.mouth.speaking


async def test_silence_is_asked_about_then_the_keypad_is_offered_then_the_call_ends(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        for _ in range(6):
            if call.running.done():
                break
            await call.pass_time(10)
            await call.hear_out()
        assert call.conversation.state.disposition == "no_input"


async def test_a_call_ends_at_its_time_limit(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.pass_time(601)
        await call.hear_out()
        await asyncio.wait_for(call.running, 5)
        assert call.conversation.state.ended


# -- a person takes the call


async def asks_for_a_person(call: Scene) -> None:
    await call.hear_out()
    await call.says("Can I talk to a person?")
    await call.hear_out()


async def test_nobody_takes_the_call_and_a_callback_is_offered(tmp_path: Path) -> None:
    async with scene(tmp_path, exchange=Exchange(None)) as call:
        await asks_for_a_person(call)
        last = (await call.words())[-1][1]
        assert last == "I'm sorry, nobody is free right now. When should we call you back?"


async def test_the_bot_keeps_silent_while_a_person_has_the_call_and_then_ends_it(tmp_path: Path) -> None:
    exchange = Exchange("warm")
    async with scene(tmp_path, exchange=exchange) as call:
        await asks_for_a_person(call)
        assert call.conversation.state.focus.stage == "human"
        spoken = len([line for line in await call.words() if line[0] == "bot"])
        await call.says("So what does it cost?")
        await call.pass_time(1200)  # more than the bot's own limit
        await call.hear_out()
        assert len([line for line in await call.words() if line[0] == "bot"]) == spoken
        assert not call.running.done()
        call.inbox.put(Reported(HumanLeft(call.clock.at, 1200)))
        await asyncio.wait_for(call.running, 5)
        assert call.conversation.state.disposition == "transferred"


async def test_a_talk_with_a_person_has_a_limit_of_its_own(tmp_path: Path) -> None:
    async with scene(tmp_path, exchange=Exchange("warm")) as call:
        await asks_for_a_person(call)
        await call.pass_time(3700)
        await call.hear_out()
        await asyncio.wait_for(call.running, 5)


async def test_an_opt_out_on_hold_brings_the_bot_back(tmp_path: Path) -> None:
    exchange = Exchange("warm")
    exchange.decides.clear()
    async with scene(tmp_path, exchange=exchange) as call:
        await asks_for_a_person(call)
        before = exchange.taken_back
        await call.says("Take me off your list.")
        await call.hear_out()
        assert exchange.taken_back == before + 1
        assert call.conversation.state.disposition == "opted_out"
        assert (await call.words())[-1][1].startswith("Understood.")


@pytest.mark.parametrize(("mode", "disposition"), [("cold", "transferred"), (None, "human_requested")])
async def test_the_caller_goes_while_somebody_is_called(tmp_path: Path, mode: Mode | None, disposition: str) -> None:
    exchange = Exchange(mode)
    exchange.decides.clear()
    async with scene(tmp_path, exchange=exchange) as call:
        cold = replace(call.flow, closing=replace(call.flow.closing, transfer=TransferPlan("sales", "cold")))
        call.conversation._flow = cold
        await asks_for_a_person(call)
        call.inbox.put(Gone(AT, "gone"))
        await call.turns()
        exchange.decides.set()  # the trunk's last word comes after the hang-up
        await asyncio.wait_for(call.running, 5)
        assert call.conversation.state.disposition == disposition


async def test_an_operator_presses_keys(tmp_path: Path) -> None:
    exchange = Exchange()
    async with scene(tmp_path, exchange=exchange) as call:
        await call.hear_out()
        call.inbox.put(Reported(Operator(AT, "press", "12#")))
        await call.turns()
        assert exchange.pressed == "12#"
