"""What may change in a campaign's file while it is called: what makes it narrower. All else needs a new start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from campaigns.campaign_file import RETRIES, CampaignFile, from_spec
from campaigns.policy.rulepack import hours_of

#: Whether the second file is as narrow as the first one, or narrower, in one thing.
_Narrower: TypeAlias = Callable[[CampaignFile, CampaignFile], bool]


def _hours(was: CampaignFile, now: CampaignFile) -> bool:
    pairs = zip(hours_of(was.hours).days, hours_of(now.hours).days, strict=True)
    return all(new is None or (old is not None and old[0] <= new[0] and new[1] <= old[1]) for old, new in pairs)


def _retry(was: CampaignFile, now: CampaignFile) -> bool:
    same_kinds = (set(was.retry) ^ set(now.retry)) <= set(RETRIES)  # what goes without the key is known for those alone
    outcomes = {*RETRIES, *was.retry, *now.retry}
    return same_kinds and all(_later(was.retries(outcome), now.retries(outcome)) for outcome in outcomes)


def _later(was: tuple[float, ...], now: tuple[float, ...]) -> bool:
    """Whether no next try comes sooner; the last wait goes for all that follow."""
    if not was or not now:
        return not now
    tries = range(max(len(was), len(now)))
    return all(now[min(n, len(now) - 1)] >= was[min(n, len(was) - 1)] for n in tries)


def _part_of(was: Mapping[str, str], now: Mapping[str, str]) -> bool:
    return now.items() <= was.items()


_NARROWER: Final[Mapping[str, _Narrower]] = {
    "caller_ids": lambda was, now: set(now.caller_ids) <= set(was.caller_ids),
    "countries": lambda was, now: set(now.countries) <= set(was.countries),
    "hours": _hours,
    "holidays": lambda was, now: was.holidays or not now.holidays,
    "start_at": lambda was, now: was.start_at is None or (now.start_at is not None and now.start_at >= was.start_at),
    "end_at": lambda was, now: was.end_at is None or (now.end_at is not None and now.end_at <= was.end_at),
    "limits.per_24h": lambda was, now: now.limits.per_24h <= was.limits.per_24h,
    "limits.gap": lambda was, now: now.limits.gap >= was.limits.gap,
    "limits.tries": lambda was, now: now.limits.tries <= was.limits.tries,
    "limits.per_caller_id": lambda was, now: now.limits.per_caller_id <= was.limits.per_caller_id,
    "consent.max_age": lambda was, now: now.consent.max_age <= was.consent.max_age,
    "consent.override": lambda was, now: now.consent.override in ("", was.consent.override),
    "acknowledged": lambda was, now: _part_of(was.acknowledged, now.acknowledged),
    "pacing.concurrency": lambda was, now: now.pacing.concurrency <= was.pacing.concurrency,
    "pacing.cps": lambda was, now: now.pacing.cps <= was.pacing.cps,
    "pacing.ring": lambda was, now: now.pacing.ring <= was.pacing.ring,
    "pacing.max_call": lambda was, now: now.pacing.max_call <= was.pacing.max_call,
    "pacing.canary": lambda was, now: now.pacing.canary >= was.pacing.canary,
    "retry": _retry,
    "voicemail": lambda was, now: now.voicemail == was.voicemail or now.voicemail.action == "hangup",
    "cost_per_minute": lambda was, now: True,
}
#: Blocks of which each key is compared by itself.
_BLOCKS: Final = ("limits", "consent", "pacing")


def widened(was: CampaignFile, now: CampaignFile) -> tuple[str, ...]:
    """The keys in which the second file lets more calls be made than the first one, or other calls: what is said, to
    whom, for whom. Empty: it is the same or narrower."""
    keys = [key for key in CampaignFile.model_fields if key not in _BLOCKS and key not in _NARROWER]
    other = [key for key in keys if getattr(was, key) != getattr(now, key)]
    return (*other, *(key for key, narrower in _NARROWER.items() if not narrower(was, now)))


def at_import(state: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What speaks against a new file with a list, in this state of the campaign; "" when nothing does."""
    return "" if state == "draft" else _told(was, now, "it takes effect by a new start alone")


def at_start(state: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What speaks against a new file at a start: while dialers are at work it may only be narrower."""
    return "" if state not in ("running", "draining") else _told(was, now, "pause the campaign, then start it anew")


def _told(was: Mapping[str, Any], now: Mapping[str, Any], fix: str) -> str:
    keys = widened(from_spec(was), from_spec(now))
    return (
        f"its file lets more calls be made, or other ones, than the one in force ({', '.join(keys)}): {fix}"
        if keys
        else ""
    )
