"""The result of a call as a CRM takes it: answers with evidence, score with reasons, next action, summary."""

from __future__ import annotations

from collections.abc import Mapping

from flows.flow import CALLBACK, Flow
from flows.model import Answer, Value
from flows.path import usable
from flows.readback import show_value
from flows.score import Score, score
from flows.state import State

SCHEMA = 1


def record(flow: Flow, state: State) -> dict[str, object]:
    """Return the record, ready for JSON; its schema is docs/record.schema.json."""
    result = score(flow, state)
    return {
        "schema": SCHEMA,
        "call_id": state.call_id,
        "flow": flow.name,
        "flow_version": flow.version,
        "flow_hash": flow.hash,
        "direction": state.context.direction.value,
        "began_at": state.context.began_at,
        "disclosed_at": state.notes.disclosed_at,
        "ended_at": state.notes.ended_at,
        "answers": {
            slot.name: _evidence(state.answers[slot.name], slot.type.value)
            for slot in flow.slots
            if slot.name in state.answers
        },
        "skipped": dict(state.notes.skipped),
        "score": {
            "total": result.total,
            "qualified_at": flow.closing.qualified_at,
            "coverage": result.coverage,
            "points": [{"rule": rule.rule, "points": rule.points} for rule in result.points],
        },
        "disposition": state.disposition,
        "next_action": _next_action(flow, state),
        "summary": summary(flow, state, result),
        "opt_out": state.notes.opted_out,
        "callback": _callback(state),
        "transfer": state.notes.transfer_result or None,
        "answered_by": state.notes.answered_by or None,
    }


def summary(flow: Flow, state: State, result: Score) -> str:
    """Sum the call up for a person in at most a few sentences; every claim is an answer or a count."""
    disposition = (state.disposition or "still in the call").replace("_", " ")
    parts = [f"{disposition.capitalize()} with {result.total} points (qualified from {flow.closing.qualified_at})."]
    sure = usable(flow, state)
    for slot in flow.slots:
        answer = state.answers.get(slot.name)
        if answer is not None:
            doubt = "" if slot.name in sure else " (not confirmed)"
            parts.append(f"{slot.words.label.capitalize()}: {show_value(answer.value)}{doubt}.")
    if state.notes.callback is not None:
        parts.append(f"Call back on {state.notes.callback[0].replace('T', ' at ')} ({state.notes.callback[1]}).")
    if state.notes.opted_out:
        parts.append("Asked not to be called again.")
    return " ".join(parts)


def _evidence(answer: Answer, type_: str) -> dict[str, object]:
    return {
        "value": plain(answer.value),
        "type": type_,
        "raw": answer.raw,
        "mode": answer.mode.value,
        "confirmed": answer.confirmed,
        "tries": answer.tries,
        "certainty": answer.certainty,
        "at": answer.at,
    }


def plain(value: Value) -> object:
    """Return a value as JSON holds it."""
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value


def _next_action(flow: Flow, state: State) -> str:
    if state.notes.transferred:
        return "None: a colleague has taken the call over."
    ending = flow.closing.endings.get(state.disposition or "")
    return ending.next_action if ending is not None else ""


def _callback(state: State) -> dict[str, str] | None:
    if state.notes.callback is None:
        return None
    when, zone = state.notes.callback
    said = state.answers.get(CALLBACK)
    return {"when": when, "zone": zone, "raw": said.raw if said else ""}
