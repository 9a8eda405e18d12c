"""`leadline demo`: a whole phone call on this machine, from ring to lead record, with a simulated caller."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.stack.problem import StackError
from cli.terminal import complain

if TYPE_CHECKING:
    from bot.caller import Line
    from cli.stack.stack import Stack
    from flows.flow import Flow
    from sip.phone import Phone, PhoneCall
    from store.calls import Call
    from store.events import Events

# Speech models, LiveKit's client and the stack are imported where they are used: `leadline --help` stays fast.

_CALLER = "+12025550142"
_NUMBER = "+12025550100"
_CALL_S_MAX = 240.0
_RECORD_S_MAX = 15.0
_SAMPLE_PACE = 1.08  #: the caller speaks a little higher and faster than the bot


class DemoFailed(Exception):
    """The call did not come to a record; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demo leaves."""

    lines: list[Line]
    call: Call
    recording: Path


def demo(
    stay: Annotated[
        bool, typer.Option("--stay", help="Keep everything up afterwards, for your own softphone.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write turns and record to this file.")] = None,
    flow: Annotated[
        str, typer.Option("--flow", help="A shipped flow's name, or a flow file of yours.")
    ] = "b2b-software",
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the run directory.")] = "demo",
) -> None:
    """Start the stack, let a simulated caller phone the bot, print the call and the lead record, stop everything."""
    from flows.schema import FlowError

    console = Console(highlight=False, soft_wrap=True)
    try:
        asyncio.run(_demo(console, name, flow, json_file, stay=stay))
    except (StackError, DemoFailed, FlowError) as wrong:
        complain(str(wrong))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("stopped")
        raise typer.Exit(0 if stay else 130) from None


async def _demo(console: Console, name: str, flow_name: str, json_file: Path | None, *, stay: bool) -> None:
    from store.flowfiles import load_flow

    flow = load_flow(flow_name)
    began = time.monotonic()
    async with stack_for(console, name, flow_name, stay=stay) as stack:
        console.print(f"[dim]ready after {time.monotonic() - began:.1f} s; calling sip:{_NUMBER}@{_sip(stack)}[/]\n")
        outcome = await _call(console, stack, flow)
        _print_result(console, outcome)
        if json_file is not None:
            _write_json(json_file, outcome)
        if stay:
            console.print(
                f"\nStill up. Call [bold]sip:{_NUMBER}@{_sip(stack)}[/] (UDP, G.711) with any softphone on this machine.\n"
                f"{_browser(stack)}\n"
                f"Look: `leadline calls list --name {name}`, `leadline logs --name {name} -f`. Ctrl-C stops everything."
            )
            raise StackError(await stack.failed, "start the demo again")


@contextlib.asynccontextmanager
async def stack_for(console: Console, name: str, flow_name: str, *, stay: bool = False) -> AsyncIterator[Stack]:
    """Run a local stack whose number leads to a flow, a shipped one or a file. Raises StackError when it does not start."""
    from cli.settings import StackSettings
    from cli.stack.config import ALL_PARTS, CALL_PARTS, StackConfig
    from cli.stack.progress import shown
    from cli.stack.stack import Stack
    from console.settings import PAGE

    run_dir = StackSettings().run_dir
    parts = ALL_PARTS if stay and (PAGE / "index.html").is_file() else CALL_PARTS
    config = StackConfig(name, run_dir, parts, rule_files=(_rule_for(flow_name, run_dir / name),))
    with shown(console) as progress:
        async with Stack(config, progress) as stack:
            progress.close()
            yield stack


def _rule_for(flow_name: str, folder: Path) -> Path:
    """The shipped dispatch rule, leading to this flow; a file of the person's is named by its whole path."""
    from cli.stack.config import ROOT

    file = Path(flow_name)
    flow = str(file.resolve()) if file.is_file() else flow_name
    rule = json.loads((ROOT / "deploy" / "sip" / "dispatch-rule.json").read_text(encoding="utf-8"))
    for agent in rule["dispatch_rule"]["room_config"]["agents"]:
        agent["metadata"] = json.dumps({"flow": flow})
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "dispatch-rule.json"
    written.write_text(json.dumps(rule, indent=2) + "\n", encoding="utf-8")
    return written


async def _call(console: Console, stack: Stack, flow: Flow) -> Outcome:
    """Phone the bot, print the words of both sides as they are spoken, wait for the record."""
    from bot.caller import Heard, SimulatedCaller
    from bot.personas import persona_for
    from bot.speech.local import RECOGNISER, VOICE
    from bot.speech.voice import ShiftedVoice
    from sip.phone import Phone, save_stereo
    from store.redis_events import RedisEvents

    caller = SimulatedCaller(persona_for(flow), ShiftedVoice(VOICE, _SAMPLE_PACE), RECOGNISER, Heard(flow, {}))
    recording = stack.at.run_dir / "call.wav"
    printer = _Printer(console)
    async with RedisEvents(stack.redis_url, time.time) as events, Phone(user=_CALLER) as phone:
        watching = asyncio.create_task(printer.watch(events))
        try:
            call = await _place(phone, stack)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(caller.talk(call, printer.told), _CALL_S_MAX)
            await call.hangup()
            save_stereo(recording, call)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    record = await _record(stack, printer.call_id)
    return Outcome(caller.lines, record, recording)


async def _place(phone: Phone, stack: Stack) -> PhoneCall:
    from sip.phone import CallFailed

    try:
        return await phone.call(_NUMBER, (stack.sip_ip, stack.sip_port), wait=30)
    except CallFailed as failed:
        raise DemoFailed(f"the call was not answered ({failed}); see `leadline logs --name demo`") from failed
    except TimeoutError:
        raise DemoFailed("nobody answered within 30 s; see `leadline logs worker --name demo`") from None


async def record_of(stack: Stack, caller: str) -> Call:
    """Wait for the finished call of a number. Raises TimeoutError when there is none in time."""
    from store.database import open_calls

    async with open_calls(stack.database_url) as calls, asyncio.timeout(_RECORD_S_MAX):
        while True:
            for call in await calls.list(200):
                if call.begun.caller == caller and call.ended_at is not None:
                    return call
            await asyncio.sleep(0.1)


async def _record(stack: Stack, call_id: str | None) -> Call:
    from store.database import open_calls

    deadline = time.monotonic() + _RECORD_S_MAX
    async with open_calls(stack.database_url) as calls:
        while time.monotonic() < deadline:
            found = await calls.get(call_id) if call_id else next(iter(await calls.list(1)), None)
            if found is not None and found.ended_at is not None:
                return found
            await asyncio.sleep(0.1)
    raise DemoFailed("the call ended without a record; see `leadline logs worker --name demo`")


class _Printer:
    """Prints both sides as they speak: the bot's exact words come from the live events, its times from the phone."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._words: list[str] = []
        self.call_id: str | None = None

    async def watch(self, events: Events) -> None:
        async for event in events.follow():
            self.call_id = self.call_id or event.call_id
            if event.kind == "speaking":
                self._words.append(str(event.fields.get("pii.text", "")))
                self._console.print(f"[cyan]bot   [/] {escape(self._words[-1])}")
            elif event.kind == "heard" and event.fields.get("pii.text"):
                self._console.print(f"[dim]       heard: {escape(str(event.fields['pii.text']))}[/]")

    def told(self, line: Line) -> None:
        if line.who == "caller":
            self._console.print(f"[green]caller[/] {escape(line.text)}")
        elif line.response_ms is not None:
            self._console.print(f"[dim]       answered after {line.response_ms:.0f} ms[/]")


def _print_result(console: Console, outcome: Outcome) -> None:
    times = [line.response_ms for line in outcome.lines if line.response_ms is not None]
    console.print()
    if times:
        console.print(
            f"Response time at the phone, through the embedded gateway: p50 {statistics.median(times):.0f} ms, "
            f"max {max(times):.0f} ms over {len(times)} turns"
        )
    record = outcome.call.record
    console.print("\n[bold]Lead record[/]")
    console.print_json(json.dumps(record, default=str))
    console.print(f"\nRecording (caller left, bot right): {outcome.recording}")


def _write_json(file: Path, outcome: Outcome) -> None:
    file.write_text(json.dumps(as_json(outcome), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def as_json(outcome: Outcome) -> dict[str, object]:
    """The demo's result for programs: `turns` (who, text, response_ms) and `record`."""
    return {
        "turns": [
            {
                "who": line.who,
                "text": line.text,
                "response_ms": round(line.response_ms) if line.response_ms is not None else None,
            }
            for line in outcome.lines
        ],
        "record": outcome.call.record,
        "recording": str(outcome.recording),
        "edge": "gateway",
    }


def _browser(stack: Stack) -> str:
    if stack.at.console_port:
        return f"Or talk to it in a browser: [bold]http://127.0.0.1:{stack.at.console_port}/[/]"
    return "Or in a browser: `make web`, then start this again."


def _sip(stack: Stack) -> str:
    return f"{stack.sip_ip}:{stack.sip_port}"
