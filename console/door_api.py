"""Logging in and out, who one is, and whether the parts that a call needs are there."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from sqlalchemy.exc import SQLAlchemyError

from console.desk import SESSION_COOKIE, AtDesk, who_asks
from console.logins import SESSION_S, check
from console.rooms import ServerAway
from console.shapes import Entry, Health, Me, Problem

router = APIRouter(prefix="/api", tags=["door"])

_CHECKS: Final = asyncio.Semaphore(2)  #: passwords checked at once: each takes 64 MB for a moment


@router.get("/me")
def me(request: Request, desk: AtDesk) -> Me:
    """Who the server takes you for; `role` is null before the login."""
    try:
        who = who_asks(request, desk)
    except HTTPException:
        return Me(name="", role=None, login=True)
    return Me(name=who.name, role=who.role, login=bool(desk.logins))


@router.post("/login", responses={401: {"model": Problem}, 429: {"model": Problem}})
async def login(entry: Entry, request: Request, response: Response, desk: AtDesk) -> Me:
    """Come in with name and password."""
    client = request.client.host if request.client else ""
    waits = [desk.limits.logins.take(key, desk.now()) for key in (f"from {client}", f"as {entry.name}")]
    if (wait := max(waits)) > 0:
        headers = {"Retry-After": str(int(wait) + 1)}
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, f"too many tries, wait {int(wait) + 1} s", headers)
    async with _CHECKS:
        found = await asyncio.to_thread(check, desk.logins, entry.name, entry.password)
    if found is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "name or password is wrong")
    cookie = desk.cookies.session(found, desk.now())
    secure = request.url.scheme == "https"
    response.set_cookie(SESSION_COOKIE, cookie, SESSION_S, path="/api", secure=secure, httponly=True, samesite="strict")
    return Me(name=found.name, role=found.role, login=True)


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
def logout(response: Response) -> None:
    """Forget this browser's session. Changing the password ends all sessions of a name."""
    response.delete_cookie(SESSION_COOKIE, path="/api", httponly=True, samesite="strict")


@router.get("/health")
async def health(desk: AtDesk) -> Health:
    """Whether a call could be made now."""
    try:
        await desk.rooms.exists("-")
        livekit = True
    except ServerAway:
        livekit = False
    try:
        await desk.calls.list(1)
        database = True
    except (SQLAlchemyError, OSError):
        database = False
    return Health(livekit=livekit, database=database, page=(desk.settings.page / "index.html").is_file())
