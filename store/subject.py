"""Whose data is meant: a telephone number in every form in which it may have been written or said."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ERASED: Final = "[erased]"
#: Cost of a suppression's hash: some 50 ms and 16 MB, so that trying all numbers of a country takes years.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
_HASHED: Final = "scrypt:"
_APART: Final = r"[\s,.()/\-]{0,3}"
_SAID: Final = {
    "0": "(?:0|zero|oh|o)", "1": "(?:1|one)", "2": "(?:2|two)", "3": "(?:3|three)", "4": "(?:4|four)",
    "5": "(?:5|five)", "6": "(?:6|six)", "7": "(?:7|seven)", "8": "(?:8|eight)", "9": "(?:9|nine)",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """A number: `e164` as +12025550134, `national` as people at home write it, digits only: 2025550134."""

    e164: str
    national: str
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", re.compile(_pattern(self.e164[1:], self.national), re.IGNORECASE))

    @property
    def tail(self) -> str:
        """The last four digits: what a database can look for quickly before anybody looks closely."""
        return self.national[-4:]

    def is_in(self, text: str) -> bool:
        """Whether the number is there, however it is spaced or spoken."""
        return self._pattern.search(text) is not None

    def without(self, text: str, instead: str = ERASED) -> str:
        """The text with every such place replaced."""
        return self._pattern.sub(instead, text)

    def masked(self, text: str) -> str:
        """The text, as long as before, with every such place crossed out."""
        return self._pattern.sub(lambda found: "x" * len(found[0].encode()), text)

    def out_of(self, data: object) -> object:
        """JSON data with the number replaced wherever it is."""
        if isinstance(data, str):
            return self.without(data)
        if isinstance(data, Mapping):
            return {key: self.out_of(value) for key, value in data.items()}
        if isinstance(data, list | tuple):
            return [self.out_of(value) for value in data]
        return data


def _pattern(full: str, national: str) -> str:
    """The number with or without its country code, in digits or in words, and not as a part of a longer number."""
    code = full[: len(full) - len(national.lstrip("0"))] if full.endswith(national.lstrip("0")) else ""
    front = f"(?:\\+?{_spaced(code)}{_APART})?" if code else ""
    if code != "1":
        front += f"(?:{_SAID['0']}{_APART})?"  # the trunk prefix that many countries dial at home
    return rf"(?<![0-9+])(?<![A-Za-z]){front}{_spaced(national)}(?![0-9A-Za-z])"


def _spaced(digits: str) -> str:
    return _APART.join(_SAID[digit] for digit in digits)


def hashed(number: str, salt: str) -> str:
    """What is kept of a number that must never be called again, and whose data was erased."""
    return _HASHED + hashlib.scrypt(number.encode(), salt=salt.encode(), **_SCRYPT).hex()


def is_hash(number: str) -> bool:
    """Whether a suppression is of an erased number."""
    return number.startswith(_HASHED)
