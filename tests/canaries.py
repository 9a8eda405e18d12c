"""Personal data planted in a call, and a search for it where it must not be: logs, rooms, processes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
from livekit import api

from cli.stack.config import Endpoints
from cli.stack.stack import Stack
from tests.e2e_support import open_livekit


def leaks(text: str, canaries: Iterable[str]) -> list[str]:
    """The canaries that are in a text; numbers however they are spaced."""
    plain, digits = text.lower(), re.sub(r"(?<=\d)[\s().-]{1,2}(?=\d)", "", text)
    return [canary for canary in canaries if canary.lower() in plain or (canary.isdigit() and canary in digits)]


def in_logs(stack: Stack, canaries: tuple[str, ...]) -> list[str]:
    """Every log of the stack that holds one."""
    found = []
    for path in _logs(stack):
        found += [f"{path.name}: {leak}" for leak in leaks(path.read_text(errors="replace"), canaries)]
    return found


def in_processes(stack: Stack, canaries: tuple[str, ...]) -> list[str]:
    """Command lines and environments of everything that the stack runs."""
    found = []
    for process in _processes(stack):
        try:
            told = " ".join([*process.cmdline(), *(f"{name}={value}" for name, value in process.environ().items())])
        except psutil.Error:
            continue
        found += [f"process {process.pid}: {leak}" for leak in leaks(told, canaries)]
    return found


async def in_rooms(at: Endpoints, canaries: tuple[str, ...]) -> list[str]:
    """Names and metadata of rooms, participants and dispatches. A SIP leg's own attributes are how the bot knows them."""
    found = []
    async with open_livekit(at) as lk:
        for room in (await lk.room.list_rooms(api.ListRoomsRequest())).rooms:
            told = [room.name, room.metadata]
            people = (await lk.room.list_participants(api.ListParticipantsRequest(room=room.name))).participants
            for person in people:
                sip = person.kind == api.ParticipantInfo.Kind.SIP
                told += (
                    [person.metadata]
                    if sip
                    else [person.metadata, person.identity, person.name, str(person.attributes)]
                )
            told += [dispatch.metadata for dispatch in await lk.agent_dispatch.list_dispatch(room.name)]
            found += [f"room: {leak}" for leak in leaks(" ".join(told), canaries)]
    return found


def _logs(stack: Stack) -> Iterator[Path]:
    yield from sorted((stack.at.run_dir / "logs").glob("*.log*"))


def _processes(stack: Stack) -> Iterator[psutil.Process]:
    for part in stack.config.parts:
        if (pid := stack.pid(part)) is not None:
            process = psutil.Process(pid)
            yield process
            yield from process.children(recursive=True)
