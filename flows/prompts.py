"""Fill templates with what is known, with checked fallbacks, and list what can be spoken without knowing anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from flows.flow import Flow, Slot
from flows.model import EMPTY

_VARIABLE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")
_ENDS = re.compile(r"(?<=[.!?])\s+")
#: Variables that depend on the call, besides `lead.…` and `facts.…`.
_LIVE = frozenset({"value", "when", "day", "time", "zone", "low", "high", "period"})


def render(
    template: str, variables: Mapping[str, str], lead: Mapping[str, str] = EMPTY, facts: Mapping[str, str] = EMPTY
) -> str:
    """Fill `{{ name }}` from `lead.…`, `facts.…` and `variables`; the latter hold the fallbacks of the former.

    Raises KeyError for a variable without a fallback, which a checked flow cannot have.
    """
    if "{{" not in template:
        return template

    def fill(found: re.Match[str]) -> str:
        name = found.group(1)
        root, _, key = name.partition(".")
        known = lead.get(key) if root == "lead" else facts.get(key) if root == "facts" else None
        return _safe(known) or variables[name]

    return _VARIABLE.sub(fill, template)


def _safe(known: str | None) -> str:
    """Clean a value from outside so that it can be spoken: one line, no marks of ours, not endless."""
    return " ".join(known.replace("{", "").replace("}", "").split())[:80] if known else ""


def variables(template: str) -> tuple[str, ...]:
    """Return the names that a template uses."""
    return tuple(_VARIABLE.findall(template))


@lru_cache(maxsize=1024)
def sentences(text: str) -> tuple[str, ...]:
    """Cut a prompt into its sentences."""
    return tuple(part for part in _ENDS.split(text.strip()) if part)


def fixed(flow: Flow) -> tuple[str, ...]:
    """Return every sentence that the bot can say without knowing the caller, in order, each once.

    A voice renders these before the first call. Variables of the flow itself (the seller's name) are filled in.
    """
    found: dict[str, None] = {}
    for template in templates(flow):
        for sentence in sentences(template):
            names = variables(sentence)
            if any(name in _LIVE or name.startswith(("lead.", "facts.")) for name in names):
                continue
            found[begun(render(sentence, flow.script.variables))] = None
    return tuple(found)


def begun(sentence: str) -> str:
    """Return a sentence with a capital, as it is spoken after a read-back was filled in."""
    return sentence[:1].upper() + sentence[1:]


def templates(flow: Flow) -> Iterator[str]:
    """Yield every template of the flow that is spoken."""
    yield from (text for text in flow.opening.greeting.values() if text)
    yield from (text for text in _opening(flow) if text)
    yield from spoken_lines(flow)
    for slot in (*flow.slots, *([flow.closing.callback] if flow.closing.callback else [])):
        yield from slot_templates(slot)
    yield from flow.script.answers.values()
    yield from (ending.say for ending in flow.closing.endings.values() if ending.say)


def _opening(flow: Flow) -> tuple[str, ...]:
    opening = flow.opening
    return opening.disclose, opening.opt_out_notice, opening.screening, opening.voicemail


def slot_templates(slot: Slot) -> Iterator[str]:
    """Yield a slot's templates; read-backs of a choice are filled in, there are but a few."""
    words = slot.words
    yield from (text for text in (*words.ask, words.example, words.keypad) if text)
    for text in (words.confirm, words.ack):
        yield from (
            render(text, {"value": spoken[0]}) for spoken in slot.choices.values() if text and _only_value(text)
        )
        if text:
            yield text


def _only_value(text: str) -> bool:
    return set(variables(text)) == {"value"}


def spoken_lines(flow: Flow) -> Iterator[str]:
    """Yield the lines that are sentences; fragments of read-backs ("a month") are none."""
    for texts in flow.script.lines.values():
        yield from (text for text in texts if text.endswith((".", "!", "?")))
