"""A conversation with a flow in the terminal, with its slots, score and state after every turn."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.markup import escape

from flows.codec import dump_state
from flows.flow import Flow
from flows.model import Direction
from flows.path import usable
from flows.readback import show_value
from flows.rehearsal import Rehearsal
from flows.score import score

_HELP = "You are the caller. /key 12# presses keys, /silence, /resume, /state, /hangup; an empty line is silence."


def chat(flow: Flow, console: Console, direction: Direction, lead: Mapping[str, str], now: float) -> None:
    """Talk until the call is over or the input ends."""
    call = Rehearsal.start(flow, at=now, direction=direction, lead=lead, call_id="chat")
    console.print(_HELP, style="dim")
    _bot(console, call.spoken[-1].text)
    while not call.over:
        try:
            typed = console.input("[bold green]you[/]  ").strip()
        except (EOFError, KeyboardInterrupt):
            typed = "/hangup"
        reply = _do(call, typed, console)
        if reply:
            _bot(console, reply)
        console.print(status(call), style="dim", highlight=False)
    console.print_json(json.dumps(call.record()))


def status(call: Rehearsal) -> str:
    """Return one line about the call: open question, answers, score."""
    state, flow = call.state, call.flow
    sure = usable(flow, state)
    slots = []
    for slot in flow.slots:
        answer = state.answers.get(slot.name)
        if answer is not None:
            slots.append(f"{slot.name}={show_value(answer.value)}{'' if slot.name in sure else '?'}")
    focus = state.focus
    at = f"{focus.stage} {focus.slot}" if focus.slot else focus.stage
    return escape(f"     [{at}] {' '.join(slots) or '-'} · {score(flow, state).total} points")


def _do(call: Rehearsal, typed: str, console: Console) -> str:
    command, _, rest = typed.partition(" ")
    actions: dict[str, Callable[[], str]] = {
        "": call.stay_silent,
        "/silence": call.stay_silent,
        "/resume": call.resume,
        "/key": lambda: call.keys("".join(key for key in rest if key in "0123456789*#")),
    }
    if command in actions:
        return actions[command]()
    if command == "/hangup":
        call.hang_up()
        return ""
    if command == "/state":
        console.print_json(json.dumps(dump_state(call.state)))
        return ""
    if command.startswith("/"):
        console.print(_HELP, style="dim")
        return ""
    return call.say(typed)


def _bot(console: Console, text: str) -> None:
    console.print(f"[bold cyan]bot[/]  {escape(text)}", highlight=False)
