"""Letters said one by one: "s as in sierra", "double l", "bee", NATO words and plain letters."""

from __future__ import annotations

from collections.abc import Sequence

from flows.hear.words import Word

NATO = {
    "alpha": "a", "alfa": "a", "bravo": "b", "charlie": "c", "delta": "d", "echo": "e", "foxtrot": "f", "golf": "g",
    "hotel": "h", "india": "i", "juliet": "j", "juliett": "j", "kilo": "k", "lima": "l", "mike": "m", "november": "n",
    "oscar": "o", "papa": "p", "quebec": "q", "romeo": "r", "sierra": "s", "tango": "t", "uniform": "u", "victor": "v",
    "whiskey": "w", "whisky": "w", "x-ray": "x", "xray": "x", "yankee": "y", "zulu": "z",
}  # fmt: skip
#: How recognisers write the name of a letter.
LETTER_NAMES = {
    "ay": "a", "bee": "b", "cee": "c", "sea": "c", "dee": "d", "ee": "e", "eff": "f", "gee": "g", "aitch": "h", "haitch": "h",
    "eye": "i", "jay": "j", "kay": "k", "ell": "l", "el": "l", "em": "m", "en": "n", "pee": "p", "cue": "q", "queue": "q",
    "ar": "r", "ess": "s", "tee": "t", "vee": "v", "ex": "x", "wye": "y", "zee": "z", "zed": "z",
}  # fmt: skip
_REPEAT = {"double": 2, "triple": 3, "treble": 3}
_AS_IN = (("as", "in"), ("is", "in"), ("as",), ("for",), ("like",), ("is", "for"), ("like", "in"), ("in",), ("of",))


def letter_at(part: Sequence[Word], at: int, names: bool = True) -> tuple[str, int]:
    """Return the letter (or letters, for "double l") spelled at `at` and where it ends; "" for none.

    `names` also takes letter names ("bee") and NATO words, which are ordinary words outside a spelling.
    """
    word = part[at].text if at < len(part) else ""
    if word in _REPEAT:
        once, end = letter_at(part, at + 1, names)
        return (once * _REPEAT[word], end) if len(once) == 1 else ("", at)
    if word == "double" or not word:
        return "", at
    if word == "x" and at + 2 < len(part) and part[at + 1].text == "-" and part[at + 2].text == "ray":
        return "x", at + 3
    letter = word if len(word) == 1 and word.isalpha() else ""
    if not letter and names:
        letter = LETTER_NAMES.get(word) or NATO.get(word, "")
    if not letter:
        return "", at
    return letter, _skip_example(part, at + 1, letter)


def _skip_example(part: Sequence[Word], at: int, letter: str) -> int:
    """Step over "as in sierra" when the word does begin with the letter; a full stop behind an initial counts for nothing."""
    here = at + 1 if at < len(part) and part[at].text in (".", ",") else at
    for phrase in _AS_IN:
        end = here + len(phrase)
        said = tuple(word.text for word in part[here:end])
        if said == phrase and end < len(part) and part[end].text[0] == letter and len(part[end].text) > 1:
            return end + 1
    return at


def spelled(part: Sequence[Word], at: int) -> tuple[str, int, int]:
    """Return the letters spelled from `at` on, where they end, and how many were said ("double l" is one)."""
    letters, here, count = "", at, 0
    while here < len(part):
        if letters and part[here].text in ("-", ",", ".", "and", "then"):
            after = letter_at(part, here + 1)[0]
            if not after:
                break
            here += 1
        letter, end = letter_at(part, here)
        if not letter:
            break
        letters, here, count = letters + letter, end, count + 1
    return letters, here, count
