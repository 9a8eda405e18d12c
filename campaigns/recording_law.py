"""Whose consent a recording needs, by where both parties are: one party's only where both places are known to allow it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from campaigns.policy.rulepack import read_pack
from campaigns.rulefiles import SHIPPED

_TABLE = Path(__file__).parent / "data" / "recording-consent.yaml"
_NANP = re.compile(r"\+1([2-9]\d{2})\d{7}")

Rule = Literal["one_party", "all_party"]


def rule(caller: str, callee: str, lead: Mapping[str, str]) -> Rule:
    """The stricter of both parties' places. `caller` and `callee` are E.164; a lead's `state` ("CA") counts besides them.

    A number tells where it was given out, not where its bearer is: the table of places is therefore one of those that
    are allowed, and everything else, unknown and foreign numbers included, needs the consent of all parties.
    """
    state = lead.get("state", "").strip().upper()
    if state and state not in _places():
        return "all_party"
    return "one_party" if _allows(caller) and _allows(callee) else "all_party"


def _allows(number: str) -> bool:
    found = _NANP.fullmatch(number)
    return found is not None and found[1] in _area_codes()


@cache
def _places() -> frozenset[str]:
    return frozenset(yaml.safe_load(_TABLE.read_text(encoding="utf-8"))["one_party"])


@cache
def _area_codes() -> frozenset[str]:
    """Area codes of the rule pack that lie in such places and in no other one."""
    file = SHIPPED / "us.yaml"
    lie_in: dict[bool, set[str]] = {True: set(), False: set()}
    for state, added in read_pack(file.read_text(encoding="utf-8"), file.name).states.items():
        lie_in[state in _places()].update(*added.area_codes.values())
    return frozenset(lie_in[True] - lie_in[False])
