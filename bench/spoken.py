"""What the local recogniser makes of phrases over G.711, clean and in noise, and what the grammars hear in that.

Offline, the way a call goes: synthesised speech, 8 kHz, mu-law and back, 16 kHz, the recogniser with the hotwords that the
ear would use, the grammar of the slot. Phrases and voices are for scoring only.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from bench.figures import machine, versions
from bot.caller import phone_speech
from bot.speech.audio import Pcm, Samples, resample, to_float, to_pcm
from bot.speech.intents import NearestExample, read_examples
from bot.speech.local import RECOGNISER, VOICE
from bot.speech.moonshine import RATE as EAR_RATE
from bot.speech.voice import ShiftedVoice, Voice
from flows.hear import hear, intent
from flows.model import SlotType
from sip.ua.audio import RATE as PHONE_RATE
from sip.ua.g711 import PCMU, decode, encode

_HERE: Final = Path(__file__).parent
_ZONE: Final = "America/New_York"
#: Every date is said on Monday 23 November 2026, ten in the morning.
_NOW: Final = datetime(2026, 11, 23, 10, 0, tzinfo=ZoneInfo(_ZONE)).timestamp()
_CHOICES: Final = {
    "gas": ("gas boiler", "natural gas", "mains gas"),
    "oil": ("oil boiler", "oil fired", "heating oil"),
    "electric": ("electricity", "storage heaters", "electric heating"),
    "heat_pump": ("heat pump", "air source", "ground source"),
}
#: Where the ear prefers the names of digits.
_DICTATED: Final = ("phone", "digits")
PACES: Final = (0.93, 1.06, 1.14)
NOISE_DB: Final = 15.0
_BABBLE: Final = 6
_EDGE_S: Final = 0.3  #: of line noise before and behind the words, which the ear keeps


@dataclass(frozen=True, slots=True)
class Phrase:
    """Something said, and what is to be heard in it: a slot's value, or whether it is an opt-out."""

    kind: str
    text: str
    value: object


def hotwords() -> Mapping[str, tuple[str, ...]]:
    """Return what the ear prefers for each kind of question: of a lead whose name nobody knows, the choices alone (`flows/hotwords.py`)."""
    return {"choice": tuple(word for words in _CHOICES.values() for word in words)}


def phrases() -> list[Phrase]:
    """Return the phrases with values."""
    lines = (_HERE / "spoken.txt").read_text(encoding="utf-8").splitlines()
    parts = (line.split(" | ") for line in lines if line and not line.startswith("#"))
    return [Phrase(kind, text, json.loads(value)) for kind, text, value in parts]


def wishes() -> list[Phrase]:
    """Return opt-outs and what is none."""
    said = read_examples((_HERE / "spoken_wishes.txt").read_text(encoding="utf-8"))
    return [Phrase("opt_out", text, name == "opt_out") for name, texts in said.items() for text in texts]


class Line:
    """A telephone line: mu-law at 8 kHz, and other people talking in the background at a given distance."""

    def __init__(self, voices: Sequence[Voice], talk: Sequence[str]) -> None:
        clips = [to_float(phone_speech(voices[at % len(voices)], text)) for at, text in enumerate(talk[:_BABBLE])]
        longest = max(len(clip) for clip in clips)
        self._babble = np.sum([np.resize(clip, longest) for clip in clips], axis=0)

    def carry(self, speech: Pcm, noise_db: float | None, at: int) -> Samples:
        """Return what the ear gets at 16 kHz; `noise_db` is the distance of the background to the speech."""
        edge = np.zeros(int(_EDGE_S * PHONE_RATE), np.float32)
        said = np.concatenate([edge, to_float(speech), edge])
        if noise_db is not None:
            noise = np.resize(np.roll(self._babble, 977 * at), len(said))
            said = said + noise * _rms(to_float(speech)) / _rms(noise) * np.float32(10 ** (-noise_db / 20))
        heard = decode(encode(to_pcm(said.astype(np.float32)), PCMU), PCMU)
        return resample(to_float(heard), PHONE_RATE, EAR_RATE)


def _rms(samples: Samples) -> np.float32:
    return np.float32(np.sqrt((samples**2).mean()))


def spoken(seed: int = 1) -> dict[str, object]:
    """Say, carry and hear everything once clean and once in noise."""
    voices = [ShiftedVoice(VOICE, pace) for pace in PACES]
    everything, preferred = [*phrases(), *wishes()], hotwords()
    line = Line(voices, [phrase.text for phrase in everything[::29]])
    guesses = NearestExample()
    shuffled = random.Random(seed)
    wanted = [(phrase, shuffled.choice(voices)) for phrase in everything]
    speech = [phone_speech(voice, phrase.text) for phrase, voice in wanted]
    found: dict[str, object] = {"text": _score([(phrase, phrase.text) for phrase in everything], guesses)}
    for name, noise_db in (("clean", None), (f"noise_{NOISE_DB:.0f}_db", NOISE_DB)):
        heard = [
            (phrase, _transcribe(line.carry(pcm, noise_db, at), phrase.kind, preferred.get(phrase.kind, ())))
            for at, (phrase, pcm) in enumerate(zip(everything, speech, strict=True))
        ]
        found[name] = _score(heard, guesses)
    method = f"synthesised speech, {len(PACES)} voices (pitch and pace shifted), G.711 mu-law, noise: {_BABBLE} talkers"
    return {**found, "method": method, "machine": machine(), "versions": versions()}


def _transcribe(samples: Samples, kind: str, preferred: tuple[str, ...]) -> str:
    return RECOGNISER.transcribe(samples, preferred, digits=kind in _DICTATED).text


def _score(heard: Sequence[tuple[Phrase, str]], guesses: NearestExample) -> dict[str, object]:
    right: dict[str, Counter[bool]] = {}
    wrong = []
    for phrase, text in heard:
        if phrase.kind == "opt_out":
            continue
        got = json.loads(json.dumps(_value(phrase.kind, text)))
        right.setdefault(phrase.kind, Counter())[got == phrase.value] += 1
        if got != phrase.value:
            wrong.append({"type": phrase.kind, "said": phrase.text, "heard": text, "wanted": phrase.value, "got": got})
    total = sum((*right.values(),), Counter[bool]())
    return {
        "right": f"{total[True]}/{total.total()}",
        "by_type": {kind: f"{count[True]}/{count.total()}" for kind, count in right.items()},
        "wrong": wrong,
        "opt_out": _wishes(heard, guesses),
    }


def _value(kind: str, text: str) -> object:
    return hear(SlotType(kind), text, now=_NOW, zone=_ZONE, choices=_CHOICES).value


def _wishes(heard: Sequence[tuple[Phrase, str]], guesses: NearestExample) -> dict[str, object]:
    """Count opt-outs found by the rules, and by a rule or a guess; the same of what is none."""
    found: dict[str, object] = {}
    for name, wanted in (("recall", True), ("alarms", False)):
        said = [(phrase.text, text) for phrase, text in heard if phrase.kind == "opt_out" and phrase.value is wanted]
        rules = [pair for pair in said if intent(pair[1]).name == "opt_out"]
        asked = [pair for pair in said if pair not in rules and _guessed(pair[1], guesses)]
        found[name] = {"n": len(said), "by_rules": len(rules), "asked_about": len(asked)}
        odd = [pair for pair in said if (pair in rules or pair in asked) is not wanted]
        found[f"{name}_wrong"] = [{"said": one, "heard": other} for one, other in odd]
    return found


def _guessed(text: str, guesses: NearestExample) -> bool:
    return intent(text).name is None and guesses.classify(text)[0] == "opt_out"
