"""Callers for the endpointing bench that speak with Kokoro-82M (Apache-2.0) on onnxruntime; nothing of it is shipped.

A folder holds `kokoro.onnx`, `vocab.json` and the voices, one `NAME.bin` each. `espeak-ng`, which turns words into
phonemes, is a program of its own and must be installed.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort

from bot.speech.audio import Samples

RATE: Final = 24_000
_STYLE: Final = 256
_PARTS: Final = re.compile(r"[^,.!?;:…]+|[,.!?;:…]")
#: What espeak-ng writes, as Kokoro learned it.
_AS_LEARNED: Final = (("ʲ", "j"), ("r", "ɹ"), ("x", "k"), ("ɬ", "l"), ("\u200d", ""))


class Kokoro:
    """One voice."""

    def __init__(self, voice: Path) -> None:
        """Load the weights beside the voice's file."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(
            str(voice.with_name("kokoro.onnx")), options, providers=["CPUExecutionProvider"]
        )
        self._ids: dict[str, int] = json.loads(voice.with_name("vocab.json").read_text(encoding="utf-8"))["vocab"]
        self._styles = np.fromfile(voice, np.float32).reshape(-1, 1, _STYLE)
        self._accent = "en-gb" if voice.stem.startswith("b") else "en-us"

    def say(self, text: str) -> Samples:
        """Speech at 24 kHz."""
        ids = [self._ids[sound] for sound in phonemes(text, self._accent) if sound in self._ids]
        asked = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": self._styles[len(ids)],
            "speed": np.ones(1, np.float32),
        }
        return np.asarray(self._session.run(None, asked)[0], np.float32).reshape(-1)


def phonemes(text: str, accent: str) -> str:
    """What is said, with its commas and full stops: they make the melody."""
    found = ""
    for part in _PARTS.findall(text):
        if part.strip() and not part[0].isalpha() and len(part) == 1:
            found += part
        elif part.strip():
            command = ["espeak-ng", "-q", "--ipa", "-v", accent, part.strip()]
            said = subprocess.run(command, text=True, capture_output=True, check=True, timeout=10).stdout
            found += (" " if found else "") + " ".join(said.split())
    for written, learned in _AS_LEARNED:
        found = found.replace(written, learned)
    return found
