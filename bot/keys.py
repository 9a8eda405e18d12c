"""Keys pressed by the caller, gathered into entries by the pure rules of `flows.keypad`, with their deadlines."""

from __future__ import annotations

from flows.keypad import KEYS, press, timeout
from flows.model import Keypad


class Keys:
    """Gathers key presses while a `Listen` is in force. Times are Unix seconds given by the caller."""

    def __init__(self) -> None:
        self._keypad = Keypad()
        self._question: object = None
        self._buffer = ""
        self._first_at = 0.0
        self._last_at = 0.0

    def arm(self, keypad: Keypad, question: object) -> None:
        """A question is open: what was typed for the last one is dropped, unless it is the same one asked again."""
        if (keypad, question) != (self._keypad, self._question):
            self._buffer = ""
        self._keypad, self._question = keypad, question

    def press(self, key: str, at: float) -> str | None:
        """Take one key; returns an entry or a command when it completes one. The fourth column (A-D) means nothing."""
        if key not in KEYS:
            return None
        if not self._buffer:
            self._first_at = at
        self._last_at = at
        keyed = press(self._keypad, self._buffer, key)
        self._buffer = keyed.buffer
        return keyed.entry

    @property
    def deadline(self) -> float | None:
        """When the entry ends by itself, or None when nothing was typed."""
        if not self._buffer:
            return None
        return min(self._last_at + self._keypad.inter_digit_s, self._first_at + self._keypad.total_s)

    def expire(self) -> str | None:
        """The deadline has passed: the entry so far, if it counts."""
        entry = timeout(self._keypad, self._buffer)
        self._buffer = ""
        return entry
