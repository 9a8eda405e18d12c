"""Generate ordinary answers, none of which asks for no more calls: templates over every slot type, in two wordings."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal

Part = Literal["tune", "held_out"]

_WORDS: Mapping[str, Sequence[str]] = {
    "n": ("two", "five", "eight", "twelve", "twenty", "twenty five", "thirty", "forty two", "fifty", "seventy", "ninety", "a hundred", "a hundred and fifty", "two hundred", "300", "a thousand"),
    "who": ("people", "employees", "staff", "users", "agents", "drivers", "technicians", "engineers", "seats", "colleagues"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "tomorrow", "next week", "the fifteenth", "the day after tomorrow"),
    "time": ("nine", "ten thirty", "noon", "half past two", "three", "quarter to four", "five", "eleven"),
    "sum": ("five hundred", "two thousand", "ten grand", "twenty k", "fifty thousand", "a hundred thousand", "fifteen hundred"),
    "per": ("a month", "a year", "per quarter", "in total", "for the year"),
    "when": ("right away", "in two months", "next quarter", "by the end of the year", "in the spring", "next year", "after the summer", "in March"),
    "what": ("our phone system", "the CRM", "the boiler", "the roof", "our website", "the kitchen", "our accounting software", "the call center", "our old contract", "the heating"),
    "first": ("Anna", "Tom", "Sarah", "Priya", "Lee", "Grace", "Omar", "Julia"),
    "last": ("Baker", "Johnson", "Patel", "Kim", "Clark", "Lopez"),
    "firm": ("Northwind", "Stoneworks", "Blue Door Bakery", "Harper Lane", "Bright Dental"),
    "role": ("owner", "office manager", "director", "head of sales", "buyer", "receptionist", "IT lead"),
    "um": ("", "", "", "um, ", "uh, ", "well, ", "so ", "yeah, ", "okay, "),
    "end": ("", "", "", " I think", " or so", " please", ", yes", " actually", ", thanks"),
    "hint": ("stop by", "call in", "drop in", "come over", "visit the office", "call me back", "ring me", "give me a call"),
    "busy": ("in a meeting", "driving", "on another call", "with a customer", "at lunch", "off work", "on holiday"),
}  # fmt: skip

_TEMPLATES: Mapping[Part, Sequence[str]] = {
    "tune": (
        "{um}about {n} {who}{end}", "{um}we have {n} {who}{end}", "{um}between {n} and {n} {who}", "{um}it's {n}{end}", "no, {n}, not {n}", "more than {n} {who}",
        "{um}around {sum} dollars {per}", "{um}we spend {sum} {per}{end}", "{um}our budget is {sum} {per}", "{sum} to {sum} {per}", "no more than {sum} {per}", "at most {n} {who}",
        "{um}{when}{end}", "{um}we want to start {when}", "not before {day}", "we'd like it {when}{end}", "we stop using {what} {when}", "we get rid of {what} {when}",
        "{um}{day} at {time}{end}", "{um}call me back {day} at {time}", "{hint} on {day}", "don't call me before {time}", "don't call me {day}, {day} is better", "please {hint} after {time}",
        "{um}this is {first} {last}", "{um}my name is {first}", "{first} from {firm}", "{um}I'm the {role} at {firm}", "don't call me {first}, it's {first} {last}", "I work for {firm}",
        "we want to replace {what}", "{what} keeps crashing", "{what} stopped working", "we are happy with {what}", "we want to get {what} off the list", "we need to remove {what} first",
        "yes{end}", "no, not really", "no, we don't have {what}", "yes, {n} of them", "no, I'm not the {role}", "the {role} decides about {what}",
        "we get about {n} calls a day", "we want to stop losing calls", "our {who} call {n} customers a day", "we never call customers after {time}", "I can't talk, I'm {busy}", "sorry, I'm {busy}, call me {day}",
        "how much is it for {n} {who}?", "what does {what} cost {per}?", "who is this?", "can you email me the details for {n} {who}?", "are you calling about {what}?", "I don't want to spend more than {sum}",
        "I don't call the shots on {what}", "take me off speaker, {first}", "leave me a message on {day}", "put me on the list for {day}", "remove {first} as decision maker", "don't remove {what} yet",
    ),
    "held_out": (
        "{um}I'd say {n} {who}{end}", "{um}there are {n} of us", "roughly {n} to {n}{end}", "{um}we employ {n} {who}", "{n}, sorry, {n}", "never more than {n} {who} at once",
        "{um}we put aside {sum} {per}", "something like {sum} {per}{end}", "anything up to {sum}", "it won't go over {sum} {per}", "we can't spend {sum} {per}", "don't quote more than {sum}",
        "{um}hopefully {when}", "the plan is {when}{end}", "no earlier than {day}", "we'd have to be done {when}", "we drop {what} {when}", "the contract for {what} ends {when}",
        "{um}how about {day} at {time}{end}", "could you ring back on {day} around {time}", "feel free to {hint} {day}", "don't ring until {time}", "no calls after {time} please, mornings are fine", "I never pick up before {time}",
        "{um}{first} {last} speaking", "you're talking to {first}", "{first} {last} with {firm}", "I look after {what} at {firm}", "nobody calls me {last}, just {first}", "we're {firm}",
        "{what} is far too slow", "{what} broke on {day}", "we'd keep {what} for now", "we took {what} off the wall", "somebody should delete the old data from {what}", "we're moving away from {what}",
        "that's right{end}", "nope, nothing like that", "we did have {what} but not any more", "right, {n} or {n}", "I'm the {role}, so yes", "ask the {role} about {what}",
        "callers leave us messages after {time}", "people stop calling when {what} is down", "our {who} hate making calls", "we don't phone anyone on {day}", "I'm {busy}, can it wait until {day}", "now isn't great, I'm {busy}",
        "what would {n} {who} cost {per}?", "is {what} included?", "which company are you with?", "send me something about {what}", "did you call on {day}?", "I won't pay {sum} for {what}",
        "somebody else calls the shots for {what}", "let me take you off mute", "take {n} off that, so {n}", "I can leave {what} out", "{first} is no longer the contact for {what}", "please don't delete {what}",
    ),
}  # fmt: skip


def ordinary(part: Part, count: int = 1200, seed: int = 7) -> list[str]:
    """Return `count` different answers, the same for the same seed, every template used about equally often."""
    source = random.Random(f"{part} {seed}")
    made: dict[str, None] = {}
    templates = _TEMPLATES[part]
    at = 0
    while len(made) < count:
        made.setdefault(_fill(templates[at % len(templates)], source))
        at += 1
    return list(made)


def _fill(template: str, source: random.Random) -> str:
    out, rest = "", template
    while "{" in rest:
        before, _, rest = rest.partition("{")
        name, _, rest = rest.partition("}")
        out += before + source.choice(_WORDS[name])
    return out + rest
