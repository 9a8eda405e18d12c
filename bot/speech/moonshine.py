"""Local speech recognition: Moonshine tiny-en (MIT) on plain onnxruntime, greedy or beam search with hotwords.

The weights are three files of the wheel moonshine-voice 0.1.0, whose own library is never loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from bot.speech import weights
from bot.speech.audio import Samples
from bot.speech.last_word import SPACE, Spelling, spelling

RATE: Final = 16_000
_LAYERS, _HEADS, _HEAD_DIM, _BOS, _EOS = 6, 8, 36, 1, 2
_MAX_S: Final = 30  # the encoder was trained on no more
_MIN_SAMPLES: Final = 8_000  # it rejects less than about 60 ms; half a second is safe
_STRIDE: Final = 64 * 3 * 2
_TOKENS_PER_S: Final = 6.5
_TAIL: Final = int(0.2 * RATE)  #: silence behind the words: cut closer, it hears a comma where the sentence ends
_DIGIT_WORDS: Final = tuple(
    ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "double"]
)
_NUMBERS: Final = (
    *("One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve", "Thirteen"),
    *("Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen", "Twenty", "Thirty", "Forty", "Fifty"),
    *("Sixty", "Seventy", "Eighty", "Ninety", "Hundred"),
)
_NUMBER_MIN, _NUMBER_SHARE = 0.4, 0.65  #: confidence in a bare number: at least so much, and of what was heard first
_BONUS: Final = 3.0  #: log-probability added per hotword token
_DIGIT_BONUS: Final = 2.0  #: log-probability for a digit's name where digits are dictated: "five five" is no "bye bye"
#: "To-morrow" and "to-day", which the model learned from old books.
_OLD_SPELLING: Final = re.compile(r"\b([Tt]o)-(morrow|day|night)\b")
_LOOPS: Final = ((1, 7), (2, 4), (3, 4), (4, 3), (5, 3), (6, 3))  #: cycle, repeats: nobody says that, a decoder does

Cache: TypeAlias = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was recognised."""

    text: str
    confidence: float  #: exp(mean log-probability per token), the digits' bonus included, hotwords' not; 0..1
    biased: bool = False  #: a hotword was completed: then a low confidence is normal
    ending: float = 1.0  #: how sure the last word is, 0..1; little where "and" or "or" would fit as well
    #: How probable "and", "or" or, in a single word's place, "um" was there; None: not known.
    onward: float | None = None


class Recogniser(Protocol):
    """A whole utterance in, text out. Blocking: call it in a thread."""

    def transcribe(
        self,
        samples: Samples,
        hotwords: tuple[str, ...] = (),
        *,
        digits: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Transcript:
        """Names in `hotwords` are preferred, and so are the names of digits when `digits` are being dictated.

        Once `wanted` says no, the rest may be left undone: nobody will read the result.
        """
        ...


@runtime_checkable
class StreamingRecogniser(Recogniser, Protocol):
    """A recogniser that listens along while the turn is spoken; `transcribe` then asks it for what it has heard."""

    def feed(self, pcm: npt.NDArray[np.int16]) -> None:
        """PCM16 at 16 kHz of the turn, on the event loop, never blocking."""
        ...

    def prefer(self, hotwords: tuple[str, ...]) -> None:
        """Names that may be said from now on; called on the event loop before the caller speaks."""
        ...

    def speech_goes_on(self) -> None:
        """Whoever waits in `transcribe` need wait no longer: the words so far are not the whole turn."""
        ...

    def settle(self) -> None:
        """What was heard so far belongs to a turn that is over."""
        ...


@runtime_checkable
class NumberRecogniser(Recogniser, Protocol):
    """A recogniser that can listen once more for a bare number, at no cost but a moment."""

    def number(
        self, samples: Samples, heard: Transcript, wanted: Callable[[], bool] = lambda: True
    ) -> Transcript | None:
        """The number that `heard` may as well have been; None when it sounds less like one than like what was heard."""
        ...


@dataclass(slots=True)
class _Node:
    """A place in the hotword trie."""

    next: dict[int, _Node] = field(default_factory=dict)
    end: bool = False


@dataclass(frozen=True, slots=True)
class _Beam:
    score: float
    ids: tuple[int, ...]
    row: int  #: of the cache that its last step left
    live: tuple[_Node, ...]  #: trie nodes that the last tokens lead to; the root is always among them
    pending: float = 0.0  #: bonus given for a hotword not finished yet
    done: bool = False
    acoustic: float = 0.0
    hit: bool = False
    ending: float = 0.0  #: log-probability of the last word
    onward: float = 0.0  #: probability of a word there after which more would come


@dataclass(frozen=True, slots=True)
class _Search:
    """How one utterance is searched."""

    root: _Node
    width: int
    favoured: npt.NDArray[np.int64] | None  #: tokens with a bonus
    spelling: Spelling


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
        spellings = (mark + form for word in _DIGIT_WORDS for form in (word, word.title()) for mark in ("", SPACE))
        self._digits = np.array(sorted({self._ids[s.encode()] for s in spellings if s.encode() in self._ids}))
        self._spelling = spelling(self._vocabulary, _EOS)

    def transcribe(
        self,
        samples: Samples,
        hotwords: tuple[str, ...] = (),
        *,
        digits: bool = False,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Transcript:
        """Recognise one utterance.

        Args:
            samples: mono float32 at 16 kHz, with about 0.3 s before the speech; at most the last 30 s are used.
            hotwords: names to prefer (the lead's, their company's); switches from greedy to a beam of 4.
            digits: a number is being dictated: prefer the names of digits.
            wanted: asked after every token; no: what there is so far is returned.
        """
        audio = np.pad(np.asarray(samples[-_MAX_S * RATE :], np.float32), (0, _TAIL))
        if len(audio) < _MIN_SAMPLES:
            audio = np.pad(audio, (0, _MIN_SAMPLES - len(audio)))
        hidden = self._encoder.run(
            None, {"input_values": audio[None], "attention_mask": np.ones((1, len(audio)), np.int64)}
        )[0]
        search = _Search(self._trie(hotwords), 4 if hotwords else 1, self._digits if digits else None, self._spelling)
        decoding = _Decoding(self._decoder, self._outputs, hidden)
        beams = [_Beam(0.0, (), 0, (search.root,))]
        for _ in range(int(len(audio) / RATE * _TOKENS_PER_S) + 6):
            beams = _advance(beams, decoding, search)
            if beams[0].done or _loop(beams[0].ids) or not wanted():
                break
        best = beams[0]
        ids = best.ids[: len(best.ids) - _loop(best.ids)]
        confidence = float(np.exp(best.acoustic / max(1, len(best.ids))))
        return Transcript(self._text(ids), confidence, best.hit, float(np.exp(best.ending)), best.onward)

    def number(
        self, samples: Samples, heard: Transcript, wanted: Callable[[], bool] = lambda: True
    ) -> Transcript | None:
        """See `NumberRecogniser`: "eight" by itself is easily heard as "and", "forty" as "Morty"."""
        found = self.transcribe(samples, _NUMBERS, wanted=wanted)
        sure = found.confidence >= max(_NUMBER_MIN, _NUMBER_SHARE * heard.confidence)
        return found if found.biased and sure and " " not in found.text else None

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
        rest, tokens = (SPACE + word.strip().replace(" ", SPACE)).encode(), []
        while rest:
            size = next((n for n in range(min(24, len(rest)), 0, -1) if rest[:n] in self._ids), 0)
            if size:
                tokens.append(self._ids[rest[:size]])
            rest = rest[size or 1 :]
        return tokens

    def _text(self, ids: tuple[int, ...]) -> str:
        raw = b"".join(self._vocabulary[i] for i in ids if i > _EOS)
        written = raw.decode("utf-8", "replace").replace(SPACE, " ").strip()
        return _OLD_SPELLING.sub(r"\1\2", written)


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


class _Decoding:
    """One utterance's decoder: every call takes all beams one token further in one run, which costs little more than one beam."""

    def __init__(self, session: ort.InferenceSession, outputs: list[str], hidden: npt.NDArray[np.float32]) -> None:
        self._session = session
        self._outputs = outputs
        self._hidden = hidden
        self._own: Cache = _empty("decoder")  # what the tokens so far left, a row for each beam of the last step
        self._heard: Cache = _empty("encoder")  # the sound, the same for every beam
        self._first = True

    def step(self, rows: Sequence[int], tokens: Sequence[int]) -> npt.NDArray[np.float32]:
        """Log-probabilities of the next token, a row for each beam; beam i goes on from row `rows[i]` of the last step."""
        n, own = len(rows), self._own
        self._hidden = _rows(self._hidden, n)
        self._heard = {key: _rows(value, n) for key, value in self._heard.items()}
        if not self._first and list(rows) != list(range(len(next(iter(own.values()))))):
            own = {key: value[list(rows)] for key, value in own.items()}
        outputs = self._session.run(
            None,
            {
                # The decoder takes every 384th element of a mask over samples (strides 64, 3, 2 of its front end).
                "encoder_attention_mask": np.ones((n, self._hidden.shape[1] * _STRIDE), np.int64),
                "encoder_hidden_states": self._hidden,
                "input_ids": np.array(tokens, np.int64)[:, None],
                "use_cache_branch": np.array([not self._first]),
                **own,
                **self._heard,
            },
        )
        named = {
            name.replace("present", "past_key_values"): value
            for name, value in zip(self._outputs, outputs[1:], strict=True)
        }
        self._own = {key: value for key, value in named.items() if "decoder" in key}
        if self._first:  # with the cache branch the encoder's keys come back empty: those of the first step are kept
            self._heard = {key: value for key, value in named.items() if "encoder" in key}
        self._first = False
        logits: npt.NDArray[np.float32] = outputs[0][:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return logits


def _rows(value: npt.NDArray[np.float32], n: int) -> npt.NDArray[np.float32]:
    """The same row `n` times: all rows of `value` are alike."""
    return value[:n] if len(value) >= n else np.repeat(value[:1], n, axis=0)


def _empty(kind: str) -> Cache:
    return {
        f"past_key_values.{layer}.{kind}.{part}": np.zeros((1, _HEADS, 0, _HEAD_DIM), np.float32)
        for layer in range(_LAYERS)
        for part in ("key", "value")
    }


def _advance(beams: list[_Beam], decoding: _Decoding, search: _Search) -> list[_Beam]:
    candidates = [beam for beam in beams if beam.done]
    open_ = [beam for beam in beams if not beam.done]
    logps = decoding.step([beam.row for beam in open_], [beam.ids[-1] if beam.ids else _BOS for beam in open_])
    for row, (beam, logp) in enumerate(zip(open_, logps, strict=True)):
        if search.favoured is not None:
            logp[search.favoured] += _DIGIT_BONUS
        for token in _promising(logp, beam.live, search.width):
            candidates.append(_extend(beam, token, logp, row, search))
    candidates.sort(key=lambda beam: -beam.score)
    return candidates[: search.width]


def _promising(logp: npt.NDArray[np.float32], live: tuple[_Node, ...], width: int) -> set[int]:
    if width == 1:
        return {int(logp.argmax())}
    best = {int(i) for i in np.argpartition(-logp, 6)[:6]}
    return best | {token for node in live for token in node.next if logp[token] > -9}


def _loop(ids: tuple[int, ...]) -> int:
    """How many tokens at the end only repeat those before them; 0 when the decoder is not caught in a loop."""
    for cycle, repeats in _LOOPS:
        tail = ids[-cycle * repeats :]
        if len(tail) == cycle * repeats and tail == tail[:cycle] * repeats:
            return cycle * (repeats - 1)
    return 0


def _extend(
    beam: _Beam,
    token: int,
    favoured: npt.NDArray[np.float32],
    row: int,
    search: _Search,
) -> _Beam:
    root = search.root
    live, earned = [root], 0.0
    for node in beam.live:
        if (child := node.next.get(token)) is not None:
            live.append(child)
            earned = max(earned, _BONUS if node is root else beam.pending + _BONUS)
    finished = any(node.end for node in live[1:])
    return _Beam(
        score=beam.score + float(favoured[token]) + earned - beam.pending,
        ids=(*beam.ids, token),
        row=row,
        live=tuple(live),
        pending=0.0 if finished else earned,
        done=token == _EOS,
        acoustic=beam.acoustic + min(0.0, float(favoured[token])),
        hit=beam.hit or finished,
        ending=0.0 if finished else search.spelling.ending(beam.ending, token, favoured),
        onward=0.0 if finished else search.spelling.onward(beam.ids, beam.onward, token, favoured),
    )
