"""Turn the blocks of a flow file into a `Flow`: parse expressions, fill in what follows from a slot's type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from flows.expressions import Condition, ExpressionError, parse
from flows.filemodel import AskFile, FlowFile, KeypadFile, SlotFile, TransferFile
from flows.flow import (
    CALLBACK,
    SKIP,
    Branch,
    Closing,
    Ending,
    Flow,
    KeypadPlan,
    Locale,
    Opening,
    Points,
    Policy,
    Recording,
    Rule,
    Script,
    Slot,
    SlotWords,
    ToolCall,
    TransferPlan,
)
from flows.hours import HoursError, parse_hours
from flows.lines import TIMELINE_KEYS
from flows.model import Confirm, Keypad, SlotType, Value
from flows.yamltext import Located, Path

#: Read back and confirmed with a yes, whatever the file says.
ALWAYS_EXPLICIT = (SlotType.PHONE, SlotType.EMAIL, SlotType.DATE_TIME)
#: A keypad cannot spell these: a key leaves the question to a colleague.
_UNTYPABLE = (SlotType.EMAIL, SlotType.NAME, SlotType.COMPANY, SlotType.TEXT)
_DIGITS: Mapping[SlotType, Keypad] = {
    SlotType.INTEGER_RANGE: Keypad("digits", max=7),
    SlotType.MONEY: Keypad("digits", max=9),
    SlotType.PHONE: Keypad("digits", max=15),
    SlotType.DIGITS: Keypad("digits", max=20),
    SlotType.DATE_TIME: Keypad("digits", length=8),  # month, day, hour, minute
}


def build(file: FlowFile, located: Located, *, body: str, digest: str) -> Flow:
    """Build the flow. Raises FlowError for an expression that cannot be read."""
    return Flow(
        name=file.flow,
        version=file.version,
        hash=digest,
        body=body,
        locale=Locale(file.language, **file.locale.model_dump()),
        script=Script(
            MappingProxyType({key: tuple(texts) for key, texts in file.words.items()}),
            MappingProxyType(dict(file.answers_to_caller)),
            MappingProxyType(dict(file.variables)),
        ),
        opening=Opening(
            MappingProxyType(file.greeting.model_dump()),
            file.disclose,
            file.opt_out_notice,
            file.voicemail,
            file.screening,
            tuple(ToolCall(lookup.tool, MappingProxyType(dict(lookup.args))) for lookup in file.lookups),
            Recording(file.recording.start, file.recording.consent, file.recording.objected),
        ),
        slots=tuple(_slot(slot, located, ("slots", at)) for at, slot in enumerate(file.slots)),
        rules=_rules(file, located),
        closing=_closing(file, located),
    )


def _rules(file: FlowFile, located: Located) -> tuple[Rule, ...]:
    rules = []
    for at, rule in enumerate(file.rules):
        when = _condition(rule.when, located, ("rules", at, "when"))
        if (rule.end is None) == (rule.do is None):
            raise located.error(
                ("rules", at), "a rule either ends the call or does something", "Give it 'end' or 'do'."
            )
        rules.append(Rule(when, rule.do or "end", rule.end or ""))
    return tuple(rules)


def _closing(file: FlowFile, located: Located) -> Closing:
    return Closing(
        qualified_at=file.qualified_at,
        endings=MappingProxyType(
            {name: Ending(ending.say, ending.then, ending.next_action) for name, ending in file.endings.items()}
        ),
        transfer=_transfer(file.transfer, file.locale.zone, located) if file.transfer else None,
        callback=_callback(file.callback) if file.callback else None,
        prompts_max=file.prompts_max,
    )


def _transfer(file: TransferFile, zone: str, located: Located) -> TransferPlan:
    try:
        hours = parse_hours(file.hours.zone or zone, file.hours.days, file.hours.closed) if file.hours else None
    except HoursError as problem:
        raise located.error(("transfer", "hours"), str(problem), problem.fix) from problem
    return TransferPlan(file.to, file.mode, hours, file.ring_s, file.accept_s, file.digits, file.record)


def _callback(file: AskFile) -> Slot:
    return Slot(
        CALLBACK,
        SlotType.DATE_TIME,
        _words(file, "callback", ()),
        Policy(Confirm.EXPLICIT, None, file.tries, file.barge_in, file.no_input_s),
        _keypad(file.keypad, SlotType.DATE_TIME, {}),
        EMPTY_CHOICES,
        None,
        (),
        (),
    )


EMPTY_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def _slot(file: SlotFile, located: Located, path: Path) -> Slot:
    confirm = Confirm.EXPLICIT if file.type in ALWAYS_EXPLICIT else file.confirm
    return Slot(
        file.name,
        file.type,
        _words(file, file.name, file.cues),
        Policy(confirm, file.explicit_above, file.tries, file.barge_in, file.no_input_s, file.required, file.prefill),
        _keypad(file.keypad, file.type, file.choices),
        MappingProxyType({key: tuple(words) for key, words in file.choices.items()}),
        _condition(file.skip_when, located, (*path, "skip_when")) if file.skip_when else None,
        tuple(
            Points(
                points.points,
                _condition(points.when, located, (*path, "score", at, "when"), short=True),
                f"{file.name} {points.when}",
            )
            for at, points in enumerate(file.score)
        ),
        tuple(
            Branch(_condition(b.when, located, (*path, "next", at, "when"), short=True) if b.when else None, b.go)
            for at, b in enumerate(file.next)
        ),
    )


def _words(file: AskFile, name: str, cues: tuple[str, ...]) -> SlotWords:
    return SlotWords(
        label=file.label or name.replace("_", " "),
        ask=tuple(file.ask),
        example=file.example,
        keypad=file.keypad.prompt,
        confirm=file.confirm_with,
        ack=file.ack,
        cues=tuple(cue.lower() for cue in cues),
    )


def _keypad(file: KeypadFile, type_: SlotType, choices: Mapping[str, tuple[str, ...]]) -> KeypadPlan:
    keys = MappingProxyType(_menu(file, type_, choices))
    collect = file.collect or ("menu" if keys else "digits")
    if collect == "menu":
        return KeypadPlan(Keypad("menu"), keys)
    usual = _DIGITS.get(type_, Keypad("digits"))
    length = file.length or (0 if file.max else usual.length)
    return KeypadPlan(Keypad("digits", max=file.max or (0 if length else usual.max), length=length), keys, file.period)


def _menu(file: KeypadFile, type_: SlotType, choices: Mapping[str, tuple[str, ...]]) -> dict[str, Value]:
    """Return the keys of a menu: the file's own, or those that follow from the type."""
    if file.keys:
        return {key: SKIP if value == "skip" else value for key, value in file.keys.items()}
    if file.collect == "digits":
        return {}
    if type_ is SlotType.YES_NO:
        return {"1": "yes", "2": "no"}
    if type_ is SlotType.TIMELINE:
        return dict(TIMELINE_KEYS)
    if type_ is SlotType.CHOICE:
        return {str(at): choice for at, choice in enumerate(choices, start=1)}
    return {"1": SKIP} if type_ in _UNTYPABLE else {}


def _condition(text: str, located: Located, path: Path, *, short: bool = False) -> Condition:
    try:
        return parse(text, short=short)
    except ExpressionError as problem:
        raise located.error(path, str(problem), "See docs/flows.md, 'Expressions'.") from problem
