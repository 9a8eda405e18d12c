"""What is kept of a call, and the port through which it is written and read.

All times are Unix seconds in UTC, given by the caller. Every write is idempotent, so that it may be repeated after a
crash or replayed from a journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from flows.model import Answer, Direction
from store.charges import Charge
from store.happenings import Happening

#: How the dialer closes a call that nobody answered. The bot in the room also hears the line go dead and reports its own
#: view of it; the telephone network's view is the one that stays.
NO_CONTACT, NOT_PLACED = "no_contact", "not_placed"
UNREACHED = (NO_CONTACT, NOT_PLACED)


class StoreError(Exception):
    """The store cannot do what was asked; the message says what to do."""


class UnknownCall(StoreError):
    """There is no call with this id."""

    def __init__(self, call_id: str) -> None:
        super().__init__(f"no call with the id {call_id!r}; `leadline calls list` shows the calls there are")


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call as it is when it begins. `lead` is what is known of the person before the first word."""

    id: str
    direction: Direction
    flow: str
    flow_hash: str
    room: str
    caller: str  #: who dialled (ANI)
    callee: str  #: who was dialled (DNIS)
    created_at: float
    lead: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SipLeg:
    """What the telephone network said. `status` is the final response to the INVITE, None before there is one."""

    call_id: str = ""
    status: int | None = None
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it is known now. `record` is the CRM-ready result, empty until the call has ended."""

    begun: NewCall
    sip: SipLeg = field(default_factory=SipLeg)
    answered_at: float | None = None
    ended_at: float | None = None
    disposition: str | None = None
    score: int | None = None
    record: Mapping[str, object] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The call's id."""
        return self.begun.id


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. `n` counts from 0 over both sides; `response_ms` is the bot's delay after the caller."""

    n: int
    who: Literal["bot", "caller"]
    text: str
    at: float
    mode: Literal["speech", "keypad"] = "speech"
    slot: str | None = None
    response_ms: int | None = None
    interrupted: bool = False
    timing: Mapping[str, int] = field(default_factory=dict)  #: of a reply: ms after the caller's last sound, by step


@dataclass(frozen=True, slots=True)
class Part:
    """A recording, or its beginning. `seconds` None: it still runs, or its process died; the file knows its length."""

    number: int
    began_at: float  #: when its first sample was heard
    seconds: float | None = None
    ended: Literal["", "whole", "cut short", "deleted"] = ""


class Calls(Protocol):
    """Calls, their turns and answers, the flows that ran, and who must not be called."""

    async def begin(self, call: NewCall) -> None:
        """Keep a new call. A call whose id is known already stays as it is."""
        ...

    async def answered(self, call_id: str, at: float, sip_call_id: str = "") -> None:
        """Note that the call is up; the first time told stays. Raises UnknownCall."""
        ...

    async def add_turn(self, call_id: str, turn: Turn) -> None:
        """Append to the transcript; a turn with the same `n` stays as it is. Raises UnknownCall."""
        ...

    async def put_answers(self, call_id: str, answers: tuple[Answer, ...]) -> None:
        """Keep each answer, in place of an earlier one for its slot. Raises UnknownCall."""
        ...

    async def opt_out(self, number: str, scope: str, at: float, source: str, call_id: str, effect_id: str) -> None:
        """Never call this number again; once per (call, effect). Needs no call row."""
        ...

    async def is_suppressed(self, number: str) -> bool:
        """Whether someone at this number opted out, in any scope."""
        ...

    async def sip_result(self, call_id: str, status: int | None, phrase: str) -> None:
        """Keep how the telephone network answered our INVITE. Raises UnknownCall."""
        ...

    async def finish(
        self, call_id: str, disposition: str, score: int, record: Mapping[str, object], ended_at: float
    ) -> None:
        """Close the call with its result. A later result takes its place, unless it is one of UNREACHED.

        Raises UnknownCall.
        """
        ...

    async def put_recording(self, call_id: str, part: Part) -> None:
        """Keep what is known of a recording's part, in place of what was known before. Raises UnknownCall."""
        ...

    async def get(self, call_id: str) -> Call:
        """One call. Raises UnknownCall."""
        ...

    async def find(self, prefix: str, limit: int = 10) -> tuple[Call, ...]:
        """Calls whose id starts so, newest first."""
        ...

    async def list(self, limit: int = 20) -> tuple[Call, ...]:
        """The newest calls, newest first."""
        ...

    async def turns(self, call_id: str) -> tuple[Turn, ...]:
        """The transcript in order; empty for an unknown call."""
        ...

    async def answers(self, call_id: str) -> tuple[Answer, ...]:
        """The answers, in the order in which they were given; empty for an unknown call."""
        ...

    async def recordings(self, call_id: str) -> tuple[Part, ...]:
        """The recording's parts in order; empty for an unknown call, and for one that was not recorded."""
        ...

    async def keep_flow(self, flow_hash: str, name: str, body: str) -> None:
        """Keep a flow's text under its content hash, for whoever takes the call over."""
        ...

    async def flow_body(self, flow_hash: str) -> str | None:
        """The text of a flow that ran, None when it was never kept."""
        ...

    async def reserve(self, charge: Charge, since: float, limit: float | None) -> bool:
        """Keep a charge unless all charges since `since` would then exceed `limit`; one that is kept already is fine."""
        ...

    async def settle(self, call_id: str, leg: str, seconds: float) -> None:
        """How long a charged leg was up; 0 when nobody answered. A leg that nobody charged is left alone."""
        ...

    async def spent(self, since: float) -> float:
        """What the charges since then come to: settled ones as they were, open ones at the most they may cost.

        A leg called "call" whose call has ended counts as long as that call was up.
        """
        ...

    async def note(self, call_id: str, happening: Happening) -> None:
        """Keep something that happened to a call; needs no call row."""
        ...

    async def lost(self, limit: int = 20) -> tuple[tuple[str, Happening], ...]:
        """Inbound calls that failed at the SIP edge and have no row, newest first: the edge's id and what it said last."""
        ...

    async def happenings(self, call_id: str) -> tuple[Happening, ...]:
        """What happened to a call, in order."""
        ...


def suppression_key(number: str) -> str:
    """The form in which numbers are compared: `+` and digits, "" for what is no number ("anonymous")."""
    digits = "".join(c for c in number if c.isascii() and c.isdigit())
    return f"+{digits}" if digits else ""
