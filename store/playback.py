"""A call's recording as one sound: its parts in a row, as far apart as they were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from store.calls import Part, StoreError
from store.recordings import Sound, part_number, parts_in, read_part

_GAP_S: Final = 600.0  #: no silence between parts is longer than this


class NoRecording(StoreError):
    """The call has no sound to play."""


def joined(folder: Path, call_id: str, parts: Sequence[Part]) -> Sound:
    """The whole recording. Parts that a row does not know follow at once. Blocking. Raises NoRecording."""
    began = {part.number: part.began_at for part in parts}
    pieces: list[bytes] = []
    rate, channels, length, first = 0, 0, 0.0, None
    for path in parts_in(folder):
        try:
            sound = read_part(path)
        except (OSError, ValueError) as wrong:
            raise NoRecording(f"the recording of call {call_id} cannot be read: {wrong}") from None
        at = began.get(part_number(path))
        first = at if first is None else first
        rate, channels = sound.rate, sound.channels
        if at is not None and first is not None and pieces:
            gap = min(max(0.0, at - first - length), _GAP_S)
            silence = b"\0\0" * channels * round(gap * rate)
            pieces.append(silence)
            length += gap
        pieces.append(sound.frames)
        length += sound.seconds
    if not pieces:
        why = "was deleted" if any(part.ended == "deleted" for part in parts) else "was not recorded"
        raise NoRecording(f"call {call_id} {why}")
    return Sound(rate, channels, b"".join(pieces))
