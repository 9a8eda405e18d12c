"""Names of people and companies: "this is Sarah Johnson from Acme", "my name's S A R A H", "we're Northwind Logistics"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flows.hear.heard import NOTHING, Hearing
from flows.hear.spelling import spelled
from flows.hear.words import BREAKS, Word, Words, plain, span, words

_LEAD_NAME = (
    "its", "im", "it's me", "my name would be", "name would be", "my full name is", "my first name is", "full name is", "the name is", "the name's", "my name is", "my name's", "name is", "name's", "you're speaking to", "you're speaking with",
    "you're talking to", "you are speaking with", "you are speaking to", "they call me", "people call me", "call me", "everyone calls me", "just call me", "you can call me", "i am called", "i'm called", "put me down as", "put down", "put it under", "i go by", "it's under", "name of", "the name", "they know me as", "known as", "it should be under",
    "speaking with", "this is", "that would be", "that'll be", "i am", "i'm", "it's", "it is", "that's", "here is", "hi", "hello", "hi there", "hello there", "hey", "yes", "yeah", "yep", "sure", "sure thing", "okay", "ok", "well", "so", "of course", "certainly", "oh", "no problem",
    "good morning", "good afternoon", "it would be", "it'd be", "absolutely", "right", "alright", "no", "just", "speaking", "like", "and", "actually", "sorry", "first name", "last name",
)  # fmt: skip
_LEAD_COMPANY = (
    "the name of the company is", "the name of the business is", "the company is called", "our company is called", "the business is called", "it's called", "we're called", "we are called", "the company's called", "the company's", "my company's",
    "its", "were", "im", "company name", "business name", "firm name", "company name is", "the company name is", "my company is called", "my company is", "our company is", "the company is", "company is", "the business is", "my business is", "the firm is", "the firm is called", "we trade as", "trading as", "we go by", "i work for", "i work at", "i work with", "i'm working for", "i run",
    "i own", "i represent", "i'm with", "i'm from", "i'm at", "i am with", "i am at", "i am from", "we're with", "we're at", "we're from", "we're", "we are", "i'm calling from", "calling from", "calling on behalf of", "on behalf of", "i'm calling for", "from", "with", "at", "it's", "it is", "that's", "that is", "this is", "that would be", "a company called", "a firm called", "a business called", "a small company called",
    "a little company called", "a place called", "an outfit called", "an agency called", "a startup called", "called", "oh", "so", "well", "sure", "yes", "yeah", "yep", "okay", "ok", "hi", "hello", "just", "actually", "sorry", "the",
    "company", "i'm the owner of", "i'm the founder of", "i'm the ceo of", "i'm a director at", "you're through to", "you are through to", "you've reached", "you have reached", "you reached", "i am employed by", "i'm employed at", "i work over at", "i manage", "i'm part of", "i'm the manager of", "i'm the manager at", "put down", "go by", "known as", "we do business as", "doing business as", "d b a", "our name is", "we operate as", "my own company", "my own business", "we're a small company called", "named", "we're a company called", "currently", "right", "of course", "no problem", "i'm employed by", "employed by", "i work over at", "over at",
)  # fmt: skip
_JOINTS = (
    "calling on behalf of",
    "calling from",
    "on behalf of",
    "over at",
    "and i'm with",
    "and i'm from",
    "and i work for",
    "and i work at",
    "i work for",
    "i work at",
    "i'm with",
    "i'm from",
    "and we're",
    "from",
    "with",
    "at",
    "of",
    "representing",
    "for",
)
_TAIL = frozenset(
    {
        "here",
        "speaking",
        "please",
        "thanks",
        "thank",
        "you",
        "actually",
        "sorry",
        "by",
        "the",
        "way",
        "calling",
        "hi",
        "hello",
        "again",
        "yeah",
        "yes",
        "is",
        "and",
        "that's",
        "right",
        "name",
        "my",
        "me",
        "mate",
    }
)
_NOT_NAMES = frozenset({
    "what", "why", "who", "how", "when", "where", "don't", "not", "can", "could", "would", "you", "want", "is", "are", "do", "does", "busy", "sorry", "no", "yes", "calling", "fine", "good", "okay", "have", "need", "looking", "interested", "think",
    "repeat", "again", "pardon", "excuse", "please", "hold", "wait", "wrong", "number", "stop", "know", "that", "there", "here", "a", "an", "it", "they", "we", "about", "rather", "prefer", "say", "tell", "give", "call", "nobody", "none", "driving", "name",
    "people", "robot", "real", "person", "somebody", "someone", "speak", "talk", "but", "really", "twenty", "thirty", "hundred", "ok", "sure", "maybe", "nothing", "private", "hear", "sec", "second", "moment", "minute",
})  # fmt: skip
_PARTICLES = frozenset(
    {"van", "von", "de", "der", "den", "da", "di", "del", "la", "le", "bin", "al", "el", "ter", "dos", "du"}
)
_SMALL = frozenset({"of", "and", "the", "for", "on", "in", "at", "by"})
_DEPARTMENTS = frozenset({
    "accounting", "accounts", "sales", "marketing", "purchasing", "procurement", "support", "finance", "operations", "engineering", "reception", "facilities", "billing",
    "here", "home", "work", "it", "hr", "legal", "service", "maintenance", "logistics", "production", "upstairs", "downstairs", "office", "department", "management",
})  # fmt: skip
_TITLES = frozenset({"mister", "mr", "mrs", "ms", "miss", "doctor", "dr", "professor", "sir", "madam"})


def name(text: str) -> Hearing:
    """Hear a person's name with the company said in the same breath: {"name": …, "company": … or None}.

    Spelled letters ("S A R A H") win over the word a recogniser made of the same name. A name that was never spelled
    is what the recogniser heard, so its certainty stays below 0.75.
    """
    if ordered := _in_parts(text):
        return ordered
    part = _clauses(words(_WITH_LETTER.sub(lambda hint: " " * len(hint.group()), text)))
    person, company = _split(part)
    kept = _person(person)
    if kept is None:
        return NOTHING
    heard, used, certainty = kept
    if company and company[-1].text in _DEPARTMENTS and (len(company) == 1 or company[-1].text == "department"):
        company = ()
    firm = _title(text, company, company=True) if company else None
    ends = span([*used, *company])
    return Hearing({"name": heard, "company": firm or None}, certainty, ends)


#: "my employer is", "the name of our firm is", "business name".
_COMPANY_NOUN = re.compile(
    r"(?:(?:the|my|our) )?(?:(?:full|official|legal|registered|trading) )?(?:name (?:of|for) (?:the|my|our) )?(?:company|firm|business|employer|shop|store|agency|practice|organi[sz]ation|outfit|startup|office|workplace|place)"
    r"(?: name)?(?: (?:is|was|would be|will be))?(?: (?:called|named))? (?=\w)|(?:an? )?(?:\w+ ){0,2}(?:company|firm|business|outfit|agency|startup|shop|store|place) (?:called|named) (?=\w)|(?:named|called) (?=\w)"
)
_COMPANY_TAIL = re.compile(
    r",? (?:(?:is|that's|would be|it's) (?:our|my|the) (?:company|firm|business|employer|name|organi[sz]ation)(?: name)?|is (?:what we're called|the name(?: of \w+ \w+)?|where i work|who i work for|what it's called)|"
    r"(?:is )?(?:my|our) (?:company|employer|firm|business)(?: name)?)\W*$",
    re.IGNORECASE,
)
_NO_COMPANY = re.compile(
    r"\b(?:self[- ]employed|freelanc\w+|no company|don't (?:have|work for) (?:a|any)|not (?:a|with a|in a|at a) (?:company|business)|private (?:person|individual|household|customer)|homeowner|retired|unemployed|"
    r"none of your|just (?:me|a person|an individual|myself)|between jobs|(?:rather|prefer) not|no business|a student)\b"
)
_WITH_LETTER = re.compile(r",? with (?:a|an) [a-zA-Z]\b(?! [a-zA-Z]\b)")
_LAST = r"(?:last|family|sur|second)[ -]?name|surname"
_IN_PARTS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b(?:first|given|christian) name(?:'s| is)? (?P<first>[\w'-]+)(?:[, ]+| and )+(?:and )?(?:the |my )?(?:{_LAST})(?:'s| is)? (?P<last>[\w'-]+)",
        rf"\b(?:{_LAST})(?:'s| is)? (?P<last>[\w'-]+)[, ]+(?:and )?(?:the |my )?(?:first|given) name(?:'s| is)? (?P<first>[\w'-]+)",
        rf"\b(?P<first>[\w'-]+) is (?:the|my) (?:first|given) name[, ]+(?:and )?(?P<last>[\w'-]+) (?:is )?(?:the |my )?(?:{_LAST})",
        rf"(?P<first>[\w'-]+)[, ]+(?:and )?(?:the |my )?(?:{_LAST})(?:'s| is)? (?P<last>[\w'-]+)",
        r"\b(?:name's|name is|i'm|it's|is) (?P<last>[\w'-]+)[,.] (?P<first>[\w'-]+) (?P=last)\b",
    )
)


def _in_parts(text: str) -> Hearing | None:
    """Hear a name told part by part: "first name Grace, last name Lopez", "Baker, Anna Baker"."""
    for pattern in _IN_PARTS:
        found = pattern.search(plain(text))
        if found and not {found["first"], found["last"]} & _NOT_NAMES and len(found["last"]) > 1:
            return Hearing(
                {"name": f"{_cap(found['first'])} {_cap(found['last'])}", "company": None}, 0.7, found.span()
            )
    return None


def company(text: str) -> Hearing:
    """Hear a company's name as said, without "I work for" and the like."""
    if _NO_COMPANY.search(plain(text)):
        return NOTHING
    part = _clauses(words(_COMPANY_TAIL.sub("", text)))
    at = _strip(part, _LEAD_COMPANY)
    for start in range(len(part)):
        length = _lead_at(
            part,
            start,
            (
                "the company is called",
                "company called",
                "firm called",
                "business called",
                "i work for",
                "i work at",
                "i'm with",
                "calling from",
                "on behalf of",
                "trading as",
                "name is",
            ),
        )
        at = max(at, start + length) if length else at
    letters, end, count = spelled(part, at)
    if count >= 3 and end == len(part):
        return Hearing(letters.upper(), 0.75, span(part[at:end]))
    kept = _without_tail(part[at:])
    if (introduced := _COMPANY_NOUN.match(" ".join(word.text for word in kept))) and introduced.end():
        kept = kept[len(introduced.group().split()) :]
    if (
        not kept
        or all(word.text in _NOT_NAMES | BREAKS for word in kept)
        or len(kept) > 7
        or kept[0].text
        in (
            "what",
            "why",
            "who",
            "how",
            "don't",
            "can",
            "could",
            "i",
            "you",
            "not",
            "sorry",
            "no",
            "rather",
            "i'd",
            "i'll",
            "do",
            "is",
            "are",
        )
    ):
        return NOTHING
    return Hearing(_title(text, kept, company=True), 0.7, span(kept))


def _clauses(part: Words) -> Words:
    """Drop a spelling's repeat and marks at either end."""
    kept = list(part)
    while kept and kept[-1].text in BREAKS:
        kept.pop()
    return tuple(kept)


def _lead_at(part: Sequence[Word], at: int, leads: Sequence[str]) -> int:
    best = 0
    for lead in leads:
        pieces = lead.split()
        if len(pieces) > best and [word.text for word in part[at : at + len(pieces)]] == pieces:
            best = len(pieces)
    return best


def _strip(part: Sequence[Word], leads: Sequence[str]) -> int:
    """Return where the words begin that are no introduction."""
    at = 0
    while at < len(part):
        if part[at].text in BREAKS:
            at += 1
            continue
        length = _lead_at(part, at, leads)
        if not length or at + length >= len(part):
            break
        at += length
    return at


def _split(part: Words) -> tuple[Words, Words]:
    """Part the person from the company: "Sarah" | "Acme" in "this is Sarah from Acme"."""
    start = _strip(part, _LEAD_NAME)
    for at in range(len(part)):
        late = _lead_at(part, at, ("my name is", "my name's", "name is", "name's", "speaking with", "this is"))
        if late and at + late > start and at + late < len(part):
            start = at + late
            break
    start += _strip(part[start:], _LEAD_NAME)
    rest = part[start:]
    for at in range(1, len(rest)):
        length = _lead_at(rest, at, _JOINTS)
        if length and at + length < len(rest) and rest[at - 1].text != "as":
            skip = at + length
            skip += _strip(
                rest[skip:],
                (
                    "a company called",
                    "a firm called",
                    "called",
                    "the",
                    "a business called",
                    "a little company called",
                    "a place called",
                    "an agency called",
                ),
            )
            return rest[:at], _without_tail(rest[skip:])
    return rest, ()


def _without_tail(part: Words) -> Words:
    kept: list[Word] = []
    for word in part:
        if word.text in (".", ";", "?", "!", "—") or (word.text == "," and kept):
            if word.text == "." and kept and len(kept[-1].text) <= 2:
                continue
            break
        kept.append(word)
    while kept and kept[-1].text in _TAIL:
        kept.pop()
    return tuple(kept)


def _person(part: Words) -> tuple[str, Words, float] | None:
    """Return the name, its words and certainty; None when the words are no name."""
    spelt = _spelled_name(part)
    if spelt:
        return spelt
    kept = [word for word in _without_tail(part) if word.text not in _TITLES and word.text != "."]
    while kept and kept[0].text in _TAIL:
        kept.pop(0)
    if not 1 <= len(kept) <= 5 or any(
        word.text in _NOT_NAMES or not word.text[0].isalpha() for word in kept if word.text != "-"
    ):
        return None
    return _join(kept), tuple(kept), 0.7 if len(kept) > 1 else 0.6


def _spelled_name(part: Words) -> tuple[str, Words, float] | None:
    """Find a spelling of two letters or more: it replaces the word before it that begins alike."""
    for at in range(len(part)):
        letters, end, count = spelled(part, at)
        if count < 3:
            continue
        if both := _both_spelt(part[:at], letters):
            return both, part[:end], 0.85
        before = [
            word
            for word in part[:at]
            if word.text.isalpha()
            and word.text not in _NOT_NAMES | _TAIL | {"spelled", "spelt", "that's", "spell", "as", "with", "in"}
        ]
        same = next((k for k, word in enumerate(before) if word.text[0] == letters[0]), None)
        after_letters, after_end, after_count = spelled(part, end + 1) if end < len(part) else ("", end, 0)
        pieces = [_cap(word.text) for word in before]
        if same is not None:
            pieces[same] = _cap(letters)
        else:
            pieces.append(_cap(letters))
        if after_count >= 3:
            pieces, end = [*pieces, _cap(after_letters)], after_end
        else:
            tail = [word for word in part[end:] if word.text.isalpha() and word.text not in _NOT_NAMES | _TAIL]
            pieces += [_cap(word.text) for word in tail[:2]]
        return " ".join(pieces), part[at:end], 0.85
    return None


def _both_spelt(said: Sequence[Word], letters: str) -> str:
    """Return first and last name when one spelling covers both, "Kim Lee, K I M L E E"; "" when it does not."""
    names = [word.text for word in said if word.text.isalpha()][-2:]
    if len(names) < 2 or sum(map(len, names)) != len(letters):
        return ""
    first, last = letters[: len(names[0])], letters[len(names[0]) :]
    return f"{_cap(first)} {_cap(last)}" if (first[0], last[0]) == (names[0][0], names[1][0]) else ""


def _join(kept: Sequence[Word]) -> str:
    joined = " ".join(word.text if word.text in _PARTICLES and at else _cap(word.text) for at, word in enumerate(kept))
    return re.sub(r" - (\w)", lambda found: "-" + found.group(1).upper(), joined)


def _cap(word: str) -> str:
    for prefix in ("o'", "d'"):
        if word.startswith(prefix) and len(word) > 3:
            return prefix.capitalize() + word[2:].capitalize()
    return "Mc" + word[2:].capitalize() if word.startswith("mc") and len(word) > 4 else word[:1].upper() + word[1:]


def _title(text: str, part: Words, company: bool) -> str:
    """Write a name with capitals; a word that has capitals inside keeps them."""
    said = [word for word in part if word.text not in BREAKS]
    pieces: list[str] = []
    for at, word in enumerate(said):
        written = text[word.start : word.end]
        if company and any(letter.isupper() for letter in written[1:]):
            pieces.append(written)
        elif at and word.text in _SMALL:
            pieces.append(word.text)
        else:
            pieces.append(_cap(word.text))
    return _spaced(text, said, pieces)


def _spaced(text: str, said: Sequence[Word], pieces: Sequence[str]) -> str:
    """Join words as they were written: "O'Neil & Sons", "Coca-Cola", "24-7 Plumbing"."""
    joined = ""
    for at, piece in enumerate(pieces):
        apart = at and said[at].start > said[at - 1].end
        joined += (" " if apart else "") + piece
    return joined
