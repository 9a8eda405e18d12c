"""The echo gate: what of a caller's line reaches the ear while the bot speaks."""

from __future__ import annotations

import numpy as np
import pytest

from bot.echo import EchoGate
from bot.speech.audio import Pcm, Samples, decibels, resample, to_float, to_pcm
from sip.ua.g711 import decode, encode

AT = 1_795_000_000.0
BOT_RATE, EAR_RATE = 24_000, 16_000
FRAME = EAR_RATE * 40 // 1000


def voice(seconds: float, rate: int, seed: int) -> Samples:
    """Speech-like sound: noise in syllables, with pauses; -20 dBFS."""
    rng = np.random.default_rng(seed)
    count = int(seconds * rate)
    sound = rng.standard_normal(count).astype(np.float32)
    sound = resample(resample(sound, rate, 3_000), 3_000, rate)[:count]
    sound = np.pad(sound, (0, count - len(sound)))
    syllables = np.repeat(rng.random(int(seconds * 5) + 1) > 0.3, rate // 5)[:count]
    return np.asarray(0.1 * sound * syllables / sound.std(), np.float32)


def heard(bot: Samples, line: Samples) -> Pcm:
    """What the ear gets when `bot` is played and `line` comes back through a telephone."""
    out: list[Pcm] = []
    gate = EchoGate(lambda pcm, _at: out.append(pcm))
    near = to_pcm(resample(to_float(decode(encode(to_pcm(resample(line, EAR_RATE, 8_000)), 0), 0)), 8_000, EAR_RATE))
    said, played = to_pcm(bot), 0
    for start in range(0, len(near) - FRAME, FRAME):
        while played < len(said) and played / BOT_RATE < start / EAR_RATE + 0.15:
            gate.played(said[played : played + 1200], BOT_RATE, AT + played / BOT_RATE)
            played += 1200
        gate.push(near[start : start + FRAME], AT + (start + FRAME) / EAR_RATE)
    return np.concatenate(out)


def loudness(pcm: Pcm, from_s: float, to_s: float) -> float:
    part = to_float(pcm)[int(from_s * EAR_RATE) : int(to_s * EAR_RATE)]
    return float(decibels(part, len(part))[0])


@pytest.mark.parametrize("delay_s", [0.1, 0.35, 0.8])
@pytest.mark.parametrize("echo_db", [-12, -20, -30])
def test_an_echo_is_silence(delay_s: float, echo_db: float) -> None:
    bot = voice(6, BOT_RATE, 1)
    echo = np.pad(resample(bot, BOT_RATE, EAR_RATE) * 10 ** (echo_db / 20), (int(delay_s * EAR_RATE), 0))
    got = heard(bot, echo)
    assert loudness(got, 1.5, 5.5) < -20 + echo_db - 15


@pytest.mark.parametrize("caller_db", [0, -6, -9])
@pytest.mark.parametrize("echo_db", [None, -20])
def test_a_caller_who_speaks_over_the_bot_is_heard(caller_db: float, echo_db: float | None) -> None:
    bot = voice(6, BOT_RATE, 1)
    caller = voice(3, EAR_RATE, 2) * np.float32(10 ** (caller_db / 20))
    line = np.pad(caller, (2 * EAR_RATE, EAR_RATE))
    if echo_db is not None:
        echo = resample(bot, BOT_RATE, EAR_RATE) * np.float32(10 ** (echo_db / 20))
        line = line + np.pad(echo, (EAR_RATE // 8, 0))[: len(line)]
    got = heard(bot, line)
    assert abs(loudness(got, 2.2, 4.8) - loudness(to_pcm(line), 2.2, 4.8)) < 2


def test_a_silent_bot_leaves_everything_as_it_is() -> None:
    line = voice(2, EAR_RATE, 3)
    got = heard(np.zeros(0, np.float32), line)
    assert abs(loudness(got, 0.2, 1.8) - loudness(to_pcm(line), 0.2, 1.8)) < 1


def test_what_was_dropped_explains_nothing() -> None:
    out: list[Pcm] = []
    gate = EchoGate(lambda pcm, _at: out.append(pcm))
    said = to_pcm(voice(1, BOT_RATE, 1))
    gate.played(said, BOT_RATE, AT)
    gate.dropped(AT)  # a barge-in: nobody heard it
    near = to_pcm(resample(to_float(said), BOT_RATE, EAR_RATE) * np.float32(0.1))
    for start in range(0, len(near) - FRAME, FRAME):
        gate.push(near[start : start + FRAME], AT + 0.1 + (start + FRAME) / EAR_RATE)
    assert np.array_equal(np.concatenate(out), near[: len(near) // FRAME * FRAME][: len(np.concatenate(out))])
