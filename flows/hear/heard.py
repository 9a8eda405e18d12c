"""What understanding an utterance yields: a value or an intent, how sure we are of it, and where it was said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flows.model import Value


@dataclass(frozen=True)  # no slots: see `model.changed`
class Hearing:
    """A slot's value found in an utterance.

    `value` is None when nothing was understood; `certainty` runs from 0 to 1; `span` is the half-open range of
    characters in the utterance that said it.
    """

    value: Value | None
    certainty: float
    span: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Intent:
    """What the caller wants from the conversation itself: "opt_out", "repeat", …; `name` is None for none of them."""

    name: str | None
    certainty: float
    span: tuple[int, int] | None = None


NOTHING = Hearing(None, 0.0, None)
NO_INTENT = Intent(None, 0.0)


class IntentModel(Protocol):
    """A port for guessing an intent where the rules are silent."""

    def classify(self, text: str) -> tuple[str | None, float]:
        """Return the intent's name, or None when no intent is near, and a similarity from 0 to 1."""
        ...
