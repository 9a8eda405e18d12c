"""What is about a number in Redis: live state and live events."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from redis.asyncio import Redis

from store.erasure import Found
from store.subject import Subject
from store.traces import is_about

_OURS: Final = "leadline:*"
_AT_ONCE: Final = 500


async def erase(url: str, subject: Subject, calls: Sequence[Found]) -> Counter[str]:
    """Delete live state and live events of the number and its calls. Raises redis.exceptions.RedisError."""
    done: Counter[str] = Counter()
    async with Redis.from_url(url, socket_timeout=10, decode_responses=True) as redis:
        async for key, entries in _about(redis, subject, calls):
            if entries:
                await redis.xdel(key, *entries)
                done["live events"] += len(entries)
            else:
                await redis.delete(key)
                done["live states"] += 1
    return done


async def left(url: str, subject: Subject, calls: Sequence[Found]) -> list[str]:
    """The keys in which the number or one of its calls still is. Raises redis.exceptions.RedisError."""
    async with Redis.from_url(url, socket_timeout=10, decode_responses=True) as redis:
        return [key async for key, _ in _about(redis, subject, calls)]


async def _about(redis: Any, subject: Subject, calls: Sequence[Found]) -> AsyncIterator[tuple[str, list[str]]]:
    """Keys that are about the number; of a stream, with the entries that are."""
    async for key in redis.scan_iter(_OURS, count=_AT_ONCE):
        match await redis.type(key):
            case "stream":
                entries = [entry async for entry in _entries(redis, key, subject, calls)]
                if entries:
                    yield key, entries
            case "hash":
                if is_about(" ".join(await redis.hvals(key)), subject, calls):
                    yield key, []
            case "string":
                if is_about(await redis.get(key) or "", subject, calls):
                    yield key, []


async def _entries(redis: Any, key: str, subject: Subject, calls: Sequence[Found]) -> AsyncIterator[str]:
    """The ids of a stream's entries that are about the number."""
    first = "-"
    while entries := await redis.xrange(key, min=first, count=_AT_ONCE):
        for entry_id, fields in entries:
            if is_about(" ".join(map(str, fields.values())), subject, calls):
                yield entry_id
        first = f"({entries[-1][0]}"
