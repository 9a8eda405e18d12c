"""`leadline eval`: simulated callers against the shipped flows, in text and in seconds, or by voice over SIP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.evaluation.callers import BEHAVIOURS, Persona, personas
from cli.evaluation.scoring import Result, Summary, evaluate, summarise
from cli.stack.problem import StackError
from flows.flow import Flow
from flows.yamltext import FlowError
from store.flowfiles import list_flows, load_flow

_PASS_K = 4


def eval_command(
    flow: Annotated[list[str] | None, typer.Option("--flow", help="Only this flow (may be given again).")] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="Calls of each caller in each behaviour: 4 in text, 1 by voice."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, other wordings.")] = 1,
    voice: Annotated[
        bool,
        typer.Option("--voice", help="Over real SIP, by voice and keys, against a stack of its own; takes minutes."),
    ] = False,
    behaviour: Annotated[
        list[str] | None, typer.Option("--behaviour", help="Only this behaviour (may be given again).")
    ] = None,
    persona: Annotated[str, typer.Option("--persona", help="Only callers whose name holds this.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    failures: Annotated[bool, typer.Option("--failures", help="Print what went wrong in each failed call.")] = False,
) -> None:
    """Let simulated callers call and print slot accuracy, task success, turns per success and pass^k."""
    try:
        flows = {name: load_flow(name) for name in (flow or list_flows())}
    except FlowError as problem:
        typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1) from None
    chosen = _behaviours(behaviour)
    people = [person for person in personas() if persona in person.name and person.flow in flows]
    if not people:
        typer.echo(f"error: no simulated callers know the flow. They know: {', '.join(list_flows())}.", err=True)
        raise typer.Exit(1)
    times = trials or (1 if voice else _PASS_K)
    began = time.perf_counter()
    tasks = _by_voice(flows, people, times, seed, chosen) if voice else evaluate(flows, people, times, seed, chosen)
    run = Run("voice" if voice else "text", times, seed, time.perf_counter() - began)
    if as_json:
        typer.echo(json.dumps(_report(tasks, run), indent=2))
        return
    _print(tasks, run)
    if failures:
        for result in (result for group in tasks for result in group if not result.success):
            typer.echo(
                f"{result.task.persona.flow}, {result.task.persona.name}, {result.task.behaviour}: {result.trouble}"
            )


@dataclass(frozen=True, slots=True)
class Run:
    """How an evaluation was made."""

    mode: str
    trials: int
    seed: int
    seconds: float


def _behaviours(given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the behaviours asked for, all for none. Exits where one is not known."""
    unknown = [name for name in given or () if name not in BEHAVIOURS]
    if unknown:
        typer.echo(f"error: no caller behaves {unknown[0]!r}. Choose of: {', '.join(BEHAVIOURS)}.", err=True)
        raise typer.Exit(1)
    return tuple(given or BEHAVIOURS)


def _by_voice(
    flows: Mapping[str, Flow], people: Sequence[Persona], trials: int, seed: int, behaviours: Sequence[str]
) -> list[list[Result]]:
    from cli.evaluation.voice import evaluate_by_voice  # speech models and the stack: only for those who speak

    console = Console(stderr=True, highlight=False)
    try:
        return asyncio.run(evaluate_by_voice(console, flows, people, trials, seed, behaviours))
    except StackError as wrong:
        typer.echo(f"error: {wrong}", err=True)
        raise typer.Exit(1) from None


def _groups(tasks: Sequence[Sequence[Result]]) -> dict[str, Summary]:
    """Summarise by flow and behaviour, then all together."""
    found: dict[str, Summary] = {}
    for flow in dict.fromkeys(group[0].task.persona.flow for group in tasks):
        own = [group for group in tasks if group[0].task.persona.flow == flow]
        for behaviour in BEHAVIOURS:
            if groups := [group for group in own if group[0].task.behaviour == behaviour]:
                found[f"{flow}: {behaviour}"] = summarise(groups)
        found[flow] = summarise(own)
    found["all"] = summarise(tasks)
    return found


def _report(tasks: Sequence[Sequence[Result]], run: Run) -> dict[str, object]:
    return {
        "mode": run.mode,
        "model": None,
        "trials": run.trials,
        "seed": run.seed,
        "seconds": round(run.seconds, 2),
        "groups": {name: asdict(summary) for name, summary in _groups(tasks).items()},
        "failures": [
            {
                "flow": r.task.persona.flow,
                "persona": r.task.persona.name,
                "behaviour": r.task.behaviour,
                "trouble": r.trouble,
                **({"heard": r.heard} if r.heard else {}),
            }
            for group in tasks
            for r in group
            if not r.success
        ],
    }


def _print(tasks: Sequence[Sequence[Result]], run: Run) -> None:
    table = Table(
        "callers",
        "calls",
        "slots right",
        "task success",
        "turns",
        f"pass^{run.trials}",
        title=f"{run.mode} mode, no model",
    )
    for name, row in _groups(tasks).items():
        end = name in ("all",) or ":" not in name
        table.add_row(
            name,
            str(row.calls),
            f"{row.slot_accuracy:.1%}",
            f"{row.task_success:.1%}",
            f"{row.turns_per_success:.1f}",
            f"{row.pass_k:.1%}",
            style="bold" if end else "",
            end_section=end,
        )
    Console().print(table)
    typer.echo(f"{sum(map(len, tasks))} calls in {run.seconds:.1f} s")
