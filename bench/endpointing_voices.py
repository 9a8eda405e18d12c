"""Who speaks in the endpointing bench, and the telephone between: G.711, band-pass, noise."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from bench import kokoro
from bench.endpointing_set import SCORING, TUNING, Lines
from bot.speech.audio import Samples, level, resample, to_float, to_pcm, trim
from bot.speech.local import VOICE
from bot.speech.voice import RATE as VOICE_RATE
from bot.speech.wavfile import read_wav
from cli.stack.problem import StackError
from sip.ua.g711 import PCMU, decode, encode

_EAR_RATE: Final = 16_000
_PHONE_RATE: Final = 8_000
#: Signal to noise at the telephone, dB: a quiet line, an office, a street.
NOISES: Final = (40.0, 25.0, 15.0)
_SPEECH_DBFS: Final = -20.0
#: Voices of other makers, by the names of their files: those that speak one set speak it only.
_FOR_SCORING: Final = frozenset({"en_US-joe-medium"})
_FOR_TUNING: Final = frozenset(
    {
        "am_michael",
        "am_puck",
        "af_bella",
        "af_kore",
        "bf_emma",
        "bm_daniel",
        "bm_george",
        "em_alex",
        "if_sara",
    }
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A voice; `say` gives speech at 16 kHz without silence at its ends."""

    name: str
    say: Callable[[str], Samples]


def callers(which: str, files: Sequence[Path] = ()) -> list[Caller]:
    """The voices of a set: none is in both. `files`: voices of piper (`.onnx`) and of Kokoro (`.bin`) that speak it too.

    Raises:
        StackError: a voice that belongs to the other set, or cannot speak here.
    """
    if which == "tuning":
        made = [(0.97, 1.0), (1.08, 0.9), (1.0, 1.15)]
    else:
        made = [(0.9, 1.0), (1.14, 1.0), (1.04, 0.85), (0.95, 1.2)]
    found = [Caller(f"hibari, pitch {pitch:g}, pace {pace:g}", _hibari(pitch, pace)) for pitch, pace in made]
    for file in files:
        if file.stem in (_FOR_SCORING if which == "tuning" else _FOR_TUNING):
            raise StackError(f"{file.stem} speaks the other set", "a voice speaks one set only: give another one")
        _can_speak(file)
        if file.suffix == ".bin":
            found.append(Caller(f"kokoro, {file.stem}", _kokoro(file)))
        else:
            found.append(Caller(f"piper, {file.stem}", _piper(file, TUNING if which == "tuning" else SCORING)))
    return found


def _can_speak(file: Path) -> None:
    """Raises StackError for a missing file or program."""
    of_kokoro = file.suffix == ".bin"
    needed = [file, *(file.with_name(name) for name in (("kokoro.onnx", "vocab.json") if of_kokoro else ()))]
    for one in needed:
        if not one.is_file():
            raise StackError(f"{one} is not there", "docs/turn-taking.md tells where voices come from")
    if shutil.which(program := "espeak-ng" if of_kokoro else "piper") is None:
        raise StackError(f"{program} is not installed", "it is a program of its own; put it on the PATH")


def _hibari(pitch: float, pace: float) -> Callable[[str], Samples]:
    @cache
    def say(text: str) -> Samples:
        samples = VOICE.render(text, speed=pace / pitch)
        return trim(resample(samples, round(VOICE_RATE * pitch), _EAR_RATE), _EAR_RATE, tail_s=0.0)

    return say


def _kokoro(voice: Path) -> Callable[[str], Samples]:
    by = kokoro.Kokoro(voice)

    @cache
    def say(text: str) -> Samples:
        return trim(level(resample(by.say(text), kokoro.RATE, _EAR_RATE)), _EAR_RATE, tail_s=0.0)

    return say


def _piper(model: Path, said: Mapping[str, Lines]) -> Callable[[str], Samples]:
    """A program of its own (GPL, never linked), run once for all phrases of the set."""
    phrases = list(
        dict.fromkeys(part.strip() for lines in said.values() for _, text in lines for part in text.split("|"))
    )
    spoken: dict[str, Samples] = {}

    def say(text: str) -> Samples:
        if not spoken:
            with TemporaryDirectory() as folder:
                command = ["piper", "-m", str(model), "-d", folder, "--output-dir-naming", "timestamp"]
                subprocess.run(
                    command, input="\n".join(phrases), text=True, capture_output=True, check=True, timeout=300
                )
                made = sorted(Path(folder).glob("*.wav"), key=lambda file: int(file.stem))
                for phrase, file in zip(phrases, made, strict=True):
                    spoken[phrase] = trim(level(to_float(read_wav(file).pcm)), _EAR_RATE, tail_s=0.0)
        return spoken[text]

    return say


def over_the_telephone(samples: Samples, noise_db: float, seed: int) -> Samples:
    """8 kHz, 300 to 3400 Hz, noise that falls with frequency as rooms do, µ-law and back."""
    narrow = resample(samples, _EAR_RATE, _PHONE_RATE)
    rng = np.random.default_rng(seed)
    noise = _band(np.cumsum(rng.normal(size=len(narrow))) * 0.02 + rng.normal(size=len(narrow)))
    noise *= 10 ** ((_SPEECH_DBFS - noise_db) / 20) / float(np.sqrt((noise**2).mean()))
    mixed = _band(narrow) + noise
    return resample(to_float(decode(encode(to_pcm(mixed), PCMU), PCMU)), _PHONE_RATE, _EAR_RATE)


def _band(samples: npt.NDArray[Any]) -> Samples:
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / _PHONE_RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(samples)), np.float32)
