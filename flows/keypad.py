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


def press(keypad: Keypad, buffer: str, key: str) -> Keyed:
    """Take one key.

    While digits are collected `*` clears and may begin a command (`**`, `*0`, `*9`); `#` ends the entry, and so does
    the last digit when the length is known. Otherwise one key decides. Raises ValueError for what is no key.
    """
    if key not in KEYS:
        raise ValueError(f"{key!r} is no telephone key")
    if keypad.collect != "digits":
        return Keyed("") if key == "#" else Keyed("", key)
    if key == "#":
        return Keyed("", None if buffer in ("", "*") else buffer)
    if key == "*":
        return Keyed("", "**") if buffer == "*" else Keyed("*")
    if buffer == "*":
        return Keyed("", f"*{key}") if key in "09" else _digit(keypad, key)
    return _digit(keypad, buffer + key)


def timeout(keypad: Keypad, buffer: str) -> str | None:
    """The inter-digit or total time is over: what was typed counts as it is; a lone `*` has only cleared."""
    return None if buffer in ("", "*") or keypad.collect != "digits" else buffer


def _digit(keypad: Keypad, buffer: str) -> Keyed:
    bound = keypad.length or keypad.max
    return Keyed("", buffer) if bound and len(buffer) >= bound else Keyed(buffer)
