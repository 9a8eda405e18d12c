"""Keypad digits as RTP telephone events, both directions (RFC 4733)."""

import asyncio
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from sip.ua.audio import FRAME, RATE
from sip.ua.rtp import Packet

DIGITS: Final = "0123456789*#ABCD"  # in the order of their event codes
_END, _VOLUME = 0x80, 10  # volume in -dBm0
_FRAME_MS = FRAME * 1000 // RATE


@dataclass(slots=True)
class Digit:
    """One pressed key; `t` is the arrival of its first packet, `ms` grows while it is held."""

    digit: str
    t: float
    ms: int = 0
    ended: bool = False

    @property
    def code(self) -> int:
        return DIGITS.index(self.digit)


@dataclass(slots=True)
class DigitReader:
    """Puts telephone-event packets together; one event has one timestamp."""

    digits: list[Digit] = field(default_factory=list)
    _event: tuple[int, int] | None = None  # SSRC and timestamp

    def read(self, packet: Packet) -> Digit | None:
        """The digit, when this packet is the first of its event."""
        if len(packet.payload) < 4:
            return None
        code, flags, duration = struct.unpack("!BBH", packet.payload[:4])
        if code >= len(DIGITS):
            return None  # flash and tones are not keys
        new = self._event != (packet.ssrc, packet.ts)
        if new:
            self._event = (packet.ssrc, packet.ts)
            self.digits.append(Digit(DIGITS[code], packet.t))
        digit = self.digits[-1]
        digit.ms = max(digit.ms, duration * 1000 // RATE)
        digit.ended |= bool(flags & _END)
        return digit if new else None


@dataclass(slots=True)
class _Press:
    code: int
    frames: int
    done: asyncio.Future[None]
    sent: int = 0
    ts: int = 0


@dataclass(slots=True)
class DigitWriter:
    """The keys that wait to be sent; `frame` gives the packets of the next 20 ms."""

    _presses: deque[_Press] = field(default_factory=deque)

    def press(self, digit: str, ms: int) -> "asyncio.Future[None]":
        """Queue one key; the future is done when its last packet left. Raises ValueError for no key."""
        if digit.upper() not in DIGITS:
            raise ValueError(f"{digit!r} is not on a keypad; use 0-9, *, #, A-D")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._presses.append(_Press(DIGITS.index(digit.upper()), max(2, ms // _FRAME_MS), done))
        return done

    def __bool__(self) -> bool:
        return bool(self._presses)

    def frame(self, ts: int) -> list[tuple[bool, int, bytes]]:
        """(marker, timestamp, payload) of each packet: one, or three equal ones at the end of a key."""
        press = self._presses[0]
        if not press.sent:
            press.ts = ts
        press.sent += 1
        last = press.sent >= press.frames
        payload = struct.pack("!BBH", press.code, (_END if last else 0) | _VOLUME, press.sent * FRAME)
        packet = (press.sent == 1, press.ts, payload)
        if last:
            self._presses.popleft()
            _finish(press.done)
        return [packet] * (3 if last else 1)

    def clear(self) -> None:
        while self._presses:
            _finish(self._presses.popleft().done)


def _finish(done: "asyncio.Future[None]") -> None:
    if not done.done():
        done.set_result(None)
