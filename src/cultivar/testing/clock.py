"""A clock that moves when it is told to, for tests of what waits."""

from __future__ import annotations

from cultivar.llm.retrying import Time


class SteppedClock:
    """Time that passes by sleeping and by `advance`, and a die that always shows `chance`.

    Args:
        chance: What the die shows, 0 to 1.
    """

    def __init__(self, chance: float = 1.0) -> None:
        self._now = 1000.0
        self.sleeps: list[float] = []
        """How long was slept, each time."""
        self.time = Time(now=lambda: self._now, sleep=self._sleep, random=lambda: chance)
        """What to hand to whoever waits."""

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._now += seconds

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(seconds)
