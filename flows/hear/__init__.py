"""Understanding without a model: pure functions from what was said to a value or an intent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flows.hear.choice import choice
from flows.hear.date_time import date_time
from flows.hear.digits import digits, phone
from flows.hear.email import email
from flows.hear.free_text import free_text, postcode
from flows.hear.heard import NOTHING, Hearing, Intent, IntentModel
from flows.hear.intents import NAMES, RuleIntents, intent
from flows.hear.money import money
from flows.hear.opt_out import hints
from flows.hear.people import company, name
from flows.hear.ranges import integer_range
from flows.hear.timeline import timeline
from flows.hear.yes_no import yes_no
from flows.model import SlotType

__all__ = ["NAMES", "NOTHING", "Hearing", "Intent", "IntentModel", "RuleIntents", "hear", "hints", "intent", "postcode"]

_PLAIN: Mapping[SlotType, Callable[[str], Hearing]] = {
    SlotType.YES_NO: yes_no,
    SlotType.INTEGER_RANGE: integer_range,
    SlotType.MONEY: money,
    SlotType.EMAIL: email,
    SlotType.DIGITS: digits,
    SlotType.NAME: name,
    SlotType.COMPANY: company,
    SlotType.TEXT: free_text,
}
#: Longer turns are cut here: no answer needs more, and the cost of a step stays bounded.
LONGEST = 400


def hear(
    type: SlotType,
    text: str,
    *,
    now: float | None = None,
    zone: str | None = None,
    choices: Mapping[str, Sequence[str]] | None = None,
    region: str = "US",
) -> Hearing:
    """Read the answer to a slot of `type` out of what the caller said; `Hearing.value` is None when there is none.

    `now` (Unix seconds) and `zone` (IANA) anchor dates and timelines, `choices` maps a choice's keys to synonyms,
    `region` (ISO 3166 alpha-2) reads telephone numbers. Values by type are listed in docs/quality.md.
    Raises ZoneInfoNotFoundError for an unknown `zone`.
    """
    said = text[:LONGEST]
    if type is SlotType.TIMELINE:
        return timeline(said, now, zone)
    if type is SlotType.DATE_TIME:
        return date_time(said, now, zone)
    if type is SlotType.PHONE:
        return phone(said, region)
    if type is SlotType.CHOICE:
        return choice(said, choices or {})
    return _PLAIN[type](said)
