"""Free words: what was said without the hesitations, and British postcodes."""

from __future__ import annotations

import re

from flows.hear.digits import runs
from flows.hear.heard import NOTHING, Hearing
from flows.hear.numbers import UNITS
from flows.hear.spelling import letter_at
from flows.hear.words import plain, words

_FILLER = r"(?:uh+|um+|uhm|erm?|ah|hmm?|well|so|like|you know|okay so|i mean|let me see|let's see)"
_EDGES = re.compile(rf"^(?:[\s,.…—-]*\b{_FILLER}\b[\s,.…—-]+)+|[\s,…—-]+$", re.IGNORECASE)
_INSIDE = re.compile(r"[\s,]*\b(?:uh+|um+|uhm|erm?|hmm?)\b[,…]*(?=\s|$|[.?!])", re.IGNORECASE)
_EMPTY = re.compile(rf"^[\W_]*(?:{_FILLER}[\W_]*)*$", re.IGNORECASE)
_UNSURE = re.compile(
    r"^\W*(?:i (?:really )?(?:don't|do not) know|dunno|no idea|not sure|no clue|pass|i'm not sure|couldn't (?:say|tell you))\W*$"
)
_POSTCODE = re.compile(r"([A-Z]{1,2}\d[A-Z\d]?) ?(\d[A-Z]{2})")


def free_text(text: str) -> Hearing:
    """Hear any words; nothing when there are only hesitations or "I don't know"."""
    if _EMPTY.match(text) or _UNSURE.match(plain(text)):
        return NOTHING
    kept = _INSIDE.sub("", _EDGES.sub("", text)).strip()
    if not kept or _UNSURE.match(plain(kept)):
        return NOTHING
    start = max(0, text.find(kept[:8]))
    return Hearing(kept, 0.9, (start, len(text.rstrip())))


def postcode(text: str, region: str = "US") -> Hearing:
    """Hear a postcode: five digits in the US (a ZIP+4's first five), outward and inward code in Britain ("SW1A 1AA")."""
    if region not in ("GB", "UK"):
        for run in runs(words(text)):
            if len(run.digits) in (5, 9):
                return Hearing(run.digits[:5], 0.95, run.span)
        return NOTHING
    written = _POSTCODE.search(text.upper())
    if written:
        return Hearing(f"{written.group(1)} {written.group(2)}", 0.95, written.span())
    return _spoken_postcode(text)


def _spoken_postcode(text: str) -> Hearing:
    part = words(text)
    for first in range(len(part)):
        code, at = "", first
        while at < len(part) and len(code) < 7:
            word = part[at].text
            if word.isdecimal() or UNITS.get(word, 100) < 20:
                code, at = code + (word if word.isdecimal() else str(UNITS[word])), at + 1
                continue
            letter, end = letter_at(part, at)
            if not letter and word not in (",", "-", "space"):
                break
            code, at = code + letter.upper(), max(end, at + 1)
        found = _POSTCODE.fullmatch(code)
        if found:
            return Hearing(f"{found.group(1)} {found.group(2)}", 0.85, (part[first].start, part[at - 1].end))
    return NOTHING
