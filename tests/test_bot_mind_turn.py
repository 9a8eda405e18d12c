"""A turn that waits for the model: what the caller does meanwhile, and that nothing he said is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.ear import Turn
from bot.inbox import Gone, Key, Onset
from bot.mind_turn import Foresight, Thinking
from bot.rehearsal import ScriptedMind
from flows.flow import Flow
from flows.model import Expect, Heard, Meaning, Quote, SlotType
from flows.rehearsal import Rehearsal
from flows.state import State
from store.flowfiles import load_flow
from tests.test_bot_conversation import AT, Scene, scene

B2B = load_flow("b2b-software")
DOUBTED = "we were a hundred last year but then it went down to sixty"
OPEN = "do you work with my calendar?"
SIXTY = Meaning(quotes=(Quote("company_size", "down to sixty"),))
REPLY = Meaning(reply="It depends on your team.")


async def at_size(call: Scene) -> None:
    await call.hear_out()
    await call.says("Yeah, sure.")
    await call.hear_out()


def size(call: Scene) -> object:
    kept = call.conversation.state.answers.get("company_size")
    return kept.value if kept is not None else None


async def test_the_turn_waits_and_is_used_with_what_the_model_found(tmp_path: Path) -> None:
    mind = ScriptedMind(SIXTY)
    async with scene(tmp_path, mind=mind) as call:
        await at_size(call)
        await call.says(DOUBTED)
        assert (mind.asked, size(call)) == ([DOUBTED], None)
        mind.think()
        await call.turns()
        assert size(call) == (60, 60)


async def test_without_help_the_rules_go_on(tmp_path: Path) -> None:
    mind = ScriptedMind(None)
    mind.think()
    async with scene(tmp_path, mind=mind) as call:
        await at_size(call)
        await call.says(DOUBTED)
        assert size(call) == (100, 100)


async def test_a_reply_from_the_sheet_is_spoken_and_the_question_asked_again(tmp_path: Path) -> None:
    mind = ScriptedMind(REPLY)
    mind.think()
    async with scene(tmp_path, mind=mind) as call:
        await at_size(call)
        await call.says(OPEN)
        await call.hear_out()
        assert (await call.words())[-1][1].startswith("It depends on your team. Roughly how many")


async def test_what_the_rules_know_does_not_wait(tmp_path: Path) -> None:
    mind = ScriptedMind(SIXTY)
    async with scene(tmp_path, mind=mind) as call:
        await at_size(call)
        await call.says("about fifty")
        assert (mind.asked, size(call)) == ([], (50, 50))


async def test_who_goes_on_speaking_is_thought_about_as_a_whole(tmp_path: Path) -> None:
    mind = ScriptedMind(None)
    async with scene(tmp_path, mind=mind) as call:
        await at_size(call)
        await call.says("more than I can count")
        await call.says("hard to tell really")
        assert mind.asked == ["more than I can count", "more than I can count hard to tell really"]
        assert call.conversation.state.focus.misses == 0
        mind.think()
        await call.turns()
        assert call.conversation.state.focus.misses == 1


async def test_who_then_says_it_plainly_needs_no_model(tmp_path: Path) -> None:
    mind = ScriptedMind(SIXTY)
    async with scene(tmp_path, mind=mind) as call:
        await at_size(call)
        await call.says("more than I can count")
        await call.says("about fifty")
        assert size(call) == (50, 50)
        mind.think()
        await call.turns()
        assert size(call) == (50, 50)


async def test_an_opt_out_never_waits(tmp_path: Path) -> None:
    async with scene(tmp_path, mind=ScriptedMind(SIXTY)) as call:
        await at_size(call)
        await call.says("more than I can count")
        await call.says("take me off your list")
        assert call.conversation.state.notes.opted_out


async def test_keys_end_the_thought(tmp_path: Path) -> None:
    mind = ScriptedMind(SIXTY)
    async with scene(tmp_path, mind=mind) as call:
        await at_size(call)
        await call.says(DOUBTED)
        for key in "50#":
            call.inbox.put(Key(AT, key))
        await call.turns()
        mind.think()
        await call.turns()
        assert size(call) == (50, 50)


@pytest.mark.parametrize("text", ["", "about fifty"])
async def test_a_thought_waits_for_a_sound_to_end(tmp_path: Path, text: str) -> None:
    mind = ScriptedMind(SIXTY)
    async with scene(tmp_path, mind=mind) as call:
        await at_size(call)
        await call.says(DOUBTED)
        call.inbox.put(Onset(AT))
        await call.turns()
        mind.think()
        await call.turns()
        assert size(call) is None  # he may be going on
        call.inbox.put(Turn(text, 0.9, AT, AT + 1, AT + 1.2, 1.0))
        await call.turns()
        assert size(call) == ((50, 50) if text else (60, 60))


async def test_who_hangs_up_meanwhile_is_gone(tmp_path: Path) -> None:
    async with scene(tmp_path, mind=ScriptedMind(SIXTY)) as call:
        await at_size(call)
        await call.says(DOUBTED)
        call.inbox.put(Gone(AT, "hung up"))
        await asyncio.wait_for(call.running, 5)
        assert call.conversation.state.disposition == "abandoned"


class BrokenMind(ScriptedMind):
    """A mind with a mistake of ours in it."""

    async def understand(self, flow: Flow, state: State, text: str, *, at: float) -> Meaning | None:
        raise ZeroDivisionError


async def test_a_mistake_of_ours_in_the_mind_loses_no_turn(tmp_path: Path) -> None:
    async with scene(tmp_path, mind=BrokenMind()) as call:
        await at_size(call)
        await call.says(DOUBTED)
        assert size(call) == (100, 100)


# --- guesses before the turn is over


def thinking(mind: ScriptedMind) -> tuple[Thinking, State, list[str]]:
    call, woken = Rehearsal.start(B2B, at=AT), list[str]()
    call.say("yes")
    return Thinking(mind, lambda: woken.append("woken")), call.state, woken


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_right_guess_asks_once() -> None:
    mind = ScriptedMind(SIXTY)
    mind.think()
    thoughts, state, woken = thinking(mind)
    thoughts.foresee(B2B, state, DOUBTED, at=AT)
    await turns()
    assert thoughts.begin(B2B, state, Heard(AT, DOUBTED), AT)
    await turns()
    assert (mind.asked, woken) == ([DOUBTED], ["woken"])
    found = thoughts.collect()
    assert found is not None
    assert found.heard.meaning == SIXTY
    assert not thoughts.busy


async def test_a_wrong_guess_is_dropped() -> None:
    mind = ScriptedMind(SIXTY)
    thoughts, state, _ = thinking(mind)
    thoughts.foresee(B2B, state, OPEN, at=AT)
    await turns()
    thoughts.begin(B2B, state, Heard(AT, DOUBTED), AT)
    await turns()
    assert mind.asked == [OPEN, DOUBTED]
    await thoughts.stop()


async def test_guesses_are_few() -> None:
    mind = ScriptedMind(None)
    thoughts, state, _ = thinking(mind)
    for n in range(6):
        thoughts.foresee(B2B, state, f"{OPEN} {'really ' * n}", at=AT)
        await turns()
    assert len(mind.asked) == 2
    await thoughts.stop()


async def test_what_the_rules_know_is_no_guess() -> None:
    mind = ScriptedMind(None)
    thoughts, state, _ = thinking(mind)
    thoughts.foresee(B2B, state, "about fifty", at=AT)
    await turns()
    assert mind.asked == []


def test_foresight_changes_no_patience() -> None:
    seen: list[str] = []
    foresight = Foresight(lambda _expect, text, *_voice: len(text) / 10)
    assert foresight(Expect(), "abc") == 0.3
    foresight.think = seen.append
    assert [foresight(Expect(), text) for text in ("abc", "")] == [0.3, 0.0]
    foresight(Expect(SlotType.PHONE, "phone"), "two oh two")  # half a number is no guess at the whole
    assert seen == ["abc"]
