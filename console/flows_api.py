"""The flows on offer, as JSON: shipped ones by name, files of one's own as they are now."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import APIRouter

from console.desk import Asking, AtDesk
from console.settings import ConsoleSettings
from console.shapes import FlowShape, FlowSlot
from flows.flow import Flow
from flows.schema import FlowError
from store.flowfiles import list_flows, load_flow

router = APIRouter(prefix="/api/flows", tags=["flows"])

_LEAD = re.compile(r"\blead\.([a-z][a-z0-9_]*)")


def places(settings: ConsoleSettings) -> dict[str, str | Path]:
    """The flows on offer: name, and where `load_flow` finds it."""
    return {name: name for name in list_flows()} | {file.stem: file for file in settings.flow_files}


@router.get("")
def all_flows(who: Asking, desk: AtDesk) -> list[FlowShape]:
    """The flows a call can be begun with. A file with a mistake is listed with what is wrong."""
    del who
    return [_read(name, place) for name, place in places(desk.settings).items()]


def _read(name: str, place: str | Path) -> FlowShape:
    try:
        return shape(load_flow(place), name)
    except FlowError as wrong:
        return FlowShape(name=name, error=str(wrong))


def shape(flow: Flow, name: str = "") -> FlowShape:
    """A flow as the page shows it."""
    slots = [
        FlowSlot(
            name=slot.name,
            label=slot.words.label,
            type=slot.type.value,
            ask=slot.words.ask[0],
            keypad=slot.keypad.keypad.collect,
            rules=[f"{points.rule}: {points.points}" for points in slot.score],
        )
        for slot in flow.slots
    ]
    lead = list(dict.fromkeys(_LEAD.findall(flow.body)))
    return FlowShape(
        name=name or flow.name,
        version=flow.version,
        hash=flow.hash,
        qualified_at=flow.closing.qualified_at,
        slots=slots,
        lead=lead,
    )
