"""Which trunk and which dispatch rule livekit-server would choose for an incoming call, and why not the others.

These are the rules of livekit-server 1.13.5. They are asked here only to explain: the server decides.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from livekit.protocol.sip import SIPDispatchRuleInfo, SIPInboundTrunkInfo

from sip.guards import normalised, pin_of
from sip.trunk_files import Plan


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call as its INVITE shows it. `source` "" leaves addresses out of account; `pin` is what the caller entered."""

    called: str
    calling: str
    source: str = ""
    host: str = ""
    pin: str = ""


@dataclass(frozen=True, slots=True)
class Matched:
    """What would happen. Without a rule the caller hears nothing and gives up; `why` explains each that does not match.

    `problem` is set when the server would refuse to choose.
    """

    trunk: SIPInboundTrunkInfo | None = None
    rule: SIPDispatchRuleInfo | None = None
    problem: str = ""
    why: tuple[str, ...] = ()

    @property
    def agents(self) -> tuple[str, ...]:
        """The agents that the rule calls; none means any worker without a name."""
        return tuple(agent.agent_name for agent in self.rule.room_config.agents) if self.rule else ()

    @property
    def asks_pin(self) -> bool:
        """Whether the caller has to enter a PIN."""
        return self.rule is not None and bool(pin_of(self.rule))


def match(there: Plan, call: Incoming) -> Matched:
    """Choose trunk, then rule."""
    refusals = {trunk.sip_trunk_id: list(_trunk_refusals(trunk, call)) for trunk in there.inbound}
    why = [f"trunk {_named(trunk)}: {no}" for trunk in there.inbound for no in refusals[trunk.sip_trunk_id]]
    fitting = [trunk for trunk in there.inbound if not refusals[trunk.sip_trunk_id]]
    listed = [trunk for trunk in fitting if trunk.numbers] or fitting
    if len(listed) > 1:
        names = ", ".join(map(_named, listed))
        return Matched(problem=f"several trunks match ({names}), and LiveKit takes none of them", why=tuple(why))
    trunk = listed[0] if listed else None
    rules = []
    for rule in there.rules:
        no = _rule_refusal(rule, trunk, call)
        if no:
            why.append(f"rule {_named(rule)}: {no}")
        else:
            rules.append(rule)
    ours = [rule for rule in rules if rule.trunk_ids] or rules
    chosen = min(ours, key=priority) if ours else None
    why += [f"rule {_named(rule)}: {_named(chosen)} comes first" for rule in rules if chosen and rule is not chosen]
    return Matched(trunk, chosen, why=tuple(why))


def priority(rule: SIPDispatchRuleInfo) -> tuple[int, str]:
    """The order of rules that match: those with a PIN, then direct, individual, callee; each number filter that is
    missing puts a rule behind all those that have it. Between equals the room's name decides."""
    kind = rule.rule.WhichOneof("rule")
    if kind is None:
        return 1 << 31, ""
    at = ("dispatch_rule_direct", "dispatch_rule_individual", "dispatch_rule_callee").index(kind)
    at += 0 if pin_of(rule) else 100
    at += 1000 * (not rule.inbound_numbers) + 1000 * (not rule.numbers)
    held = getattr(rule.rule, kind)
    return at, held.room_name if kind == "dispatch_rule_direct" else held.room_prefix


def room_of(rule: SIPDispatchRuleInfo, call: Incoming) -> str:
    """The room's name, with … for its random part."""
    kind = rule.rule.WhichOneof("rule")
    if kind == "dispatch_rule_direct":
        return str(rule.rule.dispatch_rule_direct.room_name)
    if kind == "dispatch_rule_individual":
        individual = rule.rule.dispatch_rule_individual
        return _room(individual.room_prefix, call.calling, not individual.no_randomness)
    callee = rule.rule.dispatch_rule_callee
    return _room(callee.room_prefix, call.called, callee.randomize)


def _room(prefix: str, number: str, random: bool) -> str:
    return "_".join([*([prefix] if prefix else []), number, *(["…"] if random else [])])


def _trunk_refusals(trunk: SIPInboundTrunkInfo, call: Incoming) -> Iterator[str]:
    if not _number_in(call.calling, trunk.allowed_numbers):
        yield f"the caller {call.calling or '(none)'} is not among its allowed_numbers"
    if not _address_in(call, trunk.allowed_addresses):
        yield f"{call.source} is not among its allowed_addresses ({', '.join(trunk.allowed_addresses)})"
    if not _number_in(call.called, trunk.numbers):
        yield f"{call.called} is not among its numbers ({_some(trunk.numbers)})"


def _rule_refusal(rule: SIPDispatchRuleInfo, trunk: SIPInboundTrunkInfo | None, call: Incoming) -> str:
    """Why the rule does not take the call; "" when it does. Rules compare numbers as exact strings."""
    if rule.trunk_ids and (trunk is None or trunk.sip_trunk_id not in rule.trunk_ids):
        return "it is for other trunks" if trunk is not None else "it is for trunks, and no trunk matches"
    if rule.inbound_numbers and call.calling not in rule.inbound_numbers:
        return f"the caller {call.calling or '(none)'} is not among its inbound_numbers{_spelt(call.calling, rule.inbound_numbers)}"
    if rule.numbers and call.called not in rule.numbers:
        return f"{call.called} is not among its numbers ({_some(rule.numbers)}){_spelt(call.called, rule.numbers)}"
    if call.pin and call.pin != pin_of(rule):
        return "it has another PIN" if pin_of(rule) else "it has no PIN, and the caller entered one"
    if rule.rule.WhichOneof("rule") is None:
        return "it has no kind"
    return ""


def _spelt(number: str, listed: Sequence[str]) -> str:
    near = next((other for other in listed if normalised(other) == normalised(number)), None)
    return f": rules compare exact strings, and it is written {near} there" if near else ""


def _number_in(number: str, listed: Sequence[str]) -> bool:
    return not listed or any(number == other or normalised(number) == normalised(other) for other in listed)


def _address_in(call: Incoming, listed: Sequence[str]) -> bool:
    usable = [address for address in listed if not re.search(r"://|[()+*;,\s]", address)]
    try:
        source = ipaddress.ip_address(call.source)
    except ValueError:
        return True
    return not usable or any(address == call.host or _holds(address, source) for address in usable)


def _holds(network: str, source: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return source in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _some(numbers: Sequence[str], shown: int = 4) -> str:
    return ", ".join(numbers[:shown]) + (f" and {len(numbers) - shown} more" if len(numbers) > shown else "")


def _named(thing: SIPInboundTrunkInfo | SIPDispatchRuleInfo) -> str:
    id_ = thing.sip_trunk_id if isinstance(thing, SIPInboundTrunkInfo) else thing.sip_dispatch_rule_id
    return thing.name or id_
