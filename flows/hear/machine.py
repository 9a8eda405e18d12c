"""Tell a machine that answered a call of ours from a person, by what it says: mailbox, call screener or menu."""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias, cast

from flows.hear.phrases import Phrases
from flows.hear.words import plain

Kind: TypeAlias = Literal["voicemail", "screening", "ivr"]

_GONE: Final = r"(?:not |un)(?:available|able)(?: to \w+ (?:your|the|this) \w+)?"
_KEY: Final = r"(?:one|two|three|four|five|six|seven|eight|nine|zero|\d|star|pound)"
_PHRASES: Final = (
    # a screener asks for a name and a reason, and may put the call through
    ("screening", r"\b(?:record|state|say|give|tell me) your name(?: and| after|,)(?! (?:\w+ )?(?:phone |telephone )?number)"),
    ("screening", r"\bname and (?:the |your )?reason for\b"),
    ("screening", r"\bi'll see if (?:this|the|that) (?:person|party) is available\b"),
    ("screening", r"\b(?:call assist|call screen\w*|screening (?:service|assistant|this call|your call|the call))\b"),
    ("screening", r"\b(?:google|virtual|automated) (?:voice )?assistant\b(?=.*\b(?:calling|name|screen\w*|who)\b)"),
    # the mailbox's own word, before its menu of what to press
    ("voicemail", r"\b(?:after|at|wait for|hear) the (?:\w+ )?(?:tone|beep|signal)\b"),
    # a menu, a queue, an office that is closed, a mailbox that takes nothing
    ("ivr", rf"\bpress {_KEY} (?:for|to|now|at any)\b|\b(?:for|to) [\w' ]{{2,40}},? press {_KEY}\b|\bpara espa[nñ]ol\b"),
    ("ivr", r"\b(?:party's|person's) extension\b|\bdial (?:by|their|the) (?:name|extension)\b"),
    ("ivr", r"\b(?:menu|options) (?:have|has) (?:recently )?changed\b|\blisten (?:carefully )?to (?:the|our) (?:following )?(?:menu|options)\b"),
    ("ivr", r"\byour call (?:is (?:very )?important|will be (?:answered|taken)|may be (?:monitored|recorded))\b"),
    ("ivr", r"\b(?:all|our) (?:of )?(?:our )?(?:agents|representatives|operators|lines|associates) are (?:currently |all )?busy\b|\bnext available (?:agent|representative|operator|associate)\b"),
    ("ivr", r"\b(?:our )?(?:office|business|opening) hours are\b|\b(?:we|our offices?) (?:are|is) (?:currently|now) closed\b"),
    ("ivr", r"\b(?:mail ?box|voice ?mail)(?: \w+){0,4} (?:is full(?! of)|cannot accept|is not set up|has not been set up|isn't set up)\b"),
    ("ivr", r"\b(?:number|line|call)(?: \w+){0,5} (?:cannot be completed|has been disconnected|is no longer in service|is not in service)\b"),
    # a mailbox
    ("voicemail", r"\b(?:leave|record) (?:(?:me|us|him|her|them|a|an|your|the|\w+) ){0,3}(?:message|name,? (?:and )?(?:\w+ )?(?:phone |telephone )?number|number and)\b"),
    ("voicemail", r"\breached (?:the )?(?:\w+ ){0,5}(?:voice ?mail|voice mail ?box|mail ?box|answering (?:machine|service)|messaging)\b"),
    ("voicemail", r"\bforwarded to (?:an? )?(?:\w+ )?(?:voice|mail|messag)\w*"),
    ("voicemail", rf"\b(?:person|party|customer|subscriber|user|number) (?:that )?(?:you(?:'re| are|'ve| have)? |i )?(?:\w+ ){{0,4}}(?:is|are) (?:currently )?{_GONE}\b"),
    ("voicemail", r"\b(?:can't|cannot|can not|unable to|not able to) (?:\w+ )?(?:come to the phone|get to the phone|take your call|answer (?:your call|the phone))\b"),
    ("voicemail", r"\b(?:i'll|we'll|i will|we will) (?:\w+ )?(?:get back to you|call you back|return your call) (?:as soon as|when|shortly)\b"),
    ("voicemail", r"\b(?:record your message|finished recording|hang up or press)\b"),
)  # fmt: skip
_KNOWN: Final = Phrases(_PHRASES)
#: Words that tell a recording only where somebody speaks long without a pause.
_RECORDED: Final = re.compile(
    r"\b(?:messages?|voice ?mail|mail ?box|tone|beep|you(?:'ve| have) (?:reached|called)|(?:get|call) (?:back to )?you back|name and (?:\w+ )?number"
    r"|not (?:here|available|in)|unavailable|away from|as soon as (?:i|we|possible)|thank you for calling|website|press)\b"
)
#: A person who answers for another one: offers, asks, and speaks of somebody.
_PERSON: Final = re.compile(
    r"\b(?:can|could|may|shall|should) i (?:take|give|pass|get|tell|ask)|\b(?:would|do|did) you (?:like|want|care|wish) to (?:leave|record)"
    r"|\b(?:you (?:can|could|may) leave (?:it|that|one)|leave (?:a|your|the) message) with\b"
)


def answered_by(text: str) -> Kind | None:
    """Return what kind of machine says this; None for a person, and whenever it is not certain."""
    said = plain(text)
    if _PERSON.search(said):
        return None
    return cast("Kind | None", next((name for name, _ in _KNOWN.find(said)), None))


def sounds_recorded(text: str) -> bool:
    """Whether a long opening has words of recordings."""
    said = plain(text)
    return bool(_RECORDED.search(said)) and not _PERSON.search(said)
