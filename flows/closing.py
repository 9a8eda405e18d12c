"""The ways out of a call: its ending with the last words, an opt-out, a human, a callback."""

from __future__ import annotations

from dataclasses import replace

from flows.flow import CALLBACK
from flows.model import BargeIn, Callback, End, OptOut, Transfer
from flows.readback import line
from flows.score import score
from flows.state import Focus
from flows.turn import Turn


def finish(turn: Turn) -> None:
    """All questions are settled: the score decides."""
    total = score(turn.flow, turn.state).total
    end(turn, "qualified" if total >= turn.flow.closing.qualified_at else "unqualified")


def end(turn: Turn, disposition: str) -> None:
    """Say the last words for `disposition`, then end the call or transfer it."""
    ending = turn.flow.closing.endings.get(disposition)
    turn.state = replace(turn.state, disposition=disposition)
    turn.lead_in = []  # nothing to acknowledge any more: the last words stand alone
    if ending is not None and ending.say:
        turn.say(turn.text(ending.say), "closing", None, BargeIn.NONE)
    if ending is not None and ending.then == "transfer":
        _transfer(turn)
    else:
        turn.refocus(Focus("closing"))
        turn.act(lambda id_: End(id_, disposition))


def opt_out(turn: Turn) -> None:
    """The caller wants no more calls: stored first, then said."""
    if turn.state.notes.opted_out:
        return
    silent = turn.focus.stage == "human"
    turn.state = replace(turn.state, notes=replace(turn.state.notes, opted_out=True), disposition="opted_out")
    turn.act(OptOut)
    if not silent:  # else a person is talking with the caller
        end(turn, "opted_out")


def hand_over(turn: Turn) -> None:
    """The caller wants a person: transfer where somebody takes it, else a callback."""
    turn.state = replace(turn.state, disposition="human_requested")
    if turn.flow.closing.transfer_to:
        turn.say(line(turn.flow, "transferring"), "closing", None, BargeIn.NONE)
        _transfer(turn)
    else:
        end(turn, "human_requested")


def transfer_done(turn: Turn) -> None:
    """A person has the caller: a cold transfer is over for us, after a warm one we stay and keep silent."""
    notes = replace(turn.state.notes, transferred=True)
    disposition = turn.state.disposition
    if disposition in (None, "human_requested"):
        disposition = "transferred"
    turn.state = replace(turn.state, notes=notes, disposition=disposition)
    if turn.flow.closing.transfer_mode == "warm":
        turn.refocus(Focus("human"))
    else:
        turn.refocus(Focus("closing"))
        turn.act(lambda id_: End(id_, disposition or "transferred"))


def transfer_failed(turn: Turn) -> None:
    """Nobody took the transfer: say so; what was reached stays reached."""
    disposition = turn.state.disposition or "human_requested"
    turn.state = replace(turn.state, disposition=disposition)
    turn.say(line(turn.flow, "transfer_failed"), "closing", None, BargeIn.NONE)
    turn.refocus(Focus("closing"))
    turn.act(lambda id_: End(id_, disposition))


def book_callback(turn: Turn) -> None:
    """The caller has confirmed when to be called again."""
    answer = turn.state.answers[CALLBACK]
    when, zone = str(answer.value), turn.state.facts.get("zone", turn.flow.locale.zone)
    turn.state = replace(turn.state, notes=replace(turn.state.notes, callback=(when, zone)))
    turn.act(lambda id_: Callback(id_, when, zone))
    end(turn, "callback")


def end_silently(turn: Turn, disposition: str) -> None:
    """End without words: there is nobody to speak to."""
    turn.state = replace(turn.state, disposition=disposition)
    turn.refocus(Focus("closing"))
    turn.act(lambda id_: End(id_, disposition))


def _transfer(turn: Turn) -> None:
    closing = turn.flow.closing
    turn.refocus(Focus("transfer"))
    turn.act(lambda id_: Transfer(id_, closing.transfer_to, closing.transfer_mode))
