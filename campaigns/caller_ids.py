"""Whether a number may be shown: it is the operator's own, and whoever calls it back reaches the bot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from campaigns.policy.terms import CallerId
from flows.schema import FlowError
from sip.matching import Incoming, match
from sip.trunk_files import Plan
from store.flowfiles import load_flow

#: A caller whom no trunk lists: anyone must be able to call back.
_ANYONE = "+12025550101"


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of a number to be shown; `why` says in words what is missing, "" when nothing is."""

    caller: CallerId
    why: str = ""


def shown(there: Plan, numbers: Sequence[str], seller: str, agent: str = "leadline") -> Iterator[Shown]:
    """Look each number up in the trunks and rules that LiveKit has, as if somebody called it back.

    A US statute on the caller's name aside (47 U.S.C. 227(e)), 47 CFR 64.1200(b) wants a number that takes opt-outs.
    """
    for number in numbers:
        owned = any(number in trunk.numbers for trunk in there.trunks)
        why = "" if owned else f"{number} is on none of your trunks' lists of numbers"
        unanswered = _unanswered(there, number, seller, agent)
        yield Shown(CallerId(number, owned, not unanswered), why or unanswered)


def _unanswered(there: Plan, number: str, seller: str, agent: str) -> str:
    found = match(there, Incoming(number, _ANYONE if number != _ANYONE else "+12025550102"))
    if found.problem or found.rule is None:
        told = found.problem or "; ".join(found.why) or "there are no dispatch rules"
        return f"nobody answers {number} when it is called back ({told})"
    if found.asks_pin:
        return f"{number} asks whoever calls back for a PIN: rule {found.rule.name!r}"
    agents = [one for one in found.rule.room_config.agents if one.agent_name == agent]
    if not agents:
        return f"{number} is answered, but not by the bot: rule {found.rule.name!r} calls no agent {agent!r}"
    try:
        flow = load_flow(str(json.loads(agents[0].metadata or "{}").get("flow") or "b2b-software"))
    except (FlowError, ValueError, AttributeError) as wrong:
        return f"{number} is answered by a flow that cannot be used: {wrong}"
    said = flow.script.variables.get("seller", "")
    if said.strip().casefold() != seller.strip().casefold():
        return f"{number} is answered in the name of {said!r}, the campaign's seller is {seller!r}: flow {flow.name!r}"
    return ""
