"""`leadline calls list|show|transcript|rca`: what was said, answered and decided in past calls."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.stack.problem import StackError
from cli.terminal import complain
from cli.timing import timing_table, waterfalls
from flows.model import Answer, Direction
from store.calls import Call, Calls, Part, StoreError, Turn
from store.happenings import Happening

app = typer.Typer(no_args_is_help=True, help="Past calls: list, show, transcript, rca, lost, play, export, tail.")

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Id = Annotated[str, typer.Argument(help="The call's id, or how it begins.")]
Stack = Annotated[
    str | None, typer.Option("--name", "-n", help="A local stack's name; else the environment's database.")
]
Found = TypeVar("Found")


class AmbiguousCall(StoreError):
    """Several calls begin so."""


@app.command("list")
def list_calls(
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, max=10_000, help="How many of the newest.")] = 20,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """List the newest calls."""
    with told_plainly():
        calls = _ask(name, lambda store: store.list(limit))
        if as_json:
            _print_json([call_as_dict(call) for call in calls])
        elif not calls:
            typer.echo("no calls yet")
        else:
            _out().print(_calls_table(calls))


@app.command()
def show(
    call_id: Id,
    as_json: AsJson = False,
    timing: Annotated[bool, typer.Option("--timing", help="Where the milliseconds of each reply went.")] = False,
    name: Stack = None,
) -> None:
    """Show one call: its result, the answers with their evidence, the score's points, response times."""

    async def read(store: Calls) -> tuple[Call, Sequence[Answer], Sequence[Turn], Sequence[Part]]:
        call = await find_call(store, call_id)
        kept = await store.answers(call.id), await store.turns(call.id), await store.recordings(call.id)
        return call, *kept

    with told_plainly():
        call, answers, turns, parts = _ask(name, read)
        if as_json:
            found = (
                call_as_dict(call)
                | {
                    "answers": [asdict(answer) for answer in answers],
                    "response_ms": response_times(turns),
                    "recordings": [asdict(part) for part in parts],
                }
                | ({"timing": waterfalls(turns)} if timing else {})
            )
            _print_json(found)
        else:
            print_call(_out(), call, answers, turns)
            for part in parts:
                typer.echo(_recording(part))
            if timing:
                _out().print(timing_table(turns) if waterfalls(turns) else "no reply of this call was timed")


@app.command()
def transcript(call_id: Id, as_json: AsJson = False, name: Stack = None) -> None:
    """Show what both sides said, when, and how long the caller waited for each reply."""

    async def read(store: Calls) -> tuple[Call, Sequence[Turn]]:
        call = await find_call(store, call_id)
        return call, await store.turns(call.id)

    with told_plainly():
        call, turns = _ask(name, read)
        if as_json:
            _print_json([asdict(turn) for turn in turns])
        elif not turns:
            typer.echo("nothing was said")
        else:
            _out().print(_transcript_table(call, turns))


@app.command()
def lost(
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, max=10_000, help="How many of the newest.")] = 20,
    as_json: AsJson = False,
    name: Stack = None,
) -> None:
    """List calls that failed before an agent saw them: no rule, no worker, wrong credentials."""
    from cli.rca import cause, lost_call

    async def read(store: Calls) -> list[tuple[str, Sequence[Happening]]]:
        return [(call_id, await store.happenings(call_id)) for call_id, _ in await store.lost(limit)]

    with told_plainly():
        known = [lost_call(call_id, happened) for call_id, happened in _ask(name, read)]
        if as_json:
            _print_json([asdict(one.call.begun) | {"cause": asdict(cause(one))} for one in known])
        elif not known:
            typer.echo("no call was lost")
        else:
            table = Table("id", "began (UTC)", "from → to", "cause", box=SIMPLE_HEAD)
            for one in known:
                begun = one.call.begun
                ends = f"{begun.caller or 'unknown'} → {begun.callee or 'unknown'}"
                table.add_row(begun.id, moment(begun.created_at), escape(ends), escape(cause(one).what))
            _out().print(table)


@app.command()
def rca(call_id: Id, as_json: AsJson = False, name: Stack = None) -> None:
    """Say why a call went as it did: SIP, room, agent and flow on one timeline, the cause in words, and its fix."""
    from cli.rca import Known, cause, lost_call, timeline

    async def read(store: Calls) -> Known:
        if (found := await store.happenings(call_id)) and not await store.find(call_id):
            return lost_call(call_id, found)
        call = await find_call(store, call_id)
        legs = await store.happenings(call.sip.call_id) if call.sip.call_id else ()
        return Known(call, (*await store.happenings(call.id), *legs), await store.turns(call.id))

    with told_plainly():
        known = _ask(name, read)
        lines, found = timeline(known), cause(known)
        if as_json:
            _print_json({"call": known.call.id, "timeline": [asdict(line) for line in lines], "cause": asdict(found)})
            return
        console, start = _out(), lines[0].at
        for line in lines:
            console.print(f"{_clock(line.at - start):>8}  [dim]{line.source:<5}[/]  {escape(line.what)}")
        console.print(f"\n[bold]{escape(found.what)}[/]")
        if found.fix:
            console.print(f"→ {escape(found.fix)}")


@contextmanager
def told_plainly() -> Iterator[None]:
    """Show what a person can mend as one line, with exit code 1."""
    try:
        yield
    except (StoreError, StackError) as error:
        complain(str(error))
        raise typer.Exit(1) from None


async def find_call(store: Calls, prefix: str) -> Call:
    """The call whose id is, or begins with, `prefix`. Raises UnknownCall, AmbiguousCall."""
    found = await store.find(prefix, limit=10)
    exact = [call for call in found if call.id == prefix]
    if exact or len(found) == 1:
        return (exact or found)[0]
    if not found:
        return await store.get(prefix)
    ids = ", ".join(call.id for call in found[:3])
    raise AmbiguousCall(f"{len(found)} calls begin with {prefix!r}: {ids}…; write more of the id")


def response_times(turns: Sequence[Turn]) -> dict[str, int] | None:
    """Median and longest response in milliseconds, over `n` replies; None when there were none."""
    times = [turn.response_ms for turn in turns if turn.response_ms is not None]
    if not times:
        return None
    return {"n": len(times), "p50": round(statistics.median(times)), "max": max(times)}


def call_as_dict(call: Call) -> dict[str, object]:
    """A call as JSON shows it: one flat object."""
    return {
        **asdict(call.begun),
        "sip_call_id": call.sip.call_id,
        "sip_status": call.sip.status,
        "sip_phrase": call.sip.phrase,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "disposition": call.disposition,
        "score": call.score,
        "record": call.record,
    }


def print_call(console: Console, call: Call, answers: Sequence[Answer], turns: Sequence[Turn]) -> None:
    """Print a call's result for a person."""
    console.print(_facts(call, turns))
    if answers:
        console.print(_answers_table(answers))
    if points := _points(call.record):
        console.print(points)


def _ask(stack: str | None, question: Callable[[Calls], Awaitable[Found]]) -> Found:
    # Imported here, so that `leadline --help` need not wait for the database's and LiveKit's clients.
    from cli.target import find_target
    from store.database import open_calls

    async def ask() -> Found:
        async with open_calls(find_target(stack).database_url) as store:
            return await question(store)

    return asyncio.run(ask())


def _out() -> Console:
    """The terminal as wide as it is; a file or a pipe as wide as the tables want."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=plain))


def plain(value: object) -> object:
    """What `json` does not know by itself."""
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _calls_table(calls: Sequence[Call]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for name in ("id", "began (UTC)", "with", "lasted", "result", "score"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("lasted", "score") else "left")
    table.add_column("flow")
    for call in calls:
        begun = call.begun
        outbound = begun.direction is Direction.OUTBOUND
        other = f"→ {begun.callee}" if outbound else f"← {begun.caller or begun.direction}"
        score = "" if call.score is None else str(call.score)
        cells = (begun.id[:8], moment(begun.created_at)[5:16], other, _lasted(call), _result(call), score, begun.flow)
        table.add_row(*map(escape, cells))
    return table


def _facts(call: Call, turns: Sequence[Turn]) -> Table:
    begun = call.begun
    times = response_times(turns)
    spread = f"p50 {times['p50']} ms, max {times['max']} ms over {times['n']} replies" if times else ""
    facts = {
        "call": begun.id,
        "began (UTC)": moment(begun.created_at),
        "lasted": _lasted(call),
        "direction": f"{begun.direction}, {begun.caller or 'unknown'} → {begun.callee or 'unknown'}",
        "flow": f"{begun.flow} {begun.flow_hash[:12]}",
        "SIP": f"{call.sip.status if call.sip.status is not None else ''} {call.sip.phrase}".strip(),
        "result": _result(call),
        "score": "" if call.score is None else str(call.score),
        "next": str(call.record.get("next_action") or ""),
        "summary": str(call.record.get("summary") or ""),
        "responses": spread,
    }
    grid = Table.grid(padding=(0, 2))
    for what, value in facts.items():
        if value:
            grid.add_row(f"[bold]{what}[/]", escape(value))
    return grid


def _answers_table(answers: Sequence[Answer]) -> Table:
    table = Table("answer", "value", "said or pressed", "by", "confirmed", "tries", "certainty")
    for answer in answers:
        value = answer.value if isinstance(answer.value, str) else json.dumps(answer.value, default=plain)
        cells = (answer.slot, value, answer.raw, answer.mode, answer.confirmed)
        table.add_row(*map(escape, cells), str(answer.tries), f"{answer.certainty:.2f}")
    return table


def _points(record: Mapping[str, object]) -> Table | None:
    score = record.get("score")
    points = score.get("points") if isinstance(score, Mapping) else None
    if not isinstance(points, Sequence) or not points:
        return None
    table = Table("points", "for")
    for point in points:
        if isinstance(point, Mapping):
            table.add_row(str(point.get("points", "")), escape(str(point.get("rule", ""))))
    return table


def _transcript_table(call: Call, turns: Sequence[Turn]) -> Table:
    table = Table("at", "who", "words", "response")
    start = call.answered_at or call.begun.created_at
    for turn in turns:
        words = f"[keys] {turn.text}" if turn.mode == "keypad" else turn.text
        response = "" if turn.response_ms is None else f"{turn.response_ms} ms"
        table.add_row(_clock(turn.at - start), turn.who, escape(words + (" —" if turn.interrupted else "")), response)
    return table


def _recording(part: Part) -> str:
    lasts = "running, or its process died" if part.seconds is None else f"{_clock(part.seconds)}, {part.ended}"
    return (
        f"recording {part.number}: {lasts}; `leadline calls play` plays it"
        if part.ended != "deleted"
        else (f"recording {part.number}: deleted")
    )


def _result(call: Call) -> str:
    if call.disposition is None:
        return "in progress"
    outcome = call.record.get("outcome")
    return f"{call.disposition} ({outcome})" if outcome else call.disposition


def moment(at: float) -> str:
    """Date and time of Unix seconds, UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _lasted(call: Call) -> str:
    if call.answered_at is None or call.ended_at is None:
        return ""
    return _clock(call.ended_at - call.answered_at)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0.0, seconds), 60)
    return f"{minutes:.0f}:{rest:04.1f}"
