"""The console as one ASGI application: guard, API, page, and the sweep of calls that no browser ever joined."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator
from typing import Final

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as StarletteHTTPException

from console import calls_api, door_api, flows_api, live_api, token_api
from console.desk import Desk
from console.guard import Guard
from console.rooms import TOKEN_S
from flows.model import Direction
from store.calls import NOT_PLACED, StoreError

log = logging.getLogger("leadline.console")

_SWEEP_EVERY_S: Final = 30.0
_RECENT: Final = 200
_ASSET: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_UNBUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Leadline</title>
<h1>The page is not built</h1><p>Run <code>make web</code> and load this again. The API is here already:
<a href="/api/openapi.json">/api/openapi.json</a>.</p></html>"""


def build(desk: Desk) -> FastAPI:
    """The application for a desk."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(_sweep_for_ever(desk), name="console.sweep")
        try:
            yield
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)

    app = FastAPI(
        title="Leadline console",
        description="Talk to the bot, watch calls, read what they left.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # its pages load scripts from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.desk = desk
    for part in (door_api, token_api, flows_api, live_api, calls_api):
        app.include_router(part.router)
    app.add_exception_handler(StarletteHTTPException, _told)
    for kind in (SQLAlchemyError, StoreError, OSError):
        app.add_exception_handler(kind, _away)
    _serve_page(app, desk)
    app.add_middleware(
        Guard,
        hosts=(desk.settings.host, *desk.settings.hosts),
        livekit_url=desk.rooms.public_url,
        limit=desk.limits.requests,
        now=desk.now,
    )
    return app


def _serve_page(app: FastAPI, desk: Desk) -> None:
    page = desk.settings.page

    @app.get("/", include_in_schema=False)
    def index() -> Response:
        file = page / "index.html"
        return HTMLResponse(file.read_text(encoding="utf-8") if file.is_file() else _UNBUILT)

    @app.get("/assets/{name}", include_in_schema=False)
    def asset(name: str) -> Response:
        file = page / "assets" / name
        if not _ASSET.fullmatch(name) or not file.is_file():
            raise HTTPException(404, "there is no such file")
        # Names of built files hold a hash of their content, so a browser need never ask again.
        return FileResponse(file, headers={"Cache-Control": "public, max-age=31536000, immutable"})


async def _told(_: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    headers = error.headers if isinstance(error, HTTPException) else None
    return JSONResponse({"error": str(error.detail), "fix": ""}, error.status_code, headers)


async def _away(_: Request, error: Exception) -> Response:
    log.warning("the database cannot be asked: %s", error)
    problem = {"error": "the database cannot be asked now", "fix": "try again in a moment"}
    return JSONResponse(problem, 503, {"Retry-After": "5"})


async def _sweep_for_ever(desk: Desk) -> None:
    while True:
        try:
            await sweep(desk)
        except (SQLAlchemyError, StoreError, OSError) as away:
            log.warning("calls that nobody joined could not be closed: %s", away)
        await asyncio.sleep(_SWEEP_EVERY_S)


async def sweep(desk: Desk) -> int:
    """Close calls whose token was never used; returns how many."""
    late = desk.now() - TOKEN_S
    unused = [
        call
        for call in await desk.calls.list(_RECENT)
        if call.begun.direction is Direction.WEB
        and call.answered_at is None
        and call.ended_at is None
        and call.begun.created_at < late
    ]
    for call in unused:
        await desk.calls.finish(call.id, NOT_PLACED, 0, {"outcome": "the browser never came"}, desk.now())
    return len(unused)
