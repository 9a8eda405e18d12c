"""`Pace` in Redis: one clock, Redis' own, for all dialers; each question is one Lua script."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, cast

from store.redis_asking import RedisAsking, answer

TOKENS: Final = "leadline:pace:"  #: + trunk: when the next INVITE may be sent, in microseconds
PLACES: Final = "leadline:places:"  #: + what: holders by when their time is over
_NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000000 + t[2]; "
# The value is written with %.0f: Lua would write large numbers in a form that loses digits.
_TOKEN: Final = (
    _NOW
    + """
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free > now then return free - now end
redis.call('SET', KEYS[1], string.format('%.0f', now + tonumber(ARGV[1])), 'PX', ARGV[2])
return 0
"""
)
_RESERVE: Final = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local most = tonumber(ARGV[2])
if most <= 0 then return 0 end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= most then return 0 end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(tonumber(ARGV[3]) / 1000) + 60000)
return 1
"""
)


class RedisPace(RedisAsking):
    """`Pace` in Redis. Use as an async context manager."""

    async def token(self, trunk: str, per_second: float) -> float:
        interval = 1e6 / per_second
        kept = str(round(interval / 1000) + 1000)
        return int(await self._eval(_TOKEN, [TOKENS + trunk], str(round(interval)), kept)) / 1e6

    async def reserve(self, what: str, holder: str, most: int, ttl_s: float) -> bool:
        return bool(await self._eval(_RESERVE, [PLACES + what], holder, str(most), str(round(ttl_s * 1e6))))

    async def let_go(self, what: str, holder: str) -> None:
        await answer(cast("Awaitable[Any]", self._redis.zrem(PLACES + what, holder)))
