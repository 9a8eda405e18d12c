"""How an attempt ended, in a word that reports and retries go by. Pure: what is known in, outcome and flags out.

The word comes from the numeric SIP status and its phrase, and from what the conversation came to; never from LiveKit's
disconnect reason, which says USER_REJECTED for busy, wrong passwords and carriers' blocks alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from sip.outcome import Ending, Outcome

#: A person who hangs up this early, or before we said who calls, has not talked with us.
EARLY_S: Final = 10.0
#: 47 CFR 64.1200(a)(7), 16 CFR 310.4(b)(4): a person who hears nothing for two seconds was abandoned.
ABANDONED_MS: Final = 2000


@dataclass(frozen=True, slots=True)
class Talk:
    """What became of an answered call. `disposition` is the flow's, "" when the bot left none."""

    disposition: str
    seconds: float
    score: int | None = None
    record: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    first_audio_ms: int | None = None
    disclosed: bool = True
    disclosed_at: float | None = None  #: when they had heard who calls, Unix seconds
    machine: str = ""  #: voicemail, screening, ivr, "" for a person


@dataclass(frozen=True, slots=True)
class Kind:
    """An outcome as it is kept. `counts`: it is an attempt in the sense of the caps, somebody's telephone rang."""

    name: str
    flags: tuple[str, ...] = ()
    counts: bool = True


_KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind("no_answer"),
        Kind("busy"),
        Kind("declined"),
        Kind("unwanted", ("unworkable",)),
        Kind("network_blocked", counts=False),
        Kind("invalid_number", ("unworkable",)),
        Kind("congestion", counts=False),
        Kind("config_error", counts=False),
        Kind("system_error", counts=False),
        Kind("withheld", counts=False),  # no INVITE was sent
        Kind("voicemail", ("answered", "machine")),
        Kind("mailbox_unavailable", ("answered", "machine")),
        Kind("ivr_gatekeeper", ("answered", "machine")),
        Kind("call_screened", ("answered", "screened")),
        Kind("fax_modem", ("answered", "unworkable")),
        Kind("abandoned", ("answered", "human", "abandoned")),
        Kind("hangup_early", ("answered", "human")),
        Kind("dropped", ("answered", "human", "contact")),
        Kind("conversation", ("answered", "human", "contact")),
        Kind("unknown"),
    )
}

#: By status, RFC 3261 §21; 607 is RFC 8197, 608 is RFC 8688. What is not here goes by its class.
_BY_STATUS: Final = {
    **dict.fromkeys((408, 480, 487), "no_answer"),
    **dict.fromkeys((486, 600), "busy"),
    603: "declined",
    607: "unwanted",
    608: "network_blocked",
    **dict.fromkeys((404, 410, 484, 604), "invalid_number"),
    **dict.fromkeys((401, 403, 407, 488, 606), "config_error"),
}
#: Words of carriers which say more than their status: "603 Network Blocked" (47 CFR 64.1200(k), ATIS-1000099), and limits.
_BLOCKED: Final = ("network blocked", "32203")
_TOO_FAST: Final = ("cps limit", "concurrent call limit", "calls per second")
_BY_ENDING: Final = {
    Ending.BUSY: "busy",
    Ending.DECLINED: "declined",
    Ending.UNWANTED: "unwanted",
    Ending.BLOCKED: "network_blocked",
    Ending.UNANSWERED: "no_answer",
    Ending.NOT_FOUND: "invalid_number",
    Ending.TRUNK_REFUSED: "config_error",
    Ending.TRUNK_DOWN: "congestion",
    Ending.NO_GATEWAY: "congestion",
    Ending.NO_SERVER: "unknown",
    Ending.NO_AGENT: "system_error",
}
_MACHINES: Final = {"voicemail": "voicemail", "screening": "call_screened", "ivr": "ivr_gatekeeper", "fax": "fax_modem"}
#: Dispositions that say a machine answered, and which kind, whatever else is known.
MACHINE_OF: Final = {"voicemail": "voicemail", "machine": "ivr"}
_REACHED_THE_END: Final = frozenset(
    {"qualified", "unqualified", "callback", "not_interested", "transferred", "human_requested"}
)
#: Dispositions that say nothing about who was there.
_NOBODY: Final = frozenset({"", "abandoned", "no_input", "failed", "dropped", "voicemail", "machine"})
#: Who says so is not the person we wanted to talk to.
_WRONG_PARTY: Final = frozenset({"wrong_number"})


def kind(name: str) -> Kind:
    """The outcome of this name. Raises KeyError."""
    return _KINDS[name]


def names() -> tuple[str, ...]:
    """All outcomes there are."""
    return tuple(_KINDS)


def unanswered(outcome: Outcome) -> Kind:
    """The outcome of an attempt that nobody answered."""
    assert outcome.name is not Ending.ANSWERED, "an answered call is told by `answered`"
    said = outcome.phrase.casefold()
    status = outcome.sip_status
    if status is None:
        return _KINDS[_BY_ENDING[outcome.name]]
    if status in (603, 608) and any(words in said for words in _BLOCKED):
        return _KINDS["network_blocked"]
    if any(words in said for words in _TOO_FAST):
        return _KINDS["congestion"]
    by_class = "congestion" if 500 <= status < 600 or status == 429 else "config_error"
    return _KINDS[_BY_STATUS.get(status, by_class)]


def answered(talk: Talk) -> Kind:
    """The outcome of a call that was answered, with the flags of its disposition."""
    machine = _MACHINES.get(talk.machine or MACHINE_OF.get(talk.disposition, ""))
    if machine is not None and (machine != "call_screened" or not _put_through(talk)):
        return _KINDS[machine]
    if not talk.disposition:
        return _KINDS["dropped" if talk.first_audio_ms is not None else "abandoned"]
    if talk.first_audio_ms is not None and talk.first_audio_ms > ABANDONED_MS:
        return _KINDS["abandoned"]
    screened = ("screened",) if machine is not None else ()
    if talk.disposition in ("abandoned", "no_input"):
        early = talk.seconds < EARLY_S or not talk.disclosed
        left = _KINDS["hangup_early" if early else "dropped"]
        return replace(left, flags=(*left.flags, *screened))
    flags = [*_KINDS["conversation"].flags]
    if talk.disposition in _REACHED_THE_END:
        flags.append("completed")
    if talk.disposition not in _WRONG_PARTY:
        flags.append("right_party")
    if talk.disposition == "opted_out":
        flags.append("dnc")
    return Kind("conversation", (*flags, *screened))


def _put_through(talk: Talk) -> bool:
    """Whether somebody spoke with us behind a screener: answered a question, or brought the flow to a disposition."""
    answers = talk.record.get("answers")
    given = answers.values() if isinstance(answers, Mapping) else ()
    return talk.disposition not in _NOBODY or any(one.get("mode") != "prefill" for one in given)
