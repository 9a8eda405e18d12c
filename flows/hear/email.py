"""E-mail addresses as said: "sarah dot johnson at gmail dot com", spelled, with NATO words, dashes and underscores."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flows.hear.heard import NOTHING, Hearing
from flows.hear.numbers import TENS, UNITS
from flows.hear.spelling import LETTER_NAMES, NATO, letter_at
from flows.hear.words import Word, plain, readings, span

_WRITTEN = re.compile(r"[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}")
_VALID = re.compile(r"[a-z0-9](?:[a-z0-9._+-]{0,62}[a-z0-9])?@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_MARKS = {"dot": ".", "point": ".", "period": ".", "dash": "-", "hyphen": "-", "minus": "-", "underscore": "_", "plus": "+",
          ".": ".", "-": "-", "_": "_", "+": "+"}  # fmt: skip
#: An address does not reach back beyond these words.
_STOPS = frozenset({
    "is", "it's", "its", "it", "that's", "that", "email", "mail", "e-mail", "address", "to", "at", "@", "me", "sure", "yeah", "yes", "okay",
    "ok", "use", "try", "would", "be", "so", "send", "well", "my", "the", "just", "right", "please", "say", "alright", "on", "think",
    "mine", "was", "'s", "best", "email's", "mail's", "address's", "one", "reach", "ready", "here", "goes", "go",
})  # fmt: skip
_SKIP = frozenset(
    {
        ",",
        ":",
        ";",
        "—",
        "like",
        "initial",
        "initials",
        "capital",
        "spelled",
        "spelt",
        "all",
        "then",
        "and",
        "symbol",
        "sign",
        "letter",
        "number",
        "lowercase",
    }
)
_PHRASES = ((("under", "score"), "_"), (("full", "stop"), "."), (("g", "mail"), "gmail"), (("gee", "mail"), "gmail"), (("first", "initial"), ""), (("last", "initial"), ""), (("first", "name"), ""), (("last", "name"), ""), (("hot", "mail"), "hotmail"), (("out", "look"), "outlook"),
            (("i", "cloud"), "icloud"), (("eye", "cloud"), "icloud"), (("proton", "mail"), "protonmail"), (("co", ".", "uk"), "co.uk"))  # fmt: skip
_ENDINGS = frozenset(
    {
        "com",
        "org",
        "net",
        "uk",
        "io",
        "co",
        "edu",
        "gov",
        "us",
        "biz",
        "info",
        "ai",
        "app",
        "dev",
        "me",
        "ca",
        "au",
        "ie",
        "eu",
        "de",
        "fr",
        "tech",
        "example",
        "invalid",
        "test",
        "shop",
        "online",
    }
)
#: Ends of words that begin with "dash" or "dot" and mean neither.
_SUFFIXES = frozenset({"board", "boards", "ing", "ted", "tie", "tier"})
#: What a recogniser writes for "at", tried when nothing else is there.
_LIKE_AT = ("that", "add", "et", "hat", "ad")
_REPEAT = {"double": 2, "triple": 3}


def email(text: str) -> Hearing:
    """Hear an e-mail address, in lower case. Its form is checked (RFC 5321 local part and domain); delivery is not."""
    written = _WRITTEN.search(plain(text))
    if written:
        return Hearing(written.group().rstrip("."), 0.95, written.span())
    for part in readings(text):
        heard = _spoken(part)
        if heard.value is not None:
            return heard
    return NOTHING


def _spoken(part: Sequence[Word]) -> Hearing:
    ats = [at for at, word in enumerate(part) if word.text in ("at", "@")]
    if not ats:
        ats = [at for at, word in enumerate(part) if at and word.text in _LIKE_AT]
    for at in reversed(ats):
        domain, end = _domain(part, at + 1)
        if not domain:
            continue
        local, first, sure = _local(part, at)
        address = f"{local}@{domain.replace('.code.', '.co.')}"
        if local and _VALID.fullmatch(address) and ".." not in address:
            return Hearing(address, 0.85 if sure else 0.75, span(part[first:end]))
    return NOTHING


def _domain(part: Sequence[Word], at: int) -> tuple[str, int]:
    """Read "gmail dot com" or "acme dot co dot uk"; return it and where it ends, "" when no ending is said."""
    pieces, end, here = "", at, at
    while here < len(part):
        piece, after = _piece(part, here)
        if piece is None:
            break
        pieces, here = pieces + piece, after
        if here < len(part) and "." not in pieces and part[here].text in ("com", "org", "net", "edu"):
            return f"{pieces}.{part[here].text}", here + 1
        label = pieces.rsplit(".", 1)
        if len(label) == 2 and label[1] in _ENDINGS:
            end = here
            following = part[here].text if here < len(part) else ""
            if following not in ("dot", ".", "point") or _ends_sentence(part, here):
                return pieces, end
    if "." in pieces[1:-1] and here == len(part):  # the last word said is an ending that few use
        return pieces.rstrip("."), here
    return (pieces, end) if end > at and _VALID.fullmatch("x@" + pieces) else ("", at)


def _ends_sentence(part: Sequence[Word], at: int) -> bool:
    """Tell a full stop behind the address from the dot of "co.uk"."""
    return part[at].text == "." and (at + 1 >= len(part) or part[at + 1].start > part[at].end)


def _local(part: Sequence[Word], at: int) -> tuple[str, int, bool]:
    """Read the part before "at": return it, where it starts, and whether no free words had to be joined."""
    first = at
    while first > 0 and not _is_stop(part, first - 1):
        first -= 1
    pieces: list[str] = []
    here, start = first, first
    while here < at:
        piece, end = _piece(part, here)
        if piece is None:
            pieces, start = [], end
        elif piece:
            pieces.append(piece)
        here = max(end, here + 1)
    kept = _spelt_once(pieces)
    free = sum(piece.isalpha() and len(piece) > 1 for piece in kept)
    return "".join(kept).strip("."), start, free <= 2


def _spelt_once(pieces: Sequence[str]) -> list[str]:
    """Keep the spelling of a word that was said and then spelled: "lee, l e e" is one "lee", "sara, s a r a h" is "sarah"."""
    kept: list[str] = []
    at = 0
    while at < len(pieces):
        end = at
        while end < len(pieces) and len(pieces[end]) == 1 and pieces[end].isalpha():
            end += 1
        letters, before = "".join(pieces[at:end]), kept[-1] if kept else ""
        if len(letters) >= 3 and before.isalpha() and before[0] == letters[0] and abs(len(before) - len(letters)) <= 2:
            kept[-1] = letters
            at = end
            continue
        kept.append(pieces[at])
        at += 1
    return kept


def _is_stop(part: Sequence[Word], at: int) -> bool:
    word = part[at].text
    if word == "one" and at + 1 < len(part) and part[at + 1].text not in ("is", "'s"):
        return False
    if word == "." and at + 1 < len(part) and part[at + 1].start > part[at].end and part[at].start == part[at - 1].end:
        return len(part[at - 1].text) > 1
    return word in _STOPS


def _piece(part: Sequence[Word], at: int) -> tuple[str | None, int]:
    """Return what word `at` puts into an address and where it ends; None where no address can go on."""
    word = part[at].text
    for phrase, joined in _PHRASES:
        if tuple(item.text for item in part[at : at + len(phrase)]) == phrase:
            return joined, at + len(phrase)
    if (mark := _mark(part, at)) is not None:
        return mark
    if word in _SKIP:
        return "", at + 1
    if word in _REPEAT and at + 1 < len(part):
        once = _digit(part[at + 1].text) or letter_at(part, at + 1)[0]
        return (once * _REPEAT[word], at + 2) if len(once) == 1 else (word, at + 1)
    number, end = _number(part, at)
    if number:
        return number, end
    if word in ("with", "and") and (end := _spelling_hint(part, at)):
        return "", end
    letter, end = letter_at(part, at)
    if letter and (len(word) == 1 or end > at + 1 or _beside_letters(part, at)):
        return letter, end
    return (word.replace("'", ""), at + 1) if word[0].isalnum() else (None, at + 1)


def _mark(part: Sequence[Word], at: int) -> tuple[str, int] | None:
    """Return the dot, dash or zero that word `at` stands for, and where it ends; None when it is none."""
    word = part[at].text
    if word == "-" and _spelled_dash(part, at):
        return "", at + 1
    if word == "oh" and _beside_letters(part, at, both=True):
        return "o", at + 1
    if word == "." and not _tight(part, at):
        return "", at + 1  # a recogniser's full stop behind an initial: a dot that is meant is said
    if word in ("o", "oh") and at + 1 < len(part) and (part[at + 1].text in UNITS or part[at + 1].text.isdecimal()):
        return "0", at + 1
    if word in _MARKS:
        return _MARKS[word], at + 1
    for mark in ("dot", "dash"):
        rest = word[len(mark) :]
        if word.startswith(mark) and len(rest) >= 3 and rest not in _SUFFIXES:
            return _MARKS[mark] + rest, at + 1
    return None


def _tight(part: Sequence[Word], at: int) -> bool:
    """Tell a dot written inside an address from one with a space behind it."""
    return at + 1 < len(part) and part[at + 1].start == part[at].end


def _spelling_hint(part: Sequence[Word], at: int) -> int:
    """Step over "with an h" and "with a k", which say how the word before is written."""
    said = [word.text for word in part[at : at + 3]]
    if len(said) == 3 and said[1] in ("a", "an") and (letter := letter_at(part, at + 2)[0]):
        return at + 3 if letter in part[at - 1].text else 0
    return 0


def _digit(word: str) -> str:
    if word in ("zero", "oh"):
        return "0"
    return str(UNITS[word]) if UNITS.get(word, 10) < 10 else ""


def _number(part: Sequence[Word], at: int) -> tuple[str, int]:
    """Read "forty two" as 42 and "oh" as 0."""
    word = part[at].text
    if word in TENS:
        unit = UNITS.get(part[at + 1].text, 0) if at + 1 < len(part) else 0
        return (str(TENS[word] + unit), at + 2) if 0 < unit < 10 else (str(TENS[word]), at + 1)
    if word in UNITS:
        scale = {"hundred": "00", "thousand": "000"}.get(part[at + 1].text, "") if at + 1 < len(part) else ""
        return (str(UNITS[word]) + scale, at + 2) if scale and UNITS[word] else (str(UNITS[word]), at + 1)
    return ("0", at + 1) if word == "oh" else ("", at)


def _is_letter(word: str) -> bool:
    return (len(word) == 1 and word.isalpha()) or word == "oh" or word in NATO or word in LETTER_NAMES


def _spelled_dash(part: Sequence[Word], at: int) -> bool:
    """Tell the dashes a recogniser writes between letters ("S-A-R-A-H") from one that was said."""
    return 0 < at < len(part) - 1 and len(part[at - 1].text) == len(part[at + 1].text) == 1


def _beside_letters(part: Sequence[Word], at: int, both: bool = False) -> bool:
    """Tell whether a NATO word or letter name stands in a spelling rather than for itself ("mike at acme dot com")."""
    near = [part[k].text for k in (at - 1, at + 1) if 0 <= k < len(part)]
    found = [_is_letter(word) for word in near]
    return len(found) == 2 and all(found) if both else any(found)
