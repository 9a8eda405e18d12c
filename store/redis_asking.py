"""Short questions to Redis in the middle of calls: a second each at most, one error when it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, Final, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from store.live import LiveAway
from store.redis_events import AWAY, cancellations

_ASK_S: Final = 1.0


class RedisAsking:
    """A connection for them. Use as an async context manager. Each question waits at most a second for its answer."""

    def __init__(self, url: str) -> None:
        once_more = Retry(NoBackoff(), 1)  # a pooled connection may be of a Redis that died
        self._redis: Redis = Redis.from_url(
            url, socket_connect_timeout=_ASK_S, socket_timeout=_ASK_S, decode_responses=True, retry=once_more
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._redis.aclose()

    async def _eval(self, script: str, keys: list[str], *arguments: str) -> Any:
        return await answer(self._redis.eval(script, len(keys), *keys, *arguments))


async def answer(asked: Awaitable[Any]) -> Any:
    """What Redis answers. Raises store.live.LiveAway when it cannot be reached.

    A cancellation that came meanwhile is raised even where the client has swallowed it: who asks may ask for ever.
    """
    before = cancellations()
    try:
        answered = await asked
    except AWAY as away:
        if cancellations() > before:
            raise asyncio.CancelledError from away
        raise LiveAway(f"Redis is away ({away})") from away
    if cancellations() > before:
        raise asyncio.CancelledError
    return answered
