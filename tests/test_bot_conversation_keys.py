"""Keys typed in a conversation: they interrupt, they answer, and none is lost."""

from __future__ import annotations

from pathlib import Path

from bot.inbox import Key, Reported
from flows.model import Resumed
from tests.test_bot_conversation import AT, scene


async def test_keys_interrupt_and_answer(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        call.inbox.put(Key(AT, "1"))
        await call.turns()
        call.speaker.play(0.2)
        await call.turns()
        assert call.mouth.speaking  # the next question
        for key in "95#":
            call.inbox.put(Key(AT, key))
        await call.hear_out()
        answers = call.conversation.state.answers
        assert (answers["good_time"].value, answers["company_size"].value) == ("yes", (95, 95))
        assert answers["company_size"].mode == "keypad"


async def test_a_question_asked_again_while_its_answer_is_typed_drops_no_key(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        call.inbox.put(Key(AT, "1"))
        await call.hear_out()
        call.inbox.put(Key(AT, "9"))
        call.inbox.put(Reported(Resumed(AT)))
        await call.hear_out()  # "How many people ...?" again: the entry goes on, and nobody asks why it is silent
        assert call.conversation.state.focus.silences == 0
        for key in "5#":
            call.inbox.put(Key(AT, key))
        await call.hear_out()
        assert call.conversation.state.answers["company_size"].value == (95, 95)


async def test_keys_of_a_question_that_is_over_do_not_count_for_the_next(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Sure.")
        await call.hear_out()
        call.inbox.put(Key(AT, "9"))
        await call.turns()
        await call.says("About fifty people.")
        for key in "500#":
            call.inbox.put(Key(AT, key))
        await call.hear_out()
        answers = call.conversation.state.answers
        assert answers["company_size"].value == (50, 50)
        assert answers["budget"].value[:2] == (500, 500)


async def test_an_entry_ends_by_itself_when_no_more_keys_come(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Sure.")
        await call.hear_out()
        for key in "60":
            call.inbox.put(Key(call.clock.at, key))
        await call.turns()
        assert "company_size" not in call.conversation.state.answers
        await call.pass_time(3.1)
        assert call.conversation.state.answers["company_size"].value == (60, 60)
