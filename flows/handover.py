"""Handing the caller to a person: whether somebody is there, what is said, and what follows when nobody takes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from flows.briefing import briefing
from flows.flow import CALLBACK, TransferPlan
from flows.hours import is_open, opens_next
from flows.model import BargeIn, End, Expect, Transfer
from flows.readback import line, say_moment
from flows.state import Focus
from flows.turn import Turn

#: A second request for a person is tried once more; a third would be a merry-go-round.
_TRIES_MAX: Final = 2
#: A person who is gone so soon has not dealt with the call: their line dropped, or they pressed a key by mistake.
_HARDLY_TALKED_S: Final = 8.0
#: The fact that names the destinations which the settings know, with commas between.
DESTINATIONS: Final = "destinations"


def put_through(turn: Turn, words: str = "") -> bool:
    """Transfer the caller, with `words` or the flow's own before it. False when nobody ever takes calls here.

    Outside opening hours the caller is told so and offered a callback.
    """
    plan = turn.flow.closing.transfer
    if plan is None or not _known(turn, plan) or turn.state.notes.transfers >= _TRIES_MAX:
        return False
    turn.lead_in = []
    if plan.hours is not None and not is_open(plan.hours, turn.at):
        _note(turn, "closed")
        _offer_callback(turn, line(turn.flow, "closed", when=_when(turn, opens_next(plan.hours, turn.at))))
        return True
    turn.say(words or line(turn.flow, "transferring"), "closing", None, BargeIn.NONE)
    turn.refocus(Focus("transfer"))
    told, keys = briefing(turn.flow, turn.state), line(turn.flow, "briefing_keys")
    gone = line(turn.flow, "caller_gone")
    turn.act(lambda id_: Transfer(id_, plan.to, plan.mode, told, keys, gone, plan.ring_s, plan.accept_s, plan.digits))
    return True


def transfer_done(turn: Turn, mode: str) -> None:
    """A person has the caller: a cold transfer is over for us, after a warm one we stay and keep silent."""
    _note(turn, "accepted")
    notes = replace(turn.state.notes, transferred=True)
    disposition = turn.state.disposition
    if disposition in (None, "human_requested"):
        disposition = "transferred"
    turn.state = replace(turn.state, notes=notes, disposition=disposition)
    plan = turn.flow.closing.transfer
    if (mode or (plan is not None and plan.mode)) == "warm":
        turn.refocus(Focus("human"))
    else:
        _end(turn)


def transfer_failed(turn: Turn, reason: str) -> None:
    """Nobody took the transfer: apologise, offer a callback; what was reached stays reached."""
    _note(turn, reason or "failed")
    _offer_callback(turn, line(turn.flow, "transfer_failed"))


def human_left(turn: Turn, talked_s: float) -> None:
    """The person has hung up: that ends the call, unless they had hardly taken it."""
    if turn.focus.stage != "human" or not turn.state.notes.transferred:
        return
    if talked_s >= _HARDLY_TALKED_S:
        _end(turn)
        return
    if turn.state.disposition == "transferred":
        turn.state = replace(turn.state, disposition="human_requested")
    turn.state = replace(turn.state, notes=replace(turn.state.notes, transferred=False))
    transfer_failed(turn, "dropped")


def _known(turn: Turn, plan: TransferPlan) -> bool:
    """Whether the destination is an address, or a name that the settings of this installation know."""
    if plan.to.startswith(("+", "sip:", "sips:")):
        return True
    return plan.to in turn.state.facts.get(DESTINATIONS, "").split(",")


def _offer_callback(turn: Turn, sorry: str) -> None:
    """Say what is the matter, then ask when to call; without a callback block say goodbye."""
    slot = turn.flow.closing.callback
    turn.drop(CALLBACK)
    turn.add(sorry)
    if slot is None:
        turn.say(line(turn.flow, "transfer_goodbye"), "closing", None, BargeIn.NONE)
        _end(turn)
        return
    turn.refocus(Focus("ask", CALLBACK, asked=1))
    turn.say(turn.text(slot.words.ask[0]), "ask", CALLBACK, slot.policy.barge_in)
    turn.listen(Expect(slot.type, CALLBACK, slot.words.cues), slot.keypad.keypad, slot.policy.no_input_s)


def _end(turn: Turn) -> None:
    disposition = turn.state.disposition or "human_requested"
    turn.state = replace(turn.state, disposition=disposition)
    turn.refocus(Focus("closing"))
    turn.act(lambda id_: End(id_, disposition))


def _note(turn: Turn, result: str) -> None:
    notes = turn.state.notes
    turn.state = replace(turn.state, notes=replace(notes, transfers=notes.transfers + 1, transfer_result=result))


def _when(turn: Turn, opening: datetime | None) -> str:
    if opening is None:
        return ""
    zone = ZoneInfo(turn.state.facts.get("zone", turn.flow.locale.zone))
    local = opening.astimezone(zone).replace(tzinfo=None).isoformat(timespec="minutes")
    return say_moment(turn.flow, local, turn.state.facts)
