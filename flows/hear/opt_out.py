"""Recognise every way of saying "never call me again", which must not be missed (47 CFR 64.1200(a)(10), PECR reg 21)."""

from __future__ import annotations

import re

from flows.hear.heard import NO_INTENT, Intent
from flows.hear.ordinary_talk import blank
from flows.hear.phrases import Phrases
from flows.hear.words import plain


def _any(*parts: str) -> str:
    return "(?:" + "|".join(parts) + ")"


#: Up to `most` words of any kind inside one clause.
def _words(most: int) -> str:
    return rf"(?:[\w'-]+ ){{0,{most}}}"


_END = r"(?= ?(?:$|[.,!?;—]))"
_CONTACT = _any(
    "call(?:s|ed)?", "rings?", "rung", "phone[sd]?", "contact(?:s|ed)?", "dial(?:s|led|ed)?", "telephoned?", "bother(?:ed)?", "text(?:ed)?",
    "messaged?", "harass(?:ed)?", "pester(?:ed)?", "hassled?", "disturb(?:ed)?", "solicit(?:ed)?", "spam(?:med)?", "annoy", "reach out(?: to)?", "get in touch(?: with)?", "be in touch(?: with)?", "trouble", "approach(?:ed)?", "chase", "nag", "badger", "hound(?:ed)?", "pursue", "target(?:ed)?",
    "market(?:ed)? to", "sell to", "cold[- ]?call(?:ed)?", "pitch", "buzz",
)  # fmt: skip
_CONTACTING = _any(
    "calling", "ringing", "phoning", "telephoning", "contacting", "dialing", "dialling", "bothering", "texting", "messaging", "harassing", "pestering",
    "hassling", "disturbing", "soliciting", "spamming", "cold-calling", "robocalling", "annoying", "bugging", "e-?mailing", "blowing up my", "reaching out", "getting in touch", "chasing", "nagging", "badgering", "hounding", "pursuing", "targeting", "cold[- ]calling", "spamming", "making these",
)  # fmt: skip
_CALLS = _any("(?:phone ?|sales |cold |robo-? ?|marketing |spam )?calls?", "phonecalls?", "contact", "communications?", "robo-?calls?", "solicitations?", "telemarket\\w+", "callers?", "messages", "cold-?calls?")  # fmt: skip
_OBJECT = _any(
    "me", "us", "my", "our", "this", "here", "more", "again", "back", "any ?more", "ever", "the house", "anyone here", "at all", "please", "for", "about", "by", "at", "on", "under",
    "or", "in", "because", "no", "ok", "okay", "and", "thanks", "thank", "period", "if", "to", "with", "without",
)  # fmt: skip
#: Words that may stand between a negation and the contact it forbids.
_GLUE = (
    r"(?:(?:you|ever|want|wants|wish|like|liked|care|need|to|be|being|people|guys|anyone|anybody|someone|somebody|from|your|company|team|colleagues|the|right|permission|authority|dare|please|even|"
    r"bother|try|trying|let|have|had|get|getting|give|given|gave|consent|consented|agree|agreed|expect|accept|should|would|any|our|again|going|supposed|allowed|permitted|authorized|authorised|my|"
    r"think|about|all|it|if|who|that|did|for|lot|them|keep|kept|he|she|they|one|office|firm|staff|just|firms?|call centers?|number|is|of) ){0,9}"
)
_NOT = _any(
    "don't", "dont", "do not", "never", "not to", "not be", "not", "nobody", "no one", "none of you", "shouldn't", "should not", "mustn't", "must not", "can't", "cannot", "won't",
    "will not", "no right", "no permission", "no longer", "ought not", "didn't", "did not", "wouldn't", "aren't", "haven't", "have not", "rather you",
)  # fmt: skip
_LIST = _any(
    "lists?", "data ?bases?", "records?", "systems?", "files?", "register", "registry", "diall?er", "campaigns?", "marketing", "roster", "contacts", "books?", "directory", "crm", "mailings?", "computers?",
    "phone ?book", "rolodex", "queue", "rota", "spreadsheets?", "call sheet", "call log", "calling", "it", "this", "there", "that", "here", "everything",
)  # fmt: skip
_REMOVE = _any(
    "tak(?:e|ing|en)", "remov(?:e|ing|ed)", "delet(?:e|ing|ed)", "get(?:ting)?", "strik(?:e|ing)", "struck", "cross(?:ed)?", "scrub(?:bed)?", "drop(?:ped)?", "scratch(?:ed)?", "wip(?:e|ed)", "eras(?:e|ed)", "pull(?:ed)?",
    "purged?", "knock", "keep", "kick", "clear(?:ed)?", "expunged?", "leave", "want", "lift", "destroy", "forget", "discard", "dump",
)  # fmt: skip
_DESTROY = _any(
    "remov(?:e|ing)", "delet(?:e|ing)", "eras(?:e|ing)", "wip(?:e|ing)", "forget", "destroy", "scrub", "purg(?:e|ing)", "lose", "bin", "chuck", "toss", "ditch", "burn", "shred", "scrap", "throw(?: away| out)?", "rip up", "tear up", "get rid of",
    "dump", "trash", "rub out", "blot out", "exclude", "omit", "withdraw", "unregister", "de-?register", "deactivate", "disable", "take away", "take out", "pull", "kill", "nuke", "expunge", "discard", "clear", "take down", "strike", "cross out", "block", "blacklist", "suppress", "unlist",
)  # fmt: skip
_AGREEMENT = (
    r"contracts?|leases?|agreement|policy|plan|account|project|meeting|role|deal|board|mortgage|invoice|loan|tenancy"
)
_DETAILS = _any("number", "numbers", "name", "details", "info", "information", "data", "record", "records", "entry", "contact", "contacts", "line", "phone", "company", "business", "firm", "address", "email", "household", "household's", "shop", "store", "office", "practice", "clinic", "organi[sz]ation", "home", "house")  # fmt: skip
_OURS = rf"(?:me|us|mine|(?:my|our|this|that|these|the) (?:(?:phone|contact|mobile|cell|home|personal|telephone|own|whole|entire|work|office|business|company) )*{_DETAILS}s?(?: and (?:my |our )?{_DETAILS})*|this|my (?:wife|husband|mother|father|son|daughter|boss|colleague))"
_GONE = _any("removed", "deleted", "taken off", "taken out", "erased", "scrubbed", "wiped", "struck", "struck off", "struck out", "cut out", "cleared", "crossed off", "unlisted", "dropped from", "de-?listed", "purged", "blacklisted", "blocked", "forgotten", "unsubscribed", "excluded", "omitted", "withdrawn", "deactivated", "destroyed", "de-?registered", "rubbed out", "pulled", "off (?:your|the|this)")  # fmt: skip
_CALLS_END = rf"(?:{_END}|(?= (?:from|about|like|of|any|again|to my|at|here|please|thank|thanks|on (?:this|my|our)|ever|and|so|or|this)\b))"
_CLAUSE = r"(?:^|[.,!?;—] ?|\b(?:just|please|now|and|so|oh|you|well|no|yeah|then|hey|to|look|thanks|okay|ok) )"

_BE = r"(?:is|are|be|being|been|was|were|gets?|got|getting|must|has|have|had|should|need(?:s|ed)?|to|please|all|now|finally|completely|permanently|totally|also|both|not just|will|can|could|may|ought|better|immediately)"
_RULES: tuple[tuple[str, str], ...] = (
    # Composed: whose details x that they go, in any order; that calls come to an end; a limit set to patience.
    ("details-gone", rf"\b(?:my|our|this|these|his|her|the (?:family|household|company)'s) (?:(?:phone|contact|mobile|cell|home|personal|telephone|own|whole|entire|work|office|business|company) )*{_DETAILS}(?: and (?:my |our )?{_DETAILS})? (?:{_BE} )+{_GONE}\b(?! (?:from|off) (?:the|that|our) (?:{_AGREEMENT}))"),
    ("details-verb", rf"\b(?:my|our|this) (?:phone |contact )?{_DETAILS},? (?:you|please|kindly|just|they|must|should|have to|need to|now|to)(?: (?:you|must|should|please|have to|need to|now|can|just|go and|to|also))* {_any(_DESTROY, _REMOVE)}\b"),
    ("bare-calls", rf"^\W*(?!(?:we|i|they) (?:get|got|have|had|receive|make|take) )(?:{_words(2)})?no (?:more |further |other |sales |marketing |cold |phone |unsolicited |such |of these |of your )*(?:calls?|phone calls|solicit\w+|telemarket\w+|marketing|cold callers?|sales people)(?:[, ]+(?:please|ever|again|thanks?|thank you|at all|here|to (?:this|my|our) \w+|whatsoever|at this \w+|from you\w*|any ?more|period|full stop|okay|sorry|for me|for us|and i mean it))*\W*$"),
    ("calls-end", r"\b(?:these|your|those|all|all the|the|such|all these|all of these|all your) (?:\w+ )?(?:calls?|calling|phone calls|phoning|ringing|harassment) (?:to|must|should|has to|have to|need to|needs to|ought to|had better|better|are to|come to an|came to an) ?(?:please |just )?(?:stop|end|cease|go away)\b(?! (?:up|with|at|in|of|by)\b)|\b(?:put|putting|bring|want) an? (?:stop|end|halt) (?:to|of) (?:it|this|these|the|your|all|them|that)\b|\bmake (?:it|them|this|these|the calls|these calls|all this) (?:all )?(?:stop|end|go away)\b"),
    ("fed-up", r"\b(?:sick|tired|fed up|weary|had enough|done|through|over it|annoyed|enough) (?:and tired )?(?:of|with|by)? ?(?:always |constantly |you |your company |people )*(?:being|getting|receiving|having|get|got|be) ?(?:called|phoned|rung|contacted|bothered|pestered|harassed|these|your|calls|so many calls|sales calls|cold calls)\b"),
    ("legal", rf"\b(?:sue|suing|lawsuit|lawyers?|attorneys?|solicitors?|police|complain\w*|complaint|report(?:ing)? (?:you|this|it)|fcc|ftc|ico|ofcom|legal action|take you to court|press charges)\b[\w', ]{{0,40}}\b(?:if|when|next time|should|unless|every time)\b[\w', ]{{0,30}}\b(?:{_CONTACT}|{_CONTACTING}|another call|again|do not stop|don't stop|keep (?:on )?(?:this|doing|it))\b"),
    ("permission", r"\b(?:not|never|no longer|don't|didn't|do not|did not|haven't|won't|without) (?:\w+ ){0,2}(?:giv\w+|gave|grant\w*|have|had|got|allow\w*|provid\w*|my) (?:\w+ ){0,3}(?:permission|consent|authori[sz]ation|the right)\b(?! to (?:decide|sign|buy|spend|approve|access))|\b(?:object|objecting|objection) to (?:\w+ ){0,4}(?:calls?|calling|contact\w*|marketing|processing|being)\b|\b(?:you|they|your company)(?: people)? (?:have|had|has|got|are|were|is) (?:no|not|never had|never|without) (?:any )?(?:permission|consent|authori[sz]\w+|business|right|allowed) ?(?:to|for|calling|ringing)?"),
    ("way-out", r"\b(?:way|how|what (?:do|must|should|can) (?:i|we)(?: have to)?(?: do)?|possible|option|button|key|like|want|wish|prefer|love|need|let|get) (?:\w+ ){0,3}(?:to (?:not get|not receive|never get|stop getting|avoid|get out of|get rid of|end|escape)|out of) (?:\w+ ){0,2}(?:these|your|such|this|sales|any more|more|all these|the)? ?(?:calls?|calling|phone calls|database|system|list|lists|contact list|program|thing|mailing list)\b(?! (?:center|centre|with|and replace))"),
    ("cease-all", r"\b(?:cease|discontinue|terminate)(?: \w+){0,4} (?:contact|calls?|calling|communications?|solicitations?)\b|\b(?:stop|end|halt)(?: (?:all|any|every|telephone|phone|further|future|marketing|sales|this|such|unwanted))+ (?:contact|calls?|calling|communications?)\b"),
    ("not-in-yours", r"\byour (?:records|files|systems?|database|lists?|computers?|books)\b[\w ]{0,30}\b(?:no longer|not|never|without)\b[\w ]{0,20}\b(?:my|our|me|us|this)\b"),
    ("one-word", r"^\W*(?:please |just |now )*(?:remove|delete|removal|unsubscribe|quit it|quit that|cut it out|knock it off|pack it in|give it a rest|give it up|not again)(?: please| now| already| please stop(?: it)?)*\W*$"),
    ("and-delete-it", rf"\b(?:my|our|this|whatever|that|the phone) (?:\w+ )?{_DETAILS}\b[\w' ]{{0,30}}\b(?:and|then|please) (?:just |please |now )?{_DESTROY} (?:it|them|everything)\b|\b(?:delete|remove|erase) (?:the )?(?:phone |telephone |mobile )?number (?:my|mine|please|of (?:me|mine|us))\b|\b(?:cancel|void|close|annul) (?:my|our) (?:entry|record|records|listing|data|details|registration) (?:in|on|from|with)\b"),
    ("line-through", rf"\b(?:put|draw|run) a line (?:through|under) {_OURS}\b|\b(?:sign|log) (?:me|us) (?:off|out)\b|\b(?:number|phone|line)\b[\w' ,]{{0,40}}\b(?:don't|do not|never|no longer) (?:ever )?(?:use|dial|try|ring|call) (?:it|this|that)\b"),
    ("press-to-stop", r"\bwhat (?:do|can|should|must|would|have) (?:i|we)(?: have to| need to)? (?:press|dial|say|do|type|push|hit) (?:to|so|for)\b[\w' ]{0,25}\b(?:stop|end|avoid|not get|no longer|opt|unsubscribe|off)\b"),
    ("or-else", r"\b(?:next time|otherwise|or else|or) (?:i'll|i will|i'm going to|we'll|we will|i am going to|i'm|i shall)\b[\w' ]{0,25}\b(?:police|lawyers?|attorney|solicitor|report|sue|suing|complain|complaint|authorities|fcc|ftc|ico|ofcom|court)\b"),
    ("use-for", r"\bnot (?:to be |be |meant to be )?(?:used|meant|intended|available) for (?:\w+ )?(?:marketing|sales|soliciting|solicitation|cold calls|calls|advertising)\b|\b(?:put|add|place|have) (?:me|us|this number|my number|our number) (?:on|to|onto) (?:your |the |a |any )?(?:black ?list|blocked list|block ?list|suppression|exclusion|opt[- ]out|no[- ]calls?|do[- ]not)\b"),
    ("make-no-call", rf"\b(?:don't|do not|never|not) (?:ever )?(?:make|place|do|give) (?:any |a |more |your |such )*(?:phone |telephone )?calls? (?:to|at|on) (?:me|us|my|our|this|here)\b|\b(?:asked|asking|requested|told you|begged)(?: \w+){{0,5}} to be {_any(_GONE, 'left alone', 'left in peace')}"),
    ("broken", r"^\W*(?:please )?(?:remove|delete|erase|cancel) (?:my |the |this |our )?(?:phone |telephone )?number(?: please| now)*\W*$|\b(?:no|not) (?:more )?(?:disturb|bother|harass|annoy) (?:me|us|my|our|this)\b|\b(?:breaking the law|against the law|illegal)\b(?=.*\b(?:call\w*|stop|contact\w*)\b)"),
    ("last", r"\b(?:last|final) (?:time|call|warning|occasion)\b(?=.*\b(?:you|your|i'm going to|from you|ever|again)\b.*\b(?:call|phone|ring|contact|hear|tell|bother|say)\w*)|\bdon't (?:you )?(?:ever )?(?:make|have) me (?:tell|say|ask|repeat)[\w' ]*\b(?:again|twice)\b(?=.*\bcall)|\b(?:told|asked|requested|said to|begged) (?:you|them|your \w+|you people|you guys|someone)(?: \w+){0,4} (?:not to|to stop|to quit|to leave|to remove|to take (?:me|us|my|our)|to delete|to lose|stop|never to)\b"),
    ("cease", rf"\b{_any('stop', 'stopping', 'quit', 'cease', 'cut (?:it |that )?out', 'knock (?:it |that )?off', 'pack (?:it )?in', 'refrain from', 'desist', 'lay off', 'enough', 'end(?! of)', 'halt', 'no more', 'no further', 'no other', 'zero more', 'not one more', 'not another', 'never another', 'sick', 'tired', 'fed up', 'done with', 'had it with', 'give up', 'finish')}[, ]+{_words(5)}?(?:{_CONTACTING}\b|(?:calls?|(?:all|the|these|your|of|sales|cold|phone|more|further|with|other|any|marketing|spam|those|this|such|unwanted|robo|constant|endless|bloody|damn|ever|another) ?{_CALLS})\b)"),
    ("cease-noun", rf"\b(?:stop|cease|end|no more|no further|no other|not one more|zero more|quit) {_CALLS}\b"),
    ("calls-must-stop", rf"\b(?:the|these|your|those|this|it|all|such|sales|any) (?:{_CALLS} |calling |nonsense |harassment )?{_any('to', 'has to', 'have to', 'must', 'need to', 'needs to', 'should', 'better', 'had better', 'just', 'all')}? ?(?:to |please )?(?<!truck )(?<!bus )(?:stop|end|cease)(?:s|ped|ning)?(?:{_END}| now\b| right now\b| today\b| immediately\b| at once\b)"),
    ("how-to-stop", rf"\bhow (?:do|can|would|could|might|should) (?:i|we|you) {_words(3)}(?:stop (?:these|this|getting|receiving|your|you|all these|the calls)\b|make (?:this|it|them|these|you) {_words(2)}stop|opt|get (?:off|out|myself off|us off|me off) )"),
    ("forbid", rf"\b{_NOT} {_GLUE}{_CONTACT}(?: {_OBJECT}\b|{_END})"),
    ("forbid-doing", rf"\b(?:{_NOT}|stop) (?:\w+ )?(?:be|want|like|appreciate|keep|need|you|your company|have|having) {_GLUE}{_CONTACTING}\b"),
    ("forbid-by-name", rf"\b(?:forbid|prohibit|ban|banning|forbidding) (?:you|your \w+)\b|\b{_NOT} (?:\w+ )?want {_OURS} (?:on|in) \w+|\bnot for (?:\w+ )?(?:marketing|sales|cold|telemarketing)\b|\byou(?:'re| are|'ve been| have been)? (?:keep |just keep )?call(?:ing|ed)? (?:me |us )?(?:too (?:much|often|many)|constantly|non-?stop|all the time|every (?:day|week))"),
    ("forbid-bothering", rf"\b(?:don't|do not|no need to|never) (?:even )?(?:bother|try|keep|start|think about|waste your time|carry on) {_CONTACTING}\b|\b(?:don't|do not|nobody|no one|never) {_words(3)}wants? {_words(4)}{_CONTACTING}\b"),
    ("forbid-again", rf"\b(?:don't|dont|do not|never) (?:ever |you ever |you dare |please )*(?:{_CONTACT}|do that|do this|come back|try|try it|use) {_words(4)}(?:again|ever|any ?more)\b"),
    ("no-call-given", rf"\b(?:don't|do not|never) (?:ever )?(?:give|make|place) (?:me|us|this)?{_words(3)} ?(?:calls?|ring|bell|buzz)\b"),
    ("want-no-calls", rf"\b{_any('don.t', 'do not', 'never', 'no longer', 'wouldn.t', 'not', 'nobody', 'no one')} {_words(4)}(?:wants?|wish|need|like|care|appreciate|ask(?:ed)?|welcome|tolerate|interested in) {_words(4)}?{_CALLS}{_CALLS_END}"),
    ("get-no-calls", rf"\b{_any('don.t', 'do not', 'never', 'no longer', 'won.t', 'will not', 'not')} {_words(4)}(?:get|getting|receive|receiving|take|taking|accept|accepting|have|allow|entertain|answer) {_words(3)}?(?:sales|cold|marketing|these|your|any more|more|such|unsolicited|telemarketing|robo|spam|further|any of your|this kind of|this type of|any) ?{_words(2)}{_CALLS}\b"),
    ("get-no-more", rf"\b{_NOT} {_words(3)}(?:get|getting|receive|receiving) {_words(1)}(?:any )?more of (?:these|those)\b{_END}"),
    ("hear-no-more", rf"\bno (?:wish|desire|interest in|intention) (?:to |of |in )?(?:hear|be(?:ing)? (?:called|contacted)|receiv)\w*|\bnot (?:speak|talk)(?: \w+){{0,2}} (?:again|ever)\b|\b{_any('don.t', 'do not', 'never', 'no longer', 'not', 'won.t', 'wouldn.t', 'nothing', 'nobody', 'no one', 'none of us', 'neither')} {_words(8)}hear(?:ing)? (?:from (?:you|your|this|anyone|any of|them|anybody|y'all)|back from|anything (?:more |else )?from|another (?:word|peep)|any ?more from|you again|your voice|of you)"),
    ("off-list", rf"\b{_REMOVE} {_any('off', 'out', _OURS)} (?:{_words(2)})?(?:off|from|out of|out|of|down from)\b ?(?:of )?(?:(?!spreadsheets?\b|the (?:phone|call|line)\b){_words(6)})?{_LIST}\b"),
    ("off-your-list", rf"\b(?:off|from|out of|on) (?:of )?{_any('your', 'this', 'that', 'any', 'these', 'every', 'whatever', 'the')} {_words(3)}(?:call(?:ing)?|contact|calls|phone|marketing|mailing|dial(?:l)?ing|telemarketing|lead|prospect) ?lists?\b(?<!put me on the list)|\b(?:off|from|out of) (?:of )?your (?:\w+ )?(?:lists?|books|dialler|dialer)\b|\b(?:off|out of) (?:this|the|that) lists?\b"),
    ("remove-me", rf"\b(?:take|remove|delete|scrub|strike|cross|erase|wipe|drop|purge|get|knock) (?:me|us) (?:off|out)(?: of (?:this|there|it|here|that|your \w+))?(?:{_END}| (?:now|please|then|thanks|thank|right|immediately|would|asap|for good|permanently|completely|already|today|and|because|for|altogether)\b)|\b(?:remove|delete|erase|scrub|purge|unlist|wipe|expunge) (?:me|us|this number|the number|this line|this household)\b|\b(?:take|strike|cross|drop|knock) {_OURS} off\b"),
    ("remove-details", rf"\b{_DESTROY} (?:all |about |of |completely |kindly |any |please |just |now |also )*(?:my|our|this|the|that|these) (?:(?:phone|contact|mobile|cell|home|personal|telephone|own|whole|entire|work|office) )*(?:number|numbers|name|details|info|information|data|record of (?:me|us)|contact details|contacts?|personal data|entry)\b(?! (?:of (?:people|staff|employees|users)|one|two|is on))|\bthrow {_OURS} (?:away|out)\b"),
    ("be-removed", rf"\b(?:i|i'd|i'll|i've|i'm|we|we'd|we've|we're|me|us|{_OURS})(?: (?:want|wants|would|like|need|needs|to|be|have|had|please|can|could|should|must|been|asked|ask|asking|get|just|is|has|me|us|my name|my number|our number|my details|our details|myself|my data|our data|requested|request|demand|expect|it|being|prefer|am|are))* (?:be|being|get|getting|been|me|us|my name|our name|{_OURS}) {_GONE}\b(?! (?:from|off|as) (?:(?:the|that|our|this|my) )?(?:\w+ )?(?:{_AGREEMENT}))"),
    ("please-remove", rf"\b(?:have|get|want|need|see|like) (?:all |every |any |of )*(?:{_OURS}|(?:record|trace|mention) of (?:me|us)) (?:\w+ )?{_GONE}\b|\b(?:can|could|may|might) (?:i|we) (?:please )?(?:be|get) {_words(1)}{_GONE}\b"),
    ("forget-me", r"\b(?:erase|delete|wipe|remove|destroy) (?:everything|anything|whatever|all) (?:\w+ ){0,3}(?:on|about|of) (?:me|us)\b|\bforget (?:you (?:ever )?(?:had|have|know|knew|got)|that you (?:have|had|know)|i (?:ever )?exist|we (?:ever )?exist|about (?:me|us) (?:completely|altogether|please|entirely))"),
    ("register", r"\bunsubscrib(?:e|ing)\b|\bopt(?:ed|ing|s)?[- ](?:\w+ ){0,3}?out\b|\bopt-?out\b|\bopting-?out\b|\bd\.? ?n\.? ?c\.?\b|\bt ?\.?p ?\.?s\b|\btelephone preference|\bpreference service|\bsuppression list|\b(?:no|never|not|don't|do not)[- ](?:call|contact|calls|call me) (?:list|register|registry|rules|law|laws|database|status|file)"),
    ("mark-me", r"\b(?:as|me|us|down|mark(?:ed)?|flag(?:ged)?|account|number|line|add(?:ed)?|record|status|put)(?: \w+){0,4} (?:do|to|as|a)[- ](?:not[- ](?:call|contact|disturb|ring|phone))|\bdo[- ]not[- ](?:call|contact)(?: list| register| registry|ed| household| house| home| number| line| family| person)\b|\bblack ?list (?:me|us|my|our|this)|\b(?:i|we|i'm|we're|i'll|we'll|i've|i have) (?:\w+ ){0,2}block(?:ing|ed)? (?:you|this|your)\b"),
    ("alone", rf"\bleave (?:me|us|my|our|this|people|him|her|them|the) ?{_words(2)}(?:alone|be|in peace)\b|\blet (?:me|us) (?:be|alone){_END}|\bget off my (?:phone|line|back|case)\b|\b(?:this is|it's|that's|you're|is|are|you are) (?:\w+ )?harass(?:ing|ment)|\bharassing (?:me|us|my|people)\b|\bcease and desist\b|\binvasion of (?:my )?privacy\b"),
    ("angry", rf"\b(?:fuck|piss|bugger|sod|eff|naff|bog) (?:right )?off\b|\b(?:fuck|screw|damn) (?:you|your)\b|{_CLAUSE}(?:go away|get lost|buzz off|back off|shove off|clear off|jog on|do one|go to hell|take a hike|get stuffed|beat it|drop dead)\b|\bdon't you dare\b"),
    ("law", rf"\b(?:consent|permission) (?:is |was |now |has been |hereby )*(?:withdrawn|revoked|rescinded|cancelled)\b|\b(?:revok\w+|withdraw\w*|rescind\w*|cancel\w*|retract\w*|tak(?:e|ing) back|remov(?:e|ing)) {_words(3)}(?:consent|permission|authori[sz]ation)\b|\b{_NOT} {_words(3)}(?:consent(?:ed)?|authori[sz]ed?) (?:to |for )?(?:this|these|your|any|being|be|calls?|you|receiv\w+|anything)\b|\b{_NOT} (?:\w+ )?consent{_END}|\b(?:never|didn't|did not|haven't|have not|don't|do not) (?:\w+ )?(?:agree[d]?|g[ai]ven?|give|sign(?:ed)? up|ask(?:ed)?|want(?:ed)?|grant(?:ed)?) {_words(4)}(?:be called|be contacted|these calls|this call|any calls|your calls|to call|calls? from|to contact|to ring|to phone)\b|\bno (?:right|permission|consent|business|authority) (?:to )?(?:call|contact|ring|phone|calling|contacting|ringing)|\b(?:without) (?:my |our )(?:consent|permission)\b|\b(?:right to (?:object|erasure|be forgotten|opt)|g\.?d\.?p\.?r|t\.?c\.?p\.?a)\b|\bobject to (?:these|this|you|being|direct|any|your|marketing|further|calls)\b"),
    ("threat", r"\b(?:contact|call|phone|get|hear from) (?:ing )?my (?:lawyer|attorney|solicitor)s?\b|\b(?:if|next time|when|should) (?:you|your company|anyone|you people|you guys|i|one of you|any of you|somebody)(?: \w+){0,3} (?:call|ring|phone|contact|calls|rings|hear from you)\b[\w', ]{0,40}\b(?:report|sue|suing|lawyer|police|complain\w*|attorney|solicitor|fcc|ftc|ico|ofcom|court|legal|block|press charges)|\bcall (?:me|us|here|this \w+) (?:\w+ )?again and\b|\b(?:i'll|i will|i'm going to|gonna|i am going to|we'll|i'm|i am|we're|i shall|we will) (?:be )?(?:\w+ )?(?:report(?:ing)? (?:you|this|your)|su(?:e|ing) you|complain(?:ing)? (?:about you|to (?:the )?(?:ico|ofcom|fcc|ftc|regulator)))"),
    ("last-time", rf"\b(?:be|is|was|make (?:this|it|that)|let this be|that's) (?:the |your |my )?(?:very )?(?:last|final) (?:time|call)(?:{_END}| (?:you|i (?:get|want|hear|ever|receive)|we (?:get|want|hear|ever)|from|ever|to me|please)\b)|(?<!once )\bnever again\b|\b(?:for the|one) last time\b|\b(?:make sure|ensure|see to it|guarantee|see that|so that|promise|confirm|swear|assure)(?: (?:me|us))?(?: that)? {_words(4)}(?:not|never|no one|nobody|don't|doesn't|no more|nothing|won't|no further|isn't|aren't)(?: \w+){{0,4}}? {_any(_CONTACT, 'calls', 'calling', 'callers', 'bothered')}\b"),
    ("rather-not", rf"\b(?:i'd|i would|we'd|we would|i|we) (?:really |much |all |strongly |just )*(?:rather|prefer|appreciate|be grateful|be happier|be glad|be obliged|like|thank you)(?: it| that| to)?(?: if| to)? ?(?:you |to |be |anyone )*(?:not |no one |nobody |no longer |never |didn't |did not |wouldn't |stopped |left |don't |do not |refrained )+(?:to |be |from )*{_words(2)}{_any(_CONTACT, _CONTACTING, 'alone')}\b"),
    ("request-to-stop", r"\b(?:will|would|could|can|won't) (?:you|you people|you guys|y'all) (?:please |just |kindly |ever )*(?:stop|quit it|cease)\b(?! (?:by|in|over|at|there|for|talking|speaking|and|so|a|the|to|off|round|interrupting|that noise))"),
    ("polite", rf"\b(?:obliged|grateful|appreciat\w+|happier|happy|glad|nice|kind|thank you|prefer it|better) (?:it )?if {_words(4)}(?:ceased|stopped|quit|refrained from|gave up) {_CONTACTING}\b"),
    ("telegraphic", r"\bno more (?:tele)?phone\b(?! (?:number|line|system|bill|contract)s?)|\bi (?:have |had )?(?:say|said|told|tell)(?: you)? (?:already )?no calls?\b|\b(?:calls?|phone|telephone|bother) (?:me |us )?(?:always )?(?:too|so) (?:much|many|often)\b[\w', ]{0,25}\b(?:finish|stop|end|enough)\b|\b(?:many|every|all the) times?\b[\w', ]{0,20}\bplease (?:finish|stop|end)\b"),
    ("off-the-sheet", rf"\b{_REMOVE} (?:my|our|these|this) digits\b|\b(?:flag|mark|tag|note|block) (?:this|my|our|the) (?:number|line|phone|name|account)\b[\w' ]{{0,20}}\b(?:nobody|no one|none|not|never|don't)\b {_words(2)}{_any(_CONTACT, _CONTACTING)}\b"),
    ("just-not", r"\b(?:could|can|would) (?:you|y'all|you people|you guys) (?:please |just |simply )+not\W*$|\bput (?:it |that )?(?:in|into|on) (?:the|your) (?:computer|system|notes?|file|record)s?\b[\w' ]{0,15}\b(?:don't|do not|never|not) (?:(?:want|wish for|need|like) (?:it|this|that|any|calls?|these|your calls?)(?: any ?more| at all)?\W*$|call|ring|phone|contact)"),
    ("have-them-stop", rf"\b(?:have|get|tell|ask|instruct|make|order|want|let) (?:your|the|those|these) (?:\w+ )?(?:people|team|staff|colleagues?|agents?|dialers?|robots?|machines?|computers?|company|office|guys|friends|folks) (?:to )?(?:stop|quit|cease) {_CONTACTING}\b"),
    ("you-stop", rf"\b(?:you|you people|you guys|y'all|you all|you lot) (?:have (?:got )?to|need to|must|gotta|should|ought to|had better|better) (?:please |just |really )?(?:stop|quit|cease)(?: (?:this|it|that|all this))?{_END}"),
    ("off-lists", r"\b(?:i|we) (?:want|would like|'d like|need|wanna be|want to be)(?: to be| to get)? off (?:of )?(?:every|all|any|your|this|that|these|the)(?: \w+){0,3} lists?\b|\b(?:not|don't|wouldn't|never|n't) (?:\w+ )?(?:want|wish|like|agree|ask|asked|supposed|meant)?(?: \w+)? ?(?:to )?be on (?:any|your|that|this|those|these|such)(?: \w+){0,2} lists?\b"),
    ("no-callbacks", r"\bno (?:more |further )?call ?-?backs?(?: please| thanks| thank you|,|\W*$)"),
    ("stop", r"^\W*(?:(?:please|just|ok|okay|no|oh|hey|god|for god's sake|for goodness sake|look|listen|right|i said|i told you to|i say|that's enough|enough|stop)[, ]+)*stop(?:[, ]+(?:it|this|that|please|now|right now|already|stop|all of this|it now|there now|thank you|thanks|immediately))*\W*$|\b(?:this|it) (?:has|needs|must|have) (?:to )?(?:stop|end)(?= ?(?:$|[.,!?;—])| now)|[,.!;—] ?(?:stop(?: it| this| that)?(?: now| please| right now)*|enough)\W*$|\benough is enough\b|\b(?:please|just|seriously|now) stop\W*$|^\W*stop[,.!—] i (?:don't|do not|said)\b"),
)  # fmt: skip
_OPT_OUT = Phrases(("opt_out", pattern) for _, pattern in _RULES)


#: Without one of these words no guess of an opt-out is believed.
_HINT = re.compile(
    rf"\b(?:{_CONTACT}|{_CONTACTING}|{_CALLS}|list|lists|remove|delete|erase|database|system|records?|files?|consent|permission|opt|unsubscribe|alone|stop|quit|cease|(?:my|our|this|the|that|these) (?:\w+ )?numbers?|again|off)\b"
)

#: A number being read out.
_READ_OUT = re.compile(r"(?:\d[\W_]*){5}")


def hints(text: str) -> bool:
    """Tell whether a guess that this is an opt-out can be right: it speaks of calls, lists or leaving alone, and not in ordinary talk."""
    said = blank(plain(text))
    return bool(_HINT.search(said)) and not _READ_OUT.search(said)


def opt_out(text: str) -> Intent:
    """Find a wish never to be called again. Errs on the side of the caller: an angry "go away" counts."""
    said = plain(text)
    if not _OPT_OUT.search(said):
        return NO_INTENT  # most turns end here, so the costlier look at ordinary talk is spared
    span = _OPT_OUT.search(blank(said))
    return Intent("opt_out", 0.95, span) if span else NO_INTENT
