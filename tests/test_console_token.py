"""The token endpoint: LiveKit's standard form, least grants, a row with number and lead, and the way back after a reload."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from console.app import sweep
from console.rooms import TOKEN_S
from flows.model import Direction
from tests.console_world import console
from tests.fake_livekit import KEY, SECRET, Refusal


async def ask(browser: aiohttp.ClientSession, **wanted: Any) -> tuple[int, dict[str, Any]]:
    async with browser.post("/api/token", json=wanted) as answer:
        return answer.status, await answer.json()


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, SECRET, ["HS256"], issuer=KEY, options={"verify_exp": False})
    return found


async def test_a_token_opens_one_room_for_one_microphone_and_calls_the_bot(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        status, told = await ask(browser, flow="home-services", caller="(202) 555-0142", lead={"first_name": "Ada"})
        assert status == 201
        assert told["server_url"].startswith("ws://127.0.0.1:")
        held = claims(told["participant_token"])
        assert held["video"] == {
            "room": told["room_name"],
            "roomJoin": True,
            "canPublish": True,
            "canPublishSources": ["microphone"],
            "canSubscribe": True,
            "canPublishData": True,
            "canUpdateOwnMetadata": False,
        }
        assert held["exp"] - held["nbf"] == TOKEN_S
        (agent,) = held["roomConfig"]["agents"]
        assert agent["agentName"] == "leadline"
        assert json.loads(agent["metadata"]) == {
            "call_id": told["call_id"],
            "direction": "web",
            "flow": "home-services",
        }
        assert "Ada" not in json.dumps(held)
        assert "2025550142" not in json.dumps(held)
        row = await world.calls.get(told["call_id"])
        assert (row.begun.direction, row.begun.caller, row.begun.lead, row.begun.room) == (
            Direction.WEB,
            "+12025550142",
            {"first_name": "Ada"},
            told["room_name"],
        )
        assert await world.calls.flow_body(row.begun.flow_hash) is not None


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"flow": "nope"}, "there is no flow of that name; there are: b2b-software, home-services"),
        ({"caller": "911"}, "the caller's number is emergency"),
        ({"caller": "hello"}, "not a telephone number"),
        ({"room_name": "mine"}, "room_name"),
        ({"participant_identity": "bot-1"}, "participant_identity"),
        ({"lead": {"First Name": "x"}}, "lead"),
        ({"lead": {"first_name": "a\nb"}}, "write it on one line"),
        ({"room_config": {"agents": [{"agent_name": "other"}]}}, "the only agent here is leadline"),
        ({"room_config": {"agents": [{"metadata": "["}]}}, "metadata is a JSON object"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(tmp_path: Path, wanted: dict[str, Any], words: str) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        status, told = await ask(browser, **wanted)
        assert status == 422
        assert words in json.dumps(told)
        assert await world.calls.list() == ()


async def test_a_standard_client_names_the_flow_in_the_agents_metadata(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        agent = {"agent_name": "leadline", "metadata": '{"flow": "home-services"}'}
        status, told = await ask(browser, room_config={"agents": [agent]})
        assert status == 201
        assert (await world.calls.get(told["call_id"])).begun.flow == "home-services"


async def test_a_flow_with_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("flow: broken\nslots: 7\n", encoding="utf-8")
    async with console(tmp_path, flow_files=(file,)) as world, world.browser() as browser:
        status, told = await ask(browser, flow="broken")
        assert status == 422
        assert "broken.yaml" in told["error"]
        async with browser.get("/api/flows") as answer:
            errors = {flow["name"]: flow["error"] for flow in await answer.json()}
        assert errors["b2b-software"] == ""
        assert "broken.yaml" in errors["broken"]


async def test_a_server_that_is_away_is_told_at_once(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        world.livekit.away = Refusal("unavailable", "starting", 503)
        status, told = await ask(browser, flow="b2b-software")
        assert (status, told["error"]) == (503, "livekit-server refuses (unavailable)")
        assert await world.calls.list() == ()


async def test_only_the_browser_that_began_a_call_comes_back_into_it(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as mine, world.browser() as other:
        _, begun = await ask(mine, flow="b2b-software")
        world.livekit.rooms[begun["room_name"]] = []
        status, again = await ask(mine, call_id=begun["call_id"])
        assert (status, again["room_name"], again["participant_identity"]) == (
            201,
            begun["room_name"],
            begun["participant_identity"],
        )
        assert (await ask(other, call_id=begun["call_id"]))[0] == 404
        assert (await ask(mine, call_id="unknown"))[0] == 404
        assert len(await world.calls.list()) == 1


@pytest.mark.parametrize("how", ["ended", "no room"])
async def test_nobody_comes_back_into_a_call_that_is_over(tmp_path: Path, how: str) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        _, begun = await ask(browser, flow="b2b-software")
        if how == "ended":
            world.livekit.rooms[begun["room_name"]] = []
            await world.calls.finish(begun["call_id"], "qualified", 60, {}, world.clock.at)
        assert await ask(browser, call_id=begun["call_id"]) == (409, {"error": "this call is over", "fix": ""})


async def test_calls_are_limited_for_each_client(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        statuses = [(await ask(browser, flow="b2b-software"))[0] for _ in range(11)]
        assert statuses == [201] * 10 + [429]
        async with browser.post("/api/token", json={}) as refused:
            assert int(refused.headers["Retry-After"]) > 0
        world.clock.at += 6
        assert (await ask(browser, flow="b2b-software"))[0] == 201


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_others(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        async with browser.post("/api/token", json={}) as answer:
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/api" in cookie


async def test_a_call_that_no_browser_joined_is_closed(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        _, begun = await ask(browser, flow="b2b-software")
        assert await sweep(world.desk) == 0
        world.clock.at += TOKEN_S + 1
        assert await sweep(world.desk) == 1
        assert (await world.calls.get(begun["call_id"])).disposition == "not_placed"
        assert await sweep(world.desk) == 0


async def test_a_caller_who_joined_is_left_alone(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        _, begun = await ask(browser, flow="b2b-software")
        await world.calls.answered(begun["call_id"], world.clock.at)
        world.clock.at += 1000
        assert await sweep(world.desk) == 0
