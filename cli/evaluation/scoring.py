"""Run simulated callers against flows and count: slot accuracy, task success, turns, pass^k."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from cli.evaluation.callers import BEHAVIOURS, CALLBACK_AT, OWN_ENDINGS, Caller, Persona, talk
from flows.flow import Flow
from flows.model import Direction
from flows.rehearsal import Rehearsal

#: The Monday morning on which evaluations take place: 2026-11-23 10:00 in New York.
AT: Final = 1_795_446_000.0


@dataclass(frozen=True, slots=True)
class Task:
    """Who calls, and how."""

    persona: Persona
    behaviour: str


@dataclass(frozen=True, slots=True)
class Result:
    """One call: slots right of those due, whether all came out as it should, the caller's turns."""

    task: Task
    right: int
    due: int
    success: bool
    turns: int
    trouble: str
    heard: tuple[str, ...] = ()  #: of a spoken call that went wrong: both sides, as the caller heard them


@dataclass(frozen=True, slots=True)
class Summary:
    """What a set of calls amounts to. `pass_k` is the share of tasks that succeeded in every one of their trials."""

    calls: int
    slot_accuracy: float
    task_success: float
    turns_per_success: float
    pass_k: float


def run(flow: Flow, task: Task, seed: int) -> Result:
    """Let one caller call."""
    direction = Direction.INBOUND if flow.name == "home-services" else Direction.OUTBOUND
    call = Rehearsal.start(flow, at=AT, direction=direction, lead=task.persona.lead)
    caller = Caller(task.persona, Random(f"{seed} {task.persona.name} {task.behaviour}"))
    talk(caller, call, BEHAVIOURS[task.behaviour])
    wanted = OWN_ENDINGS.get(task.behaviour, task.persona.disposition)
    trouble = [] if call.state.disposition == wanted else [f"ended as {call.state.disposition}, not {wanted}"]
    if task.behaviour == "busy" and (call.state.notes.callback or ("",))[0] != CALLBACK_AT:
        trouble.append(f"callback {call.state.notes.callback}")
    right = due = 0
    if task.behaviour not in OWN_ENDINGS:
        for slot in due_slots(flow, task.persona):
            due += 1
            answer = call.state.answers.get(slot)
            right += answer is not None and answer.value == task.persona.facts[slot].value
            if answer is None or answer.value != task.persona.facts[slot].value:
                trouble.append(f"{slot}: {answer.value if answer else None!r}")
    return Result(task, right, due, not trouble, caller.turns, "; ".join(trouble))


def evaluate(
    flows: Mapping[str, Flow],
    people: Iterable[Persona],
    trials: int,
    seed: int,
    behaviours: Sequence[str] = tuple(BEHAVIOURS),
) -> list[list[Result]]:
    """Run each of `behaviours` of every persona `trials` times; returns the trials of each task."""
    tasks = [Task(person, behaviour) for person in people if person.flow in flows for behaviour in behaviours]
    return [[run(flows[task.persona.flow], task, seed + trial) for trial in range(trials)] for task in tasks]


def summarise(tasks: Sequence[Sequence[Result]]) -> Summary:
    """Sum up calls grouped by task."""
    results = [result for trials in tasks for result in trials]
    due = sum(result.due for result in results)
    won = [result for result in results if result.success]
    return Summary(
        calls=len(results),
        slot_accuracy=round(sum(result.right for result in results) / due, 4) if due else 1.0,
        task_success=round(len(won) / len(results), 4) if results else 0.0,
        turns_per_success=round(sum(result.turns for result in won) / len(won), 2) if won else 0.0,
        pass_k=round(sum(all(r.success for r in trials) for trials in tasks) / len(tasks), 4) if tasks else 0.0,
    )


def due_slots(flow: Flow, persona: Persona) -> list[str]:
    """Return the slots that the call should fill: those before an early end, none after it."""
    names = [slot.name for slot in flow.slots if slot.name in persona.facts]
    if (
        persona.disposition == "unqualified"
        and flow.name == "b2b-software"
        and persona.facts["timeline"].value == "none"
    ):
        return names[: names.index("timeline") + 1]  # no plans and little money: told at once
    return names
