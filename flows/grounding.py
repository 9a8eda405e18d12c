"""Whether a language model's words stand on something: quotes on the caller's words, replies on the facts sheet."""

from __future__ import annotations

import re
from typing import Final

from flows.flow import Flow
from flows.prompts import render, sentences

REPLY_SENTENCES: Final = 2
REPLY_CHARACTERS: Final = 300
#: A sentence that carries fewer words of the sheet says nothing, or says "yes" to anything.
_WORDS_MIN: Final = 2

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
#: Marks that belong to the number behind them.
_PREFIXES: Final = "$£€+"


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text as they are compared: no case, no marks."""
    return tuple(found.group().casefold().replace("\u2019", "'") for found in _TOKEN.finditer(text))


#: Words that claim nothing by themselves. No negation is among them, and no word of degree.
_PLAIN: Final = frozenset(
    words(
        """a about also an and are as at be been but by can could did do does for from had has have he her here his how i if
        i'm in is it it's its let me my of on or our please say says she so sure tell than thank thanks that that's the
        their them then there they they're this to us was we we'd we'll we're well were what when where which who will
        with would you you'd you'll you're your"""
    )
)


def quoted(text: str, quote: str, around: int = 0) -> str | None:
    """Return the caller's own words that `quote` repeats, with `around` words on each side; None when not said.

    Whole words in a row count, whatever their case and marks: "50" is not in "150".
    """
    wanted = words(quote)
    tokens = tuple(_TOKEN.finditer(text))
    said = words(text)
    for at in range(len(said) - len(wanted) + 1 if wanted else 0):
        if said[at : at + len(wanted)] == wanted:
            first, last = max(0, at - around), min(len(said), at + len(wanted) + around) - 1
            begins, ends = tokens[first].start(), tokens[last].end()
            begins -= begins > 0 and text[begins - 1] in _PREFIXES
            return text[begins:ends]
    return None


def sheet(flow: Flow) -> dict[str, str]:
    """Return the facts sheet: what the bot may say when asked, by intent. Nothing about the lead is filled in."""
    return {name: render(text, flow.script.variables) for name, text in flow.script.answers.items()}


def grounded_reply(flow: Flow, reply: str) -> str | None:
    """Return at most two sentences of a model's reply if each stands on one entry of the facts sheet, else None.

    A sentence stands on an entry when every word in it that claims something, numbers included, is in that entry, and
    two at least are. So a model can shorten an entry and say it in another order, and it cannot bring in a product, a
    price or a promise. What this does not see: words of one entry put together into something else ("most pay twenty"
    out of "most pay between ten and twenty"). Entries that must not be shortened are safest short.
    """
    kept = sentences(" ".join(reply.split()))[:REPLY_SENTENCES]
    entries = [frozenset(words(entry)) for entry in sheet(flow).values()]
    for sentence in kept:
        claims = frozenset(words(sentence)) - _PLAIN
        if len(claims) < _WORDS_MIN or not any(claims <= entry for entry in entries):
            return None
    text = " ".join(kept)
    return text if 0 < len(text) <= REPLY_CHARACTERS else None
