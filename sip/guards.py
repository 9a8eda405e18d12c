"""What must hold of trunks and rules beyond what LiveKit demands, since LiveKit's silence about it costs calls or money."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias, TypeVar

from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo, SIPOutboundTrunkInfo

GuardName: TypeAlias = Literal["open-trunk", "no-trunk-ids", "room-name", "no-agent", "no-numbers"]
GUARDS: tuple[GuardName, ...] = ("open-trunk", "no-trunk-ids", "room-name", "no-agent", "no-numbers")
Key = TypeVar("Key", bound=tuple[str, ...])
_CALLEE = '"rule": {"dispatch_rule_callee": {"room_prefix": "call", "randomize": true}}'


@dataclass(frozen=True, slots=True)
class Objection:
    """What speaks against a trunk or a rule; `field` is where in it. `guard` "" cannot be waived."""

    guard: GuardName | Literal[""]
    field: str
    wrong: str
    fix: str


def of_inbound(trunk: SIPInboundTrunkInfo) -> Iterator[Objection]:
    """An inbound trunk takes calls from its carrier only."""
    for address in trunk.allowed_addresses:
        if why := _unusable_address(address):
            yield Objection("", "allowed_addresses", f'"{address}" {why}', 'write "203.0.113.7" or "203.0.113.0/24"')
    if bool(trunk.auth_username) != bool(trunk.auth_password):
        yield Objection("", "auth_username", "a user name and a password go together", "write both or neither")
    addresses = trunk.allowed_addresses
    if not trunk.auth_username and (not addresses or any(map(_is_everywhere, addresses))):
        yield Objection(
            "open-trunk",
            "allowed_addresses",
            "the trunk would take calls from anyone on the internet",
            'give it "allowed_addresses" with your carrier\'s networks, or "auth_username" and "auth_password"',
        )


def of_outbound(trunk: SIPOutboundTrunkInfo) -> Iterator[Objection]:
    """An outbound trunk knows its peer and the numbers that it may show."""
    address = trunk.address
    if not address or re.search(r"^sips?:|[@;\s]|transport=", address):
        fix = (
            'write the host with an optional port, as in "sip.example.com:5060", without "sip:"; "transport" is a field'
        )
        yield Objection("", "address", f'"address" is "{address}"', fix)
    if bool(trunk.auth_username) != bool(trunk.auth_password):
        yield Objection("", "auth_username", "a user name and a password go together", "write both or neither")
    if not trunk.numbers:
        fix = 'list the numbers that you own at this carrier, as in ["+12025550100"]'
        yield Objection("no-numbers", "numbers", "the trunk has no number to show", fix)


def of_rule(rule: SIPDispatchRuleInfo) -> Iterator[Objection]:
    """A rule belongs to trunks, makes a room of its own for each call, and names the agent that takes it."""
    if rule.rule.WhichOneof("rule") is None:
        yield Objection("", "", 'the rule has no "rule"', f"write {_CALLEE}")
        return
    if not rule.trunk_ids:
        wrong = 'the rule has no "trunk_ids", so that it would take calls which match no trunk'
        yield Objection(
            "no-trunk-ids", "", wrong, 'write "trunk_ids" with the names of the trunks whose calls it takes'
        )
    kind = rule.rule.WhichOneof("rule")
    if kind != "dispatch_rule_callee":
        wrong = (
            "individual rules put the caller's number into the room's name, which appears in logs and metrics"
            if kind == "dispatch_rule_individual"
            else "a direct rule puts all callers into one room, and only the first gets an agent"
        )
        yield Objection("room-name", "rule", wrong, f"write {_CALLEE}")
    elif not rule.rule.dispatch_rule_callee.randomize:
        wrong = "without randomize all callers of a number share one room"
        yield Objection("room-name", "rule", wrong, f"write {_CALLEE}")
    agents = rule.room_config.agents
    if not any(agent.agent_name for agent in agents):
        fix = 'write "room_config": {"agents": [{"agent_name": "leadline"}]}'
        yield Objection("no-agent", "room_config", "the rule names no agent: the phone would ring unanswered", fix)


def trunk_conflicts(trunks: Sequence[SIPInboundTrunkInfo]) -> Iterator[tuple[int, str, str]]:
    """Pairs that LiveKit refuses: the index of the later one, what is wrong, and the fix.

    Two trunks may share a number only where they tell callers apart by `allowed_numbers`.
    """
    keys = [
        sorted(
            product(
                {normalised(number) for number in trunk.numbers} or {""},
                {normalised(number) for number in trunk.allowed_numbers} or {""},
            )
        )
        for trunk in trunks
    ]
    for other, n, (number, _) in _claimed_twice(keys):
        what = f"the number {number}" if number else "every number that no other trunk lists"
        wrong = f'the trunks "{trunks[other].name}" and "{trunks[n].name}" both take calls to {what}'
        yield n, wrong, "take it out of one of them, or tell callers apart by allowed_numbers"


def rule_conflicts(rules: Sequence[SIPDispatchRuleInfo]) -> Iterator[tuple[int, str, str]]:
    """Pairs of rules that LiveKit refuses: the same trunk, numbers and PIN."""
    keys = [_keys_of(rule) for rule in rules]
    for n, mine in enumerate(keys):
        if len(set(mine)) < len(mine):
            wrong = f'the rule "{rules[n].name}" lists a trunk or a number twice'
            yield n, wrong, "LiveKit takes that for a conflict: list it once"
    for other, n, (_, trunk, _, called) in _claimed_twice(keys):
        what = f"calls to {called}" if called else "all calls"
        wrong = (
            f'the rules "{rules[other].name}" and "{rules[n].name}" both take {what} of the trunk {trunk or "(any)"}'
        )
        yield n, wrong, 'give each its own "numbers", "inbound_numbers" or PIN'


def _keys_of(rule: SIPDispatchRuleInfo) -> list[tuple[str, str, str, str]]:
    """What a rule takes: PIN, trunk, caller, number called; "" for any."""
    called = [normalised(number) for number in rule.numbers] or [""]
    calling = [normalised(number) for number in rule.inbound_numbers] or [""]
    return list(product([pin_of(rule)], list(rule.trunk_ids) or [""], calling, called))


def _claimed_twice(keys: Sequence[Sequence[Key]]) -> Iterator[tuple[int, int, Key]]:
    """Who claimed what somebody else claims again, that one, and what: the first of each later one's."""
    taken: dict[Key, int] = {}
    for n, mine in enumerate(keys):
        for key in mine:
            if (other := taken.setdefault(key, n)) != n:
                yield other, n, key
                break


def pin_of(rule: SIPDispatchRuleInfo) -> str:
    """The PIN that callers have to enter; "" for none."""
    kind = rule.rule.WhichOneof("rule")
    return str(getattr(rule.rule, kind).pin) if kind else ""


def normalised(number: str) -> str:
    """A number as LiveKit compares trunks' numbers: without spaces, hyphens and parentheses, with a plus."""
    if not re.fullmatch(r"\+?[0-9 ()-]+", number):
        return number
    digits = re.sub(r"[ ()-]", "", number)
    return digits if digits.startswith("+") else f"+{digits}"


def _is_everywhere(address: str) -> bool:
    return address.endswith("/0")


def _unusable_address(address: str) -> str:
    if re.search(r"://|[()+*;,\s]", address):
        return "is ignored by LiveKit"
    if re.fullmatch(r"[0-9.]+(/\d+)?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(/\d+)?", address):
        try:
            ipaddress.ip_network(address, strict=False)
        except ValueError as wrong:
            return f"matches nobody: {wrong}"
    return ""
