"""What is kept of a call while it runs: transcript, answers and result as rows, and live events for whoever watches."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Final

from bot.board import Board
from bot.ear import Turn as Utterance
from bot.waterfall import Waterfall
from campaigns.numbers import classify
from flows.flow import Flow
from flows.model import Answer, Direction, OptOut, Say
from flows.readback import show_value
from flows.state import State
from store.calls import Calls, NewCall, Part, Turn, suppression_key
from store.events import Events
from store.happenings import Happening
from store.writer import Writer
from store.writes import Write, write

log = logging.getLogger("leadline.history")

_UNSEEN: Final = 3  #: turns that a predecessor may have written after its last snapshot
_LATEST_RESPONSE_MS: Final = 60_000  #: longer than this is no response time, it is another turn


class History:
    """Numbers the turns of one call. Never waits on the speech path, except for an opt-out."""

    def __init__(
        self, call: NewCall, writer: Writer, events: Events, *, sip_call_id: str = "", region: str = "US"
    ) -> None:
        self.call = call
        self._region = region
        self._sip_call_id = sip_call_id
        self._writer = writer
        self._events = events
        self._turns = 0
        self._answers: Mapping[str, Answer] = {}
        self._board = Board()
        self._finish: Write | None = None

    def begun(self, flow_body: str) -> None:
        """The caller's leg is there."""
        self._writer.put(write(Calls.keep_flow, self.call.flow_hash, self.call.flow, flow_body))
        self._writer.put(write(Calls.begin, self.call))
        self._events.publish(self.call.id, "begun", direction=self.call.direction.value, flow=self.call.flow)

    def go_on(self, flow_body: str, answers: Mapping[str, Answer], turns: int, at: float) -> None:
        """Another process had this call. What it had not written yet is written; its last turns may come later still."""
        self._writer.put(write(Calls.keep_flow, self.call.flow_hash, self.call.flow, flow_body))
        self._writer.put(write(Calls.begin, self.call))
        if answers:
            self._writer.put(write(Calls.put_answers, self.call.id, tuple(answers.values())))
        self._answers, self._turns = dict(answers), turns + _UNSEEN
        self._events.publish(self.call.id, "resumed", at=at)

    @property
    def turns(self) -> int:
        """Rows of the transcript so far."""
        return self._turns

    def answered(self, at: float) -> None:
        """The call is up."""
        self._writer.put(write(Calls.answered, self.call.id, at, self._sip_call_id))
        self._events.publish(self.call.id, "answered", at=at)

    def away(self, at: float) -> None:
        """A browser's leg is gone and may come back: live only."""
        self._events.publish(self.call.id, "away", at=at)

    def back(self, at: float) -> None:
        """It came back: live only."""
        self._events.publish(self.call.id, "back", at=at)

    def sound(self, at: float) -> None:
        """The caller began to make sound: live only."""
        self._events.publish(self.call.id, "sound", at=at)

    def hearing(self, text: str) -> None:
        """What the caller has said so far, as far as it can be guessed: live only, `heard` has the last word."""
        self._events.publish(self.call.id, "hearing", **{"pii.text": text})

    def moved(self, flow: Flow, state: State) -> None:
        """The conversation has moved: live only, the record is made at the end."""
        for kind, fields in self._board.changes(flow, state):
            self._events.publish(self.call.id, kind, **fields)

    def speaking(self, say: Say, at: float) -> None:
        """The bot begins a prompt: live only, the row is written when we know what was heard of it."""
        self._events.publish(self.call.id, "speaking", at=at, slot=say.slot or "", **{"pii.text": say.text})

    def said(self, say: Say, heard: str, at: float, *, finished: bool, reply: Waterfall | None) -> None:
        """A prompt has ended; `heard` is what reached the caller, `reply` how it came to be if it answered them."""
        response_ms = _response_ms(at, reply)
        timing = reply.ms() if reply is not None and response_ms is not None else {}
        n = self._turn(
            "bot", heard, at, slot=say.slot, response_ms=response_ms, interrupted=not finished, timing=timing
        )
        self._events.publish(
            self.call.id,
            "said",
            n=n,
            at=at,
            slot=say.slot or "",
            finished=finished,
            response_ms=response_ms,
            timing=json.dumps(timing),
            **{"pii.text": heard},
        )

    def heard(self, utterance: Utterance, slot: str | None) -> None:
        """The caller said something."""
        n = self._turn("caller", utterance.text, utterance.began_at, slot=slot)
        self._events.publish(
            self.call.id,
            "heard",
            n=n,
            at=utterance.ended_at,
            began_at=utterance.began_at,
            slot=slot or "",
            confidence=round(utterance.confidence, 3),
            decided_ms=round((utterance.decided_at - utterance.ended_at) * 1000),
            **{"pii.text": utterance.text},
        )

    def pressed(self, entry: str, at: float, slot: str | None) -> None:
        """The caller completed an entry on the keypad."""
        n = self._turn("caller", entry, at, slot=slot, keypad=True)
        self._events.publish(self.call.id, "pressed", n=n, at=at, slot=slot or "", **{"pii.digits": entry})

    def asked_model(self, verdict: str, ms: int) -> None:
        """A language model was asked about a turn: live only."""
        self._events.publish(self.call.id, "mind", verdict=verdict, ms=ms)

    def defect(self, what: str, at: float) -> None:
        """Something of ours went wrong that the caller could notice: live only, and in the log."""
        self._events.publish(self.call.id, "defect", at=at, what=what)

    def transfer(self, stage: str, reason: str = "") -> None:
        """How handing over to a person goes: referring, ringing, answered, together, left, transferred, failed."""
        self._events.publish(self.call.id, "transfer", stage=stage, reason=reason)

    def answers(self, answers: Mapping[str, Answer]) -> None:
        """Keep the answers that are new or changed; one that was taken back is told, its row stays."""
        for slot in self._answers.keys() - answers.keys():
            self._events.publish(self.call.id, "unanswered", slot=slot)
        fresh = tuple(answer for slot, answer in answers.items() if self._answers.get(slot) != answer)
        self._answers = dict(answers)
        if not fresh:
            return
        self._writer.put(write(Calls.put_answers, self.call.id, fresh))
        for answer in fresh:
            self._events.publish(
                self.call.id,
                "answer",
                slot=answer.slot,
                mode=answer.mode.value,
                confirmed=answer.confirmed,
                certainty=round(answer.certainty, 2),
                tries=answer.tries,
                **{"pii.value": show_value(answer.value), "pii.raw": answer.raw},
            )

    async def opt_out(self, effect: OptOut, at: float) -> None:
        """Store an opt-out now: it is kept before this returns, and so before the goodbye is spoken."""
        theirs = self.call.callee if self.call.direction is Direction.OUTBOUND else self.call.caller
        # A carrier may send the national form: kept so, the next dial to the E.164 number would not find it.
        number = classify(theirs, self._region).e164 or suppression_key(theirs)
        if not number:
            log.warning("an opt-out came from a caller without a number: nothing to suppress")
            return
        told = write(Calls.opt_out, number, effect.scope, at, "call", self.call.id, effect.id)
        await self._writer.opt_out(told)
        self._events.publish(self.call.id, "opt_out", at=at, scope=effect.scope)

    def finished(self, record: dict[str, object], disposition: str, score: int, at: float) -> None:
        """The call is over; this is its result."""
        self._finish = write(Calls.finish, self.call.id, disposition, score, record, at)
        self._writer.put(self._finish)
        self._events.publish(self.call.id, "ended", at=at, disposition=disposition, score=score)

    def retold(self, summary: str) -> None:
        """A better summary has come after the call: the result is kept again with it."""
        assert self._finish is not None, "the call is over"
        arguments = dict(self._finish.arguments)
        record = arguments["record"]
        assert isinstance(record, Mapping), "as `finished` was told"
        arguments["record"] = {**record, "summary": summary}
        self._finish = Write(self._finish.kind, arguments)
        self._writer.put(self._finish)
        self._events.publish(self.call.id, "retold", **{"pii.summary": summary})

    def recorded(self, part: Part) -> None:
        """A part of the recording has begun, or has ended."""
        self._writer.put(write(Calls.put_recording, self.call.id, part))
        self._events.publish(self.call.id, "recording", on=not part.ended, part=part.number, ended=part.ended)

    def witnessed(self, happenings: Iterable[Happening]) -> None:
        """What happened on the line, for the day when somebody asks why."""
        for happening in happenings:
            self._writer.put(write(Calls.note, self.call.id, happening))

    async def flush(self) -> None:
        """Wait until every row is in the database or in the journal on disk."""
        await self._writer.flush()

    def _turn(
        self,
        who: str,
        text: str,
        at: float,
        *,
        slot: str | None,
        response_ms: int | None = None,
        interrupted: bool = False,
        keypad: bool = False,
        timing: Mapping[str, int] | None = None,
    ) -> int:
        turn = Turn(
            n=self._turns,
            who="bot" if who == "bot" else "caller",
            text=text,
            at=at,
            mode="keypad" if keypad else "speech",
            slot=slot,
            response_ms=response_ms,
            interrupted=interrupted,
            timing=timing or {},
        )
        self._turns += 1
        self._writer.put(write(Calls.add_turn, self.call.id, turn))
        return turn.n


def _response_ms(at: float, reply: Waterfall | None) -> int | None:
    if reply is None:
        return None
    delay = round((at - reply.ended_at) * 1000)
    return delay if 0 <= delay <= _LATEST_RESPONSE_MS else None
