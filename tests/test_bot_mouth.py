"""The mouth: what is heard of a prompt when it is stopped, paused, resumed or cut at a sentence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from bot.clip import heard_part
from bot.mouth import Mouth, Spoken
from bot.rehearsal import MemorySpeaker, OnTheSpot, ScriptedVoice
from bot.studio import PromptCache, Studio, sentences

TEXT = "One two three. Four five six seven."


def mouth(folder: Path | None = None) -> tuple[Mouth, MemorySpeaker]:
    speaker = MemorySpeaker()
    return Mouth(speaker, Studio(ScriptedVoice(), PromptCache(folder), OnTheSpot())), speaker


async def turns(n: int = 30) -> None:
    """Let the other tasks run."""
    for _ in range(n):
        await asyncio.sleep(0)


async def test_a_prompt_is_heard_whole() -> None:
    lips, speaker = mouth()
    saying = asyncio.create_task(lips.say(TEXT))
    await turns()
    await speaker.play_out()
    spoken = await saying
    assert (spoken.text, spoken.finished) == (TEXT, True)
    assert len(speaker.heard) == sum(int(0.06 * len(s) * 24_000) for s in sentences(TEXT))
    assert not lips.speaking


@pytest.mark.parametrize(
    ("played_s", "heard"),
    [(0.0, ""), (0.3, "One"), (0.5, "One two"), (0.85, "One two three."), (1.3, "One two three. Four")],
)
async def test_stop_leaves_what_was_heard(played_s: float, heard: str) -> None:
    lips, speaker = mouth()
    saying = asyncio.create_task(lips.say(TEXT))
    await turns()
    while played_s > 1e-9:
        step = min(0.05, played_s)
        speaker.play(step)
        played_s -= step
        await turns(10)
    lips.stop()
    await turns()
    spoken: Spoken = await saying
    assert (spoken.text, spoken.finished) == (heard, False)


async def test_pause_and_resume_lose_nothing() -> None:
    lips, speaker = mouth()
    saying = asyncio.create_task(lips.say(TEXT))
    await turns()
    speaker.play(0.4)
    await turns()
    lips.pause()
    assert lips.paused
    await turns()
    assert speaker.queued_s == 0  # silence at once
    lips.resume()
    await turns()
    await speaker.play_out()
    spoken = await saying
    assert spoken.finished
    assert len(speaker.heard) == sum(int(0.06 * len(s) * 24_000) for s in sentences(TEXT))


async def test_finish_sentence_stops_at_the_full_stop() -> None:
    lips, speaker = mouth()
    saying = asyncio.create_task(lips.say(TEXT))
    await turns()
    speaker.play(0.2)
    lips.finish_sentence()
    await turns()
    await speaker.play_out()
    spoken = await saying
    assert (spoken.text, spoken.finished) == ("One two three.", False)


async def test_a_pause_after_the_sentence_ends_with_resume() -> None:
    lips, speaker = mouth()
    saying = asyncio.create_task(lips.say(TEXT))
    await turns()
    speaker.play(0.2)
    lips.pause_after_sentence()
    for _ in range(30):
        speaker.play(0.1)
        await turns(10)
    assert lips.paused
    assert len(speaker.heard) == int(0.06 * len("One two three.") * 24_000)
    lips.resume()
    await turns()
    await speaker.play_out()
    assert (await saying).finished


async def test_words_that_come_when_the_sentence_is_over_end_the_prompt_there() -> None:
    lips, speaker = mouth()
    saying = asyncio.create_task(lips.say(TEXT))
    await turns()
    lips.pause_after_sentence()
    for _ in range(30):
        speaker.play(0.1)
        await turns(10)
    assert lips.paused
    lips.finish_sentence()
    await turns()
    await speaker.play_out()
    spoken = await saying
    assert (spoken.text, spoken.finished) == ("One two three.", False)
    assert len(speaker.heard) == int(0.06 * len("One two three.") * 24_000)


@pytest.mark.parametrize(
    ("fraction", "words"), [(0.0, ""), (0.2, ""), (0.25, "One"), (0.55, "One two"), (1.0, "One two three.")]
)
def test_heard_part(fraction: float, words: str) -> None:
    assert heard_part("One two three.", fraction) == words


async def test_fixed_prompts_are_rendered_once_per_machine_and_names_never_reach_the_disk(tmp_path: Path) -> None:
    class Counting(ScriptedVoice):
        rendered = 0

        def render(self, text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
            self.rendered += 1
            return super().render(text)

    voice = Counting()
    Studio(voice, PromptCache(tmp_path), OnTheSpot()).prepare("Good morning. How are you?")
    again = Studio(voice, PromptCache(tmp_path), OnTheSpot())
    await again.clip("How are you?")
    assert voice.rendered == 2
    await again.clip("Hi Dana.")
    assert len([*tmp_path.iterdir()]) == 2  # noqa: ASYNC240


async def test_what_may_be_said_next_is_rendered_before_it_is_asked_for() -> None:
    asked: list[str] = []

    class Telling(ScriptedVoice):
        def render(self, text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
            asked.append(text)
            return super().render(text)

    studio = Studio(Telling(), PromptCache(None), OnTheSpot())
    studio.ahead(["Got it. Fifty people.", "Got it."])
    await turns()
    assert asked == ["Got it.", "Fifty people."]
    assert (await studio.clip("Fifty people.")).whole
    assert len(asked) == 2


def test_sentences_are_split_where_a_person_would_breathe() -> None:
    assert sentences("Thanks. How many people? It's $1,500 a month.") == [
        "Thanks.",
        "How many people?",
        "It's $1,500 a month.",
    ]
    assert sentences("  ") == []
