"""`python -m bench machines`: who answered? Openings of people, mailboxes, screeners and menus, spoken over G.711.

Offline, by the parts of a call: the recogniser's words, how long the opening was, and the tone behind it go to the rules
that decide (`flows/machines.py`). Openings and voices are for scoring only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from bench.figures import machine, versions
from bench.sounds import RECORDINGS, recording
from bench.spoken import NOISE_DB, PACES, Line
from bot.beep import BeepSense, Tone
from bot.caller import phone_speech
from bot.listening import frames
from bot.speech.audio import Pcm, Samples, resample, to_float, to_pcm
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.moonshine import RATE as EAR_RATE
from bot.speech.voice import ShiftedVoice
from flows.machines import kind_of
from flows.model import Heard, Machine
from sip.ua.audio import RATE as PHONE_RATE
from sip.ua.audio import tone
from sip.ua.g711 import PCMU, decode, encode

_FILE: Final = Path(__file__).parent / "openings.txt"
_WANTED: Final = {"person": "unknown", "mailbox": "voicemail", "screener": "screening", "menu": "ivr"}
#: A mailbox's tone: Hz, seconds, dB below full scale.
_BEEPS: Final = ((440, 0.5, -12.0), (620, 0.25, -20.0), (850, 1.0, -26.0), (1000, 0.4, -15.0), (1400, 0.2, -20.0))
_PAUSES: Final = (0.15, 0.6, 1.4)
_SOUND_S: Final = 60.0


def openings() -> list[tuple[str, str]]:
    """Who speaks, and what."""
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    return [(who, text) for who, text in (line.split(" | ") for line in lines if line and not line.startswith("#"))]


def machines() -> dict[str, object]:
    """Every opening by every voice, clean and in noise; and minutes of sounds in which no mailbox beeps."""
    voices, said = [ShiftedVoice(VOICE, pace) for pace in PACES], openings()
    line = Line(voices, [text for who, text in said if who == "person"])
    found: dict[str, object] = {"text": _score([(who, text, kind_of(Heard(0, text))) for who, text in said])}
    for name, noise_db in (("clean", None), (f"noise_{NOISE_DB:.0f}_db", NOISE_DB)):
        by_words, with_all = [], []
        for at, (who, text) in enumerate(said * len(voices)):
            speech = phone_speech(voices[at // len(said)], text)
            words, tones = _heard(line, speech, who, noise_db, at)
            by_words.append((who, text, kind_of(words)))
            with_all.append((who, text, _verdict(words, tones)))
        found[name] = {"words_and_length": _score(by_words), "tones_too": _score(with_all)}
    found["sounds"] = {name: len(_tones(_at_the_ear(recording(name, _SOUND_S, -20.0)))) for name in RECORDINGS}
    method = f"{len(said)} openings by {len(voices)} voices (synthesised, pitch and pace shifted), G.711 mu-law; noise: talkers"
    return {**found, "method": method, "machine": machine(), "versions": versions()}


def _heard(line: Line, speech: Pcm, who: str, noise_db: float | None, at: int) -> tuple[Heard, list[Tone]]:
    samples = line.carry(speech, noise_db, at)
    words = Heard(0, RECOGNISER.transcribe(samples, ()).text, spoken_s=len(speech) / PHONE_RATE)
    if who != "mailbox":
        return words, _tones(samples)
    hertz, seconds, db = _BEEPS[at % len(_BEEPS)]
    pause = np.zeros(round(_PAUSES[at % len(_PAUSES)] * PHONE_RATE), np.int16)
    beep = to_pcm(to_float(tone(hertz, seconds)) * np.float32(_gain(tone(hertz, seconds), db)))
    return words, _tones(np.concatenate((samples, _at_the_ear(np.concatenate((pause, beep))))))


def _gain(pcm: Pcm, db: float) -> float:
    return float(10 ** (db / 20) / max(np.sqrt((to_float(pcm) ** 2).mean()), 1e-6))


def _at_the_ear(pcm: Pcm) -> Samples:
    """What comes over the line, at 16 kHz."""
    return resample(to_float(decode(encode(pcm, PCMU), PCMU)), PHONE_RATE, EAR_RATE)


def _tones(samples: Samples) -> list[Tone]:
    sense = BeepSense()
    return [told for pcm, at in frames(to_pcm(samples)) if (told := sense.push(pcm, at)) is not None]


def _verdict(words: Heard, tones: list[Tone]) -> str:
    """What the flow goes by: the words, then a tone."""
    if (kind := kind_of(words)) != "unknown":
        return kind
    told = (kind_of(Machine(one.ended_at, "tone", one.spoken_s)) for one in tones)
    return next((kind for kind in told if kind != "unknown"), "unknown")


def _score(verdicts: Sequence[tuple[str, str, str]]) -> dict[str, object]:
    right = Counter(who for who, _, kind in verdicts if kind == _WANTED[who])
    every = Counter(who for who, _, _ in verdicts)
    hung_up = sum(who == "person" and kind != "unknown" for who, _, kind in verdicts)
    wrong = sorted({f"{who}: {text} -> {kind}" for who, text, kind in verdicts if kind != _WANTED[who]})
    return {
        "right": {who: f"{right[who]}/{count}" for who, count in every.items()},
        "people_taken_for_machines": f"{hung_up}/{every['person']}",
        "wrong": wrong,
    }
