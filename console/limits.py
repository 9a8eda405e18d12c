"""Rate limits: a token bucket for each key, and only so many keys."""

from __future__ import annotations

from collections import OrderedDict

_KEYS_MAX = 10_000


class Limit:
    """At most `burst` at once and `per_s` a second on average, for each key. Keys long unused are forgotten."""

    def __init__(self, per_s: float, burst: int, keys_max: int = _KEYS_MAX) -> None:
        self._per_s = per_s
        self._burst = burst
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take one; returns 0.0, or the seconds after which there is one again. `now` in seconds of any clock."""
        left, at = self._buckets.pop(key, (float(self._burst), now))
        left = min(self._burst, left + max(0.0, now - at) * self._per_s)
        allowed = left >= 1.0
        self._buckets[key] = (left - 1.0 if allowed else left, now)
        while len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - left) / self._per_s

    def __len__(self) -> int:
        return len(self._buckets)
