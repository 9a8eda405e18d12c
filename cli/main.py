"""The command tree of `leadline`."""

from __future__ import annotations

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="A phone bot that qualifies sales leads.")


def main() -> None:
    """Run the command line."""
    app()
