"""LiveKit's trunks and dispatch rules as the files say: compared, applied, and kept so when its Redis comes back empty.

LiveKit keeps trunks and rules in Redis and nowhere else. Things are found again by name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeAlias, TypeVar

import aiohttp
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from livekit import api
from livekit.protocol.sip import (
    CreateSIPDispatchRuleRequest,
    CreateSIPInboundTrunkRequest,
    CreateSIPOutboundTrunkRequest,
    DeleteSIPDispatchRuleRequest,
    DeleteSIPTrunkRequest,
    ListSIPDispatchRuleRequest,
    ListSIPInboundTrunkRequest,
    ListSIPOutboundTrunkRequest,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPOutboundTrunkInfo,
)

from sip import guards
from sip.settings import API_S
from sip.trunk_files import Plan, Thing, ThingKind, load_files, with_overrides
from sip.trunk_json import TrunkFileError

__all__ = ["Applied", "Change", "Plan", "PlanConflict", "TrunkFileError", "apply", "carry_out", "changes"]
__all__ += ["keep_applied", "load_files", "stored", "wanted_with_ids", "with_overrides"]

log = logging.getLogger(__name__)

OneKind = TypeVar("OneKind", SIPInboundTrunkInfo, SIPOutboundTrunkInfo, SIPDispatchRuleInfo)
Action: TypeAlias = Literal["create", "update", "delete", "keep"]

#: What LiveKit sets itself and what the wish therefore does not hold.
_SET_BY_LIVEKIT = ("sip_trunk_id", "sip_dispatch_rule_id", "created_at", "updated_at")
#: LiveKit or the way to it is out of order.
_AWAY = (api.ServerError, aiohttp.ClientError, TimeoutError)
_SECRET = "(secret)"  # noqa: S105 -- what is shown in place of one
#: Deleting makes room for numbers that move; updating before creating does so too. Trunks come before their rules.
_ORDER: tuple[tuple[Action, ThingKind], ...] = (
    ("delete", "rule"),
    ("delete", "inbound"),
    ("delete", "outbound"),
    ("update", "inbound"),
    ("create", "inbound"),
    ("update", "outbound"),
    ("create", "outbound"),
    ("update", "rule"),
    ("create", "rule"),
)


class PlanConflict(Exception):
    """LiveKit would refuse what the files say beside what it has; the message says which things and what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """What has to happen to one thing. `thing` is the wish, or what is deleted; `fields` are (field, before, after)."""

    action: Action
    kind: ThingKind
    thing: Thing
    id: str = ""
    fields: tuple[tuple[str, str, str], ...] = ()

    @property
    def name(self) -> str:
        """By which the thing is found; the id of one without a name."""
        return self.thing.name or self.id


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done, by name, and the ids that LiveKit gave to the things of each kind."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    ids: Mapping[ThingKind, Mapping[str, str]] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything had to be done."""
        return bool(self.created or self.updated or self.deleted)


async def stored(lk: api.LiveKitAPI) -> Plan:
    """What LiveKit has, with its ids.

    Raises:
        livekit.api.ServerError, aiohttp.ClientError, TimeoutError: LiveKit refuses or cannot be reached.
    """
    return Plan(
        tuple(await _inbound(lk).listed()), tuple(await _outbound(lk).listed()), tuple(await _rules(lk).listed())
    )


def changes(wanted: Plan, there: Plan, *, prune: bool = False) -> tuple[Change, ...]:
    """What would make LiveKit have what is wanted, in the order in which it can be done; `prune` deletes the rest.

    Raises:
        PlanConflict: LiveKit would refuse the result, or has two things of one name.
    """
    rules = wanted_with_ids(wanted, there).rules
    found = [
        *_changes("inbound", wanted.inbound, there.inbound, prune),
        *_changes("outbound", wanted.outbound, there.outbound, prune),
        *_changes("rule", rules, there.rules, prune),
    ]
    _check_conflicts(Plan(wanted.inbound, wanted.outbound, rules), there, found)
    order = {step: n for n, step in enumerate(_ORDER)}
    return tuple(sorted(found, key=lambda change: order.get((change.action, change.kind), len(order))))


def wanted_with_ids(wanted: Plan, there: Plan) -> Plan:
    """The wish with the ids of trunks in place of their names, as far as LiveKit has them."""
    ids = {trunk.name: trunk.sip_trunk_id for trunk in there.inbound}
    return Plan(wanted.inbound, wanted.outbound, tuple(_with_ids(rule, ids) for rule in wanted.rules))


async def apply(lk: api.LiveKitAPI, plan: Plan, *, prune: bool = False) -> Applied:
    """Create what is missing and update what differs; things that the plan does not name are left alone without `prune`.

    Raises:
        PlanConflict: two trunks or rules would take the same calls; nothing was changed.
        livekit.api.ServerError: LiveKit refuses.
        aiohttp.ClientError, TimeoutError: LiveKit cannot be reached.
    """
    async with asyncio.timeout(4 * API_S):
        return await carry_out(lk, changes(plan, await stored(lk), prune=prune))


async def carry_out(lk: api.LiveKitAPI, steps: Sequence[Change]) -> Applied:
    """Do the changes in their order. Raises what LiveKit's API raises; what was done until then stays done."""
    done: dict[Action, list[str]] = {"create": [], "update": [], "keep": [], "delete": []}
    ids: dict[ThingKind, dict[str, str]] = {"inbound": {}, "outbound": {}, "rule": {}}
    for step in steps:
        if step.action == "delete":
            await _delete(lk, step)
        else:
            own = ids[step.kind]  # a trunk each way and a rule may share a name
            own[step.name] = step.id if step.action == "keep" else await _put(lk, step, ids["inbound"])
        done[step.action].append(step.name)
    return Applied(tuple(done["create"]), tuple(done["update"]), tuple(done["keep"]), tuple(done["delete"]), ids)


async def keep_applied(lk: api.LiveKitAPI, plan: Plan, every_s: float = 2.0) -> None:
    """Apply the plan again and again, until cancelled: says once what it restored, and once when it cannot."""
    away = False
    while True:
        try:
            done = await apply(lk, plan)
        except (*_AWAY, PlanConflict) as wrong:
            if not away:
                log.warning("cannot check trunks and rules (%s); trying again every %g s", _said(wrong), every_s)
            away = True
        else:
            if done.changed:
                log.warning("trunks and rules were missing or changed; applied again: %s", ", ".join(_names(done)))
            away = False
        await asyncio.sleep(every_s)


def _names(done: Applied) -> tuple[str, ...]:
    return (*done.created, *done.updated)


def _said(wrong: BaseException) -> str:
    if isinstance(wrong, api.ServerError):
        return f"{wrong.code}: {wrong.message}"
    return str(wrong) or type(wrong).__name__


def _changes(kind: ThingKind, wanted: Sequence[OneKind], there: Sequence[OneKind], prune: bool) -> Iterator[Change]:
    by_name: dict[str, OneKind] = {}
    for thing in there:
        if thing.name in by_name and any(wish.name == thing.name for wish in wanted):
            ids = f"{_id_of(by_name[thing.name])} and {_id_of(thing)}"
            raise PlanConflict(f'LiveKit has two {kind} things called "{thing.name}" ({ids}): delete one by its id')
        by_name[thing.name] = thing
    for wish in wanted:
        found = by_name.get(wish.name)
        if found is None:
            yield Change("create", kind, _wishable(wish))
            continue
        fields = tuple(_differences(_wishable(found), _wishable(wish)))
        yield Change("update" if fields else "keep", kind, _wishable(wish), _id_of(found), fields)
    if prune:
        names = {wish.name for wish in wanted}
        for thing in there:
            if thing.name not in names:
                yield Change("delete", kind, thing, _id_of(thing))


def _check_conflicts(wanted: Plan, there: Plan, found: Sequence[Change]) -> None:
    """Compare the whole as it would be by the rules by which LiveKit refuses."""
    settled = {change.id for change in found if change.id}
    trunks = [*(trunk for trunk in there.inbound if trunk.sip_trunk_id not in settled), *wanted.inbound]
    rules = [*(rule for rule in there.rules if rule.sip_dispatch_rule_id not in settled), *wanted.rules]
    for _, wrong, fix in (*guards.trunk_conflicts(trunks), *guards.rule_conflicts(rules)):
        raise PlanConflict(f"{wrong}: {fix}, or delete the one that is not in your files (--prune)")


def _differences(before: Message, after: Message) -> Iterator[tuple[str, str, str]]:
    """The fields in which two things differ, as (field, before, after); of secrets only that they do."""
    old, new = (MessageToDict(thing, preserving_proto_field_name=True) for thing in (before, after))
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield name, _shown(name, old.get(name)), _shown(name, new.get(name))


def _shown(name: str, value: object) -> str:
    if value and name == "auth_password":
        return _SECRET
    return "" if value is None else str(value)


def _id_of(thing: Thing) -> str:
    return thing.sip_dispatch_rule_id if isinstance(thing, SIPDispatchRuleInfo) else thing.sip_trunk_id


def _wishable(thing: OneKind) -> OneKind:
    """What of a thing its owner decides. LiveKit fills in empty messages (`media {}`), which mean nothing."""
    copy = type(thing)()
    copy.CopyFrom(thing)
    for field_set, value in copy.ListFields():
        if field_set.name in _SET_BY_LIVEKIT or (isinstance(value, Message) and not value.ByteSize()):
            copy.ClearField(field_set.name)
    return copy


def _with_ids(rule: SIPDispatchRuleInfo, ids: Mapping[str, str]) -> SIPDispatchRuleInfo:
    """The rule with its trunks' names replaced by their ids, as far as they have one."""
    copy = SIPDispatchRuleInfo()
    copy.CopyFrom(rule)
    copy.trunk_ids[:] = [ids.get(name, name) for name in rule.trunk_ids]
    return copy


async def _put(lk: api.LiveKitAPI, step: Change, ids: Mapping[str, str]) -> str:
    match step.thing:
        case SIPInboundTrunkInfo() as trunk:
            return await _inbound(lk).put(step.id, trunk)
        case SIPOutboundTrunkInfo() as trunk:
            return await _outbound(lk).put(step.id, trunk)
        case rule:
            return await _rules(lk).put(step.id, _with_ids(rule, ids))


async def _delete(lk: api.LiveKitAPI, step: Change) -> None:
    if step.kind == "rule":
        await lk.sip.delete_dispatch_rule(DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=step.id))
    else:
        await lk.sip.delete_trunk(DeleteSIPTrunkRequest(sip_trunk_id=step.id))


@dataclass(frozen=True, slots=True)
class _Kind(Generic[OneKind]):
    """One kind of thing in LiveKit's SIP API."""

    listed: Callable[[], Awaitable[Sequence[OneKind]]]
    create: Callable[[OneKind], Awaitable[OneKind]]
    update: Callable[[str, OneKind], Awaitable[OneKind]]

    async def put(self, id_: str, thing: OneKind) -> str:
        """Create the thing, or replace the one with this id; returns the id."""
        return _id_of(await (self.update(id_, thing) if id_ else self.create(thing)))


def _inbound(lk: api.LiveKitAPI) -> _Kind[SIPInboundTrunkInfo]:
    async def listed() -> Sequence[SIPInboundTrunkInfo]:
        return (await lk.sip.list_inbound_trunk(ListSIPInboundTrunkRequest())).items

    return _Kind(
        listed,
        create=lambda trunk: lk.sip.create_inbound_trunk(CreateSIPInboundTrunkRequest(trunk=trunk)),
        update=lk.sip.update_inbound_trunk,
    )


def _outbound(lk: api.LiveKitAPI) -> _Kind[SIPOutboundTrunkInfo]:
    async def listed() -> Sequence[SIPOutboundTrunkInfo]:
        return (await lk.sip.list_outbound_trunk(ListSIPOutboundTrunkRequest())).items

    return _Kind(
        listed,
        create=lambda trunk: lk.sip.create_outbound_trunk(CreateSIPOutboundTrunkRequest(trunk=trunk)),
        update=lk.sip.update_outbound_trunk,
    )


def _rules(lk: api.LiveKitAPI) -> _Kind[SIPDispatchRuleInfo]:
    async def listed() -> Sequence[SIPDispatchRuleInfo]:
        return (await lk.sip.list_dispatch_rule(ListSIPDispatchRuleRequest())).items

    return _Kind(
        listed,
        create=lambda rule: lk.sip.create_dispatch_rule(CreateSIPDispatchRuleRequest(dispatch_rule=rule)),
        update=lk.sip.update_dispatch_rule,
    )
