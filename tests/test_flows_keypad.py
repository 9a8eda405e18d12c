"""Keys become entries and commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.keypad import press, timeout
from flows.model import Keypad

MENU = Keypad("menu")
NONE = Keypad("none")
DIGITS = Keypad("digits", max=6)
FIVE = Keypad("digits", length=5)

#: keypad, keys pressed, entries in order, what is left in the buffer
PRESSED = {
    "a menu decides at one key": (MENU, "2", ["2"], ""),
    "pound means nothing in a menu": (MENU, "#1", ["1"], ""),
    "commands in a menu are single keys": (MENU, "*09", ["*", "0", "9"], ""),
    "commands without a question": (NONE, "0", ["0"], ""),
    "pound ends digits": (DIGITS, "95#", ["95"], ""),
    "pound alone enters nothing": (DIGITS, "#", [], ""),
    "digits wait for more": (DIGITS, "95", [], "95"),
    "the most digits end an entry": (DIGITS, "123456", ["123456"], ""),
    "a known length needs no pound": (FIVE, "90210", ["90210"], ""),
    "star clears": (DIGITS, "12*34#", ["34"], ""),
    "star star repeats": (DIGITS, "12**", ["**"], ""),
    "star zero asks for a human": (DIGITS, "*0", ["*0"], ""),
    "star nine opts out": (FIVE, "*9", ["*9"], ""),
    "star nine after digits waits: it may be a new number": (FIVE, "902*9", [], "_*9"),
    "a new number may begin with nine": (DIGITS, "12*95#", ["95"], ""),
    "and be nine": (DIGITS, "12*9#", ["9"], ""),
    "star star repeats after digits too": (DIGITS, "12*9**", ["**"], ""),
    "nine is a digit": (DIGITS, "9#", ["9"], ""),
    "zero is a digit": (DIGITS, "0#", ["0"], ""),
    "star pound only clears": (DIGITS, "12*#", [], ""),
    "a second number begins after the first": (FIVE, "9021033101", ["90210", "33101"], ""),
}


@pytest.mark.parametrize(("keypad", "keys", "entries", "left"), PRESSED.values(), ids=PRESSED)
def test_press(keypad: Keypad, keys: str, entries: list[str], left: str) -> None:
    buffer, found = "", []
    for key in keys:
        keyed = press(keypad, buffer, key)
        buffer = keyed.buffer
        if keyed.entry is not None:
            found.append(keyed.entry)
    assert (found, buffer) == (entries, left)


@pytest.mark.parametrize(
    ("keypad", "buffer", "entry"),
    [
        (DIGITS, "95", "95"),
        (DIGITS, "*", None),
        (DIGITS, "", None),
        (FIVE, "902", "902"),
        (FIVE, "_*", None),
        (FIVE, "_*9", "*9"),
    ],
)
def test_time_out(keypad: Keypad, buffer: str, entry: str | None) -> None:
    assert timeout(keypad, buffer) == entry


@pytest.mark.parametrize("key", ["A", "", "12", "ä"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no telephone key"):
        press(MENU, "", key)


@given(st.text("0123456789*#", max_size=40), st.sampled_from([MENU, NONE, DIGITS, FIVE]))
def test_the_buffer_is_bounded_and_digits_never_opt_out(keys: str, keypad: Keypad) -> None:
    buffer = ""
    for at, key in enumerate(keys):
        keyed = press(keypad, buffer, key)
        buffer = keyed.buffer
        assert len(buffer) <= max(keypad.length, keypad.max, 3)
        if keypad.collect == "digits" and keyed.entry == "*9":
            assert keys[at - 1 : at + 1] == "*9"
