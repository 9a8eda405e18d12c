"""Reading trunk and rule files: the JSON that `lk sip inbound|outbound|dispatch create` takes, and a little more.

`lk` files are taken unchanged: in snake or camel case, wrapped (`{"trunk": …}`) or bare. Beyond that a file may hold
several things (`{"trunks": […], "dispatch_rules": […]}`, or a list), rules may name their trunks by name and their
conversation by `"flow"`, and `${NAME}` stands for a secret from the environment.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo

from sip import guards
from sip.guards import GuardName, Objection
from sip.rooms import AGENT
from sip.trunk_json import JsonFile, Place, TrunkFileError, read_json, spellings

ThingKind: TypeAlias = Literal["inbound", "outbound", "rule"]
Trunk: TypeAlias = SIPInboundTrunkInfo | SIPOutboundTrunkInfo
Thing: TypeAlias = SIPInboundTrunkInfo | SIPOutboundTrunkInfo | SIPDispatchRuleInfo

_ID = "ST_"
_MESSAGES: Mapping[ThingKind, type[Thing]] = {
    "inbound": SIPInboundTrunkInfo,
    "outbound": SIPOutboundTrunkInfo,
    "rule": SIPDispatchRuleInfo,
}
#: Keys that hold one thing or several, and the kind where the key alone tells it.
_KEYS: Mapping[str, ThingKind | None] = {
    "trunk": None,
    "trunks": None,
    "inbound_trunks": "inbound",
    "outbound_trunks": "outbound",
    "dispatch_rule": "rule",
    "dispatch_rules": "rule",
}
_RULE_FIELDS = {name for field in ("rule", "trunk_ids", "room_config", "flow") for name in spellings(field)}


@dataclass(frozen=True, slots=True)
class Plan:
    """The trunks and rules that LiveKit shall have. Rules may name trunks by name where LiveKit wants ids."""

    inbound: tuple[SIPInboundTrunkInfo, ...] = ()
    outbound: tuple[SIPOutboundTrunkInfo, ...] = ()
    rules: tuple[SIPDispatchRuleInfo, ...] = ()

    @property
    def trunks(self) -> tuple[Trunk, ...]:
        """Trunks of both ways."""
        return (*self.inbound, *self.outbound)

    @property
    def things(self) -> tuple[Thing, ...]:
        """Trunks, then rules."""
        return (*self.inbound, *self.outbound, *self.rules)


@dataclass(frozen=True, slots=True)
class _Found:
    """A thing and where it stands."""

    kind: ThingKind
    thing: Thing
    file: JsonFile
    place: Place

    def error(self, field: str, wrong: str, fix: str) -> TrunkFileError:
        return self.file.error((*self.place, field) if field else self.place, wrong, fix)


def load_files(
    paths: Sequence[Path],
    env: Mapping[str, str] | None = None,
    *,
    stored: Collection[str] | None = (),
    allow: Collection[GuardName] = (),
) -> Plan:
    """Read trunks and rules from files. `stored` are names of inbound trunks that LiveKit has and rules may name as well;
    None lets rules name any.

    Demands beyond LiveKit's own: everything has a name, by which it is found again, and the guards of `sip.guards`
    but for those in `allow`.

    Raises:
        TrunkFileError: file missing, malformed JSON, unknown field, wrong value, secret that is not set, a guard's
            objection, a conflict, a rule for a trunk that is not there.
    """
    found = [thing for path in paths for thing in _read(read_json(path), env or {})]
    _check_names(found)
    for thing in found:
        for objection in _objections(thing):
            if not objection.guard or objection.guard not in allow:
                raise thing.error(objection.field, objection.wrong, _with_way_out(objection))
    plan = Plan(
        tuple(found_.thing for found_ in found if isinstance(found_.thing, SIPInboundTrunkInfo)),
        tuple(found_.thing for found_ in found if isinstance(found_.thing, SIPOutboundTrunkInfo)),
        tuple(found_.thing for found_ in found if isinstance(found_.thing, SIPDispatchRuleInfo)),
    )
    _check_conflicts(plan, found)
    if stored is not None:
        _check_trunk_names(plan, found, stored)
    return plan


def with_overrides(
    plan: Plan, *, allowed_addresses: Iterable[str] | None = None, numbers: Iterable[str] | None = None
) -> Plan:
    """The same plan with other addresses or numbers on its inbound trunks, as a stack on its own ports needs."""
    trunks = []
    for trunk in plan.inbound:
        changed = SIPInboundTrunkInfo()
        changed.CopyFrom(trunk)
        if allowed_addresses is not None:
            changed.allowed_addresses[:] = list(allowed_addresses)
        if numbers is not None:
            changed.numbers[:] = list(numbers)
        trunks.append(changed)
    return Plan(tuple(trunks), plan.outbound, plan.rules)


def _read(file: JsonFile, env: Mapping[str, str]) -> Iterator[_Found]:
    """The things of a file, in its order."""
    there = False
    for kind, data, place in _parts(file, file.data, ()):
        there = True
        if not isinstance(data, dict):
            raise file.error(place, "this is no trunk and no rule", "write it in braces")
        kind = kind or _kind_of(data)
        data = _expanded(file, data, place) if kind == "rule" else data
        yield _Found(kind, file.message(data, place, _MESSAGES[kind](), env), file, place)
    if not there:
        fix = 'write {"trunk": {…}}, {"dispatch_rule": {…}}, or both in {"trunks": […], "dispatch_rules": […]}'
        raise TrunkFileError(file.path, 1, "there is no trunk and no rule in it", fix)


def _parts(file: JsonFile, data: object, place: Place) -> Iterator[tuple[ThingKind | None, object, Place]]:
    if isinstance(data, list):
        for n, item in enumerate(data):
            yield from _parts(file, item, (*place, n))
        return
    keys = {spelling: kind for key, kind in _KEYS.items() for spelling in spellings(key)}
    if not isinstance(data, dict) or not any(key in keys for key in data):
        if data != {}:
            yield None, data, place
        return
    for key, value in data.items():
        if key not in keys:
            raise file.error((*place, key), f'"{key}" is not known here', f"known are {', '.join(_KEYS)}")
        if isinstance(value, list):
            for n, item in enumerate(value):
                yield keys[key], item, (*place, key, n)
        else:
            yield keys[key], value, (*place, key)


def _kind_of(data: Mapping[str, object]) -> ThingKind:
    if _RULE_FIELDS & data.keys():
        return "rule"
    return "outbound" if "address" in data else "inbound"


def _expanded(file: JsonFile, data: dict[str, object], place: Place) -> dict[str, object]:
    """A rule with `"flow": NAME` written out: a room for each call, and our agent with that flow."""
    if "flow" not in data:
        return data
    flow = data["flow"]
    if not isinstance(flow, str) or not flow:
        raise file.error((*place, "flow"), '"flow" must be a flow\'s name or file', 'write "flow": "b2b-software"')
    for field in ("rule", "room_config"):
        if any(name in data for name in spellings(field)):
            fix = f'leave out "{field}", or write the flow into the metadata of its agent'
            raise file.error((*place, "flow"), f'"flow" stands for a "{field}" of its own', fix)
    agent = {"agent_name": AGENT, "metadata": json.dumps({"flow": flow})}
    rest = {key: value for key, value in data.items() if key != "flow"}
    return rest | {
        "rule": {"dispatch_rule_callee": {"room_prefix": "call", "randomize": True}},
        "room_config": {"empty_timeout": 30, "departure_timeout": 5, "agents": [agent]},
    }


def _objections(found: _Found) -> Iterator[Objection]:
    match found.thing:
        case SIPInboundTrunkInfo():
            return guards.of_inbound(found.thing)
        case SIPOutboundTrunkInfo():
            return guards.of_outbound(found.thing)
        case _:
            return guards.of_rule(found.thing)


def _with_way_out(objection: Objection) -> str:
    return f"{objection.fix} (or --allow {objection.guard})" if objection.guard else objection.fix


def _check_names(found: Sequence[_Found]) -> None:
    seen: dict[tuple[ThingKind, str], _Found] = {}
    for thing in found:
        what = "dispatch rule" if thing.kind == "rule" else f"{thing.kind} trunk"
        name = thing.thing.name
        if not name:
            raise thing.error("", f'the {what} has no "name"', "give it one: it is found by it")
        if first := seen.get((thing.kind, name)):
            where = "" if first.file.path == thing.file.path else f" (the other is in {first.file.path})"
            raise thing.error("name", f'two {what}s are called "{name}"{where}', "give each its own name")
        seen[thing.kind, name] = thing


def _check_conflicts(plan: Plan, found: Sequence[_Found]) -> None:
    for kind, conflicts in (
        ("inbound", guards.trunk_conflicts(plan.inbound)),
        ("rule", guards.rule_conflicts(plan.rules)),
    ):
        for n, wrong, fix in conflicts:
            thing = [thing for thing in found if thing.kind == kind][n]
            raise thing.error("numbers", wrong, fix)


def _check_trunk_names(plan: Plan, found: Sequence[_Found], stored: Collection[str]) -> None:
    known = [*(trunk.name for trunk in plan.inbound), *stored]
    for thing in found:
        if not isinstance(thing.thing, SIPDispatchRuleInfo):
            continue
        for n, name in enumerate(thing.thing.trunk_ids):
            if name not in known and not name.startswith(_ID):
                names = ", ".join(f'"{other}"' for other in known) or "none"
                fix = f'write the name of a trunk ({names}), or an id that LiveKit gave ("ST_…")'
                place = (*thing.place, "trunk_ids", n)
                raise thing.file.error(place, f'there is no inbound trunk called "{name}"', fix)
