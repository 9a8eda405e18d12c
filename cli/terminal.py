"""How every command tells what a person can mend: one line on stderr."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape


def complain(said: str) -> None:
    """Say it, without a traceback; the caller chooses the exit code."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]leadline:[/] {escape(said)}")
