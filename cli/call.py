"""`leadline call NUMBER`: one outbound call, through the gate, with its result printed."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from cli.terminal import complain

if TYPE_CHECKING:
    from livekit import api

    from campaigns.gate import DialOutcome, DialRequest, GatePolicy, Permit, Refused
    from cli.target import Target
    from flows.flow import Flow
    from store.calls import Call, Calls
    from store.events import LiveEvent

# LiveKit's client and libphonenumber are imported where they are used, so that other commands start quickly.

EXIT_CODES = """
Exit codes: 0 answered · 3 busy · 4 declined or unwanted · 5 unanswered · 6 refused by the gate · 7 trunk, gateway, agent
or LiveKit out of order · 8 no such number · 9 blocked by the network · 1 wrong settings · 2 wrong usage · 130
and 143 interrupted.
"""
_EXIT = {"answered": 0, "busy": 3, "declined": 4, "unwanted": 4, "unanswered": 5, "not_found": 8, "blocked": 9}
_REFUSED, _OUT_OF_ORDER = 6, 7
_KEYS: Final = re.compile(r"[0-9*#A-Dw]{0,32}")
_POLL_S = 0.5
#: How long the last words may take to come through.
_LAST_WORDS_S = 0.3
#: How long the bot may take to write its result once the room is gone.
_RECORD_S = 8.0


class CallError(Exception):
    """The call cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person typed."""

    number: str
    flow: str
    trunk: str
    caller_id: str
    lead: Mapping[str, str]
    ringing_s: int | None = None
    max_call_s: int | None = None
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """How the person wants to see it."""

    watch: bool = False
    as_json: bool = False
    dry_run: bool = False


def call(
    number: Annotated[str, typer.Argument(help="Whom to call, as in +12025550134.")],
    flow: Annotated[str, typer.Option("--flow", help="A flow's name or file.")] = "b2b-software",
    trunk: Annotated[str, typer.Option("--trunk", help="A stored outbound trunk's name, or host:port.")] = "",
    caller_id: Annotated[str, typer.Option("--from", help="The number shown; one of yours.")] = "",
    var: Annotated[list[str] | None, typer.Option("--var", help="What is known of the person: name=value.")] = None,
    ring: Annotated[int | None, typer.Option("--ring", min=15, max=75, help="Give up after so many seconds.")] = None,
    digits: Annotated[
        str, typer.Option("--digits", help="Keys pressed when it is answered, as in ww12#; w waits half a second.")
    ] = "",
    longest: Annotated[
        int | None, typer.Option("--max", min=30, max=7200, help="The longest call, in seconds.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Print both sides' words as they are spoken.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Ask the gate, and dial nobody.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result for programs, and nothing else.")] = False,
    name: Annotated[str | None, typer.Option("--name", "-n", help="A local stack's name.")] = None,
) -> None:
    """Call a number, hold the conversation, print the result. Ctrl-C hangs up, also while it rings."""
    console = Console(highlight=False, soft_wrap=True, quiet=as_json)
    from pydantic import ValidationError

    from cli.stack.problem import StackError
    from cli.target import find_target
    from flows.schema import FlowError
    from sip.routes import RouteError
    from sip.settings import SipSettingsError
    from store.calls import StoreError

    try:
        wish = Wish(number, flow, trunk, caller_id, _lead(var or []), ring, longest, _keys(digits))
        code = asyncio.run(_until_told(place_call(find_target(name), wish, console, Shown(watch, as_json, dry_run))))
    except (CallError, FlowError, RouteError, SipSettingsError, StackError, StoreError, ValidationError) as wrong:
        complain(str(wrong))
        raise typer.Exit(1) from None
    except (KeyboardInterrupt, asyncio.CancelledError) as told:
        Console(stderr=True).print("interrupted: the call is ended")
        raise typer.Exit(130 if isinstance(told, KeyboardInterrupt) else 143) from None
    raise typer.Exit(code)


async def _until_told(work: Coroutine[None, None, int]) -> int:
    """Do the work; SIGTERM ends it as Ctrl-C does, so that no phone rings on without anybody behind it."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work


call.__doc__ = f"{call.__doc__}\n{EXIT_CODES}"


def exit_code(outcome: DialOutcome) -> int:
    """The exit code that stands for how it ended."""
    from campaigns.gate import Refused

    if isinstance(outcome, Refused):
        return _REFUSED
    return _EXIT.get(outcome.outcome.name.value, _OUT_OF_ORDER)


def _lead(pairs: list[str]) -> dict[str, str]:
    lead = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise CallError(f"--var {pair!r} is not name=value; write it like --var first_name=Ada")
        lead[key.strip()] = value
    return lead


def _keys(digits: str) -> str:
    if not _KEYS.fullmatch(digits):
        raise CallError(f"--digits {digits!r}: write 0-9, *, #, A-D, and w for half a second, up to 32; like ww12#")
    return digits


async def place_call(target: Target, wish: Wish, console: Console, shown: Shown) -> int:
    """Dial, tell how it goes, wait for the result; returns the exit code. Raises what `call` shows as one line."""
    from campaigns.gate import Refused, dial, would_permit
    from flows.lead_names import misnamed
    from flows.schema import parse_flow
    from sip.settings import open_api
    from store.database import open_calls
    from store.flowfiles import read_flow

    body, source = read_flow(wish.flow)
    conversation = parse_flow(body, source)
    if wrong := misnamed(conversation, wish.lead):
        raise CallError(f"--var: {wrong}")
    async with open_api(target.sip) as lk, open_calls(target.database_url) as calls:
        request = await _request(lk, target, wish, conversation)
        if shown.dry_run:
            return _told_verdict(console, await would_permit(request, _policy(), calls, time.time()), shown)
        await calls.keep_flow(conversation.hash, conversation.name, body)
        console.print(f"call {request.call_id}: {escape(wish.number)}")
        async with _watching(target, request.call_id, console, shown):
            outcome = await dial(lk, request, _policy(), calls, time.time, lambda stage: console.print(f"  {stage}…"))
            if isinstance(outcome, Refused):
                return _told_verdict(console, outcome, shown)
            console.print(f"  [bold]{escape(str(outcome.outcome))}[/]")
            ended = await _until_over(lk, calls, request) if exit_code(outcome) == 0 else None
        if exit_code(outcome) != 0:
            console.print(f"[dim]why, step by step: leadline calls rca {request.call_id[:8]}[/]")
        elif ended is None:
            console.print("[red]the call is over, but the bot left no record[/]: `leadline logs worker` may say why")
        else:
            from cli.calls import print_call

            print_call(console, ended, await calls.answers(ended.id), await calls.turns(ended.id))
        if shown.as_json:
            _print_json(await calls.get(request.call_id), outcome)
        return exit_code(outcome)


def _told_verdict(console: Console, verdict: Permit | Refused, shown: Shown) -> int:
    from campaigns.gate import Refused

    if isinstance(verdict, Refused):
        console.print(f"[red]refused[/] by the gate ({verdict.rule}): {escape(verdict.why)}")
        if shown.as_json:
            typer.echo(json.dumps({"outcome": "refused", "rule": verdict.rule, "why": verdict.why}))
        return _REFUSED
    console.print(f"the gate lets it through: {verdict.to}, showing {verdict.caller_id}; nothing was dialled")
    if shown.as_json:
        typer.echo(json.dumps({"outcome": "permitted", "to": verdict.to, "caller_id": verdict.caller_id}))
    return 0


def _print_json(call: Call, outcome: DialOutcome) -> None:
    from campaigns.gate import Placed
    from cli.calls import call_as_dict

    ending = outcome.outcome.name.value if isinstance(outcome, Placed) else "refused"
    typer.echo(json.dumps({"outcome": ending, **call_as_dict(call)}, default=str))


@asynccontextmanager
async def _watching(target: Target, call_id: str, console: Console, shown: Shown) -> AsyncIterator[None]:
    """Print what is said while it is said, if that is wanted and Redis tells."""
    if not shown.watch:
        yield
        return
    from store.redis_events import RedisEvents

    async def follow() -> None:
        async for event in events.follow(call_id, since="0"):
            if (line := _line(event)) is not None:
                console.print(line)

    async with RedisEvents(target.redis_url, time.time) as events:
        watching = asyncio.create_task(follow(), name="watch")
        try:
            yield
            await asyncio.sleep(_LAST_WORDS_S)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def _line(event: LiveEvent) -> str | None:
    """A live event as a line; None for those that say nothing to a person."""
    match event.kind:
        case "said" | "heard":
            who = "[cyan]bot   [/]" if event.kind == "said" else "[green]person[/]"
            return f"  {who} {escape(str(event.fields.get('pii.text', '')))}"
        case "pressed":
            return f"  [green]person[/] [dim]presses[/] {escape(str(event.fields.get('pii.digits', '')))}"
        case "answer":
            return f"         [dim]{escape(str(event.fields.get('slot')))} = {escape(str(event.fields.get('pii.value', '')))}[/]"
        case "opt_out":
            return "         [yellow]asked not to be called again[/]"
        case _:
            return None


async def _request(lk: api.LiveKitAPI, target: Target, wish: Wish, conversation: Flow) -> DialRequest:
    from campaigns.gate import DialRequest, FlowRef
    from sip.routes import find_route

    caller_id = wish.caller_id or target.sip.caller_id
    route = await find_route(lk, wish.trunk or target.sip.trunk)
    return DialRequest(
        call_id=uuid.uuid4().hex,
        number=wish.number,
        flow=FlowRef(conversation.name, conversation.hash),
        route=route,
        caller_id=caller_id,
        lead=wish.lead,
        ringing_s=wish.ringing_s or target.sip.ringing_s,
        max_call_s=wish.max_call_s or target.sip.max_call_s,
        digits=wish.digits,
    )


def _policy() -> GatePolicy:
    from campaigns.settings import GateSettings

    return GateSettings().policy


async def _until_over(lk: api.LiveKitAPI, calls: Calls, request: DialRequest) -> Call | None:
    """Wait for the bot's result; leaving early (Ctrl-C) ends the call."""
    from campaigns.gate import hang_up

    try:
        return await _record(lk, calls, request)
    except asyncio.CancelledError:
        await hang_up(lk, request.call_id)
        raise


async def _record(lk: api.LiveKitAPI, calls: Calls, request: DialRequest) -> Call | None:
    """The call once the bot has written its result; None when the room is gone and no result came."""
    from campaigns.gate import is_up

    deadline = time.monotonic() + request.max_call_s + _RECORD_S
    while time.monotonic() < deadline:
        found = await calls.get(request.call_id)
        if found.ended_at is not None:
            return found
        if not await is_up(lk, request.call_id):
            deadline = min(deadline, time.monotonic() + _RECORD_S)
        await asyncio.sleep(_POLL_S)
    return None
