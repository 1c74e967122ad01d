"""How much of one instance is heard: a bucket of tokens each, which fills up again by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

_REMEMBERED: Final = 10_000
"""Buckets that are kept before full ones are forgotten: they are as good as new ones."""


class Limits:
    """Buckets by instance; safe to use from several threads.

    Args:
        rate: How many messages of an instance are heard per second, in the long run.
        burst: How many at once.
        now: The time, in seconds.
    """

    def __init__(
        self, rate: float, burst: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def allow(self, instance_id: str) -> bool:
        """Take one token of the instance; False where it has none left."""
        with self._lock:
            now = self._now()
            left = self._left(instance_id, now)
            allowed = left >= 1
            if instance_id not in self._buckets and len(self._buckets) >= _REMEMBERED:
                self._forget(now)
            self._buckets[instance_id] = (left - allowed, now)
        return allowed

    def _left(self, instance_id: str, now: float) -> float:
        left, at = self._buckets.get(instance_id, (self._burst, now))
        return min(self._burst, left + (now - at) * self._rate)

    def _forget(self, now: float) -> None:
        full = [each for each in self._buckets if self._left(each, now) >= self._burst]
        for each in full:
            del self._buckets[each]
