"""What makes a flow unusable though every key is well-formed: each found before any call, with place and fix."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flows.check_conditions import check_condition
from flows.check_keypad import check_keypad
from flows.flow import CALLBACK, FINISH, Flow, Slot
from flows.lines import (
    ENDINGS,
    INTENTS_ANSWERED,
    LINES,
    OPTIONAL_LINES,
    QUESTIONS,
    SENTENCES,
    SEVERAL,
    SILENT_ENDINGS,
    TRANSFER_LINES,
)
from flows.model import SlotType
from flows.prompts import variables
from flows.spoken import LANGUAGES
from flows.yamltext import Located, Path

_NUMERIC = (SlotType.INTEGER_RANGE, SlotType.MONEY)
_CHOICES_MAX = 8
_NUMBER = re.compile(r"(?:\d[ ().-]*){7}")
_DESTINATION = re.compile(r"\+[1-9]\d{6,14}|sips?:[^@\s<>]+@[^@\s<>]+|[a-z][a-z0-9_-]{0,39}")


def check(flow: Flow, located: Located) -> None:
    """Raise FlowError for the first thing that is wrong."""
    if flow.locale.language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise located.error(("language",), f"{flow.locale.language!r} is not known", f"Use one of: {known}.")
    _check_names(flow, located)
    _check_words(flow, located)
    _check_said(flow, located)
    _check_endings(flow, located)
    _check_voicemail(flow, located)
    for at, slot in enumerate(flow.slots):
        _check_slot(flow, slot, located, ("slots", at))
    if flow.closing.callback:
        check_keypad(flow.closing.callback, located, ("callback",))
        _check_template(flow, flow.closing.callback.words.confirm, ("value",), located, ("callback", "confirm_with"))
    for at, rule in enumerate(flow.rules):
        check_condition(flow, rule.when, located, ("rules", at, "when"))
        if rule.action == "end" and rule.disposition not in flow.closing.endings:
            raise located.error(
                ("rules", at, "end"),
                f"there is no ending {rule.disposition!r}",
                "Add it under 'endings' or name one that is there.",
            )
        if rule.action == "callback" and flow.closing.callback is None:
            raise located.error(("rules", at, "do"), "no callback is described", "Add a 'callback:' block with 'ask'.")
    _check_transfer(flow, located)
    _check_recording(flow, located)
    _check_path(flow, located)


def _check_transfer(flow: Flow, located: Located) -> None:
    plan = flow.closing.transfer
    if plan is None:
        return
    if not _DESTINATION.fullmatch(plan.to):
        raise located.error(
            ("transfer", "to"),
            f"{plan.to!r} is nobody who could take a call",
            "Write a number like +12025550134, or the name of a destination that LEADLINE_BOT_DESTINATIONS knows.",
        )
    for key in (*TRANSFER_LINES, *(["briefing_recorded"] if plan.record else [])):
        if not flow.script.lines.get(key):
            raise located.error(
                ("words",),
                f"the line {key!r} is missing, and callers are put through",
                f"Add '{key}: …' under 'words'.",
            )


def _check_recording(flow: Flow, located: Located) -> None:
    """Whoever is recorded is told before, and the slot that asks for it can be answered with no."""
    recording = flow.opening.recording
    _check_template(flow, recording.objected, (), located, ("recording", "objected"))
    if recording.start == "off":
        return
    if "record" not in flow.opening.disclose.lower():
        raise located.error(
            ("recording", "start"),
            "the caller is not told that the call may be recorded",
            "Say so in 'disclose', or use 'start: off'.",
        )
    slot = flow.slot(recording.consent) if recording.consent else None
    if recording.consent and (slot is None or slot.type is not SlotType.YES_NO):
        raise located.error(
            ("recording", "consent"),
            f"there is no yes/no slot {recording.consent!r}",
            "Name a slot of type yes_no that asks for consent, or remove the key.",
        )
    if slot is not None and slot.policy.prefill:
        raise located.error(
            ("recording", "consent"),
            "consent to a recording cannot be prefilled",
            f"Remove 'prefill' of {slot.name!r}.",
        )


def _check_names(flow: Flow, located: Located) -> None:
    seen: dict[str, int] = {}
    for at, slot in enumerate(flow.slots):
        if slot.name in seen:
            first = located.lines.get(("slots", seen[slot.name], "name"), 1)
            raise located.error(
                ("slots", at, "name"),
                f"the name {slot.name!r} is taken by the slot in line {first}",
                "Give one of them another name.",
            )
        if slot.name in (CALLBACK, FINISH):
            raise located.error(("slots", at, "name"), f"{slot.name!r} is a name of ours", "Choose another name.")
        seen[slot.name] = at


def _check_words(flow: Flow, located: Located) -> None:
    lines = flow.script.lines
    for key in LINES:
        if key not in OPTIONAL_LINES and not lines.get(key):
            raise located.error(("words",), f"the line {key!r} is missing", f"Add '{key}: …' under 'words'.")
    for key, texts in lines.items():
        if key not in LINES:
            raise located.error(("words", key), "no line has this name", f"Remove it; lines are: {', '.join(LINES)}.")
        if len(set(texts)) < SEVERAL.get(key, 1):
            raise located.error(
                ("words", key), "one wording is not enough here", f"Write {SEVERAL[key]} different ones as a list."
            )
        for text in texts:
            if key in SENTENCES and not text.endswith((".", "!", "?")):
                raise located.error(
                    ("words", key), f"{text!r} is no whole sentence", "End it with a full stop or a question mark."
                )
            _check_template(flow, text, LINES[key], located, ("words", key))


def _check_said(flow: Flow, located: Located) -> None:
    for path, text in _opening(flow):
        _check_template(flow, text, (), located, path)
    for question in QUESTIONS:
        if not flow.script.answers.get(question):
            raise located.error(
                ("answers_to_caller",),
                f"callers will ask {question!r}",
                f"Add '{question}: …' with a true, short reply.",
            )
    for intent, text in flow.script.answers.items():
        if intent not in INTENTS_ANSWERED:
            known = ", ".join(INTENTS_ANSWERED)
            raise located.error(("answers_to_caller", intent), "no question has this name", f"Use one of: {known}.")
        _check_template(flow, text, (), located, ("answers_to_caller", intent))


def _opening(flow: Flow) -> Iterator[tuple[Path, str]]:
    for direction, text in flow.opening.greeting.items():
        yield ("greeting", direction), text
    yield ("disclose",), flow.opening.disclose
    yield ("opt_out_notice",), flow.opening.opt_out_notice
    yield ("voicemail",), flow.opening.voicemail
    yield ("screening",), flow.opening.screening
    for at, lookup in enumerate(flow.opening.lookups):
        for name, text in lookup.args.items():
            yield ("lookups", at, "args", name), text


def _check_voicemail(flow: Flow, located: Located) -> None:
    """47 CFR 64.1200(b)(3): a message tells, at its beginning, a number that takes opt-outs day and night."""
    text = flow.opening.voicemail
    if text and not _NUMBER.search(text):
        raise located.error(
            ("voicemail",),
            "the message tells no number to opt out by",
            'Name a toll-free number that takes opt-outs day and night, or write "" to hang up on machines.',
        )


def _check_endings(flow: Flow, located: Located) -> None:
    for name in ENDINGS:
        if not flow.closing.endings.get(name):
            raise located.error(
                ("endings",), f"the ending {name!r} is missing", f"Add '{name}: {{say: …}}' under 'endings'."
            )
    for name, ending in flow.closing.endings.items():
        path: Path = ("endings", name)
        if name not in (*ENDINGS, *SILENT_ENDINGS):
            raise located.error(
                path, "no disposition has this name", f"Use one of: {', '.join((*ENDINGS, *SILENT_ENDINGS))}."
            )
        if name in ENDINGS and not ending.say:
            raise located.error(path, "the caller would hear nothing", "Write what is said under 'say'.")
        if ending.then == "transfer" and flow.closing.transfer is None:
            raise located.error(
                path, "nobody takes transfers", "Add 'transfer: {to: …}' to the file, or use 'then: end'."
            )
        _check_template(flow, ending.say, (), located, (*path, "say"))


def _check_slot(flow: Flow, slot: Slot, located: Located, path: Path) -> None:
    if slot.type is SlotType.CHOICE and not 2 <= len(slot.choices) <= _CHOICES_MAX:
        raise located.error(
            path,
            f"a choice has 2 to {_CHOICES_MAX} choices",
            "List them under 'choices', a key with its wordings each.",
        )
    if slot.choices and slot.type is not SlotType.CHOICE:
        raise located.error((*path, "choices"), f"a slot of type {slot.type} has no choices", "Use 'type: choice'.")
    if slot.policy.explicit_above is not None and slot.type not in _NUMERIC:
        raise located.error((*path, "explicit_above"), "only numbers and amounts can be above something", "Remove it.")
    if slot.policy.prefill and slot.policy.prefill.split(".")[0] not in ("lead", "facts"):
        raise located.error(
            (*path, "prefill"), "a prefill comes from the lead or the facts", "Write lead.NAME or facts.NAME."
        )
    for key, text in (("ack", slot.words.ack), ("confirm_with", slot.words.confirm)):
        _check_template(flow, text, ("value",), located, (*path, key))
    for text in (*slot.words.ask, slot.words.example, slot.words.keypad):
        _check_template(flow, text, (), located, (*path, "ask"))
    check_keypad(slot, located, path)
    if slot.skip_when:
        check_condition(flow, slot.skip_when, located, (*path, "skip_when"))
    for at, points in enumerate(slot.score):
        check_condition(flow, points.when, located, (*path, "score", at, "when"), slot)
    for at, branch in enumerate(slot.branches):
        if branch.when:
            check_condition(flow, branch.when, located, (*path, "next", at, "when"), slot)
        if branch.go != FINISH and flow.slot(branch.go) is None:
            raise located.error(
                (*path, "next", at, "go"), f"there is no slot {branch.go!r}", f"Name a slot, or {FINISH!r}."
            )


def _check_template(flow: Flow, text: str, extra: tuple[str, ...], located: Located, path: Path) -> None:
    for name in variables(text):
        if name not in extra and name not in flow.script.variables:
            allowed = ", ".join((*extra, *flow.script.variables)) or "none"
            raise located.error(
                path,
                f"the variable {name!r} has no value",
                f"Add '{name}: …' under 'variables' as what to say without it; known: {allowed}.",
            )
    if "{{" in text and text.count("{{") != len(variables(text)):
        raise located.error(
            path,
            "a variable is not written as {{ name }}",
            "Use letters, digits, dots and underscores inside the braces.",
        )


def _next(flow: Flow, at: int) -> Iterator[int]:
    """Yield where slot `at` may lead, as positions; the end of the list is the end of the questions."""
    position = {slot.name: index for index, slot in enumerate(flow.slots)}
    slot = flow.slots[at]
    if slot.skip_when:
        yield at + 1
    for branch in slot.branches:
        yield position.get(branch.go, len(flow.slots))
        if branch.when is None:
            return
    yield at + 1


def _check_path(flow: Flow, located: Located) -> None:
    """Every slot can be reached and no way leads back."""
    end = len(flow.slots)
    done: set[int] = set()

    def visit(at: int, way: tuple[int, ...]) -> None:
        if at in way:
            names = " → ".join(flow.slots[index].name for index in (*way[way.index(at) :], at))
            raise located.error(
                ("slots", way[-1], "next"), f"the questions go in a circle: {names}", "Let a branch only lead forward."
            )
        if at >= end or at in done:
            return
        for following in _next(flow, at):
            visit(following, (*way, at))
        done.add(at)

    visit(0, ())
    for at, slot in enumerate(flow.slots):
        if at not in done:
            raise located.error(
                ("slots", at, "name"),
                f"no way leads to the slot {slot.name!r}",
                "Remove it, or give a branch before it a 'when'.",
            )
