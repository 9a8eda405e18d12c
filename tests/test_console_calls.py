"""Calls as JSON, their recordings, and live events that go on where a reader stopped."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp

from console.desk import STREAMS_MAX
from store.calls import Part
from store.recordings import PartFile, folder_of
from tests.console_world import AT, console, keep_call
from tests.waiting import eventually


async def read(browser: aiohttp.ClientSession, path: str) -> Any:
    async with browser.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def events(answer: aiohttp.ClientResponse, n: int) -> list[dict[str, Any]]:
    """The next `n` events of a stream."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(10):
        async for line in answer.content:
            if line.startswith(b"data: "):
                found.append(json.loads(line[6:]))
                if len(found) == n:
                    break
    return found


async def test_a_call_is_shown_whole(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        await keep_call(world.calls)
        (row,) = await read(browser, "/api/calls")
        detail = await read(browser, "/api/calls/c1")
        assert detail["call"] == row
        assert (row["caller"], row["disposition"], row["score"]) == ("+12025550142", "qualified", 20)
        assert [turn["text"] for turn in detail["turns"]][1] == "about fifty"
        assert detail["turns"] == await read(browser, "/api/calls/c1/transcript")
        assert detail["turns"][2]["timing"] == {"decided": 200, "queued": 420}
        (answer,) = detail["answers"]
        assert (answer["shown"], answer["raw"], answer["value"]) == ("50", "about fifty", [50, 50])
        assert detail["record"] == {"summary": "Qualified."}
        assert [slot["name"] for slot in detail["flow"]["slots"]][:2] == ["good_time", "company_size"]


async def test_events_of_a_call_are_replayed_and_resumed(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        await keep_call(world.calls, over=False)
        since = (await read(browser, "/api/calls/c1"))["since"]
        for n in range(3):
            world.events.publish("c1", "heard", n=n, **{"pii.text": f"words {n}"})
            world.events.publish("c2", "heard", n=n)
        async with browser.get(f"/api/calls/c1/events?since={since}") as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            first, second = await events(answer, 2)
        assert [first["fields"], second["fields"]["pii.text"]] == [{"n": 0, "pii.text": "words 0"}, "words 1"]
        async with browser.get("/api/calls/c1/events?since=0", headers={"Last-Event-ID": second["id"]}) as answer:
            (third,) = await events(answer, 1)
        assert third["fields"]["n"] == 2


async def test_the_stream_of_all_calls_holds_no_personal_data(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        world.events.publish("c1", "heard", n=0, **{"pii.text": "words"})
        async with browser.get("/api/events?since=0") as answer:
            (event,) = await events(answer, 1)
        assert (event["call_id"], event["fields"]) == ("c1", {"n": 0})


async def test_ids_that_are_none_are_refused_and_streams_are_bounded_and_freed(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        for bad in ("x", "1-2-3", "9" * 30):
            async with browser.get("/api/events", params={"since": bad}) as answer:
                assert answer.status == 422
        world.desk.limits.streams = STREAMS_MAX - 1
        world.events.publish("c1", "begun")
        async with browser.get("/api/events?since=0") as answer:
            await events(answer, 1)
            async with browser.get("/api/events?since=0") as refused:
                assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
        await eventually(lambda: world.desk.limits.streams == STREAMS_MAX - 1)


async def test_a_recording_is_played_by_ranges_until_it_is_deleted(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        await keep_call(world.calls)
        folder = folder_of(world.desk.recordings, "c1", AT)
        file = PartFile.next_in(folder, 8000)
        file.write(bytes(8000 * 4))
        file.close()
        await world.calls.put_recording("c1", Part(1, AT + 2, 1.0, "whole"))
        await world.calls.put_recording("c1", Part(2, AT + 9, 0.0, "deleted"))
        detail = await read(browser, "/api/calls/c1")
        assert detail["recordings"] == [{"part": 1, "began_at": AT + 2, "seconds": 1.0}]
        async with browser.get("/api/calls/c1/recordings/1", headers={"Range": "bytes=0-11"}) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (206, "audio/wav")
            assert (await answer.read())[8:] == b"WAVE"
        for path in ("/api/calls/c1/recordings/2", "/api/calls/c1/recordings/3", "/api/calls/c2/recordings/1"):
            async with browser.get(path) as answer:
                assert answer.status == 404
        file.path.unlink()
        async with browser.get("/api/calls/c1/recordings/1") as answer:
            assert (answer.status, await answer.json()) == (404, {"error": "this recording is not kept", "fix": ""})


async def test_health_says_which_part_is_missing(tmp_path: Path) -> None:
    async with console(tmp_path) as world, world.browser() as browser:
        assert await read(browser, "/api/health") == {"livekit": True, "database": True, "page": False}
