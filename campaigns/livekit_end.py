"""The real far end: rooms, agents and INVITEs over LiveKit, through the gate; results from the rows that the bot writes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from livekit import api

from campaigns import gate
from campaigns.far_end import Refused, Ring, Talk
from campaigns.gate import DialRequest, FlowRef, GatePolicy
from campaigns.outcomes import MACHINE_OF
from sip.outcome import Outcome
from sip.routes import Route
from store.calls import NOT_PLACED, Call, Calls, UnknownCall

_POLL_S: Final = 0.5
#: How long the bot may take to write its result once the room is gone.
_RECORD_S: Final = 8.0
#: A call that has not been answered so long after its INVITE never will be.
_UNANSWERED_S: Final = 90.0


@dataclass(frozen=True, slots=True)
class LiveKitFarEnd:
    """`FarEnd` over one trunk, with one conversation. `clock` gives Unix seconds."""

    lk: api.LiveKitAPI
    calls: Calls
    policy: GatePolicy
    route: Route
    flow: FlowRef
    clock: Callable[[], float]

    async def place(self, ring: Ring, before_invite: Callable[[], Awaitable[None]]) -> Outcome | Refused:
        request = DialRequest(
            call_id=ring.attempt,
            number=ring.number,
            flow=self.flow,
            route=self.route,
            caller_id=ring.caller_id,
            lead=ring.lead,
            ringing_s=ring.ringing_s,
            max_call_s=ring.max_call_s,
        )
        placed = await gate.dial(self.lk, request, self.policy, self.calls, self.clock, before_invite=before_invite)
        return placed if isinstance(placed, Refused) else placed.outcome

    async def talk(self, attempt: str, limit_s: float) -> Talk | None:
        until = self.clock() + limit_s
        gone_at: float | None = None
        while True:
            now = self.clock()
            call = await self._call(attempt)
            if call is None or (call.ended_at is not None and call.answered_at is None):
                return None
            if call.ended_at is not None:
                return await self._told(call)
            if call.answered_at is None and now > call.begun.created_at + _UNANSWERED_S:
                await gate.hang_up(self.lk, attempt)
                return None
            if not await gate.is_up(self.lk, attempt):
                gone_at = gone_at or now
            if gone_at is None and now > until:
                return None  # it goes on
            if gone_at is not None and now > gone_at + min(_RECORD_S, limit_s):
                return None if call.answered_at is None else await self._told(call)
            await asyncio.sleep(_POLL_S)

    async def is_up(self, attempt: str) -> bool:
        return await gate.is_up(self.lk, attempt)

    async def hang_up(self, attempt: str) -> None:
        await gate.hang_up(self.lk, attempt)
        call = await self._call(attempt)
        if call is not None and call.ended_at is None and call.answered_at is None:
            await self.calls.settle(attempt, "call", 0)
            await self.calls.finish(attempt, NOT_PLACED, 0, {"outcome": "given up"}, self.clock())

    async def _call(self, attempt: str) -> Call | None:
        try:
            return await self.calls.get(attempt)
        except UnknownCall:
            return None

    async def _told(self, call: Call) -> Talk:
        assert call.answered_at is not None
        turns = await self.calls.turns(call.id)
        first = next((turn.at for turn in turns if turn.who == "bot"), None)
        ended = call.ended_at if call.ended_at is not None else self.clock()
        waited_ms = None if first is None else max(0, round((first - call.answered_at) * 1000))
        disposition = call.disposition or ""
        machine = str(call.record.get("answered_by") or MACHINE_OF.get(disposition, ""))
        seconds = max(0.0, ended - call.answered_at)
        told = call.record.get("disclosed_at")
        disclosed_at = float(told) if isinstance(told, float | int) else None
        disclosed = disclosed_at is not None
        return Talk(disposition, seconds, call.score, call.record, waited_ms, disclosed, disclosed_at, machine)
