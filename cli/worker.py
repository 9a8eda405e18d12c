"""`leadline worker`: the bot itself, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging

import typer

from cli.stack.problem import StackError


def worker() -> None:
    """Register with livekit-server as agent `leadline` and take calls. SIGTERM lets running calls finish."""
    from pydantic import ValidationError

    from bot.providers import ProviderUnusable
    from bot.worker import WorkerUnusable, run
    from store.calls import StoreError

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(run())
    except (WorkerUnusable, ProviderUnusable, StoreError, StackError, ValidationError) as wrong:
        typer.echo(f"leadline: {wrong}", err=True)
        raise typer.Exit(1) from None
