"""The ear on real speech: one turn a sentence, its end found to the frame, noise and monologues handled."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from bot.ear import Ear, Turn, believed
from bot.rehearsal import OnTheSpot, ScriptedRecogniser
from bot.speech.audio import Pcm, resample, to_pcm
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.moonshine import Recogniser, Transcript
from bot.speech.vad import VoiceActivity, builtin
from flows.model import Expect

RATE, FRAME = 16_000, 320


class Notes:
    """An ear's sink that remembers."""

    def __init__(self) -> None:
        self.onsets: list[float] = []
        self.turns: list[Turn] = []

    def on_onset(self, at: float) -> None:
        self.onsets.append(at)

    def on_turn(self, turn: Turn) -> None:
        self.turns.append(turn)


@cache
def spoken(text: str) -> Pcm:
    return to_pcm(resample(VOICE.render(text), 24_000, RATE))


def silence(seconds: float) -> Pcm:
    rng = np.random.default_rng(1)
    return np.asarray(rng.normal(0, 8, int(seconds * RATE)), np.int16)


def listen(*sound: Pcm, patience_s: float = 0.25, recogniser: Recogniser = RECOGNISER) -> tuple[Notes, Ear]:
    notes = Notes()
    ear = Ear(notes, recogniser, VoiceActivity(builtin()), OnTheSpot(), lambda _e, _t: patience_s)
    pcm = np.concatenate(sound)
    for start in range(0, len(pcm) - FRAME + 1, FRAME):
        ear.push(pcm[start : start + FRAME], (start + FRAME) / RATE)
    return notes, ear


def test_one_sentence_is_one_turn_and_its_end_is_found() -> None:
    speech = spoken("About twenty five people.")
    notes, _ = listen(silence(1), speech, silence(1.5))
    (turn,) = notes.turns
    end = 1 + len(speech) / RATE - 0.05  # the voice leaves 50 ms of tail
    assert turn.text in {"About 25 people.", "About twenty-five people.", "About twenty five people."}
    assert abs(turn.ended_at - end) <= 0.1
    assert turn.decided_at - turn.ended_at <= 0.25 + 0.04


def test_a_pause_within_patience_does_not_cut_the_caller_off() -> None:
    notes, _ = listen(
        silence(0.5),
        spoken("It's about"),
        silence(0.6),
        spoken("fifty people."),
        silence(2),
        patience_s=0.9,
    )
    (turn,) = notes.turns
    assert "50" in turn.text or "fifty" in turn.text


def test_two_sentences_with_a_long_pause_are_two_turns() -> None:
    notes, _ = listen(silence(0.5), spoken("Yes, sure."), silence(1.5), spoken("No, thank you."), silence(1.5))
    assert len(notes.turns) == 2 == len(notes.onsets)


@pytest.mark.parametrize("name", ["silence", "hum", "clicks"])
def test_no_speech_no_turn(name: str) -> None:
    t = np.arange(3 * RATE) / RATE
    sound = {
        "silence": silence(3),
        "hum": np.asarray(300 * np.sin(2 * np.pi * 50 * t), np.int16),
        "clicks": np.asarray((np.arange(3 * RATE) % 8000 == 0) * 12000, np.int16),
    }[name]
    notes, _ = listen(sound)
    assert [turn.text for turn in notes.turns if turn.text] == []


def test_a_monologue_is_decoded_in_segments_and_comes_whole() -> None:
    part = np.concatenate((spoken("We are a small company and we sell many different things."), silence(0.12)))
    recogniser = ScriptedRecogniser(["part"])
    notes, _ = listen(silence(0.3), *[part] * 12, silence(2), patience_s=0.5, recogniser=recogniser)
    (turn,) = notes.turns
    assert max(recogniser.heard_s) <= 26  # Moonshine takes 30 s
    assert turn.text.count("part") >= 2
    assert turn.voiced_s > 33


def test_a_turn_ends_after_a_minute_whatever_the_caller_does() -> None:
    part = spoken("We are a small company and we sell many different things.")
    notes, _ = listen(*[part] * 25, patience_s=5, recogniser=ScriptedRecogniser(["part"]))
    assert notes.turns[0].decided_at - notes.turns[0].began_at <= 60.1


async def test_what_was_said_just_before_hanging_up_is_heard() -> None:
    speech = spoken("Take me off your list.")
    _, ear = listen(silence(0.5), speech[: -int(0.1 * RATE)])
    turn = await ear.finish(at=3.0)
    assert turn is not None
    assert "list" in turn.text
    assert await ear.finish(at=3.1) is None


@pytest.mark.parametrize(
    ("transcript", "text"),
    [
        (Transcript("So", 0.4), ""),
        (Transcript("Yeah.", 0.56), "Yeah."),
        (Transcript("Rajesh Patel", 0.2, biased=True), "Rajesh Patel"),
    ],
)
def test_a_guess_at_noise_is_not_heard(transcript: Transcript, text: str) -> None:
    assert believed(transcript).text == text


def test_the_recogniser_prefers_the_words_of_the_lead() -> None:
    samples = resample(VOICE.render("This is Rajesh Patel from Northwind."), 24_000, RATE)
    heard = RECOGNISER.transcribe(samples, ("Rajesh Patel", "Northwind"))
    assert "Rajesh Patel" in heard.text
    assert heard.biased


def test_expectation_reaches_the_patience() -> None:
    seen: list[Expect] = []

    def patience(expect: Expect, _text: str) -> float:
        seen.append(expect)
        return 0.2

    notes = Notes()
    ear = Ear(notes, ScriptedRecogniser(["yes"]), VoiceActivity(builtin()), OnTheSpot(), patience)
    ear.expect = Expect("confirm", "budget")
    pcm = np.concatenate((silence(0.3), spoken("Yes, sure."), silence(1)))
    for start in range(0, len(pcm) - FRAME, FRAME):
        ear.push(pcm[start : start + FRAME], start / RATE)
    assert notes.turns
    assert seen == [Expect("confirm", "budget")] * len(seen)


def test_answers_longer_than_nine_seconds_are_recognised() -> None:
    text = (
        "We are a small company from the north, we make furniture, and we have been looking for some time now. "
        "There are about sixty people here, and most of them work in the field."
    )
    samples = resample(VOICE.render(text), 24_000, RATE)
    assert len(samples) > 9 * RATE
    assert "field" in RECOGNISER.transcribe(samples).text
