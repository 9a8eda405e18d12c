"""A mailbox's tone among all that a telephone line carries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from bot.beep import BeepSense, Tone
from bot.speech.audio import Pcm

RATE = 16_000
Sound = npt.NDArray[np.float64]


def seconds(length: float) -> Sound:
    """Points in time."""
    return np.arange(round(length * RATE)) / RATE


def tone(length: float, *hertz: float, level: float = 0.2) -> Sound:
    """So many tones at once."""
    sines = sum((np.sin(2 * np.pi * one * seconds(length)) for one in hertz), np.zeros(len(seconds(length))))
    return level / len(hertz) * sines


def silence(length: float) -> Sound:
    """A line's noise."""
    return np.random.default_rng(1).normal(0, 0.0005, round(length * RATE))


def voice(length: float, base: float = 120.0) -> Sound:
    """A buzz with harmonics whose pitch moves, as a voice has it."""
    pitch = base * (1 + 0.1 * np.sin(2 * np.pi * 3 * seconds(length)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    return 0.1 * sum((np.sin(n * phase) / n for n in range(1, 20)), np.zeros(len(phase)))


def heard(*parts: Sound) -> list[Tone]:
    """What is told of these sounds, in frames of 20 ms."""
    sense, sound = BeepSense(), np.concatenate(parts)
    pcm: Pcm = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
    frames = range(0, len(pcm) - 319, 320)
    return [found for n in frames if (found := sense.push(pcm[n : n + 320], (n + 320) / RATE)) is not None]


@pytest.mark.parametrize("hertz", [425.0, 620.0, 1000.0, 1400.0, 1950.0])
@pytest.mark.parametrize("length", [0.2, 0.4, 1.0])
@pytest.mark.parametrize("level", [0.02, 0.5])
def test_a_tone_is_told_with_pitch_length_and_end(hertz: float, length: float, level: float) -> None:
    (found,) = heard(silence(0.5), voice(3), silence(0.4), tone(length, hertz, level=level), silence(0.5))
    assert found.hertz == pytest.approx(hertz, abs=8)
    assert found.seconds == pytest.approx(length, abs=0.05)
    assert found.ended_at == pytest.approx(3.9 + length, abs=0.07)
    assert found.spoken_s == pytest.approx(3, abs=0.1)


NONE: list[tuple[str, Callable[[], list[Sound]]]] = [
    ("a click", lambda: [tone(0.08, 1000), silence(1)]),
    ("a key of a telephone", lambda: [tone(0.4, 770, 1336), silence(1)]),
    ("an American ringing tone", lambda: [tone(2, 440, 480), silence(1)]),
    ("a fax's answer", lambda: [tone(3, 2100), silence(1)]),
    ("mains hum", lambda: [tone(3, 100, level=0.1), silence(1)]),
    ("a line that whistles", lambda: [tone(6, 1000), silence(1)]),
    ("a tone that goes over into speech", lambda: [tone(0.5, 1000), voice(2), silence(1)]),
    ("a voice", lambda: [voice(5), silence(0.3), voice(5, 210), silence(1)]),
    ("a siren", lambda: [0.3 * np.sin(2 * np.pi * np.cumsum(700 + 300 * np.sin(8 * seconds(4))) / RATE), silence(1)]),
]


@pytest.mark.parametrize(("name", "parts"), NONE)
def test_what_is_no_mailboxes_tone(name: str, parts: Callable[[], list[Sound]]) -> None:
    assert heard(silence(0.3), *parts()) == [], name


def test_what_was_said_long_ago_did_not_announce_the_tone() -> None:
    (found,) = heard(voice(4), silence(3), voice(0.5), silence(0.3), tone(0.4, 1000), silence(0.5))
    assert found.spoken_s == pytest.approx(0.5, abs=0.1)
