"""Yes or no, as people say it: "yeah no", "not really", "I suppose so", "no that's fine"."""

from __future__ import annotations

import re

from flows.hear.heard import NOTHING, Hearing
from flows.hear.words import plain

#: Tried in order; the first that is found decides. The order is the grammar: set phrases before their words.
_RULES: tuple[tuple[str, str, float], ...] = (
    # Neither: the caller does not know, or thinks aloud.
    (r"\b(?:yes and no|maybe|perhaps|it depends|that depends|depends|not sure|i'm unsure|don't know|dunno|no idea|no clue|couldn't say|can't say(?! (?:that )?(?:i|we) )|hard to say|"
     r"possibly|(?:could|might|may) be(?! (?:better|good|fine|right|correct))|hard to tell|complicated|let me (?:think|check|see)|who knows|good question|i'd have to (?:check|ask|look)|not certain|fifty fifty)\b", "", 0.0),
    # A no that is a yes.
    (r"\bno[, ]+(?:that's|that is|it's|that'd be|that would be|you're|it is) (?:\w+ )?(?:fine|right|correct|good|okay|ok|great|perfect|cool|alright|all right|true)\b|"
     r"\b(?:no problem|no worries|not a problem|why not|no doubt|no question|don't mind|no objections?|by all means|wouldn't mind|can't complain|couldn't agree more|"
     r"without a doubt|no harm|not at all,? go ahead|no,? go (?:ahead|on|for it)|no,? please do|no issues?)\b", "yes", 0.85),
    # A yes that is a no.
    (r"\b(?:yeah|yes|yep|oh|well|right|ok|okay|sure)[, ]+(?:but )?no+\b(?! (?:problem|worries|doubt|question))", "no", 0.75),
    # A no that is taken back.
    (r"\bno[, ]+(?:wait|sorry|actually|i mean|hang on)[, ]+(?:\w+ )?(?:yes|yeah|yep|we do|i do|i am|we are)\b|\bno[, ]+(?:yes|yeah|yep)\b", "yes", 0.75),
    (r"\b(?:yes|yeah|yep)[, ]+(?:wait|sorry|actually|i mean|hang on)[, ]+(?:\w+ )?(?:no|nope|we don't|i don't|i'm not|we aren't|not)\b", "no", 0.75),
    (r"\b(?:isn't|doesn't|don't|haven't) (?:wrong|incorrect|a problem)\b", "yes", 0.7),
    # A no said whole: "I have not", "that would not be correct", "not by a long shot", "out of the question".
    (r"\b(?:i|we|you|they|he|she|it|that|this) (?:am|is|are|was|were|do|does|did|have|has|had|can|could|will|would|should|must) (?:\w+ )?not\b(?! (?:mind|be a problem))|"
     r"\bnot (?:by a long|by any|in the least|in any|that i|that we|as such|on your life|happening|going to|gonna|one bit|remotely|entirely|much|personally|yours|the case|my|our|too|"
     r"(?:\w+ ){0,2}(?:correct|right|true|accurate|possible|so))\b|\bcan't say (?:that )?(?:i|we) \w+|\b(?:by no means|under no circumstances|out of the question|count (?:me|us) out|no chance|not a chance|no can do|none whatsoever|"
     r"untrue|false|nein|nee|nyet|that's a no|it's a no|a hard no|i(?:'ll| will) have to (?:say no|decline)|i decline|nothing (?:like that|of the sort|of the kind)|the opposite|the other way (?:a)?round)\b", "no", 0.9),
    # Doubtful and polite no.
    (r"\b(?:not (?:really|exactly|at all|quite|anymore|any more|at the moment|right now|yet|currently|for me|interested|particularly|that i know|as far as|necessarily|"
     r"especially|even|me|now|today|ever|this time|so much|in the slightest|a chance|likely|correct|right|true|us|here)|i'm not|we're not|we aren't|that's not|it's not|it isn't|that isn't|not me|"
     r"i don't think so|i doubt it|doubt it|don't believe so|i wouldn't say so|no way|of course not|certainly not|definitely not|absolutely not|afraid not|"
     r"unfortunately not|no thank you|no thanks|i'd rather not|rather not|i'll pass|i guess not|guess not|i suppose not|hardly|never|neither|none|negative|nah|nope|nay|nuh uh|uh uh|"
     r"probably not|i think not|hell no|no sir|no ma'am|wrong|incorrect|far from it|no longer)\b", "no", 0.9),
    (r"\b(?:i|we|you|they|he|she|it) (?:\w+ )?(?:don't|doesn't|didn't|can't|cannot|couldn't|won't|wouldn't|haven't|hasn't|isn't|aren't|wasn't|shouldn't|do not|did not|does not|am not|are not|is not)\b(?! (?:mind|see why not))", "no", 0.85),
    (r"\b(?:someone else|somebody else|my (?:boss|manager|wife|husband|partner|director) (?:does|decides|handles|would|makes|is)|that(?:'d| would) be (?:my|our) \w+)\b", "no", 0.6),
    (r"^\W*(?:no|non|know)\b|\bno\b[.! ]*$|\bno[.,]", "no", 0.95),
    # Yes.
    (r"\b(?:yes|yeah|yep|yup|yea|yah|ya|aye|yessir|uh huh|mm hmm|mhm|mm-hmm|uh-huh|affirmative|you bet|indeed|for sure|of course|sure thing|absolutely|definitely|certainly|"
     r"that's (?:right|correct|me|us|it|true|fine|good|okay|ok|great|perfect|the one|my \w+)|that is (?:right|correct|me|fine|true)|that works|works for me|sounds (?:good|great|fine|right|okay|about right)|that sounds (?:good|fine|right|great)|spot on|"
     r"exactly|precisely|correct|right on|totally|go ahead|go on|go for it|please do|yes please|true|(?:i|we|they) (?:am|do|have|can|would|will|was|are|did)(?! not\b| never\b| no\b)|"
     r"it is|it does|it was|they do|she does|he does|it sure is|speaking|i think so|i believe so|i suppose so|i guess so|i guess|i suppose|i'd say so|pretty much|more or less|most likely|probably|likely|naturally|obviously|"
     r"by all means|i should think so|hundred percent|100%|100 percent|you got it|you've got it|got it in one|that'd be (?:great|fine|good|me|nice|lovely)|that would be (?:great|fine|good|me|nice|lovely)|"
     r"i'd (?:love|like) (?:to|that)|love to|happy to|fair enough|i'm (?:the one|afraid so)|afraid so|too right|you could say (?:that|so)|i'd imagine(?: so)?|i imagine so|i expect so|i reckon(?: so)?|sounds like (?:a plan|us|me|it)|all ears|(?:that|it) checks out|let's (?:do (?:it|this|that)|go(?: ahead)?|hear it)|count (?:me|us) in|hit me|i'm game|ready when you are|bring it on|confirmed|i (?:can )?confirm|with pleasure|gladly|righto|right you are|okey ?dokey|roger(?: that)?|ten four|you're (?:right|correct)|amen|true that|damn straight|why yes|si|oui|all good|all correct|no mistake|if you (?:like|want|must|insist)|in fact|that is so|i'm ready|we're ready|you got that right|couldn't be (?:righter|truer|better)|damn right|it'd be me|guilty|mostly|sort of|kind of|kinda|roughly|fire away|shoot|cool|great|perfect|lovely|brilliant)\b", "yes", 0.9),
    (r"^\W*(?:sure|ok|okay|alright|all right|fine|right|good|k|yas|very much|always|already|still)\b", "yes", 0.8),
    (r"\b(?:i'm|we're) (?:in|on|the|still|already|looking|open|interested|happy)\b|\b(?:sure|okay|ok|fine)\b|\bjust me\b|\bmy (?:call|decision)\b|\bthat's my\b", "yes", 0.7),
    (r"\bno\b|\bso number\W*$", "no", 0.7),  # "so no", as recognisers write it
    (r"\bnot\b(?! (?:only|to mention|bad|mistaken))", "no", 0.6),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), value, certainty) for pattern, value, certainty in _RULES)
_SOFT = re.compile(
    r"\b(?:i think|i guess|i suppose|probably|likely|sort of|kind of|kinda|mostly|more or less|pretty much)\b"
)


#: Said while thinking: it begins a turn and answers nothing.
_THINKING = re.compile(
    r"^\W*(?:(?:oh|well|um|uh|hmm|ah)\W+)*(?:good question|let me (?:think|see)|let's see|you know)\b(?=.*\w)"
)


def yes_no(text: str) -> Hearing:
    """Hear "yes" or "no"; nothing for "maybe" and "it depends"."""
    lowered = _THINKING.sub(lambda found: " " * len(found.group()), plain(text))
    for pattern, value, certainty in _COMPILED:
        found = pattern.search(lowered)
        if not found:
            continue
        if not value:
            return _after_doubt(lowered, found)
        return Hearing(value, 0.75 if _SOFT.search(lowered) else certainty, found.span())
    return NOTHING


def _after_doubt(lowered: str, doubt: re.Match[str]) -> Hearing:
    """Take "it depends … but yes" and "yes, maybe ten" by the plain answer that begins or ends the turn."""
    clear = re.search(
        r"^\W*(yes|yeah|yep|no|nope)\b(?!,? (?:and no|idea|clue|i don't know))|\bbut (?:i'd say |i would say |basically |mostly )?(yes|yeah|no)\b",
        lowered,
    )
    if clear and doubt.group() not in ("yes and no", "no idea", "no clue"):
        word = next(group for group in clear.groups() if group)
        return Hearing("no" if word.startswith("no") else "yes", 0.6, clear.span())
    return NOTHING
