"""A campaign's file: who calls whom about what, when, how fast. YAML in, checked settings out; errors name the line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic import BeforeValidator as Before

from campaigns.numbers import DIALABLE, NumberKind, classify
from campaigns.policy import terms
from campaigns.policy.rulepack import hours_of
from flows.yamlmodel import checked
from flows.yamltext import read

_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

#: Seconds before the next try, by outcome: the last one goes for all that follow. Outcomes that are not here close.
RETRIES: Final[Mapping[str, tuple[int, ...]]] = {
    "no_answer": (4 * 3600, 86_400, 2 * 86_400, 3 * 86_400, 5 * 86_400),
    "busy": (1200, 1200, 4 * 3600, 86_400, 2 * 86_400),
}


def seconds(value: object) -> object:
    """Seconds from "20m", "4h", "1d" or a number of them. Raises ValueError."""
    if isinstance(value, str):
        found = _SPAN.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"{value!r} is no span of time; write it like 30s, 20m, 4h or 1d")
        return float(found[1]) * _UNITS[found[2]]
    return value


def _number(value: str) -> str:
    number = classify(value)
    if number.kind not in DIALABLE and number.kind is not NumberKind.TOLL_FREE:
        raise ValueError(f"{value!r} is no number that can be called back; write it in full, like +12025550100")
    if value != number.e164:
        raise ValueError(f"write the number in full, as {number.e164}")
    return value


def _moment(value: object) -> object:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ValueError(f"{value!r} is no time with an offset; write it like 2026-12-01T09:00-05:00")
        return moment
    return value


def _open_hours(value: Mapping[str, str]) -> Mapping[str, str]:
    hours_of(value)
    return value


def _told_number(value: object) -> object:
    return f"+{value}" if isinstance(value, int) else value  # YAML takes +1202… for a number


Seconds = Annotated[float, Before(seconds), Field(gt=0)]
E164 = Annotated[str, Before(_told_number), AfterValidator(_number)]
Moment = Annotated[datetime, Before(_moment)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class Block(BaseModel):
    """A block of the file; keys that are unknown are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LimitsFile(Block):
    """How often one number is called at most, whatever the law allows beyond it."""

    per_24h: int = Field(default=2, ge=1, le=3)
    gap: Seconds = 4 * 3600.0
    tries: int = Field(default=6, ge=1, le=20)
    per_caller_id: int = Field(default=50, ge=1)


class ConsentFile(Block):
    """Which permission is enough; `override` names why less than written consent is, and by whose word."""

    max_age: Annotated[float, Before(seconds), Field(gt=0, le=5 * 365 * 86_400)] = 540 * 86_400.0
    override: str = ""


class PacingFile(Block):
    """How fast: calls at once, new calls a second, seconds of ringing, the first calls one by one."""

    concurrency: int = Field(default=5, ge=1, le=1000)
    cps: float = Field(default=1.0, gt=0, le=50)
    ring: Annotated[float, Before(seconds), Field(ge=15, le=75)] = 30.0
    max_call: Annotated[float, Before(seconds), Field(ge=30, le=7200)] = 600.0
    canary: int = Field(default=20, ge=0)


class VoicemailFile(Block):
    """What to do when a machine answers; a message needs a toll-free number that takes opt-outs day and night."""

    action: Literal["hangup", "message"] = "hangup"
    opt_out_number: E164 | None = None


class CampaignFile(Block):
    """A campaign as its file has it. Times are aware, spans are seconds."""

    campaign: str = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    purpose: terms.Purpose
    seller: str = Field(min_length=2)
    flow: str = Field(min_length=1)
    caller_ids: tuple[E164, ...] = Field(min_length=1)
    countries: tuple[Country, ...] = Field(min_length=1)
    region: Country = "US"
    trunk: str = ""
    hours: Annotated[Mapping[str, str], AfterValidator(_open_hours)] = {"mon-fri": "10:00-18:00"}
    holidays: bool = False  #: whether calls are made on public holidays, where the law allows it
    start_at: Moment | None = None
    end_at: Moment | None = None
    limits: LimitsFile = LimitsFile()
    consent: ConsentFile = ConsentFile()
    acknowledged: Mapping[str, str] = {}  #: state → counsel's reference
    pacing: PacingFile = PacingFile()
    retry: Mapping[str, tuple[Seconds, ...]] = {}
    voicemail: VoicemailFile = VoicemailFile()
    cost_per_minute: float | None = Field(default=None, ge=0)
    variables: Mapping[str, str] = {}  #: for the flow, where a lead's list says nothing

    def for_policy(self) -> terms.Campaign:
        """What the policy is asked with."""
        limits = self.limits
        return terms.Campaign(
            name=self.campaign,
            purpose=self.purpose,
            seller=self.seller,
            countries=frozenset(self.countries),
            hours=hours_of(self.hours, on_holidays=self.holidays),
            limits=terms.Limits(limits.per_24h, timedelta(seconds=limits.gap), limits.tries, limits.per_caller_id),
            consent_age=timedelta(seconds=self.consent.max_age),
            consent_override=self.consent.override,
            acknowledged=dict(self.acknowledged),
            region=self.region,
        )

    def retries(self, outcome: str) -> tuple[float, ...]:
        """Seconds before each next try after this outcome; empty: none."""
        return tuple(self.retry.get(outcome, RETRIES.get(outcome, ())))

    def spec(self) -> dict[str, Any]:
        """The file as it is kept, as JSON; `from_spec` reads it. `name`, `start_at` and `end_at` are the store's."""
        times = {
            key: at.timestamp() if at else None for key, at in (("start_at", self.start_at), ("end_at", self.end_at))
        }
        return {"name": self.campaign, **times, "file": self.model_dump(mode="json")}


def from_spec(spec: Mapping[str, Any]) -> CampaignFile:
    """The file that `CampaignFile.spec` kept."""
    return CampaignFile.model_validate(spec["file"])


_FIXES: Final = {
    "missing": "Add the key; `leadline campaign init` writes a file with all of them.",
    "string_pattern_mismatch": "Use small letters, digits and dashes for names, two capitals for countries.",
}


def read_campaign(text: str, source: str) -> CampaignFile:
    """Read a campaign's file. Raises FlowError, which names file, line and key, what is wrong and the fix."""
    located = read(text, source)
    found = checked(located, CampaignFile, "a campaign's file", _FIXES)
    for path, problem, fix in _contradictions(found):
        raise located.error(path, problem, fix)
    return found


def _contradictions(found: CampaignFile) -> list[tuple[tuple[str, ...], str, str]]:
    """What no key shows alone."""
    wrong: list[tuple[tuple[str, ...], str, str]] = []
    if found.start_at and found.end_at and found.end_at <= found.start_at:
        wrong.append((("end_at",), "the campaign ends before it starts", "Give a later end."))
    number = found.voicemail.opt_out_number
    if found.voicemail.action == "message" and (number is None or classify(number).kind is not NumberKind.TOLL_FREE):
        fix = "Give voicemail.opt_out_number a toll-free number that takes opt-outs day and night, or hang up."
        wrong.append((("voicemail", "action"), "messages need a toll-free opt-out number (47 CFR 64.1200(b)(3))", fix))
    if len(set(found.caller_ids)) < len(found.caller_ids):
        wrong.append((("caller_ids",), "a number is there twice", "Keep one of the two."))
    if found.consent.override and len(found.consent.override) < 10:
        fix = "Say by whose word and why, like: counsel, 2026-11-02: oral consent is enough here."
        wrong.append((("consent", "override"), "the override names no reason", fix))
    return wrong
