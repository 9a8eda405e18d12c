"""The benchmark's measure of interruptions: what is missing of a sentence and where it paused, table by table."""

from __future__ import annotations

import numpy as np
import pytest

from bench.heard import BLOCK_S, compare
from bot.caller import phone_speech
from bot.speech.audio import Pcm
from bot.speech.voice import LocalVoice
from sip.ua.audio import RATE

WORDS = "Now please tell me about your plans for the next year, and what you would like to change."
ALIKE = "Now please tell me about your plans for the coming year, and what you would want to change."


@pytest.fixture(scope="module")
def voice() -> LocalVoice:
    return LocalVoice()


@pytest.fixture(scope="module")
def whole(voice: LocalVoice) -> Pcm:
    return phone_speech(voice, WORDS)


def silence(seconds: float) -> Pcm:
    return np.zeros(round(seconds * RATE), np.int16)


def paused(sound: Pcm, at_s: float, seconds: float) -> Pcm:
    at = round(at_s * RATE)
    return np.concatenate((sound[:at], silence(seconds), sound[at:]))


def coded(sound: Pcm, db: float = -18.0) -> Pcm:
    """With an error as codecs leave it: noise as loud as the sound is, minus some decibels."""
    noise = np.random.default_rng(5).standard_normal(len(sound)) * np.abs(sound.astype(np.float64)) * 10 ** (db / 20)
    return (sound + noise).astype(np.int16)


@pytest.mark.parametrize("earlier", [0.0, 0.013, 1.9])
def test_the_same_words_miss_nothing_and_do_not_pause(whole: Pcm, earlier: float) -> None:
    found = compare(whole, coded(np.concatenate((silence(earlier), whole, silence(1.0)))))
    assert found.missing_ms == 0
    assert found.pause_ms <= 1


@pytest.mark.parametrize("at_s", [1.0, 2.5])
@pytest.mark.parametrize("seconds", [0.08, 0.3, 2.0])
def test_a_pause_is_found_and_no_word_is_missing(whole: Pcm, at_s: float, seconds: float) -> None:
    found = compare(whole, coded(paused(whole, at_s, seconds)))
    assert found.missing_ms <= BLOCK_S * 1e3  # the block that the pause tears apart
    assert found.pause_ms == pytest.approx(seconds * 1e3, abs=2)


@pytest.mark.parametrize("heard_s", [1.0, 2.0, 3.0])
def test_what_was_cut_off_is_missing(whole: Pcm, heard_s: float) -> None:
    found = compare(whole, coded(np.concatenate((whole[: round(heard_s * RATE)], silence(4.0)))))
    said_s = len(whole) / RATE
    assert found.missing_ms == pytest.approx(
        (said_s - heard_s) * 1e3, abs=3 * BLOCK_S * 1e3
    )  # the silent ones do not count


def test_words_left_out_are_missing_though_the_sentence_ends(whole: Pcm) -> None:
    found = compare(whole, coded(np.concatenate((whole[: 1 * RATE], silence(0.2), whole[2 * RATE :]))))
    assert found.missing_ms >= 700


def test_another_question_begun_behind_a_cut_does_not_fill_it(whole: Pcm, voice: LocalVoice) -> None:
    other = phone_speech(voice, ALIKE)
    found = compare(whole, coded(np.concatenate((whole[: round(1.5 * RATE)], silence(1.0), other))))
    assert found.missing_ms >= 700


def test_other_words_are_not_taken_for_these(whole: Pcm, voice: LocalVoice) -> None:
    found = compare(whole, coded(phone_speech(voice, "We have two warehouses and our drivers need a better plan.")))
    assert found.missing_ms >= 0.6e3 * len(whole) / RATE
