"""A flow file that cannot be used is refused with file, line, key and fix, before any call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.model import Confirm, SlotType
from flows.schema import FlowError, parse_flow
from store.flowfiles import list_flows, load_flow, read_flow

GOOD, _ = read_flow("b2b-software")
HOME, _ = read_flow("home-services")

Edit = Callable[[str], str]


def swap(old: str, new: str, text: str = GOOD) -> str:
    assert old in text, f"{old!r} is no longer in the flow"
    return text.replace(old, new, 1)


TRANSFER = GOOD[GOOD.index("transfer:\n") : GOOD.index("qualified_at")]

#: what is wrong → the file, what the error must say
BROKEN = {
    "broken YAML": (swap("version: 1", "version: [1"), "broken YAML"),
    "a tab": (swap("  agent: Lee", "\tagent: Lee"), "broken YAML"),
    "an empty file": ("", "a flow file is a list of 'key: value' lines"),
    "no mapping": ("- a\n- b\n", "Start it with 'flow: NAME'"),
    "a key given twice": (swap("version: 1", "version: 1\nversion: 2"), "the key is there twice"),
    "an unknown key": (swap("qualified_at: 60", "qualified_at: 60\nqualifed: 3"), "Did you mean 'qualified_at'?"),
    "an unknown key of a slot": (swap("confirm: none", "confrim: none"), "slots[1].confrim: the key is not known here. Did you mean 'confirm'"),
    "a missing key": (swap("qualified_at: 60\n", ""), "the key is missing. Add 'qualified_at: …'"),
    "an unknown type": (swap("type: timeline", "type: someday"), "Use 'yes_no'"),
    "a number that is none": (swap("qualified_at: 60", "qualified_at: many"), "Write a whole number"),
    "no such language": (swap("language: en", "language: tlh"), "'tlh' is not known"),
    "a name used twice": (swap("name: budget", "name: company_size"), "the name 'company_size' is taken by the slot in line 29"),
    "a name of ours": (swap("name: budget", "name: callback"), "'callback' is a name of ours"),
    "a missing variable": (swap("for five quick questions?", "about {{ topic }}?"), "the variable 'topic' has no value. Add 'topic: …'"),
    "a variable in the wrong place": (swap("Is that your decision?", "{{ value }}?"), "the variable 'value' has no value"),
    "a variable badly written": (swap("{{ lead.first_name }}!", "{{ lead first }}!"), "not written as {{ name }}"),
    "a missing line": (swap("  wait: \"Sure, take your time.\"\n", ""), "the line 'wait' is missing"),
    "an unknown line": (swap("  wait:", "  waiting: Hm.\n  wait:"), "no line has this name"),
    "one wording where two are needed": (swap("acks: [Great., Okay., Thanks.]", "acks: [Great.]"), "Write 2 different ones"),
    "a line without an end": (swap("confirm_again: Is that right?", "confirm_again: Is that right"), "End it with a full stop"),
    "a question without an answer": (swap("  ask_bot:", "  price:"), "the key is there twice"),
    "no answer to who is calling": (swap("  ask_identity:", "  has_vendor_too:"), "callers will ask 'ask_identity'"),
    "a missing ending": (swap("  wrong_number: {say", "  transferred: {say"), "the ending 'wrong_number' is missing"),
    "a silent ending": (swap('not_interested: {say: "No problem, thanks for your time. Goodbye!", ', "not_interested: {"), "the caller would hear nothing"),
    "a transfer to nobody": (swap('Goodbye!", next_action: Call back today.', 'Goodbye!", then: transfer', swap(TRANSFER, "")), "nobody takes transfers"),
    "a transfer to no number": (swap("to: sales", "to: +1 202 CALL"), "is nobody who could take a call"),
    "a transfer without words": (swap("  briefing_keys: Press one to take the call, or two to decline.\n", ""), "the line 'briefing_keys' is missing"),
    "no day": (swap("mon-fri", "mon-fry"), "'mon-fry' is no day. Use mon, tue"),
    "no hours": (swap("09:00-17:00", "nine to five"), "'nine to five' is no part of a day. Write it like"),
    "hours over midnight": (swap("09:00-17:00", "22:00-02:00"), "Over midnight takes two days"),
    "a rule for an unknown ending": (swap("end: unqualified", "end: lost"), "there is no ending 'lost'"),
    "a rule that does nothing": (swap(", do: callback", ""), "Give it 'end' or 'do'"),
    "a callback without words": (swap(GOOD[GOOD.index("callback:\n") : GOOD.index("qualified_at")], ""), "Add a 'callback:' block"),
    "no expression": (swap("answers.good_time == 'no'", "answers.good_time =="), "is not an expression"),
    "a call in an expression": (swap("answers.good_time == 'no'", "open('x') == 'no'"), "is not allowed"),
    "an unknown slot in an expression": (swap("answers.good_time == 'no'", "answers.goodtime == 'no'"), "there is no slot 'goodtime'"),
    "an impossible comparison": (swap("== '3-6m'", "== 'soon'"), "'timeline' is never 'soon'. Use one of: asap"),
    "a number compared with a word": (swap("value.low >= 10000", "value.low >= '1000'"), "Compare it with a number"),
    "a field that is none": (swap("value.low >= 10000", "value.lowest >= 10000"), "has no 'lowest'"),
    "a condition that is always the same": (swap("skip_when: \"lead.role == 'ceo'\"", 'skip_when: "1 == 1"'), "is always the same"),
    "a branch to nowhere": (swap("    confirm: none", "    confirm: none\n    next: [{go: nowhere}]"), "there is no slot 'nowhere'"),
    "a slot that cannot be reached": (swap("    confirm: none", "    confirm: none\n    next: [{go: timeline}]"), "no way leads to the slot 'company_size'"),
    "a loop": (swap("    skip_when: \"lead", "    next: [{when: \"== 'no'\", go: budget}]\n    skip_when: \"lead"), "budget → timeline → decision_maker → budget"),
    "a menu on a number": (swap("Or type the number of people and press pound.\", max: 6", "Press one.\", keys: {1: few}"), "'few' is no answer to a slot of type integer_range"),
    "key nine in a menu": (swap("five for no plans.\"", "nine for no plans.\"\n      keys: {1: asap, 9: none}"), "key '9' cannot be in a menu"),
    "two keys that mean the same": (swap("five for no plans.\"", "two too.\"\n      keys: {1: asap, 2: asap}"), "two keys mean the same"),
    "digits for a choice": (swap("Press one for heating, two for plumbing, three for electrics, four for something else.\"", "Type it.\", collect: digits", HOME), "digits cannot answer a slot of type choice"),
    "a length and a maximum": (swap("max: 6", "max: 6, length: 6"), "'length' already bounds the digits"),
    "no words for the keypad": (swap("keypad: {prompt: \"Or type the five digits.\", length: 5}", "keypad: {length: 5}", HOME), "Add 'keypad: {prompt: …}'"),
    "a choice of one": (swap("type: yes_no\n    ask: [\"Do you have a minute", "type: choice\n    choices: {a: [a]}\n    keypad: {prompt: Press one.}\n    ask: [\"Do you have a minute"), "a choice has 2 to 8 choices"),
    "nine choices": (swap("      other: [", "".join(f"      c{n}: [c{n}]\n" for n in range(6)) + "      other: [", HOME), "a choice has 2 to 8 choices"),
    "choices of a number": (swap("    type: integer_range", "    type: integer_range\n    choices: {a: [a]}"), "Use 'type: choice'"),
    "a bound on words": (swap("    type: timeline", "    type: timeline\n    explicit_above: 5"), "only numbers and amounts"),
    "a prefill from nowhere": (swap("    type: timeline", "    type: timeline\n    prefill: crm.start"), "Write lead.NAME or facts.NAME"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "says"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused(text: str, says: str) -> None:
    with pytest.raises(FlowError) as caught:
        parse_flow(text, "my.yaml")
    message = str(caught.value)
    assert says in message
    assert message.startswith(f"my.yaml:{caught.value.line}: ")
    assert caught.value.fix


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("confirm: none", "confrim: none"),
        ("end: unqualified", "end: lost"),
        ("== '3-6m'", "== 'soon'"),
        ("name: budget", "name: phone"),
    ],
)
def test_the_line_is_that_of_the_mistake(old: str, new: str) -> None:
    text = swap(old, new)
    wrong = [at for at, line in enumerate(text.splitlines(), start=1) if new in line]
    with pytest.raises(FlowError) as caught:
        parse_flow(text, "my.yaml")
    assert caught.value.line in wrong


@pytest.mark.parametrize("name", list_flows())
def test_shipped_flows_are_good(name: str) -> None:
    flow = load_flow(name)
    assert flow.name == name
    assert len(flow.hash) == 16


def test_the_hash_is_of_what_a_flow_says() -> None:
    flow = parse_flow(GOOD, "a")
    assert parse_flow(f"# a comment\n{GOOD}", "b").hash == flow.hash
    assert parse_flow(swap("Lee", "Kim"), "c").hash != flow.hash


def test_what_must_be_sure_is_confirmed_explicitly_whatever_the_file_says() -> None:
    flow = parse_flow(swap("type: phone", "type: phone\n    confirm: none"), "a")
    slot = flow.slot("phone")
    assert slot is not None
    assert slot.type is SlotType.PHONE
    assert slot.policy.confirm is Confirm.EXPLICIT


def test_a_flow_that_is_not_there() -> None:
    with pytest.raises(FlowError, match="b2b-software, home-services"):
        load_flow("no-such-flow")
