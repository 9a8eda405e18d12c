"""Logs without telephone numbers: the last net under code that should not have let one through."""

from __future__ import annotations

import logging
import re
from typing import Final

#: E.164 (a plus and up to 15 digits), and the user part of a SIP URI.
_NUMBER: Final = re.compile(r"(?<![\w.])\+\d{7,15}(?!\d)|(?<=_)\+\d{7,15}(?!\d)|(?<=sip:)\+?\d{7,15}(?=@)")
_HIDDEN: Final = "[number]"


class Redacting(logging.Formatter):
    """A formatter that hides numbers in messages and in tracebacks alike."""

    def format(self, record: logging.LogRecord) -> str:
        return hide_numbers(super().format(record))


def hide_numbers(text: str) -> str:
    """The text with every telephone number replaced."""
    return _NUMBER.sub(_HIDDEN, text)


def log_to_stderr(level: int = logging.INFO) -> None:
    """What each of our programs does first: one line a message, numbers hidden."""
    handler = logging.StreamHandler()
    handler.setFormatter(Redacting("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
