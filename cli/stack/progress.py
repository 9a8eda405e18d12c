"""Progress of a start: a live table at a terminal, plain lines everywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

_LINE_EVERY_S = 10.0


class Progress(Protocol):
    """Hears about each part: still at it, or done."""

    def step(self, part: str, text: str) -> None:
        """`part` is still at it; `text` says with what."""

    def done(self, part: str, text: str) -> None:
        """`part` is ready; `text` says where."""

    def close(self) -> None:
        """All are; nothing is drawn from here on."""


class Silent:
    """Says nothing; for tests and callers that show their own."""

    def step(self, part: str, text: str) -> None:
        """Say nothing."""

    def done(self, part: str, text: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Say nothing."""


class Lines:
    """One line when a part begins, one when it is done, and a sign of life every ten seconds between (logs, CI)."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began: dict[str, float] = {}
        self._said: dict[str, float] = {}

    def step(self, part: str, text: str) -> None:
        """Print the line unless one about this part was printed a moment ago."""
        now = time.monotonic()
        self._began.setdefault(part, now)
        if now - self._said.get(part, -_LINE_EVERY_S) >= _LINE_EVERY_S:
            self._said[part] = now
            self._console.print(f"  {part}: {text}", highlight=False)

    def done(self, part: str, text: str) -> None:
        """Print the line with the seconds it took."""
        took = time.monotonic() - self._began.pop(part, time.monotonic())
        self._said.pop(part, None)
        self._console.print(f"  {part}: {text} ({took:.1f} s)", highlight=False)

    def close(self) -> None:
        """Have nothing to put away."""


class Live:
    """A spinner and a clock for each part, redrawn in place."""

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description:<15}"))
        self._bars = Bars(*columns, TimeElapsedColumn(), TextColumn("{task.fields[text]}"), console=console)
        self._tasks: dict[str, TaskID] = {}
        self._bars.start()

    def step(self, part: str, text: str) -> None:
        """Show the text beside the part's spinner."""
        self._bars.update(self._task(part), text=text)

    def done(self, part: str, text: str) -> None:
        """Tick the part off."""
        self._bars.update(self._task(part), text=text, total=1, completed=1)

    def close(self) -> None:
        """Leave the table as it is and give the cursor back."""
        self._bars.stop()

    def _task(self, part: str) -> TaskID:
        if part not in self._tasks:
            self._tasks[part] = self._bars.add_task(part, total=None, text="")
        return self._tasks[part]


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """Yield the progress that fits the console; it may be closed earlier."""
    progress = Live(console) if console.is_terminal else Lines(console)
    try:
        yield progress
    finally:
        progress.close()
