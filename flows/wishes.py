"""What callers want from the call itself: to leave, a person, a callback, an answer to their own question."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from flows import again, closing
from flows.answering import DOUBTED, OPEN_TYPES, keep, understand
from flows.asking import CONFIRM_NO_INPUT_S, MENU, go_on, open_callback, repeat
from flows.flow import CALLBACK
from flows.grounding import grounded_reply
from flows.hear import hear
from flows.hear.heard import NO_INTENT, Intent
from flows.lines import GUESS_LINES
from flows.model import Expect, Heard, Mode, SlotType, changed
from flows.readback import line
from flows.turn import Turn

#: The certainty that a language model's reading needs.
_MODEL_WISH: Final = 0.7
#: Below that a model's reading, if it is at least this certain, is a guess: the caller is asked whether it is right.
GUESS: Final = 0.55
#: An opt-out, or an answer to something: only the caller can tell.
_SAYS_LITTLE: Final = re.compile(r"(?:please,? )?no more(?:,? (?:please|thanks|thank you|now))?\W*")
#: The same question from the caller is answered so many times.
_REPLIES_MAX: Final = 2
#: A "no" of so many words says nothing else.
_BARE_NO: Final = 4


_KNOWS_NOT = re.compile(
    r"\b(?:i (?:really |honestly )?(?:don't|do not|wouldn't) (?:really )?know|dunno|no (?:idea|clue)|i'm not sure|not sure|hard to say|"
    r"can't (?:say|tell)|cannot say|(?:rather|prefer) not|none of your business|skip (?:it|that|this)|next question)\b|^\W*(?:pass|skip)\W*$"
)


def knows_not(text: str) -> bool:
    """Tell whether the caller does not know, or does not want to say."""
    return bool(_KNOWS_NOT.search(text.lower().replace("\u2019", "'")))


def leave(turn: Turn, event: Heard, wish: Intent) -> bool:
    """Follow a wish that leaves the questions. Returns False when there is none."""
    match wish.name:
        case "wrong_number" | "not_interested":
            closing.end(turn, wish.name)
        case "human":
            closing.hand_over(turn)
        case "callback" | "busy":
            if turn.focus.slot == CALLBACK or _answers_date(turn, event.text):
                return False
            _call_back(turn, event.text)
        case _:
            return False
    return True


def _answers_date(turn: Turn, text: str) -> bool:
    slot = turn.slot
    return slot is not None and slot.type is SlotType.DATE_TIME and understand(turn, slot, text).value is not None


def _call_back(turn: Turn, text: str) -> None:
    """Arrange a callback; a time said with the wish is taken at once."""
    slot = turn.flow.closing.callback
    if slot is not None:
        found = understand(turn, slot, text)
        if found.value is not None:
            keep(turn, slot, found, text, Mode.SPEECH)
    open_callback(turn)


def only_asks(turn: Turn, text: str, wish: Intent) -> bool:
    """Tell whether a question to an open slot ("What is your name?", "Who is this?") is no answer to it."""
    slot = turn.slot
    if slot is None or slot.type not in OPEN_TYPES:
        return False
    covered = wish.span[1] - wish.span[0] if wish.span else 0
    return text.rstrip().endswith("?") or 2 * covered >= len(text)


def reply(turn: Turn, wish: str, event: Heard) -> None:
    """Answer the caller's question from the flow's own sheet, or in the model's words where the sheet is silent."""
    counts = turn.state.counts
    asked = counts.digressions.get(wish, 0)
    digressions = MappingProxyType({**counts.digressions, wish: asked + 1})
    turn.state = changed(turn.state, counts=changed(counts, digressions=digressions))
    reply = turn.flow.script.answers.get(wish)
    if asked >= _REPLIES_MAX:
        turn.add_line("asked_before")
    elif reply:
        turn.add(turn.text(reply))
    elif words := grounded_reply(turn.flow, event.meaning.reply or "") if event.meaning is not None else None:
        turn.add(words)
    else:
        turn.add_line("no_answer_known")


def model_wish(event: Heard) -> Intent:
    meaning = event.meaning
    if meaning is None or meaning.intent is None or meaning.certainty < _MODEL_WISH:
        return NO_INTENT
    return Intent(meaning.intent, meaning.certainty, None)


def guess(event: Heard) -> Intent:
    """Return what a nearest example takes the words for; nothing of it is done without the caller's yes."""
    if _SAYS_LITTLE.fullmatch(event.text.strip().lower()):
        return Intent("opt_out", GUESS, None)
    meaning = event.meaning
    if meaning is None or meaning.intent is None or not GUESS <= meaning.certainty < _MODEL_WISH:
        return NO_INTENT
    return Intent(meaning.intent, meaning.certainty, None)


def ask_guess(turn: Turn, wish: str | None) -> bool:
    """Ask whether the caller wants what his words resemble, once for each wish. Returns False when it is not asked."""
    key = GUESS_LINES.get(wish or "", "")
    counts = turn.state.counts
    if not wish or key not in turn.flow.script.lines or counts.digressions.get(key):
        return False
    asked = MappingProxyType({**counts.digressions, key: 1})
    turn.state = changed(turn.state, counts=changed(counts, digressions=asked))
    turn.refocus(changed(turn.focus, guess=wish))
    turn.say(line(turn.flow, key), "ask", turn.focus.slot)
    turn.listen(Expect("confirm", turn.focus.slot), MENU, CONFIRM_NO_INPUT_S)
    return True


def doubtful_answer(turn: Turn, text: str) -> bool:
    """Tell whether the words answer the open question only perhaps, so that a guessed opt-out must be asked about."""
    slot = turn.slot
    return slot is None or turn.focus.stage != "ask" or understand(turn, slot, text).certainty < DOUBTED


def take_guess(turn: Turn, text: str) -> bool:
    """Take the caller's yes or no to a guess. Returns False when the words say something else, and then they count."""
    wish = turn.focus.guess
    if not wish:
        return False
    turn.refocus(changed(turn.focus, guess=""))
    said = hear(SlotType.YES_NO, text).value
    if said == "yes":
        follow(turn, wish)
    elif said == "no" and len(text.split()) <= _BARE_NO:
        repeat(turn)
    else:
        return False
    return True


def follow(turn: Turn, wish: str) -> None:
    """Do what the caller has said yes to."""
    match wish:
        case "opt_out":
            closing.opt_out(turn)
        case "human":
            closing.hand_over(turn)
        case "callback" | "busy":
            open_callback(turn)
        case again.GO_ON:
            again.take_up(turn)
            go_on(turn)
        case "goodbye":
            closing.end(turn, "abandoned")
        case _:
            closing.end(turn, wish)
