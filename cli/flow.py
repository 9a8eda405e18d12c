"""`leadline flow check|list|show|graph|diff|hear|chat|test|new`: the questions, without a telephone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.chat import chat
from cli.hear import hear_command
from flows.flow import Flow
from flows.goldens import GoldenCall, parse_calls, play
from flows.graph import difference, mermaid
from flows.lead_names import misnamed
from flows.model import Direction
from flows.yamltext import FlowError
from store.flowfiles import list_flows, load_flow, read_flow

app = typer.Typer(no_args_is_help=True, help="Flow files: check, show, try out, compare, begin a new one.")
app.command("hear")(hear_command)

FlowArgument = Annotated[str, typer.Argument(metavar="FLOW", help="A shipped flow's name, or a file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
_NEW_NAME = re.compile(r"^[a-z][a-z0-9-]{0,39}$")


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Show what is wrong with a file as one line, with exit code 1."""
    try:
        yield
    except FlowError as problem:
        typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1) from None


@app.command()
def check(flows: Annotated[list[str], typer.Argument(metavar="FLOW...", help="Names or files.")]) -> None:
    """Check flow files; an error names file, line, key and the fix."""
    failed = False
    for name in flows:
        try:
            flow = load_flow(name)
            typer.echo(f"{name}: good ({len(flow.slots)} questions, version {flow.version}, {flow.hash})")
        except FlowError as problem:
            typer.echo(f"error: {problem}", err=True)
            failed = True
    if failed:
        raise typer.Exit(1)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the flows that ship with leadline."""
    with _told_plainly():
        flows = [load_flow(name) for name in list_flows()]
    if as_json:
        typer.echo(json.dumps([{"flow": f.name, "version": f.version, "hash": f.hash} for f in flows]))
        return
    table = Table("flow", "version", "hash", "questions")
    for flow in flows:
        table.add_row(flow.name, str(flow.version), flow.hash, ", ".join(slot.name for slot in flow.slots))
    Console().print(table)


@app.command()
def show(flow: FlowArgument, as_json: AsJson = False) -> None:
    """Show a flow's questions with their keys, confirmation and points."""
    with _told_plainly():
        found = load_flow(flow)
    if as_json:
        typer.echo(json.dumps(_as_dict(found), indent=2))
        return
    table = Table("slot", "type", "asks", "confirms", "keys", "points", title=f"{found.name} {found.hash}")
    for slot in found.slots:
        keys = ", ".join(f"{key} {value or 'skip'}" for key, value in slot.keypad.keys.items()) or "digits"
        points = "\n".join(f"{points.when.text}: {points.points}" for points in slot.score)
        table.add_row(
            slot.name,
            slot.type.value,
            escape(slot.words.ask[0]),
            slot.policy.confirm.value,
            escape(keys),
            escape(points),
        )
    Console().print(table)
    Console().print(f"qualified at {found.closing.qualified_at}", highlight=False)
    for rule in found.rules:
        Console().print(f"if {escape(rule.when.text)}: {rule.disposition or rule.action}", highlight=False)


@app.command()
def graph(flow: FlowArgument) -> None:
    """Print a flow as a Mermaid flowchart."""
    with _told_plainly():
        typer.echo(mermaid(load_flow(flow)), nl=False)


@app.command()
def diff(old: FlowArgument, new: FlowArgument) -> None:
    """Say what two flows ask and say differently; exit code 1 when they differ."""
    with _told_plainly():
        changed = difference(load_flow(old), load_flow(new))
    if changed:
        typer.echo(changed)
        raise typer.Exit(1)


@app.command("chat")
def chat_command(
    flow: FlowArgument,
    direction: Annotated[Direction, typer.Option(help="Who has called whom.")] = Direction.OUTBOUND,
    var: Annotated[list[str], typer.Option(help="What is known of the lead: first_name=Dana.")] = [],  # noqa: B006
) -> None:
    """Talk with a flow in the terminal. /key 12#, /silence, /resume, /state and /hangup do what they say."""
    with _told_plainly():
        found = load_flow(flow)
    lead = dict(pair.partition("=")[::2] for pair in var)
    if wrong := misnamed(found, lead):
        raise typer.BadParameter(wrong, param_hint="--var")
    chat(found, Console(), direction, lead, time.time())


@app.command()
def test(
    files: Annotated[list[Path], typer.Argument(help="Files of golden calls.")],
    flow: Annotated[str | None, typer.Option(help="Play the calls against this flow instead.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Print every conversation.")] = False,
) -> None:
    """Play golden calls against their flows; exit code 1 when one goes otherwise."""
    failed = played = 0
    with _told_plainly():
        for file in files:
            text, source = read_flow(file)
            for call in parse_calls(text, source):
                played += 1
                failed += not _play(load_flow(flow or call.flow), call, verbose)
    typer.echo(f"{played} calls, {failed} failed")
    if failed:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new flow's name: lower-case letters, digits, dashes.")],
    out: Annotated[Path | None, typer.Option(help="Where to write it; default NAME.yaml.")] = None,
    like: Annotated[str, typer.Option(help="The flow to begin from.")] = "b2b-software",
) -> None:
    """Write a new flow file to change to your own words."""
    path = out or Path(f"{name}.yaml")
    if not _NEW_NAME.match(name):
        typer.echo(f"error: {name!r} is no name for a flow. Use lower-case letters, digits and dashes.", err=True)
        raise typer.Exit(1)
    if path.exists():
        typer.echo(f"error: {path} is there already. Choose another name or --out.", err=True)
        raise typer.Exit(1)
    with _told_plainly():
        text, _ = read_flow(like)
    path.write_text(re.sub(r"(?m)^flow: .*$", f"flow: {name}", text, count=1), encoding="utf-8")
    typer.echo(f"{path} is written. Change its words, then: leadline flow check {path}; leadline flow chat {path}")


def _play(flow: Flow, call: GoldenCall, verbose: bool) -> bool:
    rehearsal, problems = play(flow, call)
    typer.echo(f"{'FAILED' if problems else 'ok'}  {call.name}")
    for problem in problems:
        typer.echo(f"        {problem}")
    if verbose or problems:
        for line in rehearsal.spoken:
            typer.echo(f"        {line.who:>6}: {line.text}")
    return not problems


def _as_dict(flow: Flow) -> dict[str, object]:
    return {
        "flow": flow.name,
        "version": flow.version,
        "hash": flow.hash,
        "qualified_at": flow.closing.qualified_at,
        "slots": [
            {
                "name": slot.name,
                "type": slot.type.value,
                "ask": slot.words.ask,
                "confirm": slot.policy.confirm.value,
                "keys": {key: str(value) for key, value in slot.keypad.keys.items()},
                "score": [{"when": points.when.text, "points": points.points} for points in slot.score],
            }
            for slot in flow.slots
        ],
        "rules": [{"when": rule.when.text, "then": rule.disposition or rule.action} for rule in flow.rules],
    }
