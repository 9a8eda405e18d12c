"""What the bot uttered and when, word by word: an echo of it is to be known as such."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from bot.clip import Clip
from bot.speech.voice import RATE

_PIECES: Final = 700  #: of 100 ms each: longer than the longest turn of a caller


@dataclass(slots=True)
class _Piece:
    """Samples `since` to `upto` of a clip, which begin to play at `at`."""

    clip: Clip
    since: int
    upto: int
    at: float

    @property
    def ends_at(self) -> float:
        return self.at + (self.upto - self.since) / RATE


class Uttered:
    """One per mouth. Times are Unix seconds."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque(maxlen=_PIECES)
        self.sounded_at = 0.0  #: when the last sound was handed to the speaker

    def play(self, clip: Clip, since: int, upto: int, at: float) -> None:
        """These samples of a clip will play from `at` on."""
        self._pieces.append(_Piece(clip, since, upto, at))

    def drop(self, at: float) -> None:
        """What was to be played from `at` on was not."""
        while self._pieces and self._pieces[-1].at >= at:
            self._pieces.pop()
        if self._pieces and self._pieces[-1].ends_at > at:
            last = self._pieces[-1]
            last.upto = last.since + round((at - last.at) * RATE)

    def sounding(self, at: float, after_s: float) -> bool:
        """Whether it was saying something then, or had been until `after_s` seconds before."""
        return any(piece.at <= at <= piece.ends_at + after_s for piece in self._pieces)

    def between(self, began_at: float, ended_at: float) -> str:
        """The words that were played then, at least in part; where a word lies in a sentence is told by its letters."""
        spans: list[_Piece] = []
        for piece in self._pieces:
            if piece.ends_at < began_at or piece.at > ended_at:
                continue
            if spans and spans[-1].clip is piece.clip:
                spans[-1].since, spans[-1].upto = min(spans[-1].since, piece.since), max(spans[-1].upto, piece.upto)
            else:
                spans.append(_Piece(piece.clip, piece.since, piece.upto, piece.at))
        return " ".join(part for span in spans if (part := _words(span)))


def _words(span: _Piece) -> str:
    text, whole = span.clip.text, max(1, span.clip.expected)
    first, last = span.since / whole * len(text), span.upto / whole * len(text)
    found, at = [], 0
    for word in text.split():
        begins = text.index(word, at)
        at = begins + len(word)
        if begins < last and at > first:
            found.append(word)
    return " ".join(found)
