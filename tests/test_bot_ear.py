"""The ear on real speech: one turn a sentence, its end found to the frame, noise and monologues handled."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from bot.ear import Ear
from bot.guesses import Guesses, Recognition, believed
from bot.listening import FrameTime, Heard, frames
from bot.listening import listen as listen_to
from bot.rehearsal import OnTheSpot, ScriptedRecogniser
from bot.speech.audio import Pcm, Samples, resample, to_float, to_pcm
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.moonshine import Recogniser, Transcript
from bot.speech.turn import WINDOW, SoundsFinished
from bot.speech.vad import VoiceActivity, builtin
from flows.model import Expect, SlotType
from flows.patience import patience

RATE, FRAME = 16_000, 320


@cache
def spoken(text: str) -> Pcm:
    return to_pcm(resample(VOICE.render(text), 24_000, RATE))


def silence(seconds: float) -> Pcm:
    rng = np.random.default_rng(1)
    return np.asarray(rng.normal(0, 8, int(seconds * RATE)), np.int16)


def listen(*sound: Pcm, patience_s: float = 0.25, recogniser: Recogniser = RECOGNISER) -> tuple[Heard, Ear]:
    notes = Heard()
    recognition = Recognition(recogniser, OnTheSpot(), lambda _e, _t, *_voice: patience_s)
    ear = Ear(notes, recognition, VoiceActivity(builtin()))
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
    assert abs(turn.began_at - 1) <= 0.1
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


class Keeping(ScriptedRecogniser):
    """Asks at every guess which of all so far are wanted."""

    def __init__(self) -> None:
        super().__init__(["fifty people"])
        self._asking: list[Callable[[], bool]] = []
        self.wanted: list[list[bool]] = []

    def transcribe(
        self,
        samples: Samples,
        hotwords: tuple[str, ...] = (),
        *,
        digits: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Transcript:
        self._asking.append(wanted)
        self.wanted.append([one() for one in self._asking])
        return super().transcribe(samples, hotwords, digits=digits, wanted=wanted)


def test_speech_that_goes_on_makes_a_guess_unwanted() -> None:
    recogniser = Keeping()
    sound = silence(0.5), spoken("It's about"), silence(0.3), spoken("fifty people."), silence(2)
    listen(*sound, patience_s=0.9, recogniser=recogniser)
    assert recogniser.wanted[:2] == [[True], [False, True]]


def test_an_unwanted_guess_stops_at_its_next_token() -> None:
    words = to_float(spoken("About twenty five people."))
    whole, stopped = RECOGNISER.transcribe(words).text, RECOGNISER.transcribe(words, wanted=lambda: False).text
    assert len(stopped.split()) <= 1 < len(whole.split())


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
    assert turn.voiced_s > 32


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
        (Transcript("You", 0.95), ""),  # a click, a cough
        (Transcript("You can call me.", 0.95), "You can call me."),
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

    def noting(expect: Expect, _text: str, *_voice: float | None) -> float:
        seen.append(expect)
        return 0.2

    notes = Heard()
    ear = Ear(notes, Recognition(ScriptedRecogniser(["yes"]), OnTheSpot(), noting), VoiceActivity(builtin()))
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


@pytest.mark.parametrize("word", ["Eight.", "Five.", "Two."])
def test_a_bare_number_is_found_on_listening_once_more(word: str) -> None:
    found = RECOGNISER.number(resample(VOICE.render(word), 24_000, RATE), Transcript("Andy.", 0.6))
    assert found is not None
    assert patience(Expect(SlotType.INTEGER_RANGE), found.text, None, found.ending) <= 0.14


@pytest.mark.parametrize("word", ["Um.", "Hello.", "Please.", "Help."])
def test_other_words_are_no_numbers(word: str) -> None:
    samples = resample(VOICE.render(word), 24_000, RATE)
    assert RECOGNISER.number(samples, RECOGNISER.transcribe(samples)) is None


class Shifting(Keeping):
    """Hears one thing after another, with what is given for how sure it is."""

    def __init__(self, heard: list[Transcript]) -> None:
        super().__init__()
        self.heard = heard

    def transcribe(self, samples: Samples, *_args: object, **_more: object) -> Transcript:
        return self.heard.pop(0)

    def number(self, samples: Samples, heard: Transcript, wanted: Callable[[], bool] = lambda: True) -> None:
        return None


OR, SIR, SURE = (
    Transcript("Yes, or?", 0.5, ending=0.5),
    Transcript("Yes, sir.", 0.55, ending=0.95),
    Transcript("Yeah, sure.", 0.8, ending=0.95),
)


@pytest.mark.parametrize(
    ("heard", "kept", "left"),
    [
        ([OR, SURE], "Yeah, sure.", 0),
        ([OR, SIR, SURE, SIR], "Yeah, sure.", 1),  # the first one that is so much surer
        ([OR, SIR, OR, OR], "Yes, or?", 0),
        ([SURE, OR], "Yeah, sure.", 1),  # no doubt: heard once
    ],
)
def test_a_doubted_yes_is_heard_from_up_to_three_other_places(heard: list[Transcript], kept: str, left: int) -> None:
    by, asked = Shifting(list(heard)), Expect(SlotType.YES_NO)
    guesses = Guesses(Recognition(by, OnTheSpot(), patience))
    guesses.start(np.zeros(RATE, np.float32), silence(1), asked, 0.0)
    words = guesses.words(asked)
    assert words is not None
    assert (words.text, len(by.heard)) == (kept, left)


class Doubting(ScriptedRecogniser):
    """Hears a number on listening once more."""

    def number(self, samples: Samples, heard: Transcript, wanted: Callable[[], bool] = lambda: True) -> Transcript:
        return Transcript("Eight.", 0.6, biased=True)


@pytest.mark.parametrize(
    ("kind", "text", "heard"),
    [
        (SlotType.INTEGER_RANGE, "Aids.", "Eight."),
        (SlotType.INTEGER_RANGE, "Nine.", "Nine."),
        (SlotType.INTEGER_RANGE, "about it", "about it"),
        (SlotType.YES_NO, "Aids.", "Aids."),
    ],
)
def test_it_is_listened_once_more_where_a_number_was_asked_and_none_heard(
    kind: SlotType, text: str, heard: str
) -> None:
    pcm = np.concatenate((silence(0.5), spoken("Eight."), silence(1.5)))
    found = listen_to(pcm, Expect(kind), Doubting([text]), VoiceActivity(builtin()), patience)
    assert [turn.text for turn in found.turns] == [heard]


class Finished:
    """A turn model that was told what to say."""

    def __init__(self, probability: float) -> None:
        self.probability = probability
        self.asked = 0

    def finished(self, pcm: Pcm) -> float:
        assert 0 < len(pcm) <= WINDOW
        self.asked += 1
        return self.probability


@pytest.mark.parametrize(
    ("kind", "text", "asked"),
    [(SlotType.YES_NO, "yes", 0), (SlotType.PHONE, "two oh two", 0), (SlotType.TEXT, "the boiler leaks", 1)],
)
def test_the_voice_is_listened_to_only_where_words_do_not_tell(kind: SlotType, text: str, asked: int) -> None:
    model, notes = Finished(0.9), Heard()
    recognition = Recognition(ScriptedRecogniser([text]), OnTheSpot(), patience, model)
    ear = Ear(notes, recognition, VoiceActivity(builtin()))
    ear.expect = Expect(kind)
    pcm = np.concatenate((silence(0.5), spoken("One two three."), silence(1.5)))
    for frame, at in frames(pcm):
        ear.push(frame, at)
    assert len(notes.turns) == 1
    assert bool(model.asked) == bool(asked)


def test_a_voice_that_sounds_finished_is_answered_sooner() -> None:
    def decided(probability: float) -> float:
        parts = (ScriptedRecogniser(["the boiler leaks"]), VoiceActivity(builtin()), patience)
        pcm = np.concatenate((silence(0.5), spoken("The boiler leaks."), silence(1.5)))
        heard = listen_to(pcm, Expect(SlotType.TEXT), *parts, turn_model=Finished(probability))
        (turn,) = heard.turns
        return turn.decided_at - turn.ended_at

    assert decided(0.9) + 0.3 < decided(0.1)


def test_the_model_of_the_framework_tells_an_end_from_a_middle() -> None:
    model = SoundsFinished()
    whole = spoken("We would like to hear more about your prices.")
    assert 0 <= model.finished(whole[: len(whole) // 2]) < model.finished(whole) <= 1


def test_work_takes_effect_when_the_sound_has_gone_on_for_as_long() -> None:
    clock = iter((0.0, 0.3, 1.0, 1.1))
    worker = FrameTime(lambda: next(clock))
    worker.advance(2.0)
    first, second = worker.submit(str, 1), worker.submit(str, 2)
    worker.advance(2.29)
    assert not first.done()
    worker.advance(2.31)
    assert first.result() == "1"
    assert not second.done()  # one worker: it began when the first was done
    worker.advance(2.41)
    assert second.result() == "2"


@pytest.mark.parametrize("noise", [3, 150, 900])
def test_the_end_of_speech_is_found_in_noise(noise: int) -> None:
    rng = np.random.default_rng(2)
    speech = spoken("We have sixty people.")
    pcm = np.concatenate((silence(1), speech, silence(2)))
    loud = np.asarray(np.clip(pcm + rng.normal(0, noise, len(pcm)), -32768, 32767), np.int16)
    (turn,) = listen(loud)[0].turns
    assert abs(turn.ended_at - (1 + len(speech) / RATE - 0.05)) <= 0.16
