"""A flow: the questions, words and rules of one kind of call, as checked, immutable data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flows.expressions import Condition
from flows.hours import Hours
from flows.model import BargeIn, Confirm, Keypad, SlotType, Value

#: What a menu key stands for when it leaves the question open ("press 1 to skip").
SKIP: Value = ""

#: Where a branch may lead besides a slot: to the end of the questions.
FINISH = "finish"

#: The name of the slot that takes the time of a callback; it is asked only on demand.
CALLBACK = "callback"


@dataclass(frozen=True, slots=True)
class Points:
    """Points that a slot's answer earns; of a slot's list the first match counts."""

    points: int
    when: Condition
    rule: str  #: as a person reads it: "company_size >= 200"


@dataclass(frozen=True, slots=True)
class Branch:
    """Where to go after a slot was settled: a slot's name or `FINISH`. `when` None always leads there."""

    when: Condition | None
    go: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Checked after every answer; the first that matches acts, each at most once a call.

    `action` is "end" (with `disposition`), "callback" or "human".
    """

    when: Condition
    action: Literal["end", "callback", "human"]
    disposition: str = ""


@dataclass(frozen=True, slots=True)
class SlotWords:
    """What the bot says for a slot. Templates; `{{ value }}` only in `confirm` and `ack`."""

    label: str  #: what a person calls the answer: "company size"
    ask: tuple[str, ...]  #: first asking, then shorter ones
    example: str  #: how an answer may sound, said after a no-match
    keypad: str  #: how to answer with keys
    confirm: str  #: reads the value back as a question; "" takes the flow's own
    ack: str  #: reads the value back in passing; "" acknowledges without it
    cues: tuple[str, ...]  #: words that tie a value to this slot when it was not asked for: "people", "employees"


@dataclass(frozen=True, slots=True)
class Policy:
    """How hard to try for a slot and how sure to be."""

    confirm: Confirm = Confirm.IMPLICIT
    explicit_above: float | None = None  #: a number or amount above this is confirmed explicitly
    tries: int = 2  #: no-matches before the question is left; the last one offers the keypad
    barge_in: BargeIn = BargeIn.STOP
    no_input_s: float = 5.0
    required: bool = False  #: the call cannot go on without it
    prefill: str = ""  #: "lead.x" or "facts.x" that may already hold the answer


@dataclass(frozen=True, slots=True)
class KeypadPlan:
    """How a slot is answered with keys."""

    keypad: Keypad
    keys: Mapping[str, Value]  #: of a menu: what each key means
    period: Literal["once", "month", "year"] = "once"  #: of an amount typed


@dataclass(frozen=True, slots=True)
class Slot:
    """One fact to learn from the caller, and how."""

    name: str
    type: SlotType
    words: SlotWords
    policy: Policy
    keypad: KeypadPlan
    choices: Mapping[str, tuple[str, ...]]  #: of a choice: what may be said for each key
    skip_when: Condition | None
    score: tuple[Points, ...]
    branches: tuple[Branch, ...]


@dataclass(frozen=True, slots=True)
class Locale:
    """Where the caller is assumed to be until `facts` or the lead say otherwise."""

    language: str
    region: str  #: ISO 3166 country of numbers said without a country code
    zone: str  #: IANA time zone
    zone_name: str  #: as it is spoken: "Eastern time"
    currency: str  #: as it is spoken after an amount: "dollars"


@dataclass(frozen=True, slots=True)
class Script:
    """The flow's own words: lines by key, replies to callers' questions by intent, fallbacks of variables."""

    lines: Mapping[str, tuple[str, ...]]
    answers: Mapping[str, str]
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A lookup made when the call is answered; its result becomes facts."""

    tool: str
    args: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recording:
    """Whether the call's sound is kept, and who must agree (`flows/recording.py`)."""

    start: Literal["off", "after_disclosure"] = "off"
    consent: str = ""  #: the yes/no slot that asks for it; "" asks nobody: then a notice must be enough
    objected: str = ""  #: said to a caller who does not want to be recorded


@dataclass(frozen=True, slots=True)
class Opening:
    """The first words of a call. The disclosure cannot be interrupted."""

    greeting: Mapping[str, str]  #: by direction; "" or absent: none
    disclose: str
    opt_out_notice: str  #: said after the disclosure of calls that we placed, where `9` opts out
    voicemail: str  #: the message left on a machine; "" leaves none
    screening: str  #: the one line for a call screener
    lookups: tuple[ToolCall, ...]
    recording: Recording


@dataclass(frozen=True, slots=True)
class Ending:
    """The last words for a disposition and what follows them."""

    say: str
    then: Literal["end", "transfer"]
    next_action: str  #: for the sales team: "Call back today."


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """Who takes callers, how and when. Times in seconds."""

    to: str  #: E.164, a `sip:` address, or the name of a destination that the settings know
    mode: Literal["cold", "warm"] = "cold"
    hours: Hours | None = None  #: None: always
    ring_s: int = 25
    accept_s: int = 20  #: of a warm transfer: how long after the briefing a key is waited for
    digits: str = ""  #: keys sent when it is answered: "ww12#"
    record: bool = False  #: of a warm transfer: a recording goes on; the briefing tells the person so


@dataclass(frozen=True, slots=True)
class Closing:
    """How calls end."""

    qualified_at: int
    endings: Mapping[str, Ending]  #: by disposition
    transfer: TransferPlan | None  #: None when nobody takes transfers
    callback: Slot | None
    prompts_max: int  #: the bot says goodbye after this many prompts, whatever happens


@dataclass(frozen=True, slots=True)
class Flow:
    """One kind of call. `hash` is its identity, `version` a number for people, `body` the file's text."""

    name: str
    version: int
    hash: str
    body: str
    locale: Locale
    script: Script
    opening: Opening
    slots: tuple[Slot, ...]
    rules: tuple[Rule, ...]
    closing: Closing

    def slot(self, name: str) -> Slot | None:
        """Return the slot called `name`, the callback slot included."""
        if name == CALLBACK:
            return self.closing.callback
        for slot in self.slots:  # a step looks a dozen up: no generator
            if slot.name == name:
                return slot
        return None
