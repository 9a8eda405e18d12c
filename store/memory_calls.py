"""Calls kept in this process: the fake that tests and tools use where no database is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from flows.model import Answer
from store.calls import UNREACHED, Call, NewCall, Part, SipLeg, Turn, UnknownCall, suppression_key
from store.charges import CALL, Charge
from store.happenings import FAILED, Happening


class MemoryCalls:
    """`Calls` in dictionaries. Forgets everything with the process."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._turns: dict[str, dict[int, Turn]] = {}
        self._answers: dict[str, dict[str, Answer]] = {}
        self._recordings: dict[str, dict[int, Part]] = {}
        self._flows: dict[str, str] = {}
        self._suppressed: dict[tuple[str, str], str] = {}
        self._charges: dict[tuple[str, str], tuple[Charge, float | None]] = {}
        self._happened: dict[str, list[Happening]] = {}

    async def begin(self, call: NewCall) -> None:
        if call.id not in self._calls:
            self._calls[call.id] = Call(call)
            self._turns[call.id] = {}
            self._answers[call.id] = {}
            self._recordings[call.id] = {}

    async def answered(self, call_id: str, at: float, sip_call_id: str = "") -> None:
        call = await self.get(call_id)
        self._calls[call_id] = replace(
            call,
            answered_at=at if call.answered_at is None else call.answered_at,
            sip=replace(call.sip, call_id=sip_call_id or call.sip.call_id),
        )

    async def add_turn(self, call_id: str, turn: Turn) -> None:
        await self.get(call_id)
        self._turns[call_id].setdefault(turn.n, turn)

    async def put_answers(self, call_id: str, answers: tuple[Answer, ...]) -> None:
        await self.get(call_id)
        self._answers[call_id].update((answer.slot, answer) for answer in answers)

    async def opt_out(self, number: str, scope: str, at: float, source: str, call_id: str, effect_id: str) -> None:
        self._suppressed.setdefault((call_id, effect_id), suppression_key(number))

    async def is_suppressed(self, number: str) -> bool:
        key = suppression_key(number)
        return bool(key) and key in self._suppressed.values()

    async def sip_result(self, call_id: str, status: int | None, phrase: str) -> None:
        call = await self.get(call_id)
        self._calls[call_id] = replace(call, sip=SipLeg(call.sip.call_id, status, phrase))

    async def finish(
        self, call_id: str, disposition: str, score: int, record: Mapping[str, object], ended_at: float
    ) -> None:
        call = await self.get(call_id)
        if call.disposition in UNREACHED and disposition not in UNREACHED:
            return
        self._calls[call_id] = replace(
            call, disposition=disposition, score=score, record=dict(record), ended_at=ended_at
        )

    async def put_recording(self, call_id: str, part: Part) -> None:
        await self.get(call_id)
        self._recordings[call_id][part.number] = part

    async def get(self, call_id: str) -> Call:
        if call_id not in self._calls:
            raise UnknownCall(call_id)
        return self._calls[call_id]

    async def find(self, prefix: str, limit: int = 10) -> tuple[Call, ...]:
        return tuple(call for call in self._newest() if call.id.startswith(prefix))[:limit]

    async def list(self, limit: int = 20) -> tuple[Call, ...]:
        return self._newest()[:limit]

    async def turns(self, call_id: str) -> tuple[Turn, ...]:
        return tuple(turn for _, turn in sorted(self._turns.get(call_id, {}).items()))

    async def answers(self, call_id: str) -> tuple[Answer, ...]:
        return tuple(sorted(self._answers.get(call_id, {}).values(), key=lambda answer: (answer.at, answer.slot)))

    async def recordings(self, call_id: str) -> tuple[Part, ...]:
        return tuple(part for _, part in sorted(self._recordings.get(call_id, {}).items()))

    async def keep_flow(self, flow_hash: str, name: str, body: str) -> None:
        self._flows.setdefault(flow_hash, body)

    async def flow_body(self, flow_hash: str) -> str | None:
        return self._flows.get(flow_hash)

    async def reserve(self, charge: Charge, since: float, limit: float | None) -> bool:
        if (charge.call_id, charge.leg) in self._charges:
            return True
        if limit is not None and await self.spent(since) + charge.most > limit:
            return False
        self._charges[charge.call_id, charge.leg] = (charge, None)
        return True

    async def settle(self, call_id: str, leg: str, seconds: float) -> None:
        if found := self._charges.get((call_id, leg)):
            self._charges[call_id, leg] = (found[0], seconds)

    async def spent(self, since: float) -> float:
        counted = [pair for pair in self._charges.values() if pair[0].at >= since]
        return sum(charge.rate * self._seconds(charge, settled) / 60 for charge, settled in counted)

    def _seconds(self, charge: Charge, settled: float | None) -> float:
        call = self._calls.get(charge.call_id)
        if settled is not None:
            return settled
        if charge.leg == CALL and call is not None and call.ended_at is not None:
            return max(0.0, call.ended_at - (call.ended_at if call.answered_at is None else call.answered_at))
        return charge.longest_s

    async def note(self, call_id: str, happening: Happening) -> None:
        kept = self._happened.setdefault(call_id, [])
        key = (happening.at, happening.source, happening.name)
        if all((other.at, other.source, other.name) != key for other in kept):
            kept.append(happening)

    async def lost(self, limit: int = 20) -> tuple[tuple[str, Happening], ...]:
        known = {call.sip.call_id for call in self._calls.values()}
        failed = [(id_, one) for id_, kept in self._happened.items() for one in kept if one.name == FAILED]
        found = [(id_, one) for id_, one in failed if one.facts.get("direction") == "inbound"]
        return tuple(sorted((pair for pair in found if pair[0] not in known), key=lambda pair: -pair[1].at)[:limit])

    async def happenings(self, call_id: str) -> tuple[Happening, ...]:
        return tuple(sorted(self._happened.get(call_id, []), key=lambda happening: happening.at))

    def _newest(self) -> tuple[Call, ...]:
        return tuple(sorted(self._calls.values(), key=lambda call: (-call.begun.created_at, call.id)))
