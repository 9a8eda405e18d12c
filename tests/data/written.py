"""Read the written sets: one utterance a line, "words | JSON value", and how well the grammars do on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from flows.hear import hear
from flows.model import SlotType

Part = Literal["tune", "held_out", "varied", "second"]
DATA = Path(__file__).parent
ZONE = "America/New_York"
#: Every date in the sets is said on Monday 23 November 2026, ten in the morning.
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=ZoneInfo(ZONE)).timestamp()
CHOICES = {
    "gas": ("gas boiler", "natural gas", "mains gas"),
    "oil": ("oil boiler", "oil fired", "heating oil"),
    "electric": ("electricity", "storage heaters", "electric heating"),
    "heat_pump": ("heat pump", "air source", "ground source"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One utterance and the value it should give."""

    text: str
    value: object


def lines(path: Path) -> list[str]:
    """Return a file's lines without comments."""
    return [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def utterances(kind: str, part: Part) -> list[Said]:
    """Return a slot type's set."""
    pairs = (line.rpartition("|") for line in lines(DATA / "hear" / part / f"{kind}.txt"))
    return [Said(text.strip(), json.loads(value)) for text, _, value in pairs]


def misses(kind: str, said: Sequence[Said]) -> list[tuple[Said, object]]:
    """Return what was heard wrongly, with what was heard."""
    wrong = []
    for item in said:
        found = hear(SlotType(kind), item.text, now=NOW, zone=ZONE, choices=CHOICES).value
        heard = json.loads(json.dumps(found))
        if heard != item.value:
            wrong.append((item, heard))
    return wrong
