"""Says whether to ask a provider again, and when."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from cultivar.llm.base import ProviderError
from cultivar.record import Record, field


class Time(Record):
    """The clock, the bed and the dice."""

    now: Callable[[], float] = time.monotonic
    """Seconds; never goes back."""
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
    """A number in [0, 1)."""


class Retrying(Record):
    """Exponential back-off with equal jitter, after "Exponential Backoff and Jitter" (Brooker).

    The n-th wait is `first` times two to the n, at most `longest`, of which the upper half is left
    to chance, so that many who failed together do not come back together. A provider that says
    how long to wait is obeyed, unless it asks for more than `longest_asked`.
    """

    retries: int = 4
    first: float = 0.5
    longest: float = 30.0
    longest_asked: float = 120.0
    time: Time = field(default_factory=Time)

    def delay(self, attempts: int, error: ProviderError) -> float | None:
        """Seconds until the next attempt, after `attempts`; None is to give up."""
        if not error.retry or attempts > self.retries:
            return None
        if error.after is not None:
            return error.after if error.after <= self.longest_asked else None
        full = min(self.longest, self.first * 2.0 ** min(attempts - 1, 30))
        return full / 2 + full / 2 * self.time.random()
