"""How sure a recogniser is of the last word, and whether it may as well be one after which more would come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

SPACE: Final = "▁"
#: Where nothing follows them, these are heard as many a word; the decoder still gives them some probability there.
_GOING_ON: Final = ("and", "or", "but", "so", "because", "um", "uh", "And", "Or", "But", "So")
#: The same where the first word is the last one, too: a hesitation, or how longer answers begin.
_BEGINNING: Final = (*_GOING_ON, "Um", "U", "Uh", "Well", "Oh", "Ah", "Er", "Hmm", "Hm", "Hu", "Mm", "M", "I", "A")
_GOES_ON, _DOUBTED = 0.03, 0.3  #: so probable, they make the last word so unsure
_MARKS: Final = frozenset(".,?!…-")


@dataclass(frozen=True, slots=True)
class Spelling:
    """Which tokens begin a word, which are no part of one, and which go on."""

    starts: frozenset[int]
    marks: frozenset[int]
    going_on: npt.NDArray[np.int64]
    beginning: npt.NDArray[np.int64]

    def ending(self, before: float, token: int, logp: npt.NDArray[np.float32]) -> float:
        """Log-probability of the last word once `token` follows."""
        if token in self.marks:
            return before
        sure = min(0.0, float(logp[token]))
        if token not in self.starts:
            return before + sure
        goes_on = token not in self.going_on and float(np.exp(logp[self.going_on]).sum()) > _GOES_ON
        return min(sure, float(np.log(_DOUBTED))) if goes_on else sure

    def onward(self, ids: tuple[int, ...], before: float, token: int, logp: npt.NDArray[np.float32]) -> float:
        """Probability of a word that goes on in the last word's place, once `token` follows `ids`."""
        if token not in self.starts:
            return before
        first = all(known in self.marks for known in ids)
        return float(np.exp(logp[self.beginning if first else self.going_on]).sum())


def spelling(vocabulary: list[bytes], last_sign: int) -> Spelling:
    """Read a vocabulary whose tokens up to `last_sign` are none of the text."""
    words = [token.decode("utf-8", "replace") for token in vocabulary]
    starts = frozenset(i for i, word in enumerate(words) if i > last_sign and word.startswith(SPACE))
    marks = frozenset(i for i, word in enumerate(words) if i <= last_sign or word.strip(SPACE) in _MARKS)

    def among(wanted: tuple[str, ...]) -> npt.NDArray[np.int64]:
        return np.array([i for i in sorted(starts) if words[i].removeprefix(SPACE) in wanted])

    return Spelling(starts, marks, among(_GOING_ON), among(_BEGINNING))
