"""What a watcher is told while a call goes on: question, score, answers with their words, a browser that comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.inbox import Away, Back
from store.events import LiveEvent
from tests.test_bot_conversation import AT, Scene, scene


async def told(call: Scene, kind: str) -> list[LiveEvent]:
    """All events of a kind so far."""
    await call.turns()
    return [event for event in call.events.kept() if event.kind == kind]


async def test_the_open_question_is_told_when_it_changes(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Yeah, sure.")
        await call.hear_out()
        asked = [(event.fields["stage"], event.fields["slot"]) for event in await told(call, "question")]
        assert asked == [("ask", "good_time"), ("ask", "company_size")]


async def test_an_answer_is_told_with_the_words_that_gave_it_and_the_score_with_its_rule(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Yeah, sure.")
        await call.hear_out()
        await call.says("About fifty people.")
        await call.hear_out()
        answer = (await told(call, "answer"))[-1].fields
        assert (answer["slot"], answer["pii.value"], answer["pii.raw"]) == ("company_size", "50", "About fifty people.")
        scores = [event.fields for event in await told(call, "score")]
        assert [score["total"] for score in scores] == [0, 20]
        assert json.loads(str(scores[-1]["points"])) == [{"rule": "company_size >= 20", "points": 20}]


async def test_an_answer_that_is_taken_back_is_told(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        await call.says("Yeah, sure.")
        call.history.answers({})
        assert [event.fields["slot"] for event in await told(call, "unanswered")] == ["good_time"]


async def test_a_browser_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    async with scene(tmp_path) as call:
        await call.hear_out()
        call.inbox.put(Away(AT + 1))
        await call.pass_time(30)  # nobody is there to be silent
        before = await call.words()
        call.inbox.put(Back(AT + 31))
        await call.hear_out()
        spoken = [text for _, text, _ in (await call.words())[len(before) :]]
        assert len(before) == 2
        assert spoken == ["Sorry, the line dropped for a moment. Is now a good time?"]
        kinds = [event.kind for event in call.events.kept() if event.kind in ("away", "back")]
        assert kinds == ["away", "back"]


@pytest.mark.parametrize("words", ["", "So that is"])
async def test_guesses_at_a_turn_are_told(tmp_path: Path, words: str) -> None:
    async with scene(tmp_path) as call:
        call.history.hearing(words)
        assert [event.fields["pii.text"] for event in await told(call, "hearing")] == [words]
