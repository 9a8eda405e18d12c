"""The shape of a flow file, as pydantic models: one model per block, unknown keys refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from flows.model import BargeIn, Confirm, SlotType


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _text(value: object) -> object:
    """YAML reads `yes` and `5` as no text; in lists of words they are."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int | float) else value


Word = Annotated[str, BeforeValidator(_text), StringConstraints(min_length=1, strip_whitespace=True)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_listed)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=600)]


class Block(BaseModel):
    """A block of a flow file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


class PointsFile(Block):
    """One line of a slot's score list; `when` may be short: ">= 200"."""

    when: str
    points: Annotated[int, Field(ge=-100, le=100)]


class BranchFile(Block):
    """Where to go after the slot."""

    go: str
    when: str | None = None


class KeypadFile(Block):
    """How keys answer a slot; what is left out follows from the slot's type."""

    prompt: Text = ""
    collect: Literal["menu", "digits"] | None = None
    max: Annotated[int, Field(ge=0, le=40)] = 0
    length: Annotated[int, Field(ge=0, le=40)] = 0
    keys: dict[Annotated[str, BeforeValidator(_text)], Annotated[str, BeforeValidator(_text)]] = {}
    period: Literal["once", "month", "year"] = "once"


class AskFile(Block):
    """What a slot and the callback have in common."""

    ask: Words
    label: Text = ""
    example: Text = ""
    ack: Text = ""
    confirm_with: Text = ""
    keypad: KeypadFile = KeypadFile()
    tries: Annotated[int, Field(ge=1, le=4)] = 2
    barge_in: BargeIn = BargeIn.STOP
    no_input_s: Annotated[float, Field(ge=1, le=30)] = 5.0


class SlotFile(AskFile):
    """A question."""

    name: Name
    type: SlotType
    cues: Words = ()
    choices: dict[Name, Words] = {}
    confirm: Confirm = Confirm.IMPLICIT
    explicit_above: float | None = None
    required: bool = False
    prefill: str = ""
    skip_when: str | None = None
    score: tuple[PointsFile, ...] = ()
    next: tuple[BranchFile, ...] = ()


class RuleFile(Block):
    """What a combination of answers leads to."""

    when: str
    end: str | None = None
    do: Literal["callback", "human"] | None = None


class EndingFile(Block):
    """The last words for a disposition."""

    say: Text = ""
    then: Literal["end", "transfer"] = "end"
    next_action: Text = ""


class HoursFile(Block):
    """When people take calls; `zone` is the flow's own unless it says otherwise."""

    days: dict[str, Annotated[str, BeforeValidator(_text)]]
    zone: str = ""
    closed: Annotated[tuple[Annotated[str, BeforeValidator(str)], ...], BeforeValidator(_listed)] = ()


class TransferFile(Block):
    """Who takes transfers."""

    to: Annotated[str, BeforeValidator(_text)]
    mode: Literal["cold", "warm"] = "cold"
    hours: HoursFile | None = None
    ring_s: Annotated[int, Field(ge=5, le=60)] = 25
    accept_s: Annotated[int, Field(ge=3, le=60)] = 20
    digits: Annotated[str, BeforeValidator(_text), StringConstraints(pattern=r"^[0-9*#A-DwW]{0,32}$")] = ""
    record: bool = False


class LookupFile(Block):
    """A tool asked when the call is answered."""

    tool: Name
    args: dict[Name, Text] = {}


class RecordingFile(Block):
    """Whether the call's sound is kept, and the slot that asks for consent."""

    start: Literal["off", "after_disclosure"] = "off"
    consent: str = ""
    objected: Text = "Okay. This call is not recorded."


class GreetingFile(Block):
    """The first words, by who called."""

    inbound: Text = ""
    outbound: Text = ""
    web: Text = ""


class LocaleFile(Block):
    """Where callers are, unless the lead says otherwise."""

    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = "US"
    zone: str = "America/New_York"
    zone_name: Text = "Eastern time"
    currency: Text = "dollars"


class FlowFile(Block):
    """A flow file."""

    flow: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
    version: Annotated[int, Field(ge=1)] = 1
    language: str = "en"
    locale: LocaleFile = LocaleFile()
    variables: dict[str, Annotated[Text, BeforeValidator(_text)]] = {}
    greeting: GreetingFile = GreetingFile()
    disclose: Text
    opt_out_notice: Text = ""
    voicemail: Text = ""
    screening: Text
    lookups: tuple[LookupFile, ...] = ()
    recording: RecordingFile = RecordingFile()
    slots: Annotated[tuple[SlotFile, ...], Field(min_length=1, max_length=30)]
    rules: tuple[RuleFile, ...] = ()
    callback: AskFile | None = None
    transfer: TransferFile | None = None
    qualified_at: int
    prompts_max: Annotated[int, Field(ge=10, le=200)] = 60
    answers_to_caller: dict[Name, Text]
    words: dict[str, Words]
    endings: dict[str, EndingFile]
