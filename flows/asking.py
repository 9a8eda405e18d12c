"""Ask, ask again, read back, and give up: the ladder of prompts for the open question."""

from __future__ import annotations

from typing import Final

from flows.closing import end, finish, hand_over
from flows.flow import CALLBACK, Slot
from flows.hotwords import hotwords
from flows.model import Answer, Confirm, Expect, Keypad, SlotType, Value, changed
from flows.path import current, needs_yes, rule_due, scope
from flows.readback import line, say_value
from flows.state import Focus
from flows.turn import Turn

#: Silences in a row after which the bot says goodbye.
SILENCES_MAX: Final = 3
#: Seconds of silence granted to a caller who asked for a moment.
WAIT_S: Final = 30.0
_CONFIRM_TRIES: Final = 2
MENU: Final = Keypad("menu")
CONFIRM_NO_INPUT_S: Final = 4.0


def go_on(turn: Turn) -> None:
    """Do what comes next: a rule, the next question, a read-back, or the end."""
    seen = scope(turn.flow, turn.state)
    at = rule_due(turn.flow, turn.state, seen)
    if at is not None:
        rule = turn.flow.rules[at]
        notes = turn.state.notes
        turn.state = changed(turn.state, notes=changed(notes, fired=(*notes.fired, at)))
        if rule.action == "end":
            end(turn, rule.disposition)
        elif rule.action == "human":
            hand_over(turn)
        else:
            open_callback(turn)
        return
    slot = current(turn.flow, turn.state, seen)
    if slot is None:
        finish(turn)
    else:
        open_slot(turn, slot)


def open_slot(turn: Turn, slot: Slot) -> None:
    """Turn to a slot: ask for it, or read its unconfirmed answer back."""
    focus = turn.focus if turn.focus.slot == slot.name else Focus("ask", slot.name)
    answer = turn.state.answers.get(slot.name)
    if answer is not None and needs_yes(slot, answer):
        turn.refocus(changed(focus, stage="confirm", misses=0, silences=0))
        _confirm(turn, slot, answer)
    else:
        turn.refocus(focus if focus.stage == "ask" else changed(focus, stage="ask"))
        ask(turn, slot)


def open_callback(turn: Turn) -> None:
    """Ask when to call again; without a callback block the call just ends as one."""
    slot = turn.flow.closing.callback
    if slot is None:
        end(turn, "callback")
    else:
        open_slot(turn, slot)


def ask(turn: Turn, slot: Slot, *, keypad: bool = False) -> None:
    """Put the question; later askings use the shorter wordings, `keypad` offers the keys instead."""
    focus = turn.focus
    texts = slot.words.ask
    if keypad:
        turn.add(turn.text(slot.words.example))
        words = turn.text(slot.words.keypad) or line(turn.flow, "keys_yes_no")
    else:
        words = turn.text(texts[focus.asked % len(texts)])
    turn.refocus(changed(focus, asked=focus.asked + 1))
    turn.say(words, "ask", slot.name, slot.policy.barge_in)
    listen(turn)


def listen(turn: Turn, no_input_s: float | None = None) -> None:
    """Listen for the open question."""
    slot, context = turn.slot, turn.state.context
    names = hotwords(slot, context.lead, turn.flow.script.variables)
    if slot is None:
        turn.listen(Expect(hotwords=names), Keypad(), no_input_s or 5.0)
    elif turn.focus.stage == "confirm":
        turn.listen(Expect("confirm", slot.name), MENU, no_input_s or CONFIRM_NO_INPUT_S)
    else:
        keypad = slot.keypad.keypad
        length = keypad.length if slot.type is SlotType.DIGITS else 0
        turn.listen(Expect(slot.type, slot.name, names, length), keypad, no_input_s or slot.policy.no_input_s)


def repeat(turn: Turn) -> None:
    """Put the open question again, without counting a failure."""
    if turn.focus.guess:
        turn.refocus(changed(turn.focus, guess=""))
    slot = turn.slot
    if slot is None:
        go_on(turn)
        return
    answer = turn.state.answers.get(slot.name)
    if turn.focus.stage == "confirm" and answer is not None:
        _confirm(turn, slot, answer)
    else:
        ask(turn, slot)


def read_back_question(turn: Turn, slot: Slot, value: Value) -> str:
    """Return the question that reads `value` back."""
    said = say_value(turn.flow, slot, value, turn.state.facts)
    if slot.words.confirm:
        return turn.text(slot.words.confirm, value=said)
    return line(turn.flow, "confirm", value=said)


def _confirm(turn: Turn, slot: Slot, answer: Answer) -> None:
    turn.say(read_back_question(turn, slot, answer.value), "ask", slot.name, slot.policy.barge_in)
    listen(turn)


def miss(turn: Turn) -> None:
    """The caller was not understood: shorter, then by example and keypad, then leave it."""
    slot = turn.slot
    if slot is None:
        go_on(turn)
        return
    focus = changed(turn.focus, misses=turn.focus.misses + 1)
    turn.refocus(focus)
    if focus.stage == "confirm":
        _miss_confirm(turn, slot, focus.misses)
        return
    if focus.misses > slot.policy.tries:
        give_up(turn, slot, "no_match")
        return
    turn.add_line("no_match", focus.misses - 1)
    ask(turn, slot, keypad=focus.misses == slot.policy.tries)


def _miss_confirm(turn: Turn, slot: Slot, misses: int) -> None:
    if misses > _CONFIRM_TRIES:
        give_up(turn, slot, "unconfirmed")
        return
    if misses == 1:
        turn.add(read_back_question(turn, slot, turn.state.answers[slot.name].value))
    else:
        turn.add_line("confirm_again")
    turn.say(line(turn.flow, "keys_yes_no"), "ask", slot.name, slot.policy.barge_in)
    listen(turn)


def refuse(turn: Turn, slot: Slot, value: Value) -> None:
    """The caller said that the value read back is wrong: forget it, never offer it again, ask once more."""
    turn.drop(slot.name)
    same = turn.focus.slot == slot.name
    focus = turn.focus if same else Focus("ask", slot.name, asked=1)
    focus = changed(focus, stage="ask", misses=focus.misses + 1, rejected=(*focus.rejected, value))
    turn.refocus(focus)
    if len(focus.rejected) > slot.policy.tries:
        give_up(turn, slot, "no_match")
        return
    turn.add_line("wrong_value")
    ask(turn, slot, keypad=len(focus.rejected) == slot.policy.tries)


def give_up(turn: Turn, slot: Slot, why: str) -> None:
    """Leave a question open and go on; without a required answer the call ends."""
    if slot.name == CALLBACK:
        turn.drop(CALLBACK)
        end(turn, "callback")
    elif slot.policy.required and why != "unconfirmed":
        end(turn, "failed")
    else:
        turn.skip(slot.name, why)
        turn.add_line("skip")
        go_on(turn)


def silence(turn: Turn) -> None:
    """The caller said nothing: shorter, then by example and keypad, then goodbye."""
    focus = changed(turn.focus, silences=turn.focus.silences + 1, guess="")
    turn.refocus(focus)
    slot = turn.slot
    if focus.silences >= SILENCES_MAX:
        end(turn, "no_input")
    elif slot is None:
        go_on(turn)
    elif focus.stage == "confirm":
        turn.add_line("no_input", focus.silences - 1)
        turn.add_line("confirm_again")
        turn.say(line(turn.flow, "keys_yes_no"), "ask", slot.name, slot.policy.barge_in)
        listen(turn)
    else:
        turn.add_line("no_input", focus.silences - 1)
        ask(turn, slot, keypad=focus.silences == SILENCES_MAX - 1)


def hold(turn: Turn) -> None:
    """The caller asked for a moment."""
    turn.say(line(turn.flow, "wait"), "ack", turn.focus.slot)
    listen(turn, WAIT_S)


def read_back(turn: Turn, slot: Slot, value: Value) -> None:
    """Acknowledge an answer in passing, with its value where the flow has words for that."""
    if slot.words.ack and slot.policy.confirm is not Confirm.NONE:
        turn.add(turn.text(slot.words.ack, value=say_value(turn.flow, slot, value, turn.state.facts)))
    else:
        turn.ack()
