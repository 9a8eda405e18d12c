"""The call's own recorder: taps both sides without ever waiting, lays them on one time axis, writes from a thread."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bot.mouth import Speaker
from bot.speech.audio import Pcm
from bot.tape import RATE, Tape
from store.calls import Part
from store.recordings import PartFile, part_number, parts_in, remove_call

log = logging.getLogger("leadline.recorder")

_WAITING: Final = 4000  #: frames between the call and the disk: over a minute of both sides
_BEHIND_S: Final = 0.5  #: sound younger than this may still change: it is queued to be heard, or late
_WRITE_EVERY_S: Final = 0.5
_SPARE: Final = 64 * 1024 * 1024  #: bytes of the disk that are left to the database and its journal


@dataclass(frozen=True, slots=True)
class _Caller:
    at: float
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class _Bot:
    at: float
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class _Cut:
    at: float


@dataclass(frozen=True, slots=True)
class _Switch:
    at: float
    on: bool
    keep: bool


class Recorder:
    """One per call; off until `switch` turns it on. Its troubles are logged and never the call's.

    Nothing is recorded before `keep_in` has said where.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.on = False
        self._clock = clock
        self._taps: deque[_Caller | _Bot | _Cut | _Switch] = deque()
        self._writer: _Writer | None = None
        self._thread: threading.Thread | None = None

    def keep_in(self, folder: Path, noted: Callable[[Part], None]) -> None:
        """Use this folder; `noted` is told of each part as it begins and ends, on the recorder's own thread."""
        self._writer = _Writer(folder, self._taps, noted, self._clock)
        self._thread = threading.Thread(target=self._writer.run, name="recorder", daemon=True)

    def switch(self, on: bool, *, keep: bool = True) -> None:
        """Begin a part, or end it; without `keep` every part of the call is deleted. Returns at once."""
        if self._writer is None or self._thread is None or (on == self.on and keep):
            return
        if not self._thread.is_alive():
            self._thread.start()
        self.on = on
        self._taps.append(_Switch(self._clock(), on, keep))
        self._writer.wake.set()

    def caller(self, pcm: Pcm, at: float) -> None:
        """The caller's sound, 16 kHz, that arrived at `at`."""
        self._tap(_Caller(at, pcm))

    def bot(self, pcm: Pcm, heard_at: float) -> None:
        """The bot's sound, 24 kHz, that will be heard from `heard_at` on."""
        self._tap(_Bot(heard_at, pcm))

    def cut(self, at: float) -> None:
        """What the bot had queued is not heard from `at` on."""
        self._tap(_Cut(at))

    def close(self, limit_s: float = 5.0) -> None:
        """The call is over. Blocks until the file is whole, at most `limit_s`: call it in a thread."""
        self.switch(False)
        if self._writer is not None and self._thread is not None and self._thread.is_alive():
            self._writer.over.set()
            self._writer.wake.set()
            self._thread.join(limit_s)

    def _tap(self, tap: _Caller | _Bot | _Cut) -> None:
        if not self.on or self._writer is None:
            return
        if len(self._taps) < _WAITING:
            self._taps.append(tap)
        else:
            self._writer.dropped += 1


class _Writer:
    """Takes taps twice a second and writes what can no longer change."""

    def __init__(
        self,
        folder: Path,
        taps: deque[_Caller | _Bot | _Cut | _Switch],
        noted: Callable[[Part], None],
        clock: Callable[[], float],
    ) -> None:
        self.wake = threading.Event()
        self.over = threading.Event()
        self.dropped = 0
        self._folder = folder
        self._taps = taps
        self._noted = noted
        self._clock = clock
        self._running: _Running | None = None

    def run(self) -> None:
        """Until the call is over."""
        while not self.over.is_set() or self._taps:
            self.wake.wait(_WRITE_EVERY_S)
            self.wake.clear()
            while self._taps:
                self._take(self._taps.popleft())
            if self._running is not None:
                self._running.write(self._clock() - _BEHIND_S)

    def _take(self, tap: _Caller | _Bot | _Cut | _Switch) -> None:
        if isinstance(tap, _Switch):
            if self._running is not None:
                self._noted(self._running.end(tap.at, torn=self.dropped > 0))
                self._running = None
            if not tap.keep:
                self._delete()
            if tap.on:
                self._begin(tap.at)
        elif self._running is not None:
            self._running.lay(tap)

    def _begin(self, at: float) -> None:
        try:
            _refuse_full_disk(self._folder)
            self._running = _Running(PartFile.next_in(self._folder, RATE), at)
        except OSError as wrong:
            log.error("this call is not recorded: %s", wrong.strerror or wrong)
            return
        self._noted(self._running.part)

    def _delete(self) -> None:
        try:
            parts = [part_number(path) for path in parts_in(self._folder)]
            remove_call(self._folder)
        except OSError as wrong:
            log.error("a recording that the caller did not want could not be deleted: %s", wrong)
            return
        for number in parts:
            self._noted(Part(number, self._clock(), 0.0, "deleted"))


class _Running:
    """The part being written."""

    def __init__(self, file: PartFile, began_at: float) -> None:
        self.part = Part(part_number(file.path), began_at)
        self._file = file
        self._tape = Tape()
        self._failed = False

    def lay(self, tap: _Caller | _Bot | _Cut) -> None:
        """Put a tap where it belongs."""
        seconds = tap.at - self.part.began_at
        match tap:
            case _Caller(pcm=pcm):
                self._tape.caller.append(seconds, pcm)
            case _Bot(pcm=pcm):
                self._tape.bot.follow(seconds, pcm)
            case _Cut():
                self._tape.bot.cut(seconds)

    def write(self, until: float, *, last: bool = False) -> None:
        """Write what is older than this moment."""
        sound = self._tape.take(max(0.0, until - self.part.began_at), last=last)
        if self._failed or not len(sound):
            return
        try:
            _refuse_full_disk(self._file.path.parent)
            self._file.write(sound.tobytes())
        except OSError as wrong:
            self._failed = True
            log.error("the recording ends here, the call goes on: %s", wrong.strerror or wrong)

    def end(self, at: float, *, torn: bool) -> Part:
        """Write the rest and close the file."""
        self.write(at, last=True)
        try:
            self._file.close()
        except OSError as wrong:
            self._failed = True
            log.error("the recording could not be closed: %s", wrong.strerror or wrong)
        seconds = round(self._file.seconds, 3)
        return replace(self.part, seconds=seconds, ended="cut short" if self._failed or torn else "whole")


class RecordedSpeaker:
    """A `Speaker` whose sound the recorder hears as the caller does: when it is played, and only what is played."""

    def __init__(self, speaker: Speaker, recorder: Recorder, clock: Callable[[], float] = time.time) -> None:
        self._speaker = speaker
        self._recorder = recorder
        self._clock = clock

    async def write(self, pcm: Pcm) -> None:
        """See `Speaker`."""
        self._recorder.bot(pcm, self._clock() + self._speaker.queued_s)
        await self._speaker.write(pcm)

    async def wait_below(self, seconds: float) -> None:
        """See `Speaker`."""
        await self._speaker.wait_below(seconds)

    def clear(self) -> None:
        """See `Speaker`."""
        self._recorder.cut(self._clock())
        self._speaker.clear()

    @property
    def queued_s(self) -> float:
        """See `Speaker`."""
        return self._speaker.queued_s


def _refuse_full_disk(folder: Path) -> None:
    """A recording must not take the last of the disk from the lead's answers."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if shutil.disk_usage(there).free < _SPARE:
        raise OSError(f"less than {_SPARE // 2**20} MB are free on the disk of {there}")
