"""The ways out of a call: its ending with the last words, an opt-out, a callback."""

from __future__ import annotations

from flows.flow import CALLBACK
from flows.handover import put_through
from flows.model import BargeIn, Callback, End, OptOut, changed
from flows.score import score
from flows.state import Focus
from flows.turn import Turn

#: A lead that was reached stays reached, whatever becomes of the transfer or the callback after it.
_REACHED = ("qualified", "unqualified")


def finish(turn: Turn) -> None:
    """All questions are settled: the score decides."""
    total = score(turn.flow, turn.state).total
    end(turn, "qualified" if total >= turn.flow.closing.qualified_at else "unqualified")


def end(turn: Turn, disposition: str) -> None:
    """Say the last words for `disposition`, then end the call or transfer it."""
    ending = turn.flow.closing.endings.get(disposition)
    before, tried = turn.state.disposition, turn.state.notes.transfers
    kept = before if tried and before in _REACHED and disposition not in ("opted_out", "wrong_number") else disposition
    turn.state = changed(turn.state, disposition=kept)
    turn.lead_in = []  # nothing to acknowledge any more: the last words stand alone
    words = turn.text(ending.say) if ending is not None else ""
    if ending is not None and ending.then == "transfer" and not tried and put_through(turn, words):
        return
    if words:
        turn.say(words, "closing", None, BargeIn.NONE)
    turn.refocus(Focus("closing"))
    turn.act(lambda id_: End(id_, kept))


def opt_out(turn: Turn) -> None:
    """The caller wants no more calls: stored first, then said."""
    if turn.state.notes.opted_out:
        return
    silent = turn.focus.stage == "human"
    turn.state = changed(turn.state, notes=changed(turn.state.notes, opted_out=True), disposition="opted_out")
    turn.act(OptOut)
    if not silent:  # else a person is talking with the caller
        end(turn, "opted_out")


def hand_over(turn: Turn) -> None:
    """The caller wants a person: transfer where somebody takes it, else a callback."""
    if turn.state.disposition not in _REACHED:
        turn.state = changed(turn.state, disposition="human_requested")
    if not put_through(turn):
        end(turn, "human_requested")


def book_callback(turn: Turn) -> None:
    """The caller has confirmed when to be called again."""
    answer = turn.state.answers[CALLBACK]
    when, zone = str(answer.value), turn.state.facts.get("zone", turn.flow.locale.zone)
    turn.state = changed(turn.state, notes=changed(turn.state.notes, callback=(when, zone)))
    turn.act(lambda id_: Callback(id_, when, zone))
    end(turn, "callback")


def end_silently(turn: Turn, disposition: str) -> None:
    """End without words: there is nobody to speak to."""
    turn.state = changed(turn.state, disposition=disposition)
    turn.refocus(Focus("closing"))
    turn.act(lambda id_: End(id_, disposition))
