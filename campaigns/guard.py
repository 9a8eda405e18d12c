"""What speaks against dialling a number, whoever it belongs to: pure rules, asked by the gate and by nobody else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from campaigns.numbers import DIALABLE, Number, NumberKind, classify
from sip.routes import Route

_SIP_URI = re.compile(r"sips?:(?P<user>[A-Za-z0-9._+*#-]{1,64})@(?P<host>[A-Za-z0-9.-]{1,253})(?::\d{1,5})?")
_NUMERIC_USER = re.compile(r"[+0-9*#.-]+")
_EXTENSION_MAX = 6
#: Also behind the digit that many switchboards want for an outside line.
_EMERGENCY_CALL = re.compile(r"\+?[0-9]?(?:911|112|999|000)")


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What may be dialled. Money is in the unit of your carrier's bill; `rates` are per minute by country.

    `allow_fictional` None means: only where calls stay on this machine. `spend_per_day` None means no limit.
    """

    countries: frozenset[str] = frozenset({"US", "CA", "GB"})
    region: str = "US"
    allow_fictional: bool | None = None
    toll_free: bool = False
    #: Hosts of `sip:` addresses that calls may be put through to.
    sip_hosts: frozenset[str] = frozenset()
    spend_per_day: float | None = 50.0
    rate: float = 0.05
    rates: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def rate_for(self, country: str) -> float:
        """Cost of a minute to this country."""
        return self.rates.get(country, self.rate)


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate's no: the rule's name and its reason in words. Nothing was dialled, no row was made."""

    rule: str
    why: str


def check(number: Number, policy: GatePolicy, route: Route) -> Refused | None:
    """What speaks against this number whoever it belongs to; None when nothing does."""
    if number.kind is NumberKind.INVALID:
        return Refused("number_kind", "this is no number that can be dialled; write it like +12025550134")
    if number.kind is NumberKind.TOLL_FREE and not policy.toll_free:
        return Refused("number_kind", "this is a toll-free number; LEADLINE_DIAL_TOLL_FREE=true allows these")
    if number.kind not in DIALABLE and number.kind is not NumberKind.TOLL_FREE:
        return Refused("number_kind", f"numbers of this kind are never dialled: {number.kind.value}")
    if number.country not in policy.countries:
        allowed = ", ".join(sorted(policy.countries))
        why = f"{number.country} is not among the countries allowed ({allowed}); LEADLINE_DIAL_COUNTRIES sets them"
        return Refused("country", why)
    if number.fictional and not _fiction_allowed(policy, route):
        return Refused("fictional", "this number is reserved for fiction and belongs to nobody on a real network")
    return None


def check_caller_id(caller_id: str, callee: Number, policy: GatePolicy, route: Route) -> Refused | None:
    """What speaks against showing this number: it has to be ours, and one that can be called back."""
    if not caller_id:
        why = "which number shall be shown? Give --from NUMBER or set LEADLINE_CALLER_ID; use one you answer"
        return Refused("caller_id", why)
    shown = classify(caller_id, policy.region)
    if shown.kind not in DIALABLE and shown.kind is not NumberKind.TOLL_FREE:
        return Refused("caller_id", f"{caller_id!r} cannot be shown: it is no number in the form +12025550100")
    if caller_id != shown.e164:
        return Refused("caller_id", f"write the number to show in full, as {shown.e164}")
    if route.numbers and caller_id not in route.numbers and "*" not in route.numbers:
        owned = ", ".join(route.numbers)
        return Refused("caller_id", f"{caller_id} is not a number of the trunk {route.name!r} ({owned})")
    if shown.fictional and not _fiction_allowed(policy, route):
        return Refused("caller_id", f"{caller_id} is reserved for fiction: nobody could call back")
    if shown.e164 == callee.e164:
        return Refused("caller_id", "a number cannot call itself: voicemail systems take that for their owner")
    return None


def check_sip_address(address: str, policy: GatePolicy) -> Refused | None:
    """What speaks against putting a call through to a `sip:` address of ours; numbers in it must pass as numbers."""
    found = _SIP_URI.fullmatch(address)
    if found is None:
        return Refused("destination", "write it as sip:name@host, without parameters")
    host = found["host"].lower()
    if host not in policy.sip_hosts:
        return Refused("destination", f"{host} is not among LEADLINE_TRANSFER_HOSTS")
    user = re.sub(r"[^0-9+]", "", found["user"]) if _NUMERIC_USER.fullmatch(found["user"]) else ""
    if len(user) <= _EXTENSION_MAX and not _EMERGENCY_CALL.fullmatch(user):
        return None  # a name, or an extension of a switchboard that is ours
    return check(classify(user, policy.region), policy, Route(host))


def _fiction_allowed(policy: GatePolicy, route: Route) -> bool:
    return route.is_loopback if policy.allow_fictional is None else policy.allow_fictional
