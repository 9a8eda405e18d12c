"""How a call attempt ended, from what the telephone network or LiveKit said."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum

import aiohttp
from livekit import api


class Ending(StrEnum):
    """The ways in which dialling ends."""

    ANSWERED = "answered"
    BUSY = "busy"
    DECLINED = "declined"
    UNWANTED = "unwanted"  #: whoever was called asked the network to keep such calls away
    BLOCKED = "blocked"  #: the network kept the call away: it is about the number that we show
    UNANSWERED = "unanswered"
    NOT_FOUND = "not_found"
    TRUNK_REFUSED = "trunk_refused"  #: credentials, our rights, codecs: nothing about whom we called
    TRUNK_DOWN = "trunk_down"
    NO_GATEWAY = "no_gateway"
    NO_SERVER = "no_server"
    NO_AGENT = "no_agent"


#: Worth another attempt later. NO_SERVER is not: whether the phone rang is not known, and nobody is rung twice for it.
_RETRYABLE = {Ending.BUSY, Ending.UNANSWERED, Ending.TRUNK_DOWN, Ending.NO_GATEWAY, Ending.NO_AGENT}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of an attempt. `sip_status` is None when no SIP answer came; `phrase` says what did."""

    name: Ending
    sip_status: int | None = None
    phrase: str = ""

    @property
    def retryable(self) -> bool:
        """Whether another attempt later may fare better."""
        return self.name in _RETRYABLE

    def __str__(self) -> str:
        status = f"{self.sip_status} " if self.sip_status is not None else ""
        detail = f"{status}{self.phrase}".strip()
        return f"{self.name.value} ({detail})" if detail else self.name.value


#: RFC 3261 §21 gives the codes, RFC 8197 adds 607 (unwanted), RFC 8688 adds 608 (rejected by an analytics service). US
#: carriers say "603 Network Blocked" where they block (47 CFR 64.1200(k), ATIS-1000099).
_BY_STATUS = {
    404: Ending.NOT_FOUND,
    408: Ending.UNANSWERED,
    410: Ending.NOT_FOUND,
    480: Ending.UNANSWERED,
    484: Ending.NOT_FOUND,
    486: Ending.BUSY,
    487: Ending.UNANSWERED,
    600: Ending.BUSY,
    603: Ending.DECLINED,
    604: Ending.NOT_FOUND,
    607: Ending.UNWANTED,
    608: Ending.BLOCKED,
}

#: Twirp codes of failures that carry no SIP status. A ring-out is `canceled`, and so is a peer that says nothing at all.
_BY_CODE = {
    "canceled": Ending.UNANSWERED,
    "deadline_exceeded": Ending.UNANSWERED,
    "unavailable": Ending.NO_GATEWAY,
    "failed_precondition": Ending.TRUNK_REFUSED,
    "invalid_argument": Ending.TRUNK_REFUSED,
    "not_found": Ending.TRUNK_REFUSED,  # the trunk, not the person: a person not found has a SIP status
    "permission_denied": Ending.NO_SERVER,
    "unauthenticated": Ending.NO_SERVER,
}


def of_status(status: int, phrase: str = "") -> Outcome:
    """The outcome of a final SIP response."""
    if 200 <= status < 300:
        return Outcome(Ending.ANSWERED, status, phrase or "OK")
    if status == 603 and "blocked" in phrase.lower():
        return Outcome(Ending.BLOCKED, status, phrase)
    other = Ending.TRUNK_DOWN if 500 <= status < 600 else Ending.TRUNK_REFUSED
    return Outcome(_BY_STATUS.get(status, other), status, phrase)


def of_error(error: api.ServerError | aiohttp.ClientError | TimeoutError) -> Outcome:
    """The outcome behind what LiveKit's API raised."""
    if isinstance(error, api.SipCallError) and error.sip_status_code is not None:
        return of_status(error.sip_status_code, error.sip_status or "")
    if isinstance(error, api.ServerError):
        return Outcome(_BY_CODE.get(error.code, Ending.NO_SERVER), None, f"{error.code}: {error.message}")
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return Outcome(Ending.NO_SERVER, None, "LiveKit gave no answer in time")
    return Outcome(Ending.NO_SERVER, None, f"cannot reach LiveKit: {error}")
