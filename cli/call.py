"""`leadline call NUMBER`: one outbound call, through the gate, with its result printed."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from livekit import api

    from campaigns.gate import DialOutcome, DialRequest, GatePolicy
    from cli.target import Target
    from flows.flow import Flow
    from store.calls import Call, Calls

# LiveKit's client and libphonenumber are imported where they are used, so that other commands start quickly.

EXIT_CODES = """
Exit codes: 0 answered · 3 busy · 4 declined · 5 unanswered · 6 refused by the gate · 7 trunk, gateway, agent or LiveKit
out of order · 8 no such number · 1 wrong settings · 2 wrong usage · 130 interrupted.
"""
_EXIT = {"answered": 0, "busy": 3, "declined": 4, "unanswered": 5, "not_found": 8}
_REFUSED, _OUT_OF_ORDER = 6, 7
_POLL_S = 0.5
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


def call(
    number: Annotated[str, typer.Argument(help="Whom to call, as in +12025550134.")],
    flow: Annotated[str, typer.Option("--flow", help="A flow's name or file.")] = "b2b-software",
    trunk: Annotated[str, typer.Option("--trunk", help="A stored outbound trunk's name, or host:port.")] = "",
    caller_id: Annotated[str, typer.Option("--from", help="The number shown; one of yours.")] = "",
    var: Annotated[list[str] | None, typer.Option("--var", help="What is known of the person: name=value.")] = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="A local stack's name.")] = None,
) -> None:
    """Call a number, hold the conversation, print the result."""
    console = Console(highlight=False, soft_wrap=True)
    from pydantic import ValidationError

    from cli.stack.problem import StackError
    from cli.target import find_target
    from flows.schema import FlowError
    from sip.routes import RouteError
    from sip.settings import SipSettingsError
    from store.calls import StoreError

    try:
        wish = Wish(number, flow, trunk, caller_id, _lead(var or []))
        code = asyncio.run(_call(find_target(name), wish, console))
    except (CallError, FlowError, RouteError, SipSettingsError, StackError, StoreError, ValidationError) as wrong:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]leadline:[/] {escape(str(wrong))}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("interrupted: the call is ended")
        raise typer.Exit(130) from None
    raise typer.Exit(code)


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


async def _call(target: Target, wish: Wish, console: Console) -> int:
    from campaigns.gate import Refused, dial
    from flows.schema import parse_flow
    from sip.settings import open_api
    from store.database import open_calls
    from store.flowfiles import read_flow

    body, source = read_flow(wish.flow)
    conversation = parse_flow(body, source)
    async with open_api(target.sip) as lk, open_calls(target.database_url) as calls:
        request = await _request(lk, target, wish, conversation)
        await calls.keep_flow(conversation.hash, conversation.name, body)
        console.print(f"call {request.call_id}: {escape(wish.number)}")
        outcome = await dial(lk, request, _policy(), calls, time.time, lambda stage: console.print(f"  {stage}…"))
        if isinstance(outcome, Refused):
            console.print(f"[red]refused[/] by the gate ({outcome.rule}): {escape(outcome.why)}")
        else:
            console.print(f"  [bold]{escape(str(outcome.outcome))}[/]")
            if exit_code(outcome) == 0:
                await _until_over(lk, calls, request, console)
        return exit_code(outcome)


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
        ringing_s=target.sip.ringing_s,
        max_call_s=target.sip.max_call_s,
    )


def _policy() -> GatePolicy:
    from campaigns.settings import GateSettings

    return GateSettings().policy


async def _until_over(lk: api.LiveKitAPI, calls: Calls, request: DialRequest, console: Console) -> None:
    """Wait for the bot's result and print it; leaving early (Ctrl-C) ends the call."""
    from campaigns.gate import hang_up
    from cli.calls import print_call

    try:
        ended = await _record(lk, calls, request)
    except asyncio.CancelledError:
        await hang_up(lk, request.call_id)
        raise
    if ended is None:
        console.print("[red]the call is over, but the bot left no record[/]: `leadline logs worker` may say why")
        return
    print_call(console, ended, await calls.answers(ended.id), await calls.turns(ended.id))


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
