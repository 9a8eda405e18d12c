"""What a flow wants to know of a lead: the names that may be given to a call."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from flows.flow import Flow

#: Read whatever the flow says: who is calling, for the person who takes the call and for the recogniser; the state, for
#: the law of recording.
_ALWAYS: Final = ("first_name", "last_name", "company", "state")
_USED: Final = re.compile(r"\blead\.(\w+)")


def lead_names(flow: Flow) -> tuple[str, ...]:
    """Every NAME that the flow's file uses as `lead.NAME`, in its words, conditions and prefills, and those always read."""
    return tuple(dict.fromkeys((*_ALWAYS, *_USED.findall(flow.body))))


def misnamed(flow: Flow, names: Iterable[str]) -> str:
    """What is wrong with names that this flow would silently forget, and what to write; "" when it knows them all."""
    known = lead_names(flow)
    unknown = [name for name in names if name not in known]
    if not unknown:
        return ""
    near = get_close_matches(unknown[0], known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    told = f"the flow {flow.name} uses no {', '.join(unknown)}: {hint}Known are {', '.join(known)}"
    return f"{told}; a name becomes known where the flow says lead.NAME"
