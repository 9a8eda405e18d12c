"""What a conversation is made of: slots, events that happen, effects to carry out, and the state between them.

Everything here is immutable data. Nothing here waits, speaks, reads a clock or remembers.
Times (`at`) are Unix seconds in UTC, given by the shell that saw the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, TypeAlias, TypeVar

T = TypeVar("T")


def changed(thing: T, **fields: object) -> T:
    """Return a frozen dataclass without slots, with some fields changed: `dataclasses.replace` at a tenth of its cost.

    A step makes about ten such copies. Raises AttributeError for a field that is not there.
    """
    copy: T = object.__new__(type(thing))
    copy.__dict__.update(thing.__dict__, **fields)
    if len(copy.__dict__) > len(thing.__dict__):
        raise AttributeError(f"{type(thing).__name__} has no field {', '.join(fields.keys() - thing.__dict__.keys())}")
    return copy


#: A slot's value as JSON can hold it: "yes", [20, 50], [1000, 2000, "month"], {"name": …, "company": …}.
Value: TypeAlias = str | int | float | tuple[int | float | str | None, ...] | Mapping[str, str | None]

EMPTY: Mapping[str, str] = MappingProxyType({})


class SlotType(StrEnum):
    """What kind of answer a slot takes."""

    YES_NO = "yes_no"
    INTEGER_RANGE = "integer_range"
    MONEY = "money"
    TIMELINE = "timeline"
    DATE_TIME = "date_time"
    PHONE = "phone"
    EMAIL = "email"
    NAME = "name"
    COMPANY = "company"
    CHOICE = "choice"
    DIGITS = "digits"
    TEXT = "text"


class BargeIn(StrEnum):
    """What the caller's voice does to a prompt that is being spoken."""

    STOP = "stop"
    FINISH_SENTENCE = "finish_sentence"
    IGNORE_SHORT = "ignore_short"
    RESUME = "resume"
    NONE = "none"  #: a legal disclosure: cannot be interrupted, but what is said over it is kept


class Confirm(StrEnum):
    """How sure we must be of an answer before we use it."""

    NONE = "none"
    IMPLICIT = "implicit"
    EXPLICIT = "explicit"


class Mode(StrEnum):
    """Where an answer came from."""

    SPEECH = "speech"
    KEYPAD = "keypad"
    PREFILL = "prefill"
    LOOKUP = "lookup"


class Direction(StrEnum):
    """Who dialled."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    WEB = "web"


@dataclass(frozen=True)  # no slots: see `changed`
class Answer:
    """One slot's value with its evidence."""

    slot: str
    value: Value
    raw: str  #: the caller's own words, or the keys pressed
    mode: Mode
    confirmed: Literal["no", "implicit", "explicit"] = "no"
    tries: int = 1
    certainty: float = 1.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Expect:
    """What the bot listens for now; the ear's patience and the recogniser's bias depend on it.

    `kind` is a slot type, "confirm" for a yes/no about a value just read back, or "open" for anything.
    """

    kind: SlotType | Literal["confirm", "open"] = "open"
    slot: str | None = None
    hotwords: tuple[str, ...] = ()
    length: int = 0  #: of digits, when it is known


@dataclass(frozen=True, slots=True)
class Keypad:
    """How keys are gathered while listening. Times in seconds.

    `collect` is "menu" (one key decides), "digits" (until `#`, `length` or a time-out) or "none" (commands only).
    Commands: `*` repeat, `0` human, `9` opt-out on outbound; while digits are collected `*` clears and the
    commands are `**`, `*0`, `*9`.
    """

    collect: Literal["none", "menu", "digits"] = "none"
    max: int = 0  #: most digits taken; 0 = no bound
    length: int = 0  #: exact length when known: the entry completes without `#`
    inter_digit_s: float = 3.0
    total_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Quote:
    """A value that a language model claims to have heard, with the caller's words that say so."""

    slot: str
    quote: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What understanding beyond the rules made of an utterance: a suggestion, never a decision."""

    intent: str | None = None
    certainty: float = 0.0
    quotes: tuple[Quote, ...] = ()
    reply: str | None = None  #: words answering the caller's question, from the facts sheet only


# --- What happened -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is up and audio flows both ways."""

    at: float


@dataclass(frozen=True, slots=True)
class Heard:
    """The caller finished a turn. `text` is "" when there was speech that could not be recognised."""

    at: float
    text: str
    meaning: Meaning | None = None
    confidence: float = 1.0
    spoken_s: float = 0.0  #: how long the turn was


@dataclass(frozen=True, slots=True)
class Pressed:
    """A complete keypad entry (`flows.keypad` gathers keys): "95", "2", or a command "*", "0", "9", "**", "*0", "*9"."""

    at: float
    digits: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing was said for the time `Listen.no_input_s` after the bot fell silent; `count` in a row."""

    at: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A `Say` was cut off; `spoken` is what had been heard of it."""

    at: float
    effect_id: str
    spoken: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Another process took the call over; its predecessor died somewhere after the last saved state."""

    at: float


#: Who answered a call of ours; "tone": a steady tone has ended, as mailboxes have it before they record.
AnsweredBy: TypeAlias = Literal["human", "voicemail", "screening", "ivr", "tone", "unknown"]


@dataclass(frozen=True, slots=True)
class Machine:
    """Answering machine detection has a verdict. `spoken_s`: how long the far end spoke right before a tone."""

    at: float
    kind: AnsweredBy
    spoken_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """A `Lookup` came back; `error` is set when it failed."""

    at: float
    effect_id: str
    result: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    error: str = ""


@dataclass(frozen=True, slots=True)
class TransferDone:
    """The other party has the caller. `mode` is how it was done: where a trunk refuses REFER, cold becomes warm."""

    at: float
    effect_id: str
    mode: Literal["cold", "warm", ""] = ""  #: "": as it was asked


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """Nobody took the transfer."""

    at: float
    effect_id: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class HumanLeft:
    """The person who had taken the call hung up, `talked_s` seconds after it was handed over."""

    at: float
    talked_s: float


@dataclass(frozen=True, slots=True)
class Operator:
    """A person at the console intervened."""

    at: float
    command: Literal["say", "press", "end", "transfer", "takeover", "release"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The shell finished an effect."""

    at: float
    effect_id: str


@dataclass(frozen=True, slots=True)
class HungUp:
    """The caller's leg is gone."""

    at: float


Event: TypeAlias = (
    Answered
    | Heard
    | Pressed
    | Silence
    | Interrupted
    | Resumed
    | Machine
    | Found
    | TransferDone
    | TransferFailed
    | HumanLeft
    | Operator
    | Done
    | HungUp
)


# --- What to do about it -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Say:
    """Speak. Acknowledged by `Done` when played to the end, by `Interrupted` when cut off."""

    id: str
    text: str
    barge_in: BargeIn = BargeIn.STOP
    kind: Literal["disclosure", "greeting", "ask", "answer", "ack", "closing"] = "ask"
    slot: str | None = None


@dataclass(frozen=True, slots=True)
class Listen:
    """Expect the caller now. Replaced by the next `Listen`; never acknowledged."""

    id: str
    expect: Expect
    keypad: Keypad
    no_input_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Lookup:
    """Ask a tool (CRM, calendar); the answer comes as `Found`, the conversation goes on meanwhile."""

    id: str
    tool: str
    args: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Connect the caller to a person."""

    id: str
    to: str
    mode: Literal["cold", "warm"] = "cold"
    briefing: str = ""  #: said to the person alone, before the caller is heard
    briefing_keys: str = ""  #: which keys take the call; said again when none comes
    gone: str = ""  #: said to the person when the caller has hung up meanwhile
    ring_s: int = 25
    accept_s: int = 20
    digits: str = ""  #: keys sent when it is answered


@dataclass(frozen=True, slots=True)
class OptOut:
    """Never call this number again. Must be stored before any effect behind it is carried out."""

    id: str
    scope: Literal["seller", "campaign", "global"] = "seller"


@dataclass(frozen=True, slots=True)
class Callback:
    """Call again at a time the caller confirmed: local ISO minute and IANA zone."""

    id: str
    when: str
    zone: str


@dataclass(frozen=True, slots=True)
class Record:
    """Switch the recording on or off. Off without `keep`: what was recorded of the call is deleted."""

    id: str
    on: bool
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys on the far end's switchboard: 0-9, *, #, A-D; `w` waits half a second."""

    id: str
    digits: str


@dataclass(frozen=True, slots=True)
class End:
    """Finish the call once everything before it was spoken."""

    id: str
    disposition: str


Effect: TypeAlias = Say | Listen | Lookup | Transfer | OptOut | Callback | Record | Press | End
