"""`leadline calls tail`: what happens in calls, as it happens, from the live events in Redis."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

import cli.calls_out  # noqa: F401 -- its commands belong to the same group
from cli.calls import AsJson, Stack, app, told_plainly
from cli.campaign_options import Wrong, out

if TYPE_CHECKING:
    from store.events import LiveEvent

#: Shown only on request: they are what somebody said or who somebody is.
_PERSONAL = "pii."


@app.command()
def tail(
    call_id: Annotated[str | None, typer.Argument(help="One call, by its whole id; without: all of them.")] = None,
    words: Annotated[bool, typer.Option("--words", help="Also what is said, and numbers.")] = False,
    since: Annotated[bool, typer.Option("--all", help="Begin with the oldest event that Redis still has.")] = False,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """Print events of calls as they happen, until Ctrl-C. Personal data is left out unless --words."""
    from cli.target import find_target
    from store.redis_events import RedisEvents

    async def follow() -> None:
        url = find_target(name).redis_url
        if not url:
            raise Wrong("live events are in Redis: set LEADLINE_REDIS_URL, or name a local stack with --name")
        async with RedisEvents(url, time.time) as events:
            if not await events.is_there():
                raise Wrong("Redis cannot be reached at LEADLINE_REDIS_URL; `leadline status` shows a local stack's")
            async for event in events.follow(call_id, "0" if since else ""):
                _print(event, words, as_json)

    with told_plainly():
        try:
            asyncio.run(follow())
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def _print(event: LiveEvent, words: bool, as_json: bool) -> None:
    fields = {key: value for key, value in event.fields.items() if words or not key.startswith(_PERSONAL)}
    if as_json:
        typer.echo(json.dumps({**asdict(event), "fields": fields}, default=str))
        return
    told = " ".join(f"{key.removeprefix(_PERSONAL)}={value}" for key, value in fields.items())
    at = datetime.fromtimestamp(event.at, UTC)
    out().print(f"[dim]{at:%H:%M:%S}[/] {event.call_id[:8]} [bold]{event.kind}[/] {escape(told)}")
