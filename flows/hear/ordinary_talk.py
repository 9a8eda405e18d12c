"""Ordinary talk that only sounds like an opt-out: "stop by on Tuesday", "don't call me before nine"."""

from __future__ import annotations

import re

_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)\w*"
_HOUR = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon|\w+ (?:am|pm|o'clock|thirty))"
_WHEN = (
    rf"(?:(?:any )?(?:earlier|later|sooner) than|before|until|untill?|till|after|between|during|while|when|on (?:a )?{_WEEKDAY}|{_WEEKDAY}|on (?:the )?(?:weekends?|holidays?|my day off|my lunch)|"
    rf"at (?:lunch|night|the weekend|weekends|dinner|the office|{_HOUR})|in the (?:morning|afternoon|evening|next|daytime)|today|tomorrow|tonight|right now|now|just yet|yet|this (?:week|month|morning|afternoon|evening)|next (?:week|month|\w+day)|"
    r"the (?:day after|fifteenth|\w+teenth|\w+th)|so early|so late|too early|too late|early|late|first thing|mornings|afternoons|evenings|over (?:the )?(?:weekend|christmas|lunch|holidays))\b"
)
#: What may follow "don't call me" in an opt-out; another word is a name or a title.
_AFTER_ME = (
    r"again|any|ever|back|please|at|on|here|or|no|about|with|for|from|to|in|anymore|and|period|this|unless|under|like|thank|thanks|ok|okay|out|over|because|if|every|all|so|it|i|i'm|man|mate|buddy|pal|lady|"
    r"asshole|bro|dude|people|you|right|seriously|end|full|got|is|do|but|my|just|that|what|don't|we|we're|never|stop|take|remove|another"
)
_THEY = r"(?:they|we|he|she|customers|clients|callers|vendors|suppliers|who|(?<!your )sales|(?<!your )team|(?<!your )staff|nobody|i|the [\w-]+|our [\w-]+|my \w+|(?<!you )(?<!your )people|users|tenants|patients)"

_TALK: tuple[str, ...] = (
    # Calling shots and names.
    r"(?:don't|do not|didn't|never|can't|doesn't|not the (?:one|person) (?:to|who)|not) (?:really |actually |usually )?calls? (?:the|those|any) (?:shots|tune)",
    rf"(?:don't|do not|please don't|never|nobody|no one) (?:ever )?calls? (?:me|us) (?!(?:{_AFTER_ME})\b)[a-z]+(?! again)",
    r"(?:don't|do not) call me (?:sir|madam|ma'am|mister|miss)",
    # A time, not a wish for silence.
    rf"(?:don't|do not|please don't|never|no|can't|cannot|won't|not) (?:call|ring|phone|contact|text|bother calling|disturb|bother|trouble|message)s?(?: me| us| here)?(?: back)? {_WHEN}",
    rf"no (?:more )?calls? {_WHEN}",
    rf"(?:don't|doesn't|do not) want (?:a |any |to be |to have |your )?(?:\w+ )?(?:calls?|called|contacted) {_WHEN}",
    rf"(?:don't|doesn't|do not) (?:give|make) (?:me|us) a (?:call|ring) {_WHEN}",
    rf"(?:rather|prefer)(?: \w+){{0,3}} (?:call(?:ed)?|contacted|ring|phone|rang)(?: me| us)? {_WHEN}",
    r"(?:don't|do not) contact (?:the )?(?:head ?office|my (?:boss|colleague)|\w+), (?:contact|call|ring)",
    # Off and from other things.
    r"(?:tak|put|get|let me tak|had to tak)(?:e|ing)? (?:me|us|you) off (?:of )?(?:speaker(?:phone)?|hold|mute|this contract|the contract|that contract|our (?:current|old)\b[\w ]*|my current\b[\w ]*|guard|bluetooth|the hook|track|paper|spreadsheets|excel)",
    r"(?:remove|take|strike) (?:me|us|my name|our name) (?:as|(?:off|from) (?:the |my |our |that |this )?(?:role|position|post|meeting|equation|lease|mortgage|contract|account|project|invoice|loop|agenda|invite|deed|door|order))",
    r"(?:get|take|pull|drop|clear|keep|knock|lift|cross|scratch|strike|want to get|took)(?: (?!me\b|us\b|my\b|our number|our name|our details|this number|our company|our phone)[\w']+){1,4} (?:off|from|out of) (?:the |that |this |our |your )?(?:list|table|agenda|board|wall|way|market|shelf|ground|features?|books|system|price|quote)\b",
    r"(?:get|want to get|move|moving|be|got) off (?:of )?(?:paper|spreadsheets|excel|the ground|the phone|work|this contract|our contract)",
    r"(?:delete|remove|erase|drop|wipe|clear|scratch|strike) (?:the|that|these|those|our|my) (?:old|last|existing|current|previous|duplicate|first|second|answer|test|stale)\b[\w ]*",
    r"(?:is |are |who's |'s )?on (?:the|our|your|a) (?:short ?)?lists? (?:for|of)\b|(?:put|add) me (?:on|to|down on) (?:the|your) list\b(?! of people not)|our (?:contact|call|calling|mailing|phone|customer) lists?\b[\w ]*",
    # Stopping something else.
    r"stop(?:s|ped|ping)? (?:by|over|off|in|round|at|there|you there|here for|working|using|paying|doing|losing|missing|wasting|short|signs?|gaps?|when|for (?:a|lunch|coffee))\b(?:(?: \w+){0,2} calls?)?",
    r"(?:bus|full|one|pit|next|last|truck|first|non) ?-?stop\b|(?<!put )(?<!putting )a stop\b|short stop|the stop\b|the bus stop",
    rf"(?:{_THEY})(?:'ve|'d)? (?:have |had )?(?:just |already |recently |will |would |to )?(?:stop|stops|stopped|quit) (?:cold[- ]?)?(?:calling|ringing|phoning|emailing|texting|contacting)",
    r"(?:stop|stopping|stopped|quit) (?:our|the|my|those|their|customers?|clients?|people|staff|patients?|users?|tenants|them|everyone|everybody|him|her)(?: \w+){0,3}? (?:calling|ringing|phoning|contacting|emailing)",
    r"(?:need|want|like|trying|have|help us|help me|way|how|easier|hard|easy|possible) (?:to )?(?:stop|quit|cease) (?:cold[- ]?|robo[- ]?)?(?:calling|ringing|phoning|texting|emailing|messaging|dialing|chasing|contacting) (?:our|people|every|customers|clients|everyone|each|them|round|around|all|by|patients|leads|so many|the|manually)",
    r"(?:lose|losing|lost|miss|missing|missed|drop|dropped|dropping|fewer|too many|handle|handling|take|taking|get|getting|make|making|hate making|record|recording|route) (?:(?:of|our|my|some|those|many|their|too|so|more|enough|inbound|incoming|outbound|about|customer|every|each|a|their own) ){0,3}calls?\b(?! from you| (?:to|at) (?:me|us|my|our|this)\b| like this| any ?more| again)(?<!these calls)(?<!your calls)(?<!sales calls)(?<!cold calls)(?<!more calls)(?<!the calls)(?<!any calls)(?<!another call)(?<!phone calls)(?<!marketing calls)(?<!receive calls)(?<!get calls)(?<!more sales calls)(?<!robocalls)(?<!robo calls)",
    r"(?:the|our|your|my|main|best|right|a|first) contact (?:for|is|was|at|person|here)\b",
    r"(?:get|want to get)(?: (?!me\b|us\b|my\b|our number|our name|our details|this number|our company|our phone number)[\w']+){1,4} off (?:the|that|this) list\b",
    # Others who do not call.
    r"(?:like|want|need|wish|asked|told|get|got|make|making) (?:them|him|her|the [\w-]+|our [\w-]+|my (?!number|phone)\w+) to (?:stop|quit) (?:calling|ringing|phoning|contacting)",
    rf"(?:{_THEY}) (?:\w+ )?(?:don't|do not|doesn't|never|didn't|can't|won't|hardly) (?:ever |even |really |actually |usually |always )?(?:call|ring|phone|contact|text)(?:s|ed)? (?!me again|us again|me any|us any|this number|here)(?:back|us back|me back|customers|clients|people|them|anyone|him|her|much|very|often|many|enough|every|cold|prospects|leads|suppliers|vendors|support|first|ahead|around)\b",
    r"(?:current |old |last )?(?:provider|supplier|vendor|contractor|company|firm|boss|colleagues?|they|he|she) (?:\w+ )?(?:never|don't|doesn't|didn't|won't) (?:ever )?(?:call|ring|phone|contact)s? (?:us|me)\b(?! again)",
    r"don't have (?:anyone|anybody|time|people|staff|enough people|somebody) to (?:call|ring|phone)",
    r"(?:why|how come) (?:did(?:n't)?|do(?:n't)?|has(?:n't)?|have(?:n't)?|won't)?(?: ?(?:you|nobody|no one|anybody|anyone|they|your \w+))?(?: \w+){0,2} (?:never )?(?:call|ring|phon|rang|contact)\w*(?: me| us)? back\b",
    r"(?:any|no|some|much|more|such|big|serious|little) troubles?\b(?! (?:from|with) you)(?! please)",
    r"(?:don't|do not|didn't) forget to (?:call|ring|phone|contact)(?: me| us)?(?: back)?",
    r"(?:don't|do not|didn't) hesitate to (?:call|ring|phone|contact)(?: me| us)?|(?:don't|do not|wouldn't) mind (?:you |being |if you |a )?(?:call(?:ing|ed)?|ring(?:ing)?|contact(?:ing|ed)?)(?: me| us)?",
    r"(?:don't|do not|didn't) (?:need|have) to (?:call|ring|phone|contact)(?: me| us)? (?:back |again )?(?:first|ahead|before)",
    r"(?:no one|nobody) (?:has |ever |had )?(?:called|rang|phoned|contacted) (?:us|me)",
    r"don't (?:bother|trouble) (?:calling|ringing|phoning) (?:before|until|after|on|my|the)\b",
    # Numbers kept, lost, given.
    r"(?:don't|do not|can't|won't|didn't|not|never|without|afraid of|worried about|keep|hate to|want to|'d|would|might|could|will|'ll|may) (?:want to |wanna |ever |going to |like to )?los(?:e|ing) (?:my|our|the|this) (?:numbers?|data|details|records?|information)",
    r"(?:don't|do not|please don't|never|didn't|won't|can't|i'd never|i) (?:take|remove|delete|drop|lose|erase|forget|forgot) (?:me|us|my number|our number|my details|our details)[\w ]*",
    r"(?:don't|do not|can't|not going to|won't|never|didn't|doesn't) (?:want to |have to |wish to |need to )?opt out",
    r"opt(?:ing)? out of (?:the |our |my |that )?(?:contract|pension|plan|benefits|insurance|scheme|lease|renewal|warranty|auto[- ]?renew\w*|lunch|meeting|package|union)",
    # Bother, leave, rest.
    r"(?:do not|don't) (?:bother|trouble) (?:with|about|sending|spelling|me with the details|explaining)|(?:doesn't|don't|not|didn't|won't) (?:really )?bother (?:me|us)\b(?! (?:again|any|ever|please|with))(?= (?:too|much|at all|that|none|if)|$|\.)",
    r"leave (?:me|us|it|my|our|your|the|that|this)(?! (?:\w+ ){1,3}alone)(?: \w+)? (?:a|an|with|your|some|out of pocket|the|time|enough|short|no|on|in (?!peace)|at|as|for|until|by|to|messages?|out of the)\b|leave us messages?",
    r"(?:no more|no further) (?:than|questions?|along|forward|ahead|details?|information)\b[\w ]*",
    r"(?:that|it|they|he|she|problem|issue|going|be|won't|not|is|are|to|was) go(?:ing|es)? away|(?:don't|got|get|get me) lost (?:on|in)|(?:do not|don't) disturb (?:is|was|on|mode|sign)|on do not disturb",
    r"last call of (?:my|the) day|harassment (?:training|policy|prevention|policies)|(?:lose|losing) the attitude|one more (?:thing|time|question|moment|call to make)",
    r"(?:end|stop) (?:up )?(?:\w+ )?call(?:ing)? (?:centers?|centres?)|call cent(?:er|re)s?",
    r"not (?:allowed|able|authori[sz]ed|permitted|supposed) to (?:decide|sign|say|spend|buy|approve|tell)|what do you need my consent for|not a (?:problem|big deal)",
    r"(?:who|what|which)(?: \w+){0,2} (?:called|rang|phoned)|didn't (?:you )?call (?:earlier|before|yesterday|last)|did you call\b",
)  # fmt: skip
_PATTERN = re.compile(r"\b(?:" + "|".join(_TALK) + ")")


def blank(said: str) -> str:
    """Return `said` with ordinary talk struck out by "#", every other character in its place."""
    return _PATTERN.sub(lambda found: "#" * len(found.group()), said)
