"""Redis pub/sub that survives a restart of Redis: subscriptions are kept here and made again."""

import asyncio
import base64
import contextlib
import hashlib
import logging
import random
import time
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from sip.ua.tasks import Tasks, stop_if_cancelled

log = logging.getLogger(__name__)

Handler = Callable[[bytes], None]
_RETRY_S = 0.2
_CLAIM_S = 5  # how long the note lives that says who took a message


class BusDown(Exception):
    """Redis does not answer."""


class Bus:
    """One connection for commands, one for subscriptions. Handlers run in the event loop."""

    def __init__(self, url: str, tasks: Tasks) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=1.0, socket_timeout=2.0, retry=Retry(NoBackoff(), 0))
        self._tasks = tasks
        self._handlers: dict[str, tuple[Handler, bool]] = {}  # by channel; True: only one instance handles each message
        self._pubsub: PubSub | None = None
        self._ready = asyncio.Event()
        self._away_at = float("-inf")  # monotonic seconds, when it was last known to be away
        self._reader: asyncio.Task[None] | None = None

    async def start(self, timeout: float) -> None:
        """Raises BusDown when Redis is not reachable within `timeout` seconds."""
        self._reader = asyncio.create_task(self._run())
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            await self.close()
            raise BusDown("Redis does not answer") from None

    async def close(self) -> None:
        if self._reader:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._redis.aclose()

    def away_within(self, seconds: float) -> bool:
        """Whether Redis is away, or was less than so many seconds ago."""
        return self._pubsub is None or time.monotonic() - self._away_at < seconds

    async def subscribe(self, channel: str, handler: Handler, *, queue: bool = False) -> None:
        """`queue` True: of all instances that subscribe, one handles a message. Kept while Redis is away."""
        self._handlers[channel] = (handler, queue)
        with contextlib.suppress(RedisError, OSError):  # the reader sees it too, and subscribes again
            if self._pubsub is not None:
                await self._pubsub.subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._handlers.pop(channel, None)
        with contextlib.suppress(RedisError, OSError):
            if self._pubsub is not None:
                await self._pubsub.unsubscribe(channel)

    async def publish(self, channel: str, data: bytes) -> None:
        """Raises BusDown."""
        try:
            await self._redis.publish(channel, data)
        except (RedisError, OSError) as error:
            raise BusDown(f"Redis: {error}") from error

    async def _run(self) -> None:
        down = False
        while True:
            stop_if_cancelled()
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    # A channel of our own keeps the connection subscribed when nothing else is.
                    await pubsub.subscribe(f"sip-gateway-{id(self):x}", *self._handlers)
                    self._pubsub = pubsub
                    self._ready.set()
                    if down:
                        down = False
                        log.info("Redis is back; %d subscriptions renewed", len(self._handlers))
                    await self._read(pubsub)
            except (RedisError, OSError) as error:
                self._pubsub, self._away_at = None, time.monotonic()
                if not down:
                    down = True
                    log.warning("Redis is away (%s); calls go on, new ones get 503 until it is back", error)
                await asyncio.sleep(_RETRY_S)

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            stop_if_cancelled()
            message = await pubsub.get_message(timeout=1.0)
            if message is None or message["type"] != "message":
                continue
            channel, data = message["channel"].decode(), message["data"]
            handler, queue = self._handlers.get(channel, (None, False))
            if handler is None:
                continue
            if queue:
                self._tasks.spawn(self._take(handler, data))
            else:
                handler(data)

    async def _take(self, handler: Handler, data: bytes) -> None:
        """Every instance gets the message; the one that writes its hash first handles it."""
        key = base64.b64encode(hashlib.sha256(data).digest()).decode()
        with contextlib.suppress(RedisError, OSError):
            if await self._redis.set(key, random.getrandbits(63), nx=True, ex=_CLAIM_S):
                handler(data)
