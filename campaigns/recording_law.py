"""Whose consent a recording needs, by where both parties are: one party's only where both places are known to allow it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

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
    return found is not None and int(found[1]) in _area_codes()


@cache
def _places() -> Mapping[str, list[int]]:
    table: Mapping[str, list[int]] = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))["one_party"]
    return table


@cache
def _area_codes() -> frozenset[int]:
    return frozenset(code for codes in _places().values() for code in codes)
