"""Where the milliseconds of each reply went, as `leadline calls show ID --timing` prints it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from store.calls import Turn

#: Step, and what the time before it was spent on.
STEPS: Final[Mapping[str, str]] = {
    "decoding": "silence until decoding began",
    "decoded": "recognition",
    "decided": "silence that is waited for",
    "understood": "rules or language model",
    "worded": "engine",
    "queued": "voice, until the first sample was queued",
}
_WORDS = 40


def waterfalls(turns: Sequence[Turn]) -> list[dict[str, object]]:
    """The replies whose steps were kept: turn number, words, ms after the caller's last sound by step."""
    return [{"n": turn.n, "text": turn.text, **turn.timing} for turn in turns if turn.timing]


def timing_table(turns: Sequence[Turn]) -> Table:
    """One line a reply: milliseconds after the caller's last sound at which each step was over; medians below."""
    table = Table("reply", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_footer=True)
    replies = [turn for turn in turns if turn.timing]
    table.columns[0].footer = f"median of {len(replies)}"
    for step in STEPS:
        known = [turn.timing[step] for turn in replies if step in turn.timing]
        table.add_column(step, justify="right", footer=str(round(statistics.median(known))) if known else "")
    for turn in replies:
        words = turn.text if len(turn.text) <= _WORDS else f"{turn.text[: _WORDS - 1]}…"
        table.add_row(escape(words), *(str(turn.timing.get(step, "")) for step in STEPS))
    table.caption = "ms after the caller's last sound · " + " · ".join(f"{step}: {why}" for step, why in STEPS.items())
    table.caption_justify = "left"
    return table
