"""Gathers key presses into entries and commands: `*` repeat, `0` a human, `9` opt-out, doubled while digits are typed."""

from __future__ import annotations

from dataclasses import dataclass

from flows.model import Keypad

KEYS = frozenset("0123456789*#")


@dataclass(frozen=True, slots=True)
class Keyed:
    """What a key did: keys waiting for more, and the entry or command it completed."""

    buffer: str
    entry: str | None = None


#: Marks a buffer in which `*` has cleared digits: what follows may be a command or a new number.
_CLEARED = "_*"


def press(keypad: Keypad, buffer: str, key: str) -> Keyed:
    """Take one key.

    While digits are collected `#` ends the entry, and so does the last digit when the length is known. `*` clears, and
    `**`, `*0`, `*9` are commands: at once when nothing was typed before them, else `*0` and `*9` only if nothing
    follows, because a cleared number may be typed again and begin with 9. Without digits to collect one key decides.
    Raises ValueError for what is no key.
    """
    if key not in KEYS:
        raise ValueError(f"{key!r} is no telephone key")
    if keypad.collect != "digits":
        return Keyed("") if key == "#" else Keyed("", key)
    typed = buffer.removeprefix(_CLEARED)
    if key == "#":
        return Keyed("", None if typed in ("", "*") else typed)
    if key == "*":
        if buffer in ("*", _CLEARED):
            return Keyed("", "**")
        return Keyed(_CLEARED if typed else "*")
    if buffer == "*":
        return Keyed("", f"*{key}") if key in "09" else _digit(keypad, key)
    if buffer == _CLEARED and key in "09":
        return Keyed(_CLEARED + key)
    return _digit(keypad, typed + key)


def timeout(keypad: Keypad, buffer: str) -> str | None:
    """The inter-digit or total time is over: what was typed counts as it is; a lone `*` has only cleared."""
    if buffer in ("", "*", _CLEARED) or keypad.collect != "digits":
        return None
    return buffer.removeprefix("_")


def _digit(keypad: Keypad, buffer: str) -> Keyed:
    bound = keypad.length or keypad.max
    return Keyed("", buffer) if bound and len(buffer) >= bound else Keyed(buffer)
