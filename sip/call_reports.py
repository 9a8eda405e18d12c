"""What the SIP edge tells livekit-server of its calls, overheard: also of those that no agent ever saw.

livekit-sip and the gateway report each call's state over Redis (`IOInfo.UpdateSIPCallState`). Open-source
livekit-server keeps none of it. Listening takes nothing away: no claim is made on the messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from livekit.protocol.sip import SIPCallDirection, SIPCallInfo, SIPCallStatus
from livekit.rtc import DisconnectReason

from sip.gateway import wire
from sip.gateway.bus import Bus
from sip.gateway.psrpc import channel, unpack
from sip.ua.tasks import Tasks

_STATES: Final = {
    SIPCallStatus.SCS_CALL_INCOMING: "call begins",
    SIPCallStatus.SCS_PARTICIPANT_JOINED: "leg joins the room",
    SIPCallStatus.SCS_ACTIVE: "call is up",
    SIPCallStatus.SCS_DISCONNECTED: "call is over",
    SIPCallStatus.SCS_ERROR: "call fails",
}
_WAITING: Final = 500
_START_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class CallReport:
    """One state of one call. `call_id` is LiveKit's (SCL_…); `at` is Unix seconds; `facts` hold numbers under `pii.…`."""

    call_id: str
    at: float
    state: str
    facts: dict[str, str | int]


async def overhear(redis_url: str) -> AsyncIterator[CallReport]:
    """Reports as they are made, until the reader stops. Raises BusDown when Redis is away at the start; later it is
    waited for, and what was said meanwhile is lost."""
    queue: asyncio.Queue[CallReport] = asyncio.Queue(_WAITING)

    def heard(data: bytes) -> None:
        info = _info(data)
        if info is not None and not queue.full():
            queue.put_nowait(report_of(info))

    tasks = Tasks(lambda error: None)
    bus = Bus(redis_url, tasks)
    await bus.start(_START_S)
    try:
        await bus.subscribe(channel("IOInfo", "UpdateSIPCallState", "REQ"), heard)
        while True:
            yield await queue.get()
    finally:
        await bus.close()
        await tasks.close()


def _info(data: bytes) -> SIPCallInfo | None:
    request = unpack(data, wire.Request)
    try:
        info = wire.CallState.FromString(request.raw_request).call_info if request is not None else None
    except DecodeError:
        return None
    return info if info is not None and info.call_id else None


def report_of(info: SIPCallInfo) -> CallReport:
    """A report as we keep it; its time is the edge's own, so that two who overhear it keep the same."""
    ended = info.call_status in (SIPCallStatus.SCS_DISCONNECTED, SIPCallStatus.SCS_ERROR)
    started = info.call_status in (SIPCallStatus.SCS_ACTIVE, SIPCallStatus.SCS_PARTICIPANT_JOINED)
    at_ns = (ended and info.ended_at_ns) or (started and info.started_at_ns) or info.created_at_ns
    facts: dict[str, str | int] = {
        "direction": "inbound" if info.call_direction == SIPCallDirection.SCD_INBOUND else "outbound",
        "trunk": info.trunk_id,
        "rule": info.dispatch_rule_id,
        "room": info.room_name,
        "codec": info.audio_codec,
        "error": info.error,
        "status": int(info.call_status_code.code) if info.HasField("call_status_code") else 0,
        "reason": DisconnectReason.Name(info.disconnect_reason).lower() if ended else "",  # type: ignore[arg-type]
        "pii.from": info.from_uri.user,
        "pii.to": info.to_uri.user,
    }
    told = {name: value for name, value in facts.items() if value}
    return CallReport(info.call_id, at_ns / 1e9, _STATES.get(info.call_status, "call goes on"), told)
