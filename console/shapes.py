"""The JSON of the API: what is asked and what is answered. Times are Unix seconds in UTC."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from console.logins import Role

_LINE = re.compile(r"[^\x00-\x1f\x7f]*")


def _one_line(text: str) -> str:
    if not _LINE.fullmatch(text):
        raise ValueError("write it on one line")
    return text


Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
LeadField = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Problem(_Answer):
    """Why not, and what to do."""

    error: str
    fix: str = ""


class Me(_Answer):
    """Who the server takes you for. `login` says whether names and passwords are asked for at all."""

    name: str
    role: Role | None
    login: bool


class Entry(BaseModel):
    """A name and a password."""

    name: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=256)]


class Health(_Answer):
    """Whether the parts that a call needs are there."""

    livekit: bool
    database: bool
    page: bool


# -- flows


class FlowSlot(_Answer):
    """One question of a flow."""

    name: str
    label: str
    type: str
    ask: str
    keypad: Literal["none", "menu", "digits"]
    rules: list[str]


class FlowShape(_Answer):
    """A flow as the page shows it; `error` is set, and the rest empty, when its file cannot be used."""

    name: str
    version: int = 0
    hash: str = ""
    qualified_at: int = 0
    slots: list[FlowSlot] = []
    lead: list[str] = Field(default=[], description="what the flow would like to know of the lead beforehand")
    error: str = ""


# -- tokens


class AgentDispatch(BaseModel):
    """Of LiveKit's standard request: which agent is wanted, and its metadata, here `{"flow": NAME}`."""

    agent_name: Annotated[str, Field(max_length=64)] = ""
    metadata: Annotated[str, Field(max_length=2000)] = ""


class RoomConfig(BaseModel):
    """Of LiveKit's standard request."""

    agents: Annotated[list[AgentDispatch], Field(max_length=1)] = []


class TokenRequest(BaseModel):
    """LiveKit's standard token request, with what a call needs to know.

    Room and identity are chosen here: a client that names them is refused.
    """

    room_name: Annotated[str, Field(max_length=0)] = ""
    participant_identity: Annotated[str, Field(max_length=0)] = ""
    participant_name: Annotated[str, Field(max_length=0)] = ""
    participant_metadata: Annotated[str, Field(max_length=0)] = ""
    participant_attributes: Annotated[dict[str, str], Field(max_length=0)] = {}
    room_config: RoomConfig | None = None
    flow: Annotated[str, Field(max_length=200)] = ""
    caller: Annotated[Line, Field(description="the number to be taken for the caller's")] = ""
    lead: Annotated[dict[LeadField, Line], Field(max_length=20)] = {}
    call_id: Annotated[str, Field(max_length=64, description="come back into this call, after a reload")] = ""


class TokenAnswer(_Answer):
    """LiveKit's standard answer, with the call that it is for."""

    server_url: str
    participant_token: str
    room_name: str
    participant_identity: str
    call_id: str


# -- calls


class CallRow(_Answer):
    """A call in a list."""

    id: str
    direction: str
    flow: str
    caller: str
    callee: str
    created_at: float
    answered_at: float | None
    ended_at: float | None
    disposition: str | None
    score: int | None


class TurnRow(_Answer):
    """What one side said. `timing`: milliseconds after the caller's last sound, by step."""

    n: int
    who: Literal["bot", "caller"]
    text: str
    at: float
    mode: Literal["speech", "keypad"]
    slot: str | None
    response_ms: int | None
    interrupted: bool
    timing: dict[str, int]


class AnswerRow(_Answer):
    """A slot's value with the words that gave it. `shown` is the value as a person reads it."""

    slot: str
    value: JsonValue
    shown: str
    raw: str
    mode: str
    confirmed: str
    tries: int
    certainty: float
    at: float


class RecordingRow(_Answer):
    """A part of the recording that can be played; `began_at` puts the transcript in step with it."""

    part: int
    began_at: float
    seconds: float | None = Field(description="null: it still runs, or its process died; the file knows its length")


class CallDetail(_Answer):
    """Everything about a call. `since` is where its live events begin."""

    call: CallRow
    flow: FlowShape | None
    lead: dict[str, str]
    record: dict[str, JsonValue]
    turns: list[TurnRow]
    answers: list[AnswerRow]
    recordings: list[RecordingRow]
    since: str


class EventRow(_Answer):
    """A live event; its id is the stream's, so that a reader goes on where it stopped."""

    id: str
    at: float
    call_id: str
    kind: str
    fields: dict[str, str | int | float | bool | None]
