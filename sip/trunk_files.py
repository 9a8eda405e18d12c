"""Reading trunk and rule files: the JSON that `lk sip inbound|outbound|dispatch create` takes, with errors that help."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

import yaml
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from livekit.protocol.sip import (
    CreateSIPDispatchRuleRequest,
    CreateSIPInboundTrunkRequest,
    CreateSIPOutboundTrunkRequest,
    SIPDispatchRuleInfo,
    SIPInboundTrunkInfo,
    SIPOutboundTrunkInfo,
)

Place: TypeAlias = tuple[str | int, ...]
Request = TypeVar("Request", bound=Message)


class TrunkFileError(Exception):
    """A trunk or rule file cannot be used: says which file and line, what is wrong, and what to write instead."""

    def __init__(self, path: Path, line: int, wrong: str, fix: str) -> None:
        super().__init__(f"{path}:{line}: {wrong}; {fix}")
        self.path, self.line, self.wrong, self.fix = path, line, wrong, fix


@dataclass(frozen=True, slots=True)
class Plan:
    """The trunks and rules that LiveKit shall have. Rules may name trunks by name where LiveKit wants ids."""

    inbound: tuple[SIPInboundTrunkInfo, ...] = ()
    outbound: tuple[SIPOutboundTrunkInfo, ...] = ()
    rules: tuple[SIPDispatchRuleInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class _Problem:
    place: Place
    wrong: str
    fix: str


def load_files(trunk_file: Path, rule_files: Sequence[Path], outbound_files: Sequence[Path] = ()) -> Plan:
    """Read one inbound trunk, its dispatch rules and any outbound trunks.

    Field names may be in snake or camel case, durations are "20s", enums go by name. Two demands beyond LiveKit's own:
    trunks and rules need a name, by which they are found again; rules must list their trunks, because LiveKit gives a
    call that matches no trunk at all to any rule that lists none.

    Raises:
        TrunkFileError: file missing, malformed JSON, unknown field, wrong value, a rule for a trunk that is not there.
    """
    trunk = _trunk(trunk_file)
    outbound = tuple(_outbound(path) for path in outbound_files)
    rules = tuple(_rule(path, trunk.name) for path in rule_files)
    for path, rule in zip(rule_files, rules, strict=True):
        if [other.name for other in rules].count(rule.name) > 1:
            raise TrunkFileError(path, 1, f'two rules are called "{rule.name}"', "give each its own name")
    return Plan((trunk,), outbound, rules)


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


def _trunk(path: Path) -> SIPInboundTrunkInfo:
    text, trunk = _named(path, "trunk", CreateSIPInboundTrunkRequest())
    found = trunk.trunk
    if not (found.numbers or found.allowed_addresses or found.auth_username):
        raise TrunkFileError(
            path,
            _line(text, ("trunk",)),
            "the trunk would take calls from anyone to any number",
            'give it "numbers", "allowed_addresses" or "auth_username" with "auth_password"',
        )
    return found


def _outbound(path: Path) -> SIPOutboundTrunkInfo:
    text, request = _named(path, "trunk", CreateSIPOutboundTrunkRequest())
    address = request.trunk.address
    if not address or address.startswith(("sip:", "sips:")):
        raise TrunkFileError(
            path,
            _line(text, ("trunk", "address")),
            f'"address" is "{address}"',
            'write the host with an optional port, as in "sip.example.com:5060", without "sip:"',
        )
    return request.trunk


def _rule(path: Path, trunk: str) -> SIPDispatchRuleInfo:
    text, request = _named(path, "dispatch_rule", CreateSIPDispatchRuleRequest())
    rule = request.dispatch_rule
    if rule.rule.WhichOneof("rule") is None:
        raise TrunkFileError(
            path,
            _line(text, ("dispatch_rule",)),
            'the rule has no "rule"',
            'write "rule": {"dispatch_rule_callee": {"room_prefix": "call-", "randomize": true}}',
        )
    if not rule.trunk_ids:
        raise TrunkFileError(
            path,
            _line(text, ("dispatch_rule",)),
            'the rule has no "trunk_ids", so that it would take calls which match no trunk',
            f'write "trunk_ids": ["{trunk}"]',
        )
    for n, name in enumerate(rule.trunk_ids):
        if name != trunk and not name.startswith("ST_"):
            raise TrunkFileError(
                path,
                _line(text, ("dispatch_rule", "trunk_ids", n)),
                f'there is no trunk called "{name}"',
                f'write "{trunk}", the name in the trunk file, or an id that LiveKit gave ("ST_…")',
            )
    return rule


def _named(path: Path, key: str, request: Request) -> tuple[str, Request]:
    """Read a create request whose `key` holds the thing itself, which must have a name."""
    text, data = _json(path)
    if not isinstance(data, dict) or not any(name in data for name in _spellings(key)):
        raise TrunkFileError(path, 1, f'there is no "{key}"', f'put everything into {{"{key}": {{…}}}}')
    for problem in _problems(data, cast(Descriptor, request.DESCRIPTOR), ()):
        raise TrunkFileError(path, _line(text, problem.place), problem.wrong, problem.fix)
    try:
        json_format.ParseDict(data, request)
    except json_format.ParseError as wrong:
        first = str(wrong).partition("\n")[0]
        raise TrunkFileError(path, 1, first, "compare it with the project's own sip-trunk.json") from None
    if not getattr(request, key).name:
        raise TrunkFileError(
            path, _line(text, (key,)), f'the {key.replace("_", " ")} has no "name"', "give it one: it is found by it"
        )
    return text, request


def _json(path: Path) -> tuple[str, object]:
    try:
        text = path.read_text(encoding="utf-8")
        return text, json.loads(text)
    except json.JSONDecodeError as wrong:
        raise TrunkFileError(path, wrong.lineno, f"this is not JSON: {wrong.msg}", "correct it there") from None
    except UnicodeDecodeError:
        raise TrunkFileError(path, 1, "this is not UTF-8 text", "save it as UTF-8") from None
    except OSError as wrong:
        raise TrunkFileError(path, 1, f"cannot be read: {wrong.strerror}", "give the path of a JSON file") from None


def _spellings(field: str) -> tuple[str, str]:
    first, *rest = field.split("_")
    return field, first + "".join(word.title() for word in rest)


def _problems(data: object, descriptor: Descriptor, place: Place) -> Iterator[_Problem]:
    """What in the JSON does not fit the message, in the order of the file."""
    if descriptor.full_name.startswith("google.protobuf."):
        return  # durations and the like have a JSON form of their own
    if not isinstance(data, dict):
        yield _Problem(place, f'"{place[-1]}" must be an object', "write it in braces")
        return
    fields = {name: field for field in descriptor.fields for name in (field.name, field.json_name)}
    for name, value in data.items():
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            fix = f'did you mean "{near[0]}"?' if near else f"known are {', '.join(f.name for f in descriptor.fields)}"
            yield _Problem((*place, name), f'"{name}" is not a field of {descriptor.name}', fix)
        elif value is not None:
            yield from _problems_of_field(value, fields[name], (*place, name))


def _problems_of_field(value: object, field: FieldDescriptor, place: Place) -> Iterator[_Problem]:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        if not isinstance(value, dict):
            yield _Problem(place, f'"{field.name}" must be an object', 'write {"name": "value"}')
        return
    if field.is_repeated and not isinstance(value, list):
        yield _Problem(place, f'"{field.name}" must be a list', f"write {json.dumps([value])[:80]}")
        return
    items = list(enumerate(value)) if field.is_repeated and isinstance(value, list) else [(None, value)]
    for n, item in items:
        where = place if n is None else (*place, n)
        if kind is not None:
            yield from _problems(item, kind, where)
        elif field.enum_type is not None and isinstance(item, str) and item not in field.enum_type.values_by_name:
            known = ", ".join(field.enum_type.values_by_name)
            yield _Problem(where, f'"{field.name}" cannot be "{item}"', f"known are {known}")


def _line(text: str, place: Place) -> int:
    """The line of a place in a JSON text. JSON is YAML, and YAML's reader keeps positions."""
    try:
        node = yaml.compose(text.replace("\t", " "), yaml.SafeLoader)
    except yaml.YAMLError:
        return 1
    line = 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            name = next((name for name in _spellings(str(step)) if name in pairs), None)
            if name is None:
                break
            key, node = pairs[name]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line
