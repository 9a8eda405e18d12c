"""Which names the recogniser prefers: those of the lead's record and of our side, where a name may be said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from flows.flow import Slot
from flows.model import SlotType

_NAMED: Final = re.compile(r"(?:^|_)(?:name|company|organi[sz]ation|employer|city|town)s?(?:_|$)")
_NAME: Final = re.compile(r"[^\W\d_][\w'\u2019.&-]*(?: [\w'\u2019.&-]+){0,4}")
_OURS: Final = ("agent", "seller")
_LONGEST: Final = 40
_MOST: Final = 16
#: Elsewhere hotwords would only cost time: the search for them takes twice as long.
_NAMES_ARE_SAID: Final = frozenset({SlotType.NAME, SlotType.COMPANY, SlotType.TEXT, SlotType.EMAIL})


def hotwords(slot: Slot | None, lead: Mapping[str, str], variables: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names worth listening for while a question is open; `slot` is None when none is."""
    if slot is not None and slot.type is SlotType.CHOICE:
        return tuple(dict.fromkeys(word for words in slot.choices.values() for word in words))[:_MOST]
    if slot is not None and slot.type not in _NAMES_ARE_SAID:
        return ()
    ours = [variables.get(key, "") for key in _OURS] if slot is None else []
    theirs = [value for key, value in lead.items() if _NAMED.search(key.lower())]
    if (whole := " ".join(filter(None, (lead.get("first_name"), lead.get("last_name"))))) and slot is not None:
        theirs.insert(0, whole)
    return tuple(dict.fromkeys(name.strip() for name in (*theirs, *ours) if _is_name(name.strip())))[:_MOST]


def _is_name(value: str) -> bool:
    """Capitalised, short, and no sentence: what people write into a name's column beside names."""
    return len(value) <= _LONGEST and value[:1].isupper() and _NAME.fullmatch(value) is not None
