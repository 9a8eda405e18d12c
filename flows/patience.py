"""How long a silence must last before the caller's turn counts as finished, by what was asked and what was said."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from flows.hear import hear, intent
from flows.model import Expect, SlotType

#: How sure of its last word a recogniser is where words count as they are, and where they may as well be another.
_CLEAR: Final = (0.75, 0.5)
#: Probabilities that a voice has finished, at and beyond which the least and the most are waited; and where most breathe.
_SOUNDS, _BREATH = (0.75, 0.3), (0.45, 0.4)


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds of silence: as a rule, and the least and most where the sound of the voice may decide."""

    usual: float
    least: float
    most: float
    clear: tuple[float, float] = _CLEAR  #: see there; at its second figure `UNCLEAR_S` are waited
    sounds: tuple[float, float] = _SOUNDS


def _always(seconds: float, clear: tuple[float, float] = _CLEAR) -> Wait:
    return Wait(seconds, seconds, seconds, clear)


DECIDED: Final = _always(0.14, (0.5, 0.3))  #: a complete yes or no: one of few words, and seldom mistaken
#: Words that the grammar of the question takes for an answer. Some breathe for 0.16 to 0.19 s behind such words, and go on.
COMPLETE: Final = Wait(0.16, 0.16, 0.2, sounds=_BREATH)
#: The same with a last word that says nothing: it may have been "but" or "or".
ODDLY_COMPLETE: Final = Wait(0.16, 0.16, 0.2, (0.92, 0.6), _BREATH)
#: One word that is a number: an unsure one may be another number or an "and", but is hardly the beginning of more.
BARE_NUMBER: Final = _always(0.14, (0.28, 0.15))
#: One word that is no number where one was asked, and nothing that more is said behind: a number, misheard.
BARE_WORD: Final = _always(0.16)
THINKING: Final = _always(1.1)  #: "and", "um", "about …": more is coming
DICTATING: Final = _always(1.2)  #: half a telephone number, half an address
NOTHING_YET: Final = Wait(0.6, 0.5, 0.9)  #: there was speech, no word of it is known
UNTOLD: Final = Wait(0.3, 0.25, 0.6)  #: no grammar here can tell whether the words answer
UNANSWERED: Final = Wait(0.7, 0.5, 1.1)  #: words that do not answer what was asked: perhaps half of them
SPELLED: Final = Wait(0.7, 0.5, 0.9)  #: a name, an address, digits of unknown number: complete, or not
FEW: Final = Wait(1.0, 0.7, 1.2)  #: fewer digits than most codes have
TOLD: Final = Wait(0.7, 0.4, 0.9)  #: a story, which has no grammar

UNCLEAR_S: Final = 0.95  #: waited where the last word may be another
#: Probabilities of "um" or "and" in a single word's place, up to and from which it is none and may be one.
_NO_BEGINNING, _BEGINNING = 0.035, 0.06
_SURELY_BEGINNING: Final = 0.3
_STEADY: Final = (0.95, 0.75)  #: as `_CLEAR`, where that probability is too high for a yes or a no
#: The voice sounds finished by so much more for each tenth of the probability of "and" or "or" in the last word's place.
_BY_TENTH, _AS_LIKELY = 0.2, 0.001
_LEAST_LIKELY: Final = 1e-4
#: The stop in "eight" or "minutes" is so long a silence, and what follows it is easily lost on the telephone.
_CLOSURE_S: Final = 0.04

_YES_NO = re.compile(
    r"(?:oh |well |um |uh )?(?:yes|yeah|yep|yup|sure|ok|okay|correct|right|absolutely|definitely|of course|exactly|"
    r"no|nope|nah|not really|not at all|no way|go ahead|that's right|that's correct|that is correct|that's wrong|"
    r"i am|i'm not|i do|i don't|we do|we don't|it is|it isn't|sounds good|fine|perfect)"
    r"(?:,? (?:please|thanks|thank you|ma'am|it is|i am|i do|we do|go ahead|i'm not|i don't|that's right|that's wrong|sure|it's fine))*"
)
#: What is asked where a bare yes or no is likely.
YES_OR_NO: Final = frozenset({SlotType.YES_NO, "confirm", "open"})
#: "I think so", "two hundred or so"; "what is it about?"
_NOT_THEN: Final = r"(?<!think )(?<!guess )(?<!hope )(?<!believe )(?<!suppose )(?<!\bor )"
_NOT_WHAT: Final = r"(?<!\bit )(?<!\bthis )(?<!\bthat )(?<!\ball )"
#: The last line: what a recogniser writes for "but", "or" and "and" where nothing follows them.
_UNFINISHED = re.compile(
    rf"(?:\b(?:let me think|give me a (?:second|moment)|and|but|or|{_NOT_THEN}so|um+|uh+|er+|erm|like|{_NOT_WHAT}about|around|roughly|maybe|probably|approximately|between|from|to|than|"
    r"the|a|an|my|our|your|is|are|it's|we're|i'm|i|we|with|for|in|on|at|of|by|because|if|well|let me see|let's see|"
    r"hold on|hmm+|over|under|say|not|"
    r"it depends|butt|war|ore|oar|(?:hundred|thousand|one|\w+ty|\w+teen) more|ends|inns?|ins|as)|\bno end|[…-]|\.\.\.)\W*$"
)
#: A yes or no, and one word that does not belong to it: "but", "and" and "so" are heard as many things, mostly as "sir".
_ODD_END = re.compile(r"(?:yes|yeah|no|sure|i am|i do|we do|it is),? (?!of|i|we|it|that|thank|the|my|our)\w+")
#: What a bare yes is heard as, too; where "so" may have been said, that shows.
_POLITE = re.compile(r"(?:yes|yeah|yep|sure|no|nope),? (?:sir|ma'am)")
#: A yes that denies itself is misheard, or more is to come.
_CONTRARY = re.compile(
    r"(?:no|nope),? (?:it is|i am|i do|we do)|(?:yes|yeah|yep),? (?:i'm not|i don't|we don't|it isn't)"
)
#: A yes or no with something behind it, which may be another way to say the same.
_YES_AND = re.compile(r"(?:yes|yeah|yep|sure|no|nope),?(?: [\w']+){1,2}")
_ONE_WORD: Final = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|"
    r"(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty"
)
_DIGIT = re.compile(rf"\d|\b(?:zero|oh|o|nought|double|triple|{_ONE_WORD})\b")
#: Spoken as one word: "48" may be "forty, or".
_BARE_NUMBER = re.compile(rf"1?\d|[2-9]0|{_ONE_WORD}")
_SOUNDS_LIKE_DIGITS = re.compile(r"\b(?:too|to|for|fore|ate|won|tree|sex|oh|o|old|all)\b")
_FILLER = re.compile(r"u+[hm]+|er+m?|h?m+|mm-?hmm|well|so|maybe|about|a+h+|o+h+|what|pardon|hello|nobody|nothing")
#: Single words that are no number and hardly misheard ones: an answer begins with them.
_BEGINS = re.compile(
    r"there|that's|this|they|he|she|you|we've|we'll|i'd|i'll|i've|just|only|perhaps|possibly|somewhere|let|let's|one's|the|when|where|why|who|how|which|then"
)
_REFUSAL = re.compile(r"\b(?:don't|do not|no idea|not sure|rather not|none)\b")
#: Kinds whose grammar tells whether the words hold an answer, without knowing the choices.
_TELLING: Final = frozenset(
    {SlotType.YES_NO, SlotType.INTEGER_RANGE, SlotType.MONEY, SlotType.TIMELINE, SlotType.DATE_TIME}
)
#: Last words that add nothing to a number, a sum or a time, and are said all the same. Not "bucks": "but" is heard as it.
_COMMON_END = re.compile(
    r"people|persons?|employees|workers|staff|us|dollars|pounds|euros|years?|months?|weeks?|days?|hours?|"
    r"mornings?|afternoons?|evenings?|noon|too|possible|most|guess|think|believe|say|good|fine|works|please|total"
)
#: Last words whose sound ends without a stop or a hiss: in a vowel, a nasal, a liquid, by the way they are written.
_OPEN_END = re.compile(r"(?:[aiouy]|ee|[mnlrwv]e?|ng|[ae]h|oh|[mnlry]s|[0-579])$")
_MARKS = re.compile(r"[^\w'@.\s…,-]+")
_DOMAIN = re.compile(r"(?:\.|\bdot )(?:com|org|net|io|co|edu|gov|uk|us|ai|app|dev|biz|info|de|fr)\W*$")
_PHONE_DIGITS: Final = 10
_FEW_DIGITS: Final = 4
_DICTATION_DIGITS: Final = 3  #: so many digits in a row are dictation, whatever was asked


def patience(
    expect: Expect, text: str, finished: float | None = None, ending: float = 1.0, onward: float | None = None
) -> float:
    """Return the seconds of silence after which the turn is complete.

    Args:
        expect: what was asked.
        text: what was recognised so far, "" for nothing yet.
        finished: the probability that it sounds finished, 0 to 1; None when nobody listened for that. It counts only
            where the words do not tell.
        ending: how sure the last word is, 0 to 1: an "or" or an "uh" with nothing behind it is heard as some other word,
            and nearly always as an unsure one.
        onward: how probable "and", "or" or, in a single word's place, "um" was there, 0 to 1; None when not known.
    """
    wait = _wait(expect, text)
    alone = onward is not None and " " not in text.strip()
    if onward is not None and onward < _NO_BEGINNING and expect.kind in YES_OR_NO and _POLITE.fullmatch(_plain(text)):
        wait, alone = DECIDED, True
    if finished is None:
        told = wait.usual
    else:
        if onward is not None and wait.sounds is _SOUNDS:
            finished += _BY_TENTH * math.log10(_AS_LIKELY / max(onward, _LEAST_LIKELY))
        told = wait.least + _doubt(finished, *wait.sounds) * (wait.most - wait.least)
    said = text.lower().rstrip(".!?, ")
    # A "yeah" by itself may be the "yes" of "Yes, that's right", whose hiss the telephone has lost.
    if told == wait.least and wait.most <= COMPLETE.most and " " in said and _OPEN_END.search(said):
        told -= _CLOSURE_S
    if onward is not None and alone and wait is DECIDED:
        return _waited(told, min(_may_begin(onward), _doubt(ending, *_STEADY)))
    seconds = _waited(told, _doubt(ending, *wait.clear))
    return _alone(expect, text, seconds, onward) if onward is not None and alone else seconds


def _alone(expect: Expect, text: str, seconds: float, onward: float) -> float:
    """Seconds after a single word: how probable a hesitation was in its place tells more than how sure the word is."""
    if onward >= _SURELY_BEGINNING:
        return max(seconds, UNCLEAR_S)
    if (may_be := _may_begin(onward)) < 1.0 and may_be_number(expect, text) and not _BEGINS.fullmatch(_plain(text)):
        return min(seconds, _waited(BARE_WORD.usual, may_be))
    return seconds


def _may_begin(onward: float) -> float:
    return 1.0 - _doubt(onward, _BEGINNING, _NO_BEGINNING)


def _waited(told: float, doubt: float) -> float:
    return told + doubt * max(0.0, UNCLEAR_S - told)


def _doubt(probability: float, none: float, full: float) -> float:
    return min(1.0, max(0.0, (none - probability) / (none - full)))


def words_tell(expect: Expect, text: str) -> bool:
    """Whether the words alone decide how long to wait, so that nobody needs to listen to the voice."""
    wait = _wait(expect, text)
    return wait.least == wait.most


def may_be_number(expect: Expect, text: str) -> bool:
    """Whether a number was asked for, and a single word came that is none, nor anything else that we know."""
    said = _plain(text)
    known = _YES_NO.fullmatch(said) or _FILLER.fullmatch(said) or " " in said
    return expect.kind is SlotType.INTEGER_RANGE and bool(said) and not known and not _is_answer(expect.kind, said)


def may_be_yes(expect: Expect, text: str) -> bool:
    """Whether a yes or no was asked for and one came, with one or two words behind it that may have been heard wrong."""
    said = _plain(text)
    return expect.kind in YES_OR_NO and bool(_YES_AND.fullmatch(said))


def _plain(text: str) -> str:
    return _MARKS.sub(" ", text.lower()).strip(" .!?,")


def _wait(expect: Expect, text: str) -> Wait:
    said = _MARKS.sub(" ", text.lower()).strip().rstrip(".!?, ")
    if not said:
        return DICTATING if expect.kind == SlotType.PHONE else NOTHING_YET
    if expect.kind in YES_OR_NO and _YES_NO.fullmatch(said.replace(",", "").strip()):
        return UNANSWERED if _CONTRARY.fullmatch(said) else DECIDED
    # "Let me look": more is coming, or a pause was asked for.
    if _UNFINISHED.search(said) or intent(said).name == "wait":
        return THINKING
    if expect.kind == SlotType.EMAIL:
        return SPELLED if _DOMAIN.search(said) else DICTATING
    if (dictated := _dictation(expect, said)) is not None:
        return dictated
    if _YES_NO.fullmatch(said):
        if said.startswith("no") and " " in said:
            return DECIDED
        # No answer to that question: "uh", misheard, or "yes, about …".
        return UNANSWERED if expect.kind in _TELLING else UNTOLD
    if not isinstance(expect.kind, SlotType) or expect.kind not in _TELLING:
        return COMPLETE if _wishes(said) else UNTOLD
    if expect.kind is SlotType.YES_NO and _ODD_END.fullmatch(said):
        return UNANSWERED
    if not _is_answer(expect.kind, text):
        return UNANSWERED
    if expect.kind is SlotType.INTEGER_RANGE and _BARE_NUMBER.fullmatch(said):
        return BARE_NUMBER
    return ODDLY_COMPLETE if _is_odd(expect.kind, said) else COMPLETE


def _dictation(expect: Expect, said: str) -> Wait | None:
    """Judge digits being dictated, and words without a grammar: None when it is neither."""
    digits = len(_DIGIT.findall(said))
    if expect.kind == SlotType.PHONE:
        if digits == 0:
            known = _REFUSAL.search(said) or intent(said).name
            return COMPLETE if known and not _SOUNDS_LIKE_DIGITS.search(said) else THINKING
        whole = digits in (_PHONE_DIGITS, _PHONE_DIGITS + 1) or hear(SlotType.PHONE, said).value is not None
        return COMPLETE if whole else DICTATING
    if expect.kind == SlotType.DIGITS:
        if digits == 0:
            return None
        if not expect.length:
            return SPELLED if digits >= _FEW_DIGITS else FEW
        return COMPLETE if digits >= expect.length else DICTATING
    if expect.kind in (SlotType.NAME, SlotType.COMPANY):
        return SPELLED
    if expect.kind is SlotType.TEXT:
        return TOLD
    if expect.kind == "open" and digits >= _DICTATION_DIGITS:
        return COMPLETE if digits >= _PHONE_DIGITS else DICTATING
    return None


def _is_answer(kind: SlotType, text: str) -> bool:
    """Whether the words answer the question, or wish something else that we know."""
    return hear(kind, text, now=0.0).value is not None or _wishes(text)


def _is_odd(kind: SlotType, said: str) -> bool:
    """Whether the answer is the same without its last word, and that is none of those which belong to such answers."""
    before, _, last = said.rpartition(" ")
    if kind is SlotType.YES_NO or not before or _COMMON_END.fullmatch(last):
        return False
    value = hear(kind, said, now=0.0).value
    return value is not None and value == hear(kind, before, now=0.0).value


def _wishes(text: str) -> bool:
    return intent(text).name is not None or bool(_REFUSAL.search(text))
