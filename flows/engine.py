"""The one place where a conversation moves. Pure: same inputs, same outputs; no clock, no I/O, no logging."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, assert_never

from flows import again, closing, handover, machines, recording
from flows.answering import correct, keep, press_digits, settle, take_confirmation, take_words, understand
from flows.asking import ask, give_up, go_on, hold, listen, miss, repeat, silence
from flows.flow import CALLBACK, Flow
from flows.hear import intent
from flows.hear.heard import NO_INTENT, Hearing, Intent
from flows.lines import INTENTS_ANSWERED
from flows.model import (
    EMPTY,
    Answer,
    Answered,
    Direction,
    Done,
    Effect,
    End,
    Event,
    Found,
    Heard,
    HumanLeft,
    HungUp,
    Interrupted,
    Lookup,
    Machine,
    Mode,
    Operator,
    Press,
    Pressed,
    Resumed,
    Say,
    Silence,
    TransferDone,
    TransferFailed,
    changed,
)
from flows.record import record
from flows.state import NO_ANSWERS, Context, Focus, State
from flows.turn import Turn, unsaid
from flows.wishes import ask_guess, doubtful_answer, guess, knows_not, leave, model_wish, only_asks, reply, take_guess

__all__ = ["begin", "record", "step"]

_ASKING: Final = ("ask", "confirm")
#: A wish is followed at or above this certainty; an opt-out is followed whenever the rules see one.
_WISH: Final = 0.5
#: A goodbye that is no guess.
_FOLLOWED: Final = 0.7


def begin(
    flow: Flow,
    *,
    call_id: str,
    direction: Direction,
    at: float,
    facts: Mapping[str, str] = EMPTY,
    lead: Mapping[str, str] = EMPTY,
    earlier: Mapping[str, Answer] = NO_ANSWERS,
) -> State:
    """Return the state of a call that has not been answered yet; `at` is Unix seconds.

    `earlier`: answers of this caller's call that broke off, which the caller is offered to go on with.
    """
    context = Context(direction, at, MappingProxyType(dict(facts)), MappingProxyType(dict(lead)), earlier)
    turn = Turn(flow, State(call_id, flow.hash, context), at)
    _prefill(turn)
    return turn.state


def step(flow: Flow, state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:
    """Take one event; return the state after it and what to do, in order."""
    assert state.flow_hash == flow.hash, "a flow never changes under a running call"
    if state.ended:
        return _acknowledge(state, event), ()
    turn = Turn(flow, state, event.at)
    match event:
        case Answered():
            _answered(turn)
        case Heard():
            _heard(turn, event)
        case Pressed():
            _pressed(turn, event)
        case Silence():
            _silent(turn)
        case Resumed():
            _resumed(turn)
        case Machine():
            machines.answered(turn, event)
        case Found() | Done() | Interrupted() | TransferDone() | TransferFailed():
            _reported(turn, event)
        case Operator():
            _operator(turn, event)
        case HungUp() | HumanLeft():
            _left(turn, event)
        case _:
            assert_never(event)
    recording.follow(turn)
    return turn.done()


def _answered(turn: Turn) -> None:
    if turn.focus.stage != "new":
        return
    for lookup in turn.flow.opening.lookups:
        args = MappingProxyType({name: turn.text(text) for name, text in lookup.args.items()})
        turn.act(lambda id_, tool=lookup.tool, args=args: Lookup(id_, tool, args))  # type: ignore[misc]
    turn.disclose()
    if not (again.face_first_question(turn) and ask_guess(turn, again.GO_ON)):
        go_on(turn)


def _heard(turn: Turn, event: Heard) -> None:
    text = event.text.strip()
    wish = intent(text) if text else NO_INTENT
    if wish.name == "opt_out":
        closing.opt_out(turn)
        return
    if recording.objects(turn, text):
        recording.take_objection(turn, text)
        return
    if turn.focus.stage not in (*_ASKING, "mailbox") or _too_long(turn) or machines.answered(turn, event):
        return
    if turn.focus.silences:
        turn.refocus(changed(turn.focus, silences=0))
    if turn.focus.guess and take_guess(turn, text):
        return
    if not text:
        miss(turn)
        return
    if wish.name is None or wish.certainty < _WISH:
        wish = model_wish(event)
        if wish.name == "opt_out":
            closing.opt_out(turn)
            return
    if turn.focus.stage == "confirm":
        _heard_confirmation(turn, event, wish)
    else:
        _heard_answer(turn, event, wish)


def _heard_answer(turn: Turn, event: Heard, wish: Intent) -> None:
    if wish.name == "not_interested" and guess(event).name == "opt_out" and ask_guess(turn, "opt_out"):
        return
    if leave(turn, event, wish) or correct(turn, event.text):
        return
    if wish.name in INTENTS_ANSWERED and only_asks(turn, event.text, wish):
        reply(turn, wish.name or "", event)
        repeat(turn)
        return
    asked = turn.slot
    if guess(event).name == "opt_out" and doubtful_answer(turn, event.text) and ask_guess(turn, "opt_out"):
        return
    if take_words(turn, event):
        if wish.name in INTENTS_ANSWERED:
            reply(turn, wish.name or "", event)
        if asked is not None and asked.name in turn.state.answers:
            settle(turn, asked)
        elif asked is not None and asked.name == CALLBACK:
            repeat(turn)
        else:
            go_on(turn)
        return
    _without_answer(turn, event, wish)


def _without_answer(turn: Turn, event: Heard, wish: Intent) -> None:
    """The caller's words answered nothing."""
    if wish.name is None:
        wish = guess(event)
        if ask_guess(turn, wish.name):
            return
    if wish.name == "repeat":
        repeat(turn)
    elif wish.name == "wait":
        hold(turn)
    elif wish.name == "goodbye" and wish.certainty >= _FOLLOWED:
        closing.end(turn, "abandoned")
    elif wish.name in INTENTS_ANSWERED or (event.meaning is not None and event.meaning.reply):
        reply(turn, wish.name or "", event)
        repeat(turn)
    elif (
        turn.focus.stage == "ask" and turn.slot is not None and not turn.slot.policy.required and knows_not(event.text)
    ):
        give_up(turn, turn.slot, "not_known")
    else:
        miss(turn)


def _heard_confirmation(turn: Turn, event: Heard, wish: Intent) -> None:
    if leave(turn, event, wish) or take_confirmation(turn, event) or correct(turn, event.text):
        return
    _without_answer(turn, event, wish)


def _too_long(turn: Turn) -> bool:
    """End a call that has had more prompts than it may."""
    if turn.state.counts.prompts < turn.flow.closing.prompts_max:
        return False
    closing.end(turn, "failed")
    return True


def _silent(turn: Turn) -> None:
    if turn.focus.stage == "mailbox":
        machines.leave_message(turn)
    elif turn.focus.stage in _ASKING and not _too_long(turn):
        silence(turn)


def _pressed(turn: Turn, event: Pressed) -> None:
    outbound = turn.state.context.direction is Direction.OUTBOUND
    if turn.focus.stage not in _ASKING:
        if outbound and event.digits in ("9", "*9"):
            closing.opt_out(turn)
        return
    if _too_long(turn):
        return
    if turn.focus.silences:
        turn.refocus(changed(turn.focus, silences=0))
    if turn.focus.guess and event.digits in ("1", "2"):
        take_guess(turn, "yes" if event.digits == "1" else "no")
        return
    command = _command(turn, event.digits, outbound)
    turn.refocus(changed(turn.focus, guess=""))
    match command:
        case "repeat":
            repeat(turn)
        case "human":
            closing.hand_over(turn)
        case "opt_out":
            closing.opt_out(turn)
        case "none":
            press_digits(turn, event.digits)


def _command(turn: Turn, digits: str, outbound: bool) -> str:
    """Return what a command key asks for. While digits are collected commands are doubled: 95 opts nobody out."""
    slot = turn.slot
    collecting = (
        turn.focus.stage == "ask"
        and not turn.focus.guess
        and slot is not None
        and slot.keypad.keypad.collect == "digits"
    )
    commands = {"**": "repeat", "*0": "human", "*9": "opt_out"}
    if not collecting:
        commands |= {"*": "repeat", "0": "human", "9": "opt_out"}
    found = commands.get(digits, "none")
    return "none" if found == "opt_out" and not outbound else found


def _resumed(turn: Turn) -> None:
    """Another process goes on: what was being said is void, one short sentence, then the open question."""
    turn.state = changed(turn.state, pending=unsaid(turn.state.pending))
    recording.resumed(turn)
    stage = turn.focus.stage
    if stage in _ASKING and not _too_long(turn):
        turn.add_line("resumed")
        repeat(turn)
    elif stage == "mailbox":
        listen(turn, machines.NO_TONE_S)


def _reported(turn: Turn, event: Found | Done | Interrupted | TransferDone | TransferFailed) -> None:
    before = next((effect for effect in turn.state.pending if effect.id == event.effect_id), None)
    if before is None:
        return  # acknowledged already, or replaced by newer words
    turn.state = _acknowledge(turn.state, event)
    match event:
        case Done():
            if isinstance(before, Say) and before.kind == "disclosure":
                heard_at = turn.state.notes.disclosed_at or event.at
                turn.state = changed(turn.state, notes=changed(turn.state.notes, disclosed=True, disclosed_at=heard_at))
            elif isinstance(before, End):
                _over(turn)
        case Found(result=result):
            turn.know(result)
            _prefill(turn)
        case TransferDone(mode=mode):
            handover.transfer_done(turn, mode)
        case TransferFailed(reason=reason):
            handover.transfer_failed(turn, reason)
        case Interrupted():
            pass


def _acknowledge(state: State, event: Event) -> State:
    """Take the effect that `event` reports on from the pending ones."""
    if not isinstance(event, Found | Done | Interrupted | TransferDone | TransferFailed):
        return state
    pending = tuple(effect for effect in state.pending if effect.id != event.effect_id)
    return changed(state, pending=pending)


def _operator(turn: Turn, event: Operator) -> None:
    match event.command:
        case "say":
            turn.say(event.text, "answer")
            listen(turn)
        case "press":
            turn.act(lambda id_: Press(id_, event.text))
        case "end":
            if turn.focus.stage not in ("closing", "new"):
                closing.end(turn, turn.state.disposition or "failed")
            elif turn.focus.stage == "new":
                closing.end_silently(turn, "failed")
        case "transfer":
            if turn.focus.stage in _ASKING:
                closing.hand_over(turn)
        case "takeover":
            if turn.focus.stage in _ASKING:
                turn.refocus(Focus("human", turn.focus.slot))
                turn.state = changed(turn.state, pending=unsaid(turn.state.pending))
        case "release":
            _released(turn)


def _released(turn: Turn) -> None:
    """The operator gives the call back: the question that was open then is asked again."""
    slot = turn.slot
    if turn.focus.stage == "human" and slot is not None:
        turn.refocus(Focus("ask", slot.name, asked=1))
        go_on(turn) if slot.name != CALLBACK else ask(turn, slot)
    elif turn.focus.stage == "human" and not turn.state.notes.transferred:
        go_on(turn)


def _left(turn: Turn, event: HungUp | HumanLeft) -> None:
    """The caller has hung up, or the person who had taken the call."""
    if isinstance(event, HumanLeft):
        handover.human_left(turn, event.talked_s)
        return
    if turn.state.disposition is None:
        turn.state = changed(turn.state, disposition="abandoned")
    _over(turn)


def _over(turn: Turn) -> None:
    """The call is over; what must still be done (an opt-out, a callback) stays pending."""
    still = tuple(e for e in turn.state.pending if not isinstance(e, Say | End) and e in unsaid(turn.state.pending))
    notes = changed(turn.state.notes, ended_at=turn.at)
    turn.state = changed(turn.state, pending=still, notes=notes)
    turn.refocus(Focus("over"))


def _prefill(turn: Turn) -> None:
    """Fill slots from what is known about the lead, unless the caller has said something else."""
    context = turn.state.context
    known = {"lead": context.lead, "facts": context.facts}
    for slot in turn.flow.slots:
        root, _, name = slot.policy.prefill.partition(".")
        raw = known[root].get(name, "") if root in known else ""
        if not raw or slot.name in turn.state.answers or slot.name == turn.focus.slot:
            continue
        found = understand(turn, slot, raw)
        if found.value is not None:
            keep(turn, slot, Hearing(found.value, 1.0, None), raw, Mode.PREFILL)
