"""What the caller's words and keys do to the answers: fill, confirm, correct, several at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flows.asking import give_up, go_on, miss, read_back, refuse, repeat
from flows.closing import book_callback
from flows.flow import CALLBACK, SKIP, Slot
from flows.grounding import quoted
from flows.hear import hear
from flows.hear.heard import NOTHING, Hearing
from flows.model import Answer, Confirm, Heard, Mode, SlotType, Value, changed
from flows.path import needs_yes, usable
from flows.readback import say_value
from flows.turn import Turn

#: A value heard with less certainty is no answer.
HEARD: Final = 0.4
#: A value that was not asked for must be surer, and stand beside one of its slot's cues.
VOLUNTEERED: Final = 0.65
#: With a correction, a bare value this unsure of its own type belongs to the answer before.
_BARE: Final = 0.85

#: Below this, an answer is worth a second opinion: it holds several numbers, or half a date.
DOUBTED: Final = 0.75
#: A value that only a language model pointed at is never surer: it is read back, and the caller says yes or no.
_POINTED: Final = 0.55
#: With so many words on each side, the words pointed at must still mean the same.
_NEIGHBOURS: Final = 3

_CORRECTS = re.compile(
    r"\b(?:i meant|i mean|i said|i misspoke|actually|correction|scratch that|make that|make it|sorry|wait|instead|rather)\b"
    r"|^(?:oh,? )?(?:no|nope)\b(?! (?:more|less))|\bnot\b|\bwrong\b"
)
_EXPLICITLY = re.compile(r"\b(?:i meant|i said|actually|correction|scratch that|make that|make it|instead|not \w+)\b")
_CLAUSE = re.compile(
    r"[.;?!,]\s+|\s+(?:but|and)\s+(?=(?:we|i|our|my|the|it|want|need|would|you)\b)|\s+and\s+(?=we're|i'm|we'd|i'd|it's)"
)
_DAY = re.compile(
    r"\b(?:to-?(?:day|night|morrow)|(?:mon|tues|wednes|thurs|fri|satur|sun)day|week|month|(?:in|after) \w+ days?|"
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?|\d+(?:st|nd|rd|th)|\d+/\d+|(?:in|an) (?:hours?|minutes?)|from now)\b"
)
_MARKS: Final = " \t.,!?"
OPEN_TYPES: Final = (SlotType.TEXT, SlotType.NAME, SlotType.COMPANY)


def understand(turn: Turn, slot: Slot, text: str) -> Hearing:
    """Hear `text` as an answer to `slot`; what the caller has refused before is not heard again."""
    found = hear(
        slot.type,
        text,
        now=turn.at,
        zone=turn.state.facts.get("zone", turn.flow.locale.zone),
        choices=slot.choices or None,
        region=turn.flow.locale.region,
    )
    if found.value is None or found.certainty < HEARD:
        return NOTHING
    if slot.name == turn.focus.slot and found.value in turn.focus.rejected:
        return NOTHING
    length = slot.keypad.keypad.length
    if slot.type is SlotType.DIGITS and length and len(str(found.value)) != length:
        return NOTHING
    return found


def take_words(turn: Turn, event: Heard) -> bool:
    """Fill what the caller's words answer. Returns False when they answer nothing."""
    filled = _volunteered(turn, event.text)
    for slot, found in filled:
        keep(turn, slot, found, event.text, Mode.SPEECH)
    asked = turn.slot
    if asked is not None:
        found = _second_opinion(turn, event, understand(turn, asked, _part_for(turn, asked, event.text)))
        if found.value is not None:
            keep(turn, asked, found, event.text, Mode.SPEECH)
            filled.insert(0, (asked, found))
    if not filled:
        filled = _quoted(turn, event)
        for slot, found in filled:
            keep(turn, slot, found, event.text, Mode.SPEECH)
    if not filled:
        return False
    for slot, _ in sorted(filled, key=lambda pair: not pair[0].words.ack):  # a read-back makes a bare "okay" needless
        acknowledge(turn, slot)
    turn.state = changed(turn.state, notes=changed(turn.state.notes, last_filled=filled[0][0].name))
    return True


def keep(turn: Turn, slot: Slot, found: Hearing, raw: str, mode: Mode) -> None:
    """Keep a value as the slot's answer, confirmed as far as the flow lets it be without a read-back."""
    assert found.value is not None, "nothing was understood"
    tries = 1 + turn.focus.misses if turn.focus.slot == slot.name else 1
    answer = Answer(slot.name, found.value, raw, mode, "no", tries, found.certainty, turn.at)
    if slot.policy.confirm is not Confirm.NONE and not needs_yes(slot, answer):
        answer = changed(answer, confirmed="implicit")
    turn.put(answer)


def acknowledge(turn: Turn, slot: Slot) -> None:
    """Say that an answer arrived; one that will be read back explicitly needs no words yet."""
    answer = turn.state.answers.get(slot.name)
    if answer is None or needs_yes(slot, answer):
        return
    if len(turn.lead_in) < 2 and (slot.words.ack or not turn.lead_in):
        read_back(turn, slot, answer.value)


def take_confirmation(turn: Turn, event: Heard) -> bool:
    """Take a yes, a no, or another value for the answer that was read back. Returns False for none of them."""
    slot = turn.slot
    assert slot is not None, "something was read back"
    answer = turn.state.answers[slot.name]
    said = hear(SlotType.YES_NO, event.text)
    found = _other_value(turn, slot, answer, event.text)
    if found.value is not None and found.value != answer.value:
        if slot.type in OPEN_TYPES and said.value is not None:
            found = NOTHING
        else:
            rejected = (*turn.focus.rejected, answer.value)
            turn.refocus(changed(turn.focus, misses=turn.focus.misses + 1, rejected=rejected))
            keep(turn, slot, found, event.text, Mode.SPEECH)
            if turn.focus.misses > slot.policy.tries:
                give_up(turn, slot, "unconfirmed")
            else:
                settle(turn, slot)
            return True
    if said.value == "yes" or (found.value == answer.value and said.value != "no"):
        confirm(turn, slot, answer)
        return True
    if said.value == "no":
        refuse(turn, slot, answer.value)
        return True
    return False


def _other_value(turn: Turn, slot: Slot, answer: Answer, text: str) -> Hearing:
    """Hear the value said to a read-back; "at three" changes the time of the day that was read back."""
    if slot.type is SlotType.YES_NO:
        return NOTHING
    found = understand(turn, slot, text)
    if slot.type is SlotType.DATE_TIME and found.value is not None and not _DAY.search(text.lower()):
        day, _, clock = str(answer.value).partition("T")
        clock = str(found.value).partition("T")[2] or clock
        return changed(found, value=f"{day}T{clock}")
    return found


def settle(turn: Turn, slot: Slot) -> None:
    """Go on after a slot got its answer: the callback is read back even where the flow has moved on."""
    answer = turn.state.answers[slot.name]
    if not needs_yes(slot, answer) and slot.name == CALLBACK:
        book_callback(turn)
    elif needs_yes(slot, answer) and slot.name == turn.focus.slot:
        turn.refocus(changed(turn.focus, stage="confirm", silences=0))
        repeat(turn)
    else:
        go_on(turn)


def confirm(turn: Turn, slot: Slot, answer: Answer) -> None:
    """The caller said yes to the read-back."""
    turn.put(changed(answer, confirmed="explicit"))
    if slot.name == CALLBACK:
        book_callback(turn)
        return
    turn.ack()
    turn.state = changed(turn.state, notes=changed(turn.state.notes, last_filled=slot.name))
    go_on(turn)


def correct(turn: Turn, text: str) -> bool:
    """Change an earlier answer, if that is what the caller does ("no, fifteen — not fifty"). Keeps the rest."""
    plain = text.lower()
    if not turn.state.answers or not _CORRECTS.search(plain):
        return False
    asked = turn.slot
    for slot in _earlier(turn):
        if asked is not None and slot.name == asked.name:
            continue
        found = understand(turn, slot, _part_for(turn, slot, text))
        if found.value is None or slot.type in OPEN_TYPES:
            continue
        if not _has_cue(slot, plain) and not _means_last(turn, slot, plain, text):
            continue
        if found.value == turn.state.answers[slot.name].value and not _EXPLICITLY.search(plain):
            continue
        keep(turn, slot, found, text, Mode.SPEECH)
        turn.add_line("corrected", value=say_value(turn.flow, slot, found.value, turn.state.facts))
        turn.refocus(changed(turn.focus, silences=0))
        if turn.focus.stage == "confirm":
            repeat(turn)
        else:
            go_on(turn)
        return True
    return _disconfirm(turn, plain)


def press_digits(turn: Turn, digits: str) -> None:
    """Take a complete keypad entry for the open question."""
    slot = turn.slot
    if slot is None:
        return
    if turn.focus.stage == "confirm":
        answer = turn.state.answers[slot.name]
        if digits == "1":
            confirm(turn, slot, answer)
        elif digits == "2":
            refuse(turn, slot, answer.value)
        else:
            miss(turn)
        return
    value = typed(turn, slot, digits)
    if value is None or value in turn.focus.rejected:
        miss(turn)
    elif value == SKIP:
        turn.skip(slot.name, "asked_to")
        turn.add_line("skip")
        go_on(turn)
    else:
        keep(turn, slot, Hearing(value, 1.0, None), digits, Mode.KEYPAD)
        acknowledge(turn, slot)
        turn.state = changed(turn.state, notes=changed(turn.state.notes, last_filled=slot.name))
        settle(turn, slot)


def typed(turn: Turn, slot: Slot, digits: str) -> Value | None:
    """Return the value that an entry means, None for none."""
    plan = slot.keypad
    if plan.keypad.collect == "menu":
        return plan.keys.get(digits)
    if not digits.isdigit() or (plan.keypad.length and len(digits) != plan.keypad.length):
        return None
    match slot.type:
        case SlotType.INTEGER_RANGE:
            return (int(digits), int(digits))
        case SlotType.MONEY:
            return (int(digits), int(digits), plan.period)
        case SlotType.DATE_TIME:
            return _typed_moment(digits, turn.at, turn.state.facts.get("zone", turn.flow.locale.zone))
        case SlotType.PHONE:
            return hear(SlotType.PHONE, digits, region=turn.flow.locale.region).value
        case _:
            return digits


def _typed_moment(digits: str, now: float, zone: str) -> str | None:
    """Read month, day, hour and minute: the next time they come."""
    here = datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    month, day, hour, minute = (int(digits[at : at + 2]) for at in range(0, 8, 2))
    for year in (here.year, here.year + 1):
        try:
            when = datetime(year, month, day, hour, minute)  # noqa: DTZ001 - a wall clock time; its zone goes with it
        except ValueError:
            continue
        if when > here + timedelta(minutes=1):
            return when.isoformat(timespec="minutes")
    return None


def _volunteered(turn: Turn, text: str) -> list[tuple[Slot, Hearing]]:
    """Return answers to questions not asked yet, each tied to its slot by a cue."""
    plain = text.lower()
    found = []
    for slot in turn.flow.slots:
        if slot.name == turn.focus.slot or slot.name in turn.state.answers or not slot.words.cues:
            continue
        if slot.type in OPEN_TYPES or not _has_cue(slot, plain):
            continue
        heard = understand(turn, slot, _part_for(turn, slot, text))
        if heard.value is not None and heard.certainty >= VOLUNTEERED:
            found.append((slot, heard))
    return found


def _part_for(turn: Turn, slot: Slot, text: str) -> str:
    """Return the clause that speaks of `slot` when the utterance also speaks of others."""
    plain = text.lower()
    others = [s for s in turn.flow.slots if s is not slot and _has_cue(s, plain)]
    if not others:
        return text
    clauses = [clause for clause in _CLAUSE.split(text) if clause and clause.strip(_MARKS)]
    own = [clause for clause in clauses if _has_cue(slot, clause.lower())]
    if own:
        return own[-1]
    free = [clause for clause in clauses if not any(_has_cue(other, clause.lower()) for other in others)]
    return " ".join(free) if free and len(clauses) > 1 else text


def _has_cue(slot: Slot, plain: str) -> bool:
    for cue in slot.words.cues:  # noqa: SIM110 - asked for every slot in every turn; a generator costs twice as much
        if cue in plain:
            return True
    return False


def _earlier(turn: Turn) -> list[Slot]:
    """Return the slots that have an answer, the latest first."""
    answers = turn.state.answers
    last = turn.state.notes.last_filled
    slots = [slot for slot in turn.flow.slots if slot.name in answers]
    return sorted(slots, key=lambda slot: (slot.name != last, -answers[slot.name].at))


def _means_last(turn: Turn, slot: Slot, plain: str, text: str) -> bool:
    """Tell whether a correction without a cue means the answer given last."""
    if slot.name != turn.state.notes.last_filled or slot.type is SlotType.YES_NO:
        return False
    asked = turn.slot
    if asked is None:
        return True
    other = understand(turn, asked, text)
    if other.value is None:
        return True
    if asked.type is SlotType.YES_NO:
        return bool(_EXPLICITLY.search(plain))
    period_said = asked.type is SlotType.MONEY and isinstance(other.value, tuple) and other.value[-1] != "once"
    return other.certainty < _BARE and not period_said


def _disconfirm(turn: Turn, plain: str) -> bool:
    """Take a bare "no, that's wrong" after an answer was read back in passing."""
    last, asked = turn.state.notes.last_filled, turn.slot
    slot = turn.flow.slot(last) if last else None
    if slot is None or not slot.words.ack or slot.name not in usable(turn.flow, turn.state):
        return False
    if turn.focus.stage != "ask" or asked is None or asked.name == slot.name:
        return False
    wrong = "wrong" in plain or "not right" in plain or "not what i said" in plain
    if not wrong or (understand(turn, asked, plain).value is not None and asked.type is not SlotType.YES_NO):
        return False
    refuse(turn, slot, turn.state.answers[slot.name].value)
    return True


def _quoted(turn: Turn, event: Heard) -> list[tuple[Slot, Hearing]]:
    """Use what a language model found, if the caller really said it and the slot's own grammar agrees."""
    if event.meaning is None:
        return []
    found = []
    for quote in event.meaning.quotes:
        slot = turn.flow.slot(quote.slot)
        said = quoted(event.text, quote.quote)
        if slot is None or slot.name in turn.state.answers or said is None:
            continue
        if slot.name == CALLBACK and turn.focus.slot != CALLBACK:
            continue
        heard = understand(turn, slot, said)
        if heard.value is None or _cut_out(turn, slot, event.text, said, heard.value):
            continue
        found.append((slot, changed(heard, certainty=min(heard.certainty, _POINTED))))
    return found


def _cut_out(turn: Turn, slot: Slot, text: str, said: str, value: Value) -> bool:
    """Tell whether the words around `said` belong to its value: "fifty" out of "a hundred and fifty"."""
    around = quoted(text, said, _NEIGHBOURS)
    if around is None or slot.type in OPEN_TYPES:
        return False
    wider, begins = understand(turn, slot, around), around.find(said)
    if wider.value in (None, value) or wider.span is None:
        return False
    return wider.span[0] < begins + len(said) and begins < wider.span[1]


def doubtful(slot: Slot, certainty: float) -> bool:
    """Tell whether an answer is worth a second opinion. Names and companies never are: nobody else hears better."""
    return certainty < DOUBTED and slot.type not in OPEN_TYPES


def _second_opinion(turn: Turn, event: Heard, found: Hearing) -> Hearing:
    """Of a doubtful answer to the open question take what a model pointed at instead; it will be read back."""
    asked = turn.slot
    if event.meaning is None or asked is None or found.value is None or not doubtful(asked, found.certainty):
        return found
    pointed = next((heard for slot, heard in _quoted(turn, event) if slot.name == asked.name), found)
    return pointed if pointed.value != found.value else found
