"""The gateway says in one line why it cannot start."""

import asyncio
import socket
import sys

import pytest

KEYS = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "secret-of-at-least-32-characters-x"}


async def start(port: int, env: dict[str, str]) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sip.gateway", "--redis", "redis://127.0.0.1:9", "--sip-port", str(port)),
        env=env,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, errors.decode()


@pytest.mark.parametrize("env", [{}, {"LIVEKIT_API_KEY": "key"}, {**KEYS, "LIVEKIT_API_SECRET": ""}])
async def test_missing_keys(env: dict[str, str]) -> None:
    code, errors = await start(0, env)
    assert code == 1
    assert errors.count("\n") == 1
    assert "LIVEKIT_API_KEY and LIVEKIT_API_SECRET are not both set" in errors


async def test_port_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        code, errors = await start(other.getsockname()[1], KEYS)
    assert code == 1
    assert "choose another --sip-port" in errors.splitlines()[-1]


async def test_no_redis() -> None:
    code, errors = await start(0, KEYS)
    assert code == 1
    assert "start Redis" in errors.splitlines()[-1]
