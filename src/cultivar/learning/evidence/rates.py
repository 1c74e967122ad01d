"""How often something succeeds, and how sure that is; without numpy, which takes long to load.

The invariant: an interval holds the estimate that it is of.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from cultivar.record import Record

LEVEL: Final = 0.95
"""Of the intervals that are shown."""

_TINY: Final = 1e-300
_EXACT: Final = 1e-15
_STEPS: Final = 10_000
_HALVINGS: Final = 60


class Interval(Record):
    """Where a rate lies, at the level that was asked for."""

    low: float
    high: float


class Rate(Record):
    """How many of how many succeeded; weighed counts need not be whole."""

    successes: float
    trials: float

    @property
    def estimate(self) -> float:
        """The share that succeeded; one half where nothing was tried."""
        return self.successes / self.trials if self.trials else 0.5

    def wilson(self, level: float = LEVEL) -> Interval:
        """The score interval of Wilson, JASA 22 (1927), 209-212, which is right for few trials too.

        Args:
            level: How often such intervals hold the truth, above 0 and under 1.
        """
        if not self.trials:
            return Interval(low=0.0, high=1.0)
        z, n, p = quantile((1 + level) / 2), self.trials, self.estimate
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(max(0.0, p * (1 - p) / n) + z * z / (4 * n * n))
        return Interval(low=min(p, max(0.0, centre - half)), high=max(p, min(1.0, centre + half)))


def normal(z: float) -> float:
    """How probable it is that a standard normal value is at most `z`."""
    return math.erfc(-z / math.sqrt(2)) / 2


@lru_cache(maxsize=256)
def quantile(probability: float) -> float:
    """The `z` for which `normal(z)` is `probability`."""
    low, high = -40.0, 40.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if normal(middle) < probability else (low, middle)
    return (low + high) / 2


def beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function: how probable a Beta(a, b) value of at most x is.

    By the continued fraction of Press et al., Numerical Recipes (2007), section 6.4.
    """
    if not 0 < x < 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    return front * _fraction(a, b, x) / a


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta, by the modified method of Lentz."""
    upper, lower = 1.0, 1 / _off_zero(1 - (a + b) * x / (a + 1))
    value = lower
    for step in range(1, _STEPS):
        before = value
        for term in _terms(a, b, x, step):
            lower = 1 / _off_zero(1 + term * lower)
            upper = _off_zero(1 + term / upper)
            value *= upper * lower
        if abs(value - before) <= _EXACT * abs(value):
            break
    return value


def _terms(a: float, b: float, x: float, step: int) -> tuple[float, float]:
    twice = a + 2 * step
    even = step * (b - step) * x / ((twice - 1) * twice)
    odd = -(a + step) * (a + b + step) * x / (twice * (twice + 1))
    return even, odd


def _off_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
