"""The lines that every flow file must bring: what the bot says around the questions, and pieces of read-backs."""

from __future__ import annotations

from collections.abc import Mapping

#: Key → the variables that the line may use. `words:` in a flow file holds exactly these.
SENTENCES: Mapping[str, tuple[str, ...]] = {
    "acks": (),  # before the next question, in turn
    "no_input": (),  # the caller said nothing
    "no_match": (),  # the caller said something we did not understand
    "wrong_value": (),  # the caller refused what we read back
    "corrected": ("value",),  # an earlier answer was changed
    "confirm": ("value",),  # reads a value back; slots may have their own
    "confirm_again": (),  # a shorter "is that right?"
    "keys_yes_no": (),  # "press 1 for yes or 2 for no"
    "resumed": (),  # another process took the call over
    "wait": (),  # the caller asked for a moment
    "thinking": (),  # bridges the wait for a language model; a flow may leave it out
    "listening": (),  # says that we listen when everything else was said already; needs two
    "skip": (),  # a question is left open
    "no_answer_known": (),  # the caller asked what the flow has no reply to
    "asked_before": (),  # the caller asked the same again and again
    "guess_opt_out": (),  # shall we never call again?
    "guess_human": (),  # a person?
    "guess_callback": (),  # another time?
    "guess_wrong_number": (),  # the wrong person?
    "guess_not_interested": (),  # end the call?
    "guess_go_on": (),  # to a caller whose call broke off: go on where we stopped?
    "transferring": (),
    "transfer_failed": (),  # nobody took the call; a callback is offered next
    "transfer_goodbye": (),  # the same, where the flow has no callback to offer
    "closed": ("when",),  # nobody is there at this hour; `when` they are again
    "briefing": (),  # to the person who is called, before what the caller said
    "briefing_name": ("value",),
    "briefing_fact": ("label", "value"),
    "briefing_recorded": (),  # the same, where the recording goes on: `transfer.record`
    "briefing_keys": (),  # which keys take the call and decline it
    "caller_gone": (),  # to the person, when the caller has hung up meanwhile
}
#: Needed only where callers are put through.
TRANSFER_LINES = (
    "transfer_goodbye",
    "closed",
    "briefing",
    "briefing_name",
    "briefing_fact",
    "briefing_keys",
    "caller_gone",
)
#: Asked when a nearest example, not a rule, says what the caller wants. A flow may leave any of them out: then such a
#: guess is not followed.
GUESS_LINES = {
    "opt_out": "guess_opt_out",
    "human": "guess_human",
    "callback": "guess_callback",
    "busy": "guess_callback",
    "wrong_number": "guess_wrong_number",
    "not_interested": "guess_not_interested",
    "goodbye": "guess_not_interested",
    "go_on": "guess_go_on",
}
#: Lines without which a flow is whole.
OPTIONAL_LINES = (*TRANSFER_LINES, "briefing_recorded", *GUESS_LINES.values(), "thinking")
FRAGMENTS: Mapping[str, tuple[str, ...]] = {
    "yes": (),
    "no": (),
    "between": ("low", "high"),
    "at_least": ("low",),
    "at_most": ("high",),
    "a_month": ("value",),
    "a_year": ("value",),
    "amount": ("value", "currency"),
    "moment": ("day", "time", "zone"),
    "timeline_asap": (),
    "timeline_1_3m": (),
    "timeline_3_6m": (),
    "timeline_6m_up": (),
    "timeline_none": (),
}
LINES: Mapping[str, tuple[str, ...]] = {**SENTENCES, **FRAGMENTS}
SEVERAL: Mapping[str, int] = {"acks": 2, "listening": 2, "no_match": 2, "no_input": 2}

TIMELINES: Mapping[str, str] = {
    "asap": "timeline_asap",
    "1-3m": "timeline_1_3m",
    "3-6m": "timeline_3_6m",
    "6m+": "timeline_6m_up",
    "none": "timeline_none",
}
#: Menu keys of a timeline, in the order of the words above.
TIMELINE_KEYS: Mapping[str, str] = dict(zip("12345", TIMELINES, strict=True))

#: Endings that every flow must word.
ENDINGS = (
    "qualified",
    "unqualified",
    "callback",
    "opted_out",
    "not_interested",
    "wrong_number",
    "human_requested",
    "no_input",
    "abandoned",
    "failed",
)
#: Endings that are never spoken.
SILENT_ENDINGS = ("transferred", "voicemail", "machine")
#: Questions that every flow must be able to answer.
QUESTIONS = ("ask_identity", "ask_purpose", "ask_source", "ask_bot")
INTENTS_ANSWERED = (*QUESTIONS, "price", "send_info", "has_vendor")
