"""Who gets in and what they see: hosts, origins, sizes, rates, logins, roles, headers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from console.limits import Limit
from console.logins import Cookies, Login, LoginsUnusable, line_of, put_line, read_logins
from console.server import ConsoleUnusable, admit
from console.settings import ConsoleSettings
from tests.console_world import AT, World, console, keep_call

PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def logins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Login]:
    file = tmp_path_factory.mktemp("logins") / "logins"
    put_line(file, line_of("olga", "operator", PASSWORD))
    put_line(file, line_of("vera", "visitor", PASSWORD))
    return read_logins(file)


@pytest.fixture
async def open_console(tmp_path: Path) -> AsyncIterator[World]:
    async with console(tmp_path) as world:
        yield world


@pytest.fixture
async def locked_console(tmp_path: Path, logins: dict[str, Login]) -> AsyncIterator[World]:
    async with console(tmp_path, logins) as world:
        yield world


async def enter(browser: aiohttp.ClientSession, name: str, password: str = PASSWORD) -> int:
    async with browser.post("/api/login", json={"name": name, "password": password}) as answer:
        return answer.status


async def status(browser: aiohttp.ClientSession, path: str, **headers: str) -> int:
    async with browser.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()}) as answer:
        return answer.status


# -- the door


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Host": "evil.example"}, 421),
        ({"Host": "[::"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
    ],
)
async def test_other_pages_and_rebound_names_get_nothing(
    open_console: World, headers: dict[str, str], expected: int
) -> None:
    async with open_console.browser() as browser:
        assert await status(browser, "/api/calls", **headers) == expected


@pytest.mark.parametrize("path", ["/", "/api/me", "/api/none", "/assets/none.js", "/api/calls/none"])
async def test_every_answer_has_the_headers(open_console: World, path: str) -> None:
    async with open_console.browser() as browser, browser.get(path) as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert f"connect-src 'self' {open_console.desk.rooms.public_url}" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Server" not in answer.headers


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_has_a_bound(open_console: World, chunked: bool) -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    async with open_console.browser() as browser:
        body = flood() if chunked else b"x" * 100_000
        try:
            async with browser.post("/api/token", data=body, headers={"Content-Type": "application/json"}) as answer:
                assert answer.status in (400, 413)
        except aiohttp.ClientError:
            assert chunked, "cut off in the middle"
        assert await status(browser, "/api/me") == 200


def test_a_bucket_empties_and_fills_and_its_keys_are_bounded() -> None:
    limit = Limit(0.5, 2, keys_max=3)
    assert [limit.take("a", 0), limit.take("a", 0), limit.take("a", 0)] == [0, 0, 2]
    assert limit.take("a", 2) == 0
    assert limit.take("a", 1) > 0  # a clock that went back gives nothing
    for n in range(10):
        limit.take(str(n), 3)
    assert len(limit) == 3


async def test_a_client_that_asks_without_end_is_slowed(open_console: World) -> None:
    async with open_console.browser() as browser:
        statuses = {await status(browser, "/api/me") for _ in range(310)}
    assert statuses == {200, 429}


async def test_without_a_built_page_it_says_how_to_build_it(open_console: World) -> None:
    async with open_console.browser() as browser, browser.get("/") as answer:
        assert "make web" in await answer.text()


async def test_the_built_page_is_served_and_its_files_are_kept(open_console: World) -> None:
    page = open_console.desk.settings.page
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html>hello", encoding="utf-8")
    (page / "assets" / "a-1.js").write_text("1", encoding="utf-8")
    async with open_console.browser() as browser:
        async with browser.get("/") as answer:
            assert "hello" in await answer.text()
            assert answer.headers["Cache-Control"] == "no-store"
        async with browser.get("/assets/a-1.js") as answer:
            assert "immutable" in answer.headers["Cache-Control"]
        assert await status(browser, "/assets/../../settings.py") == 404


# -- binding


def test_other_machines_are_let_in_only_with_logins(tmp_path: Path) -> None:
    with pytest.raises(ConsoleUnusable, match=r"will not listen on 0.0.0.0 without logins: .*leadline web login"):
        admit(ConsoleSettings(host="0.0.0.0"))
    file = tmp_path / "logins"
    put_line(file, line_of("olga", "operator", PASSWORD))
    assert admit(ConsoleSettings(host="0.0.0.0", logins=file)).keys() == {"olga"}
    assert admit(ConsoleSettings(host="::1")) == {}


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("", 0o600, "holds no login"),
        ("olga:boss:$argon2id$x", 0o600, "logins:1 is not `name:role:hash`"),
        ("olga:operator:secret", 0o600, "is not `name:role:hash`"),
        ("# nobody", 0o644, "chmod 600"),
    ],
)
def test_a_file_of_logins_that_will_not_do_stops_the_start(tmp_path: Path, text: str, mode: int, words: str) -> None:
    file = tmp_path / "logins"
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    with pytest.raises(ConsoleUnusable, match=words):
        admit(ConsoleSettings(logins=file))
    with pytest.raises(ConsoleUnusable, match="cannot be read"):
        admit(ConsoleSettings(logins=tmp_path / "none"))


def test_weak_passwords_and_odd_names_are_refused() -> None:
    with pytest.raises(LoginsUnusable, match="at least 12"):
        line_of("olga", "operator", "short")
    with pytest.raises(LoginsUnusable, match="letters"):
        line_of("o:lga", "operator", PASSWORD)


# -- logging in


async def test_nothing_is_seen_before_the_login(locked_console: World) -> None:
    await keep_call(locked_console.calls)
    async with locked_console.browser() as browser:
        for path in ("/api/calls", "/api/calls/c1", "/api/flows", "/api/events", "/api/calls/c1/events"):
            assert await status(browser, path) == 401
        async with browser.post("/api/token", json={}) as answer:
            assert answer.status == 401
        async with browser.get("/api/me") as answer:
            assert await answer.json() == {"name": "", "role": None, "login": True}


async def test_an_operator_sees_all_calls_a_visitor_those_of_his_browser(locked_console: World) -> None:
    await keep_call(locked_console.calls)
    async with locked_console.browser() as olga, locked_console.browser() as vera:
        assert (await enter(olga, "olga"), await enter(vera, "vera")) == (200, 200)
        assert (await status(olga, "/api/calls"), await status(olga, "/api/calls/c1")) == (200, 200)
        assert (await status(vera, "/api/calls"), await status(vera, "/api/calls/c1")) == (403, 404)
        assert (await status(vera, "/api/events"), await status(vera, "/api/calls/c1/events")) == (403, 404)
        async with vera.post("/api/token", json={"flow": "b2b-software"}) as answer:
            mine = (await answer.json())["call_id"]
        assert (await status(vera, f"/api/calls/{mine}"), await status(olga, f"/api/calls/{mine}")) == (200, 200)


async def test_wrong_passwords_and_unknown_names_are_alike_and_limited(locked_console: World) -> None:
    async with locked_console.browser() as browser:
        assert [await enter(browser, name, "wrong") for name in ("olga", "nobody")] == [401, 401]
        assert [await enter(browser, "olga", "wrong") for _ in range(4)] == [401, 401, 401, 429]
        assert await enter(browser, "olga") == 429  # the right one too: whoever tries learns nothing
        locked_console.clock.at += 60
        assert await enter(browser, "olga") == 200


async def test_a_session_ends_with_time_with_the_password_and_when_one_leaves(locked_console: World) -> None:
    async with locked_console.browser() as browser:
        await enter(browser, "olga")
        assert await status(browser, "/api/calls") == 200
        async with browser.post("/api/logout") as answer:
            assert answer.status == 204
        assert await status(browser, "/api/calls") == 401
        await enter(browser, "olga")
        locked_console.clock.at += 13 * 3600
        assert await status(browser, "/api/calls") == 401


def test_cookies_are_told_apart_and_cannot_be_forged(logins: dict[str, Login]) -> None:
    cookies, other = Cookies("s" * 40), Cookies("t" * 40)
    session, seats = cookies.session(logins["olga"], AT), cookies.seats(("c1",), AT)
    assert cookies.who(session, logins, AT) is not None
    assert cookies.seated(seats, AT) == ("c1",)
    assert cookies.who(seats, logins, AT) is None
    assert cookies.seated(session, AT) == ()
    assert other.who(session, logins, AT) is None
    assert cookies.who(session[:-2], logins, AT) is None
    renewed = {"olga": Login("olga", "operator", line_of("olga", "operator", PASSWORD).split(":", 2)[2])}
    assert cookies.who(session, renewed, AT) is None  # a new password ends old sessions
    assert cookies.who(session, {}, AT) is None


async def test_checking_a_password_does_not_stop_the_server(locked_console: World) -> None:
    async with locked_console.browser() as browser:
        began = time.monotonic()
        await enter(browser, "olga", "wrong")
        assert time.monotonic() - began < 10
