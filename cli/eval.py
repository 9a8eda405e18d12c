"""`leadline eval`: simulated callers against the shipped flows, in text and in seconds."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.evaluation.callers import BEHAVIOURS, personas
from cli.evaluation.scoring import Result, Summary, evaluate, summarise
from flows.yamltext import FlowError
from store.flowfiles import list_flows, load_flow

_PASS_K = 4


def eval_command(
    flow: Annotated[list[str] | None, typer.Option("--flow", help="Only this flow (may be given again).")] = None,
    trials: Annotated[int, typer.Option(min=1, max=100, help="Calls of each caller in each behaviour.")] = _PASS_K,
    seed: Annotated[int, typer.Option(help="Another seed, other wordings.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    failures: Annotated[bool, typer.Option("--failures", help="Print what went wrong in each failed call.")] = False,
) -> None:
    """Let simulated callers call and print slot accuracy, task success, turns per success and pass^k."""
    try:
        flows = {name: load_flow(name) for name in (flow or list_flows())}
    except FlowError as problem:
        typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(1) from None
    began = time.perf_counter()
    tasks = evaluate(flows, personas(), trials, seed)
    seconds = time.perf_counter() - began
    if not tasks:
        typer.echo(f"error: no simulated callers know the flow. They know: {', '.join(list_flows())}.", err=True)
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps(_report(tasks, trials, seed, seconds), indent=2))
        return
    _print(tasks, trials, seconds)
    if failures:
        for result in (result for group in tasks for result in group if not result.success):
            typer.echo(
                f"{result.task.persona.flow}, {result.task.persona.name}, {result.task.behaviour}: {result.trouble}"
            )


def _groups(tasks: Sequence[Sequence[Result]]) -> dict[str, Summary]:
    """Summarise by flow and behaviour, then all together."""
    found: dict[str, Summary] = {}
    for flow in dict.fromkeys(group[0].task.persona.flow for group in tasks):
        own = [group for group in tasks if group[0].task.persona.flow == flow]
        for behaviour in BEHAVIOURS:
            found[f"{flow}: {behaviour}"] = summarise([group for group in own if group[0].task.behaviour == behaviour])
        found[flow] = summarise(own)
    found["all"] = summarise(tasks)
    return found


def _report(tasks: Sequence[Sequence[Result]], trials: int, seed: int, seconds: float) -> dict[str, object]:
    return {
        "mode": "text",
        "model": None,
        "trials": trials,
        "seed": seed,
        "seconds": round(seconds, 2),
        "groups": {name: asdict(summary) for name, summary in _groups(tasks).items()},
        "failures": [
            {
                "flow": r.task.persona.flow,
                "persona": r.task.persona.name,
                "behaviour": r.task.behaviour,
                "trouble": r.trouble,
            }
            for group in tasks
            for r in group
            if not r.success
        ],
    }


def _print(tasks: Sequence[Sequence[Result]], trials: int, seconds: float) -> None:
    table = Table(
        "callers", "calls", "slots right", "task success", "turns", f"pass^{trials}", title="text mode, no model"
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
    typer.echo(f"{sum(map(len, tasks))} calls in {seconds:.1f} s")
