"""What every request needs: settings, rows, live events, LiveKit, logins; and who is asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, cast

from fastapi import Depends, HTTPException, Request
from starlette.status import HTTP_401_UNAUTHORIZED, HTTP_403_FORBIDDEN, HTTP_404_NOT_FOUND

from console.limits import Limit
from console.logins import LOCAL, Cookies, Login, Who
from console.rooms import Rooms
from console.settings import ConsoleSettings
from store.calls import Call, Calls, UnknownCall
from store.events import Events

SESSION_COOKIE: Final = "leadline_session"
SEATS_COOKIE: Final = "leadline_seats"
STREAMS_MAX: Final = 64


@dataclass(slots=True)
class Limits:
    """How much of what is slow or costly one client may have."""

    #: Requests of any kind.
    requests: Limit = field(default_factory=lambda: Limit(50, 300))
    #: Passwords: five tries, then one every 30 s.
    logins: Limit = field(default_factory=lambda: Limit(1 / 30, 5))
    #: Calls: ten at once, then one every 6 s.
    calls: Limit = field(default_factory=lambda: Limit(1 / 6, 10))
    #: Live streams that are open, of all clients.
    streams: int = 0


@dataclass(slots=True)
class Desk:
    """Lives as long as the server."""

    settings: ConsoleSettings
    calls: Calls
    events: Events
    rooms: Rooms
    cookies: Cookies
    recordings: Path
    now: Callable[[], float]
    logins: Mapping[str, Login] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


def desk_of(request: Request) -> Desk:
    """The desk of this server."""
    return cast("Desk", request.app.state.desk)


AtDesk = Annotated[Desk, Depends(desk_of)]


def who_asks(request: Request, desk: AtDesk) -> Who:
    """Who is asking. Where there are no logins only this machine can connect, and it may see everything."""
    if not desk.logins:
        return LOCAL
    who = desk.cookies.who(request.cookies.get(SESSION_COOKIE, ""), desk.logins, desk.now())
    if who is None:
        raise HTTPException(HTTP_401_UNAUTHORIZED, "log in first")
    return who


Asking = Annotated[Who, Depends(who_asks)]


def operator_asks(who: Asking) -> Who:
    """An operator, or nobody."""
    if who.role != "operator":
        raise HTTPException(HTTP_403_FORBIDDEN, "only operators see all calls")
    return who


Operator = Annotated[Who, Depends(operator_asks)]


def seated(request: Request, desk: Desk) -> tuple[str, ...]:
    """The calls that this browser began."""
    return desk.cookies.seated(request.cookies.get(SEATS_COOKIE, ""), desk.now())


async def visible_call(call_id: str, request: Request, who: Asking, desk: AtDesk) -> Call:
    """The call, if whoever asks may see it: a visitor sees those of his browser, and no sign of others."""
    if who.role == "operator" or call_id in seated(request, desk):
        try:
            return await desk.calls.get(call_id)
        except UnknownCall:
            pass
    raise HTTPException(HTTP_404_NOT_FOUND, "there is no such call")


Visible = Annotated[Call, Depends(visible_call)]
