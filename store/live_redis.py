"""Live calls in Redis: one hash a room, leases in a sorted set by Redis' own clock, each change one Lua script."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from typing import Any, Final, cast

from store.live import AGAIN_S, KEPT_S, LEASE_S, OVER, OVER_S, SUCCESSION_S, Claim, LiveAway, Lost, Owner, concerns
from store.redis_asking import RedisAsking, answer
from store.redis_events import AWAY

RECORD: Final = "leadline:live:"  #: + room: owner, order, where, generation, deaths, snapshot, flow
LEASES: Final = "leadline:leases"
WORKERS: Final = "leadline:workers"  #: until when a worker's word holds; how many calls it takes: WORKERS + ":free"
AGAIN: Final = "leadline:again:"  #: + digest of a number: where its last call broke off

_NOW: Final = "local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000); "
_MINE: Final = (
    "local g = tonumber(redis.call('HGET', KEYS[1], 'generation') or '0'); "
    "if g > tonumber(ARGV[2]) then return 0 end; "
    "redis.call('HSET', KEYS[1], 'generation', ARGV[2]); "
)
_CLAIM: Final = (
    _NOW
    + """
if redis.call('HGET', KEYS[1], 'owner') == 'over' then redis.call('DEL', KEYS[1]) end
local g = redis.call('HINCRBY', KEYS[1], 'generation', 1)
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'order', ARGV[3], 'where', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZADD', KEYS[2], now + ARGV[5], ARGV[1])
local r = redis.call('HMGET', KEYS[1], 'deaths', 'snapshot', 'flow')
return {g, r[1], r[2], r[3]}
"""
)
_SAVE: Final = (
    _NOW
    + _MINE
    + """
redis.call('HSET', KEYS[1], 'snapshot', ARGV[3])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'flow', ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZADD', KEYS[2], 'NX', now + ARGV[5], ARGV[1])
return 1
"""
)
_RENEW: Final = (
    _NOW
    + _MINE
    + """
redis.call('HSET', KEYS[1], 'owner', ARGV[3], 'order', ARGV[4], 'where', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('ZADD', KEYS[2], now + ARGV[6], ARGV[1])
return 1
"""
)
_END: Final = (
    _MINE
    + """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'owner', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""
)
_TAKE: Final = (
    _NOW
    + """
local r = redis.call('HMGET', KEYS[1], 'owner', 'order', 'where', 'snapshot', 'flow')
if ARGV[2] == '' then
  local lease = redis.call('ZSCORE', KEYS[2], ARGV[1])
  if not lease or tonumber(lease) > now then return nil end
  if not r[1] then redis.call('ZREM', KEYS[2], ARGV[1]) return nil end
elseif r[1] ~= ARGV[2] then return nil end
local g = redis.call('HINCRBY', KEYS[1], 'generation', 1)
redis.call('HSET', KEYS[1], 'owner', '')
local deaths = redis.call('HINCRBY', KEYS[1], 'deaths', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return {g, deaths, r[1], r[2], r[3], r[4], r[5]}
"""
)
_EXPIRED: Final = _NOW + "return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 200)"
_ANNOUNCE: Final = (
    _NOW
    + """
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
return 1
"""
)
_FREE: Final = (
    _NOW
    + """
local sum = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
  if id ~= ARGV[1] then sum = sum + tonumber(redis.call('HGET', KEYS[2], id) or '0') end
end
return sum
"""
)


class RedisLive(RedisAsking):
    """`LiveCalls` in Redis."""

    async def claim(self, room: str, owner: Owner) -> Claim:
        generation, deaths, snapshot, flow = await self._room(
            _CLAIM, room, owner.job, owner.order, owner.where, _ms(LEASE_S), _ms(KEPT_S)
        )
        return Claim(int(generation), int(deaths or 0), snapshot, flow)

    async def save(self, room: str, generation: int, snapshot: str, flow_body: str | None = None) -> bool:
        return bool(
            await self._room(_SAVE, room, str(generation), snapshot, flow_body or "", _ms(LEASE_S), _ms(KEPT_S))
        )

    async def renew(self, room: str, owner: Owner, generation: int) -> bool:
        who = (owner.job, owner.order, owner.where)
        return bool(await self._room(_RENEW, room, str(generation), *who, _ms(LEASE_S), _ms(KEPT_S)))

    async def end(self, room: str, generation: int) -> bool:
        return bool(await self._room(_END, room, str(generation), OVER, _ms(OVER_S)))

    async def take(self, room: str, job: str | None) -> Lost | None:
        found = await self._room(_TAKE, room, job or "", _ms(SUCCESSION_S), _ms(KEPT_S))
        if found is None:
            return None
        generation, deaths, owner, order, where, snapshot, flow = found
        return Lost(Owner(owner or "", order or "", where or ""), int(generation), int(deaths), snapshot, flow)

    async def holder(self, room: str) -> Owner | None:
        asked = self._redis.hmget(RECORD + room, ["owner", "order", "where"])
        owner, order, where = await answer(cast("Awaitable[list[str | None]]", asked))
        return Owner(owner, order or "", where or "") if owner is not None else None

    async def expired(self) -> tuple[str, ...]:
        return tuple(await self._eval(_EXPIRED, [LEASES]))

    async def epoch(self) -> str:
        about: dict[str, Any] = await answer(self._redis.info("server"))
        return str(about["run_id"])

    async def announce(self, worker: str, free: int) -> None:
        await self._eval(_ANNOUNCE, [WORKERS, f"{WORKERS}:free"], worker, str(free), _ms(LEASE_S))

    async def free(self, but: str = "") -> int:
        return int(await self._eval(_FREE, [WORKERS, f"{WORKERS}:free"], but))

    async def remember(self, number: str, snapshot: str) -> None:
        await answer(self._redis.set(_broken_off(number), snapshot, px=round(AGAIN_S * 1000)))

    async def recall(self, number: str) -> str | None:
        found: str | None = await answer(self._redis.getdel(_broken_off(number)))
        return found

    async def forget(self, number: str) -> int:
        try:
            keys = [key async for key in self._redis.scan_iter(match=f"{RECORD}*", count=200)]
        except AWAY as away:
            raise LiveAway(f"Redis is away ({away})") from away
        about = [key for key in keys if concerns(await self._snapshot(key), number)]
        for key in about:
            await answer(self._redis.hdel(key, "snapshot"))
        return len(about) + int(await answer(self._redis.delete(_broken_off(number))))

    async def _snapshot(self, key: str) -> str | None:
        found: str | None = await answer(cast("Awaitable[str | None]", self._redis.hget(key, "snapshot")))
        return found

    async def _room(self, script: str, room: str, *arguments: str) -> Any:
        return await self._eval(script, [RECORD + room, LEASES], room, *arguments)


def _broken_off(number: str) -> str:
    """The number itself is in no key: keys show in monitors and logs."""
    return AGAIN + hashlib.sha256(number.encode()).hexdigest()


def _ms(seconds: float) -> str:
    return str(round(seconds * 1000))
