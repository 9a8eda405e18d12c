"""What happened to a call outside its conversation: dialling, SIP, room, agent. Kept so that a failure can be explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

#: What the SIP edge says of a call that never came to be.
FAILED = "call fails"

Source: TypeAlias = Literal["gate", "sip", "room", "agent", "flow"]
Fact: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened, at Unix seconds. Facts hold no words of the caller; numbers go under `pii.…`."""

    at: float
    source: Source
    name: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
