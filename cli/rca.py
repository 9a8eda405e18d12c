"""Why a call went as it did: everything known of it on one timeline, and the cause in words with its fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flows.model import Direction
from store.calls import Call, NewCall, Turn
from store.happenings import FAILED, Happening

#: Shorter than this after the answer, nobody has listened.
_EARLY_S = 4.0


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened; `at` is Unix seconds."""

    at: float
    source: str
    what: str


@dataclass(frozen=True, slots=True)
class Cause:
    """What it came from, and what to do. `ours` is True where nothing but our side can mend it."""

    what: str
    fix: str = ""
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of a call."""

    call: Call
    happenings: Sequence[Happening]
    turns: Sequence[Turn]

    def facts(self, source: str, name: str) -> Mapping[str, object] | None:
        """The facts of the last such happening; None when it did not happen."""
        found = [happening for happening in self.happenings if (happening.source, happening.name) == (source, name)]
        return found[-1].facts if found else None


_REFUSALS: Mapping[int, Cause] = {
    401: Cause(
        "the carrier does not take our credentials", "correct auth_username and auth_password of the trunk", True
    ),
    407: Cause(
        "the carrier does not take our credentials", "correct auth_username and auth_password of the trunk", True
    ),
    403: Cause(
        "the carrier forbids this call",
        "ask it for the reason: a caller ID that it has not verified, a country that is locked, our address not on its "
        "list, or a balance",
        True,
    ),
    404: Cause(
        "there is no such number, or the carrier does not read it as we write it",
        "check the number; some carriers want it without + or with a prefix",
    ),
    484: Cause("the carrier finds the number incomplete", "send it in full, as +12025550134"),
    416: Cause("the carrier does not understand the address", "it may want SIP URIs or numbers without +", True),
    415: Cause("the far end takes none of our codecs", "allow PCMU or PCMA on both sides", True),
    488: Cause(
        "the far end takes none of our codecs", "allow PCMU or PCMA, and the same encryption, on both sides", True
    ),
    606: Cause(
        "the far end takes none of our codecs", "allow PCMU or PCMA, and the same encryption, on both sides", True
    ),
}

_ENDINGS: Mapping[str, Cause] = {
    "busy": Cause("whoever was called was in another call", "call again later"),
    "declined": Cause("whoever was called declined", "let it be for a day at least"),
    "unwanted": Cause("whoever was called has this kept away from them", "never call again: the number is suppressed"),
    "blocked": Cause(
        "an analytics service of the network blocks the number that we show",
        "register the number with the carriers' analytics services; until then show another that is yours",
        True,
    ),
    "unanswered": Cause("nobody picked up", "call again at another time of day"),
    "not_found": Cause("there is no such number", "check it; it is not worth another attempt"),
    "no_agent": Cause(
        "no agent took the job, so the phone never rang",
        "start `leadline worker`, or give it room (LEADLINE_BOT_CALLS_MAX); `leadline logs worker` says whether it registered",
        True,
    ),
    "no_gateway": Cause(
        "no SIP edge answered LiveKit", "start livekit-sip with the same Redis as livekit-server", True
    ),
    "no_server": Cause("LiveKit could not be asked, or failed", "look at livekit-server; nobody is rung twice", True),
    "trunk_down": Cause(
        "the trunk's far end is out of order, or is not there",
        "`leadline trunk test` asks it; see whether its address and transport are right",
        True,
    ),
    "trunk_refused": Cause(
        "the carrier refuses for a reason of the trunk", "compare the trunk with its instructions", True
    ),
    "cancelled": Cause("somebody on our side stopped the call before it was answered"),
}


#: What SIP edges say of inbound calls that came to nothing, as pieces of their words. The first that fits is told.
_NO_RULE = Cause(
    "no trunk or no rule takes such calls; the caller heard nothing", "`leadline dispatch test --to …` says why", True
)
_NO_AGENT = Cause(
    "the phone rang until its limit: no agent took the call",
    "start `leadline worker`, give it room, see that the rule names its agent: `leadline dispatch test --live`",
    True,
)
_BAD_LOGIN = Cause("the caller's credentials are not the trunk's", "compare them, or look for a scanner")
_NO_LOGIN = Cause("the caller gave no credentials, and the trunk wants some", "the carrier has to send them")
_GAVE_UP = Cause(
    "the caller gave up, or the room was closed, before an agent was there", "a worker has to be ready sooner", True
)
_DEAD_LINE = Cause(
    "the line went dead: no RTP came for longer than media_timeout",
    "a phone on hold that sends nothing needs a longer one; otherwise the caller's network, or one-way audio: open the RTP ports",
)
_LOST: Sequence[tuple[str, Cause]] = (
    ("no trunk", _NO_RULE),
    ("not authorized by trunk", _NO_RULE),
    ("room subscription timed out", _NO_AGENT),
    ("no authenticated retry", _NO_LOGIN),
    ("credentials", _BAD_LOGIN),
    ("pin", Cause("the caller entered a wrong PIN", "compare it with the rule's")),
    ("media", _DEAD_LINE),
    (
        "dispatch rule evaluation unavailable",
        Cause("livekit-server or Redis did not answer the SIP edge", "look at both", True),
    ),
    ("401", _BAD_LOGIN),
    ("407", _NO_LOGIN),
    ("488", Cause("the caller offers no codec that is allowed", "allow PCMU or PCMA", True)),
    ("486", _NO_AGENT),
    ("503", Cause("livekit-server or Redis did not answer the SIP edge", "look at both", True)),
    ("room closed", _GAVE_UP),
    ("cancel", _GAVE_UP),
)


def lost_call(call_id: str, happenings: Sequence[Happening]) -> Known:
    """A call that no agent saw, as its SIP edge tells of it."""
    first = happenings[0]
    told: dict[str, object] = {}
    for one in happenings:
        told |= one.facts
    begun = NewCall(
        id=call_id,
        direction=Direction(str(told.get("direction", Direction.INBOUND.value))),
        flow="",
        flow_hash="",
        room=str(told.get("room", "")),
        caller=str(told.get("pii.from", "")),
        callee=str(told.get("pii.to", "")),
        created_at=first.at,
    )
    return Known(Call(begun), happenings, ())


def timeline(known: Known) -> list[Line]:
    """SIP, room, agent and flow on one axis."""
    call = known.call
    lines = [Line(call.begun.created_at, "call", f"{call.begun.direction} {call.begun.caller} → {call.begun.callee}")]
    lines += [Line(one.at, one.source, _told(one)) for one in known.happenings]
    lines += [Line(turn.at, "flow", _said(turn)) for turn in known.turns]
    if call.answered_at is not None and known.facts("sip", "answered") is None:
        lines.append(Line(call.answered_at, "sip", "answered"))
    if call.ended_at is not None:
        lines.append(Line(call.ended_at, "call", f"ended: {call.disposition}"))
    return sorted(lines, key=lambda line: line.at)


def cause(known: Known) -> Cause:
    """The first of these that fits: not dialled or not answered, no agent, no sound, nobody listening, a broken bot."""
    call = known.call
    if call.answered_at is None:
        return _unanswered(known)
    if known.facts("agent", "heard") is None:
        return _without_witness(known)
    return _dead_line(known) or _sound(known) or _talk(known)


def _lost(known: Known) -> Cause | None:
    """The cause that the SIP edge names, of a call that no agent saw."""
    told = known.facts("sip", FAILED)
    if told is None:
        return None
    words = f"{told.get('status', '')} {told.get('error', '')}".lower()
    found = next((cause for piece, cause in _LOST if piece in words), None)
    return found or Cause(
        f"the SIP edge says: {told.get('error') or told.get('status')}", "see its log at that time", True
    )


def _unanswered(known: Known) -> Cause:
    call = known.call
    if call.disposition is None and (lost := _lost(known)) is not None:
        return lost
    failed = known.facts("sip", "failed") or {}
    ending = str(call.record.get("outcome") or failed.get("ending") or "")
    status = call.sip.status
    if ending in ("trunk_refused", "not_found") and status is not None and status in _REFUSALS:
        return _REFUSALS[status]
    if ending == "trunk_refused" and status is None and "codec" in call.sip.phrase.lower():
        return _REFUSALS[488]
    if ending in _ENDINGS:
        found = _ENDINGS[ending]
        said = f" ({status} {call.sip.phrase})".replace("None ", "") if call.sip.phrase else ""
        return Cause(found.what + said, found.fix, found.ours)
    if call.ended_at is None and call.begun.direction is Direction.OUTBOUND:
        if known.facts("sip", "invite") is not None:
            return Cause(
                "it is being dialled now, or whoever dialled it died meanwhile", "wait a minute and look again"
            )
        return Cause("whoever dialled it died before the INVITE: the phone never rang", "call again", True)
    return Cause(
        "the caller gave up before the call was answered", "the agent has to be there sooner: see the timeline"
    )


def _without_witness(known: Known) -> Cause:
    if known.call.ended_at is None:
        return Cause("the call goes on")
    if not known.turns:
        return Cause(
            "the phone was answered, and the agent left no word: its process died or never saw the caller",
            "`leadline logs worker` at that time; memory and crashes are told there",
            True,
        )
    return Cause("the agent's process died in the middle of the call", "`leadline logs worker` at that time", True)


def _dead_line(known: Known) -> Cause | None:
    """Whether the SIP edge ended the call for want of RTP."""
    told = known.facts("sip", FAILED) or {}
    return _DEAD_LINE if "media" in str(told.get("error", "")) else None


def _sound(known: Known) -> Cause | None:
    """Whether both sides could hear each other."""
    heard = known.facts("agent", "heard") or {}
    spoke = any(turn.who == "bot" for turn in known.turns)
    lasted = _lasted(known.call)
    if not spoke:
        return Cause("the bot never spoke", "`leadline logs worker`: speech models or their provider failed", True)
    if any(turn.who == "caller" for turn in known.turns) or lasted < _EARLY_S:
        return None
    ports = "open its RTP ports, and set use_external_ip or nat_1_to_1_ip"
    if not heard.get("seconds"):
        return Cause(
            "one-way audio: not one packet of the caller reached the bot",
            f"RTP is blocked on its way to the SIP edge: {ports}; symmetric_rtp for phones behind NAT",
            True,
        )
    if not heard.get("sound_s"):
        return Cause(
            "the caller's line carried nothing but silence",
            f"a muted phone, or one-way audio behind the carrier; if it is not one call only: {ports}",
        )
    return Cause(
        "the caller made sounds, and no words were understood", "listen to the recording; noise, music or a language"
    )


def _talk(known: Known) -> Cause:
    call = known.call
    if call.disposition == "failed":
        return Cause("the conversation broke on our side", "`leadline logs worker` at that time has the error", True)
    if _lasted(call) < _EARLY_S:
        return Cause(
            "whoever answered hung up at once", "the greeting comes too late or does not please; or it was a machine"
        )
    if call.disposition == "abandoned":
        last = next((turn.slot for turn in reversed(known.turns) if turn.who == "bot" and turn.slot), None)
        return Cause(f"the caller hung up{f' at the question {last!r}' if last else ''}", "see what was said before it")
    return Cause(f"nothing failed: the conversation came to its end ({call.disposition})")


def _lasted(call: Call) -> float:
    if call.answered_at is None or call.ended_at is None:
        return 0.0
    return call.ended_at - call.answered_at


def _told(one: Happening) -> str:
    facts = " ".join(
        f"{name.removeprefix('pii.')}={value}" for name, value in one.facts.items() if value not in (None, "")
    )
    return f"{one.name} {facts}".strip()


def _said(turn: Turn) -> str:
    what = "presses" if turn.mode == "keypad" else "says"
    return f"{turn.who} {what}: {turn.text}{' —' if turn.interrupted else ''}"
