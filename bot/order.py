"""What a job is told about its call: the dispatch metadata, which never holds personal data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flows.model import Direction


class BadOrder(ValueError):
    """The dispatch metadata cannot be used; the message says how it should look."""


@dataclass(frozen=True, slots=True)
class Order:
    """One call to take. `call_id` is set when the dialer has already made a row for it."""

    call_id: str | None
    direction: Direction | None  #: None: the caller's attributes tell
    flow: str
    again: bool = False  #: another process had this call and died: it is taken whatever the worker's load
    apologise: bool = False  #: every process of this call died: say so and hang up

    @classmethod
    def parse(cls, metadata: str, default_flow: str) -> Order:
        """Read `{"call_id": …, "direction": "outbound", "flow": …}`; every key is optional.

        Raises:
            BadOrder: not a JSON object, or an unknown direction.
        """
        try:
            data = json.loads(metadata or "{}")
        except json.JSONDecodeError as wrong:
            raise BadOrder(f'dispatch metadata must be JSON such as {{"flow": "b2b-software"}}: {wrong}') from None
        if not isinstance(data, dict):
            raise BadOrder('dispatch metadata must be a JSON object such as {"flow": "b2b-software"}')
        direction = data.get("direction")
        if direction is not None and direction not in {d.value for d in Direction}:
            raise BadOrder(f"dispatch metadata: direction is {direction!r}; use inbound or outbound")
        return cls(
            call_id=str(data["call_id"]) if data.get("call_id") else None,
            direction=Direction(direction) if direction else None,
            flow=str(data.get("flow") or default_flow),
            again=bool(data.get("again")),
            apologise=bool(data.get("apologise")),
        )


def direction_of(order: Order, attributes: Mapping[str, str]) -> Direction:
    """Outbound when the dialer said so, inbound for a SIP leg, otherwise a browser."""
    if order.direction is not None:
        return order.direction
    return Direction.INBOUND if "sip.callID" in attributes else Direction.WEB


def ordered_again(metadata: str, *, apologise: bool = False) -> str:
    """The same order for the successor of a process that died."""
    data = json.loads(metadata or "{}")
    return json.dumps({**data, "again": True, "apologise": apologise})
