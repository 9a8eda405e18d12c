"""Golden calls: conversations written down as YAML, played against a flow. The readable specification of a flow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, ValidationError

from flows.filemodel import Block
from flows.flow import Flow
from flows.model import Direction
from flows.rehearsal import Rehearsal
from flows.yamltext import FlowError, Path, read

#: Monday, ten in the morning, when a call does not say otherwise.
_USUALLY = "2026-11-23T10:00"


class Line(Block):
    """One line: what the bot must have said in its last turn, or what the caller does."""

    bot: str | None = None
    caller: str | None = None
    keys: str | None = None
    does: Literal["silence", "hangup", "resume"] | None = None


def _line(value: object) -> object:
    return {"does": value} if isinstance(value, str) else value


class Expected(Block):
    """What the record must hold. `only` lists every answer; `answers` those that matter."""

    disposition: str
    answers: dict[str, object] = Field(default_factory=dict)
    only: tuple[str, ...] | None = None
    score: int | None = None
    opt_out: bool = False
    callback: str | None = None
    effects: tuple[str, ...] = ()


class GoldenCall(Block):
    """One call."""

    name: str
    flow: str
    direction: Direction = Direction.OUTBOUND
    at: str = _USUALLY
    lead: dict[str, str] = Field(default_factory=dict)
    facts: dict[str, str] = Field(default_factory=dict)
    transfers: bool = True
    talk: Annotated[tuple[Annotated[Line, BeforeValidator(_line)], ...], Field(min_length=1)]
    expect: Expected


class GoldenFile(Block):
    """A file of calls."""

    calls: tuple[GoldenCall, ...]


def parse_calls(text: str, source: str) -> tuple[GoldenCall, ...]:
    """Parse a file of golden calls. Raises FlowError with the line of what is wrong."""
    located = read(text, source)
    try:
        return GoldenFile.model_validate(located.data).calls
    except ValidationError as problem:
        error = problem.errors(include_url=False)[0]
        path: Path = tuple(part for part in error["loc"] if isinstance(part, int | str))
        fix = "A call has name, flow, talk and expect; see docs/flows.md."
        raise located.error(path, error["msg"], fix) from problem


def play(flow: Flow, call: GoldenCall) -> tuple[Rehearsal, tuple[str, ...]]:
    """Play a call; return it with everything that went otherwise than written."""
    at = datetime.fromisoformat(call.at).replace(tzinfo=ZoneInfo(flow.locale.zone)).timestamp()
    rehearsal = Rehearsal.start(flow, at=at, direction=call.direction, facts=call.facts, lead=call.lead)
    rehearsal.transfers = call.transfers
    problems: list[str] = []
    for line in call.talk:
        _perform(rehearsal, line, problems)
    return rehearsal, (*problems, *_compare(rehearsal, call.expect))


def _perform(call: Rehearsal, line: Line, problems: list[str]) -> None:
    if line.bot is not None:
        last = next((spoken.text for spoken in reversed(call.spoken) if spoken.who == "bot"), "")
        if call.spoken and call.spoken[-1].who != "bot":
            problems.append(f"the bot should have said {line.bot!r} and said nothing")
        elif line.bot not in last:
            problems.append(f"the bot should have said {line.bot!r} and said {last!r}")
    if line.caller is not None:
        call.say(line.caller)
    if line.keys is not None:
        call.keys(line.keys)
    match line.does:
        case "silence":
            call.stay_silent()
        case "hangup":
            call.hang_up()
        case "resume":
            call.resume()
        case None:
            pass


def _compare(call: Rehearsal, expected: Expected) -> tuple[str, ...]:
    record = call.record()
    answers = record["answers"]
    assert isinstance(answers, Mapping), "a record has answers"
    found: list[str] = []
    for name, value in expected.answers.items():
        got = answers[name]["value"] if name in answers else None
        if got != value:
            found.append(f"{name} should be {value!r} and is {got!r}")
    if expected.only is not None and set(answers) != set(expected.only):
        found.append(f"the answers should be {sorted(expected.only)} and are {sorted(answers)}")
    score = record["score"]
    assert isinstance(score, Mapping), "a record has a score"
    if expected.score is not None and score["total"] != expected.score:
        found.append(f"the score should be {expected.score} and is {score['total']}")
    callback = record["callback"]
    when = callback["when"] if isinstance(callback, Mapping) else None
    for name, wanted, got in (
        ("disposition", expected.disposition, record["disposition"]),
        ("opt_out", expected.opt_out, record["opt_out"]),
        ("callback", expected.callback, when),
    ):
        if wanted != got:
            found.append(f"{name} should be {wanted!r} and is {got!r}")
    return (*found, *_compare_effects(call, expected.effects))


def _compare_effects(call: Rehearsal, expected: tuple[str, ...]) -> tuple[str, ...]:
    if not expected:
        return ()
    acts = tuple(type(effect).__name__ for effect in call.effects if type(effect).__name__ not in ("Say", "Listen"))
    return () if acts == expected else (f"the effects should be {expected} and are {acts}",)


__all__ = ["FlowError", "GoldenCall", "parse_calls", "play"]
