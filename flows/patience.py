"""How long a silence must last before the caller's turn counts as finished, by what was asked and what was said."""

from __future__ import annotations

import re
from typing import Final

from flows.hear import hear, intent
from flows.model import Expect, SlotType

NOTHING_YET_S: Final = 0.5  #: there was speech, no word of it is known
DECIDED_S: Final = 0.16  #: a complete yes or no
COMPLETE_S: Final = 0.25  #: a complete answer
THINKING_S: Final = 0.9  #: "and", "um", "about …": more is coming
DICTATING_S: Final = 1.2  #: half a telephone number, half an address
UNANSWERED_S: Final = 0.6  #: words that do not answer what was asked: perhaps half of them
SPELLING_S: Final = 0.7  #: an address or a number that may be complete

_YES_NO = re.compile(
    r"(?:oh |well |um |uh )?(?:yes|yeah|yep|yup|sure|ok|okay|correct|right|absolutely|definitely|of course|exactly|"
    r"no|nope|nah|not really|not at all|no way|go ahead|that's right|that's correct|that is correct|that's wrong|"
    r"i am|i'm not|i do|i don't|we do|we don't|it is|it isn't|sounds good|fine|perfect)"
    r"(?:,? (?:please|thanks|thank you|sir|ma'am|it is|i am|i do|we do|go ahead|i'm not|i don't|that's right|sure|it's fine))*"
)
_UNFINISHED = re.compile(
    r"(?:\b(?:and|but|or|so|um+|uh+|er+|erm|like|about|around|roughly|maybe|probably|approximately|between|from|to|than|"
    r"the|a|an|my|our|your|is|are|it's|we're|i'm|i|we|with|for|in|on|at|of|by|because|if|well|let me see|let's see|"
    r"hold on|hmm+|over|under|say|not)|[,…-]|\.\.\.)\W*$"
)
_DIGIT = re.compile(
    r"\d|\b(?:zero|oh|o|nought|one|two|three|four|five|six|seven|eight|nine|double|triple|"
    r"ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|for|fif|six|seven|eigh|nine)ty)\b"
)
_SOUNDS_LIKE_DIGITS = re.compile(r"\b(?:too|to|for|fore|ate|won|tree|sex|oh|o|old|all)\b")
_REFUSAL = re.compile(r"\b(?:don't|do not|no idea|not sure|rather not|none)\b")
#: Kinds whose grammar tells whether the words hold an answer, without knowing the choices or the date.
_TELLING: Final = frozenset({SlotType.YES_NO, SlotType.INTEGER_RANGE, SlotType.MONEY, SlotType.TIMELINE})
_MARKS = re.compile(r"[^\w'@.\s…,-]+")
_DOMAIN = re.compile(r"(?:\.|\bdot )(?:com|org|net|io|co|edu|gov|uk|us|ai|app|dev|biz|info|de|fr)\W*$")
_PHONE_DIGITS: Final = 10
_DICTATION_DIGITS: Final = 3  #: so many digits in a row are dictation, whatever was asked


def patience(expect: Expect, text: str, length: int = 0) -> float:
    """Return the seconds of silence after which the turn is complete.

    `text` is what was recognised so far, "" for nothing yet; `length` is the number of digits expected when it is
    known (a postcode of 5), else 0.
    """
    said = _MARKS.sub(" ", text.lower()).strip().rstrip(".!? ")
    if not said:
        return NOTHING_YET_S
    if expect.kind in (SlotType.YES_NO, "confirm", "open") and _YES_NO.fullmatch(said.replace(",", "").strip()):
        return DECIDED_S
    if _UNFINISHED.search(said):
        return THINKING_S
    if expect.kind == SlotType.EMAIL:
        return SPELLING_S if _DOMAIN.search(said) else DICTATING_S
    if (dictated := _dictation(expect, said, length)) is not None:
        return dictated
    if _YES_NO.fullmatch(said):
        return DECIDED_S
    return COMPLETE_S if _is_answer(expect, text) else UNANSWERED_S


def _dictation(expect: Expect, said: str, length: int) -> float | None:
    """Judge digits being dictated: None when it is no dictation."""
    digits = len(_DIGIT.findall(said))
    if expect.kind == SlotType.PHONE:
        if digits == 0:
            known = _REFUSAL.search(said) or intent(said).name
            return COMPLETE_S if known and not _SOUNDS_LIKE_DIGITS.search(said) else THINKING_S
        whole = digits in (_PHONE_DIGITS, _PHONE_DIGITS + 1) or hear(SlotType.PHONE, said).value is not None
        return COMPLETE_S if whole else DICTATING_S
    if expect.kind == SlotType.DIGITS:
        if digits == 0:
            return None
        return COMPLETE_S if length and digits >= length else SPELLING_S if not length else DICTATING_S
    if expect.kind in (SlotType.NAME, SlotType.TEXT):
        return SPELLING_S
    if expect.kind == "open" and digits >= _DICTATION_DIGITS:
        return COMPLETE_S if digits >= _PHONE_DIGITS else DICTATING_S
    return None


def _is_answer(expect: Expect, text: str) -> bool:
    """Whether the words answer the question, or wish something else that we know."""
    if not isinstance(expect.kind, SlotType) or expect.kind not in _TELLING:
        return True
    return hear(expect.kind, text).value is not None or intent(text).name is not None or bool(_REFUSAL.search(text))
