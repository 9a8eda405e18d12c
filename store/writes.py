"""The writes of a call as data, so that they can wait in a queue, lie in a journal and be repeated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, assert_never

from pydantic import Discriminator, TypeAdapter

from flows.model import Answer
from store.calls import Calls, NewCall, Turn


@dataclass(frozen=True, slots=True)
class Begin:
    """`Calls.begin`."""

    call: NewCall
    kind: Literal["begin"] = "begin"


@dataclass(frozen=True, slots=True)
class Answered:
    """`Calls.answered`."""

    call_id: str
    at: float
    sip_call_id: str = ""
    kind: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True)
class AddTurn:
    """`Calls.add_turn`."""

    call_id: str
    turn: Turn
    kind: Literal["add_turn"] = "add_turn"


@dataclass(frozen=True, slots=True)
class PutAnswers:
    """`Calls.put_answers`."""

    call_id: str
    answers: tuple[Answer, ...]
    kind: Literal["put_answers"] = "put_answers"


@dataclass(frozen=True, slots=True)
class SipResult:
    """`Calls.sip_result`."""

    call_id: str
    status: int | None
    phrase: str
    kind: Literal["sip_result"] = "sip_result"


@dataclass(frozen=True, slots=True)
class Finish:
    """`Calls.finish`."""

    call_id: str
    disposition: str
    score: int
    record: dict[str, object]
    ended_at: float
    kind: Literal["finish"] = "finish"


@dataclass(frozen=True, slots=True)
class KeepFlow:
    """`Calls.keep_flow`."""

    flow_hash: str
    name: str
    body: str
    kind: Literal["keep_flow"] = "keep_flow"


@dataclass(frozen=True, slots=True)
class OptOut:
    """`Calls.opt_out`."""

    number: str
    scope: str
    at: float
    source: str
    call_id: str
    effect_id: str
    kind: Literal["opt_out"] = "opt_out"


Write: TypeAlias = Begin | Answered | AddTurn | PutAnswers | SipResult | Finish | KeepFlow | OptOut

_JSON: TypeAdapter[Write] = TypeAdapter(Annotated[Write, Discriminator("kind")])


def to_line(write: Write) -> bytes:
    """One line of JSON, with its newline."""
    return _JSON.dump_json(write) + b"\n"


def from_line(line: bytes) -> Write:
    """The write that `to_line` wrote. Raises ValueError for a damaged line."""
    return _JSON.validate_json(line)


async def carry_out(write: Write, calls: Calls) -> None:
    """Do the write. Raises what the store raises."""
    match write:
        case Begin(call):
            await calls.begin(call)
        case Answered(call_id, at, sip_call_id):
            await calls.answered(call_id, at, sip_call_id)
        case AddTurn(call_id, turn):
            await calls.add_turn(call_id, turn)
        case PutAnswers(call_id, answers):
            await calls.put_answers(call_id, answers)
        case SipResult(call_id, status, phrase):
            await calls.sip_result(call_id, status, phrase)
        case Finish(call_id, disposition, score, record, ended_at):
            await calls.finish(call_id, disposition, score, record, ended_at)
        case KeepFlow(flow_hash, name, body):
            await calls.keep_flow(flow_hash, name, body)
        case OptOut(number, scope, at, source, call_id, effect_id):
            await calls.opt_out(number, scope, at, source, call_id, effect_id)
        case _:
            assert_never(write)
