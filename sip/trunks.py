"""Keeping LiveKit's trunks and dispatch rules as the files say, also when its Redis comes back empty.

LiveKit keeps trunks and rules in Redis and nowhere else. Things are found again by name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import aiohttp
from google.protobuf.message import Message
from livekit import api
from livekit.protocol.sip import (
    CreateSIPDispatchRuleRequest,
    CreateSIPInboundTrunkRequest,
    CreateSIPOutboundTrunkRequest,
    ListSIPDispatchRuleRequest,
    ListSIPInboundTrunkRequest,
    ListSIPOutboundTrunkRequest,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPOutboundTrunkInfo,
)

from sip.settings import API_S
from sip.trunk_files import Plan, TrunkFileError, load_files, with_overrides

__all__ = ["Applied", "Plan", "TrunkFileError", "apply", "keep_applied", "load_files", "with_overrides"]

log = logging.getLogger(__name__)

Thing = TypeVar("Thing", SIPInboundTrunkInfo, SIPOutboundTrunkInfo, SIPDispatchRuleInfo)

#: What LiveKit sets itself and what the wish therefore does not hold.
_SET_BY_LIVEKIT = ("sip_trunk_id", "sip_dispatch_rule_id", "created_at", "updated_at")
#: LiveKit or the way to it is out of order.
_AWAY = (api.ServerError, aiohttp.ClientError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did, by name, and the ids that LiveKit gave."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything had to be done."""
        return bool(self.created or self.updated)

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            {**self.ids, **other.ids},
        )


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Thing]):
    """One kind of thing in LiveKit's SIP API."""

    id_of: Callable[[Thing], str]
    listed: Callable[[], Awaitable[Sequence[Thing]]]
    create: Callable[[Thing], Awaitable[Thing]]
    update: Callable[[str, Thing], Awaitable[Thing]]


async def apply(lk: api.LiveKitAPI, plan: Plan) -> Applied:
    """Create what is missing and update what differs; things that the plan does not name are left alone.

    Raises:
        livekit.api.ServerError: LiveKit refuses, for one because another trunk has the same numbers.
        aiohttp.ClientError, TimeoutError: LiveKit cannot be reached.
    """
    async with asyncio.timeout(4 * API_S):
        done = await _apply_kind(_inbound(lk), plan.inbound)
        done += await _apply_kind(_outbound(lk), plan.outbound)
        rules = [_with_ids(rule, done.ids) for rule in plan.rules]
        return done + await _apply_kind(_rules(lk), rules)


async def keep_applied(lk: api.LiveKitAPI, plan: Plan, every_s: float = 2.0) -> None:
    """Apply the plan again and again, until cancelled: says once what it restored, and once when it cannot."""
    away = False
    while True:
        try:
            done = await apply(lk, plan)
        except _AWAY as wrong:
            if not away:
                log.warning("cannot check trunks and rules (%s); trying again every %g s", _said(wrong), every_s)
            away = True
        else:
            if done.changed:
                log.warning("trunks and rules were missing or changed; applied again: %s", ", ".join(_names(done)))
            away = False
        await asyncio.sleep(every_s)


def _names(done: Applied) -> tuple[str, ...]:
    return done.created + done.updated


def _said(wrong: BaseException) -> str:
    if isinstance(wrong, api.ServerError):
        return f"{wrong.code}: {wrong.message}"
    return str(wrong) or type(wrong).__name__


async def _apply_kind(kind: _Kind[Thing], wanted: Iterable[Thing]) -> Applied:
    wishes = list(wanted)
    if not wishes:
        return Applied()
    there = {thing.name: thing for thing in await kind.listed()}
    done = Applied()
    for wish in wishes:
        found = there.get(wish.name)
        if found is None:
            made = await kind.create(wish)
            done += Applied(created=(wish.name,), ids={wish.name: kind.id_of(made)})
        elif _wishable(found) == _wishable(wish):
            done += Applied(unchanged=(wish.name,), ids={wish.name: kind.id_of(found)})
        else:
            await kind.update(kind.id_of(found), wish)
            done += Applied(updated=(wish.name,), ids={wish.name: kind.id_of(found)})
    return done


def _wishable(thing: Thing) -> Thing:
    """What of a thing its owner decides. LiveKit fills in empty messages (`media {}`), which mean nothing."""
    copy = type(thing)()
    copy.CopyFrom(thing)
    for field_set, value in copy.ListFields():
        if field_set.name in _SET_BY_LIVEKIT or (isinstance(value, Message) and not value.ByteSize()):
            copy.ClearField(field_set.name)
    return copy


def _with_ids(rule: SIPDispatchRuleInfo, ids: Mapping[str, str]) -> SIPDispatchRuleInfo:
    """The rule with its trunks' names replaced by their ids."""
    copy = SIPDispatchRuleInfo()
    copy.CopyFrom(rule)
    copy.trunk_ids[:] = [ids.get(name, name) for name in rule.trunk_ids]
    return copy


def _inbound(lk: api.LiveKitAPI) -> _Kind[SIPInboundTrunkInfo]:
    async def listed() -> Sequence[SIPInboundTrunkInfo]:
        return (await lk.sip.list_inbound_trunk(ListSIPInboundTrunkRequest())).items

    return _Kind(
        id_of=lambda trunk: trunk.sip_trunk_id,
        listed=listed,
        create=lambda trunk: lk.sip.create_inbound_trunk(CreateSIPInboundTrunkRequest(trunk=trunk)),
        update=lk.sip.update_inbound_trunk,
    )


def _outbound(lk: api.LiveKitAPI) -> _Kind[SIPOutboundTrunkInfo]:
    async def listed() -> Sequence[SIPOutboundTrunkInfo]:
        return (await lk.sip.list_outbound_trunk(ListSIPOutboundTrunkRequest())).items

    return _Kind(
        id_of=lambda trunk: trunk.sip_trunk_id,
        listed=listed,
        create=lambda trunk: lk.sip.create_outbound_trunk(CreateSIPOutboundTrunkRequest(trunk=trunk)),
        update=lk.sip.update_outbound_trunk,
    )


def _rules(lk: api.LiveKitAPI) -> _Kind[SIPDispatchRuleInfo]:
    async def listed() -> Sequence[SIPDispatchRuleInfo]:
        return (await lk.sip.list_dispatch_rule(ListSIPDispatchRuleRequest())).items

    return _Kind(
        id_of=lambda rule: rule.sip_dispatch_rule_id,
        listed=listed,
        create=lambda rule: lk.sip.create_dispatch_rule(CreateSIPDispatchRuleRequest(dispatch_rule=rule)),
        update=lk.sip.update_dispatch_rule,
    )
