"""What the caller wants from the conversation, by rules: tried in an order in which the weightier wish wins."""

from __future__ import annotations

import re
from functools import lru_cache

from flows.hear.calendar_day import MONTHS, WEEKDAYS
from flows.hear.heard import NO_INTENT, Intent
from flows.hear.intent_phrases import CERTAINTY, PHRASES
from flows.hear.numbers import SCALES, TENS, UNITS
from flows.hear.opt_out import opt_out
from flows.hear.phrases import Phrases
from flows.hear.words import plain, words

_PHRASES = Phrases((name, pattern) for name, patterns in PHRASES.items() for pattern in patterns)
#: Every intent the rules know, weightiest first.
NAMES = ("opt_out", *PHRASES)


#: "Okay, but make it quick" agrees, in haste; "okay, I'm driving" does not.
_AGREES = re.compile(
    r"(?:okay|ok|sure|yes|yeah|yep|fine|all ?right|go ahead)\b\W*(?:but|if|as long as|just)\b"
    r"(?!.*\b(?:busy|driving|meeting|later|call|another time|right now)\b)"
)


#: "No need to call back" asks for no callback.
_NO_CALLBACK = re.compile(
    r"\b(?:no need|no point|no reason|no use|don't|do not|didn't|won't|not|never|nobody|no one|without|rather you)\b(?! forget| hesitate)[\w' ]{0,22}\b(?:call|ring|phon)\w*(?: \w+)? ?-?back"
)
#: With these "hold on" does ask for a moment; before any other wish it only begins it: "wait, who am I talking to?"
_PAUSING = frozenset({"busy", "goodbye"})

#: Words of plain answers. A turn of these alone asks for nothing, which spares it all the rules.
_ANSWERING = frozenset(
    """a an the of and or to at in on for per about around roughly approximately approx nearly almost maybe probably between under over than more less least most
    we we're we've we'd our have has had is it's i i'd i'm say think guess there there's people employees staff users seats agents drivers technicians persons total
    dollars dollar bucks pounds pound quid euros euro month months monthly year years yearly annually week weeks quarter couple few dozen
    yes yeah yep yup sure correct right exactly absolutely definitely o'clock am pm morning afternoon evening tomorrow next dot gmail com double oh""".split()  # noqa: SIM905
).union(UNITS, TENS, SCALES, MONTHS, WEEKDAYS)


def intent(text: str) -> Intent:
    """Find what the caller wants from the conversation itself; name None when it is an answer or anything else."""
    return NO_INTENT if only_answers(text) else by_rules(text)


@lru_cache(maxsize=64)
def only_answers(text: str) -> bool:
    """Tell whether a turn holds nothing but words of plain answers ("about twenty five people")."""
    return all(word.text in _ANSWERING or not word.text[0].isalpha() for word in words(text))


def by_rules(text: str) -> Intent:
    """Try every rule, in order."""
    wish = opt_out(text)
    if wish.name:
        return wish
    said = plain(text)
    pause = NO_INTENT
    for name, span in _PHRASES.find(said):
        found = Intent(name, CERTAINTY[name], span)
        if name == "wait":
            pause = found
        elif not (
            (name == "busy" and _AGREES.match(said))
            or (name == "callback" and _NO_CALLBACK.search(said))
            or (pause.name and name in _PAUSING)
        ):
            return found
    return pause


class RuleIntents:
    """An `IntentModel` of rules alone, for tests and for machines without the embedding model."""

    def classify(self, text: str) -> tuple[str | None, float]:
        """Return what the rules find and their certainty."""
        found = intent(text)
        return found.name, found.certainty
