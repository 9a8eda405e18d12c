"""Local speech recognition: Moonshine tiny-en (MIT) on plain onnxruntime, greedy or beam search with hotwords.

The weights are three files of the wheel moonshine-voice 0.1.0, whose own library is never loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from bot.speech import weights
from bot.speech.audio import Samples

RATE: Final = 16_000
_LAYERS, _HEADS, _HEAD_DIM, _BOS, _EOS = 6, 8, 36, 1, 2
_MAX_S: Final = 30  # the encoder was trained on no more
_MIN_SAMPLES: Final = 8_000  # it rejects less than about 60 ms; half a second is safe
_STRIDE: Final = 64 * 3 * 2
_TOKENS_PER_S: Final = 6.5
_SPACE: Final = "▁"

Cache: TypeAlias = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was recognised."""

    text: str
    confidence: float  #: exp(mean log-probability per token) without hotword bonus, 0..1
    biased: bool = False  #: a hotword was completed: then a low confidence is normal


class Recogniser(Protocol):
    """A whole utterance in, text out. Blocking: call it in a thread."""

    def transcribe(self, samples: Samples, hotwords: tuple[str, ...] = ()) -> Transcript: ...


@dataclass(slots=True)
class _Node:
    """A place in the hotword trie."""

    next: dict[int, _Node] = field(default_factory=dict)
    end: bool = False


@dataclass(frozen=True, slots=True)
class _Beam:
    score: float
    ids: tuple[int, ...]
    cache: Cache
    live: tuple[_Node, ...]  #: trie nodes that the last tokens lead to; the root is always among them
    pending: float = 0.0  #: bonus given for a hotword not finished yet
    done: bool = False
    acoustic: float = 0.0
    hit: bool = False


class Moonshine:
    """The recogniser. One instance serves a whole process; single-threaded sessions survive a fork."""

    def __init__(self) -> None:
        """Load the weights (about 0.3 s).

        Raises:
            weights.WeightsMissing: the wheel is absent or its files are not the ones we tested.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1  # faster than two here, and no thread pool to lose in a fork
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # what a decode used is given back: memory is counted per call
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._encoder = _session(weights.ENCODER, options)
        self._decoder = _session(weights.DECODER, options)
        self._vocabulary = _vocabulary(weights.verify(weights.TOKENIZER).read_bytes())
        self._ids = {token: i for i, token in reversed(list(enumerate(self._vocabulary))) if i > _EOS}
        self._outputs = [output.name for output in self._decoder.get_outputs()][1:]
        self._tries: dict[tuple[str, ...], _Node] = {}

    def transcribe(self, samples: Samples, hotwords: tuple[str, ...] = (), *, bonus: float = 3.0) -> Transcript:
        """Recognise one utterance.

        Args:
            samples: mono float32 at 16 kHz, with about 0.3 s before the speech; at most the last 30 s are used.
            hotwords: names to prefer (the lead's, their company's); switches from greedy to a beam of 4.
            bonus: log-probability added per hotword token.
        """
        audio = np.asarray(samples[-_MAX_S * RATE :], np.float32)
        if len(audio) < _MIN_SAMPLES:
            audio = np.pad(audio, (0, _MIN_SAMPLES - len(audio)))
        hidden = self._encoder.run(
            None, {"input_values": audio[None], "attention_mask": np.ones((1, len(audio)), np.int64)}
        )[0]
        root = self._trie(hotwords)
        width = 4 if hotwords else 1
        beams = [_Beam(0.0, (), _empty_cache(), (root,))]
        for step in range(int(len(audio) / RATE * _TOKENS_PER_S) + 6):
            beams = self._advance(beams, hidden, root, step, width, bonus)
            if beams[0].done:
                break
        best = beams[0]
        return Transcript(self._text(best.ids), float(np.exp(best.acoustic / max(1, len(best.ids)))), best.hit)

    def _advance(
        self, beams: list[_Beam], hidden: npt.NDArray[np.float32], root: _Node, step: int, width: int, bonus: float
    ) -> list[_Beam]:
        candidates: list[_Beam] = []
        for beam in beams:
            if beam.done:
                candidates.append(beam)
                continue
            logp, cache = self._decode(beam, hidden, step)
            for token in _promising(logp, beam.live, width):
                candidates.append(_extend(beam, token, float(logp[token]), cache, root, bonus))
        candidates.sort(key=lambda beam: -beam.score)
        return candidates[:width]

    def _decode(self, beam: _Beam, hidden: npt.NDArray[np.float32], step: int) -> tuple[npt.NDArray[np.float64], Cache]:
        outputs = self._decoder.run(
            None,
            {
                # The decoder takes every 384th element of a mask over samples (strides 64, 3, 2 of its front end).
                "encoder_attention_mask": np.ones((1, hidden.shape[1] * _STRIDE), np.int64),
                "encoder_hidden_states": hidden,
                "input_ids": np.array([[beam.ids[-1] if beam.ids else _BOS]], np.int64),
                "use_cache_branch": np.array([step > 0]),
                **beam.cache,
            },
        )
        logits = outputs[0][0, -1].astype(np.float64)
        top = logits.max()
        logits -= top + np.log(np.exp(logits - top).sum())
        cache: Cache = {}
        for name, value in zip(self._outputs, outputs[1:], strict=True):
            key = name.replace("present", "past_key_values")
            # With the cache branch the encoder's keys come back empty: keep those of the first step.
            cache[key] = value if "decoder" in key or step == 0 else beam.cache[key]
        return logits, cache

    def _trie(self, hotwords: tuple[str, ...]) -> _Node:
        if (known := self._tries.get(hotwords)) is not None:
            return known
        root = _Node()
        for word in hotwords:
            node = root
            for token in self._tokenize(word):
                node = node.next.setdefault(token, _Node())
            node.end = node is not root
        if len(self._tries) < 64:
            self._tries[hotwords] = root
        return root

    def _tokenize(self, word: str) -> list[int]:
        """Greedy longest match: good enough for biasing."""
        rest, tokens = (_SPACE + word.strip().replace(" ", _SPACE)).encode(), []
        while rest:
            size = next((n for n in range(min(24, len(rest)), 0, -1) if rest[:n] in self._ids), 0)
            if size:
                tokens.append(self._ids[rest[:size]])
            rest = rest[size or 1 :]
        return tokens

    def _text(self, ids: tuple[int, ...]) -> str:
        raw = b"".join(self._vocabulary[i] for i in ids if i > _EOS)
        return raw.decode("utf-8", "replace").replace(_SPACE, " ").strip()


def _session(weight: weights.WeightFile, options: ort.SessionOptions) -> ort.InferenceSession:
    return ort.InferenceSession(str(weights.verify(weight)), options, providers=["CPUExecutionProvider"])


def _vocabulary(raw: bytes) -> list[bytes]:
    """Tokens in order; each is preceded by its length in one byte, or two when the first is 128 or more."""
    tokens, i = [], 0
    while i < len(raw):
        size, i = raw[i], i + 1
        if size >= 128:
            size, i = raw[i] * 128 + size - 128, i + 1
        tokens.append(raw[i : i + size])
        i += size
    return tokens


def _empty_cache() -> Cache:
    return {
        f"past_key_values.{layer}.{part}.{kind}": np.zeros((1, _HEADS, 0, _HEAD_DIM), np.float32)
        for layer in range(_LAYERS)
        for part in ("decoder", "encoder")
        for kind in ("key", "value")
    }


def _promising(logp: npt.NDArray[np.float64], live: tuple[_Node, ...], width: int) -> set[int]:
    if width == 1:
        return {int(logp.argmax())}
    best = {int(i) for i in np.argpartition(-logp, 6)[:6]}
    return best | {token for node in live for token in node.next if logp[token] > -9}


def _extend(beam: _Beam, token: int, logp: float, cache: Cache, root: _Node, bonus: float) -> _Beam:
    live, earned = [root], 0.0
    for node in beam.live:
        if (child := node.next.get(token)) is not None:
            live.append(child)
            earned = max(earned, bonus if node is root else beam.pending + bonus)
    finished = any(node.end for node in live[1:])
    return _Beam(
        score=beam.score + logp + earned - beam.pending,
        ids=(*beam.ids, token),
        cache=cache,
        live=tuple(live),
        pending=0.0 if finished else earned,
        done=token == _EOS,
        acoustic=beam.acoustic + logp,
        hit=beam.hit or finished,
    )
