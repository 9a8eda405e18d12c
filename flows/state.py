"""The whole memory of a call: small, immutable, and easy to write down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from flows.model import EMPTY, Answer, Direction, Effect, Value

NO_ANSWERS: Mapping[str, Answer] = MappingProxyType({})
NO_COUNTS: Mapping[str, int] = MappingProxyType({})

#: What is going on. "human": an operator has taken over and the bot is silent. "closing": the last words are spoken.
#: "mailbox": one has answered, and its tone is waited for.
Stage: TypeAlias = Literal["new", "ask", "confirm", "transfer", "human", "mailbox", "closing", "over"]


@dataclass(frozen=True)  # no slots: see `model.changed`
class Context:
    """What is known besides the conversation. `began_at` is Unix seconds."""

    direction: Direction
    began_at: float
    facts: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    lead: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    earlier: Mapping[str, Answer] = field(default_factory=lambda: NO_ANSWERS)  #: of this caller's call that broke off


@dataclass(frozen=True)  # no slots: see `model.changed`
class Focus:
    """The open question."""

    stage: Stage = "new"
    slot: str | None = None
    asked: int = 0  #: times the question was put
    misses: int = 0  #: no-matches and refused read-backs
    silences: int = 0  #: no-inputs in a row
    rejected: tuple[Value, ...] = ()  #: what the caller said is wrong
    guess: str = ""  #: the wish that the caller is being asked about, "opt_out"


@dataclass(frozen=True)  # no slots: see `model.changed`
class Counts:
    """How often things happened."""

    effects: int = 0
    prompts: int = 0
    disclosures: int = 0
    acks: int = 0
    digressions: Mapping[str, int] = field(default_factory=lambda: NO_COUNTS)  #: by intent


@dataclass(frozen=True)  # no slots: see `model.changed`
class Notes:
    """What is worth remembering besides the answers."""

    disclosed: bool = False
    disclosed_at: float | None = None  #: when the caller had heard it, Unix seconds
    opted_out: bool = False
    callback: tuple[str, str] | None = None  #: local ISO minute and IANA zone
    transferred: bool = False
    transfers: int = 0  #: how often a person was tried
    transfer_result: str = ""  #: how the last of them ended: "accepted", or why not
    answered_by: str = ""  #: the machine that answered our call: "voicemail", "screening", "ivr"; "" for a person
    skipped: Mapping[str, str] = field(
        default_factory=lambda: EMPTY
    )  #: slot → "no_match", "unconfirmed", "not_known", "asked_to"
    fired: tuple[int, ...] = ()  #: rules that have acted
    last_filled: str | None = None  #: the answer that the last words of the caller gave
    recording: Literal["off", "on", "refused"] = "off"
    ended_at: float | None = None


@dataclass(frozen=True)  # no slots: see `model.changed`
class State:
    """A call at one moment. `pending` holds the effects that the shell has not acknowledged yet."""

    call_id: str
    flow_hash: str
    context: Context
    answers: Mapping[str, Answer] = field(default_factory=lambda: NO_ANSWERS)
    pending: tuple[Effect, ...] = ()
    disposition: str | None = None
    focus: Focus = Focus()
    counts: Counts = Counts()
    notes: Notes = Notes()
    recent: tuple[tuple[str, ...], ...] = ()  #: the sentences of the last two prompts

    @property
    def ended(self) -> bool:
        """Whether the call is over: nothing more will be said."""
        return self.focus.stage == "over"

    @property
    def facts(self) -> Mapping[str, str]:
        """What is known about the call: ANI, zone, results of lookups."""
        return self.context.facts
