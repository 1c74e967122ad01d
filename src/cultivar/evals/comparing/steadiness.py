"""Results that seem not to vary: how likely luck is to look like that."""

from __future__ import annotations

import math
from typing import Final

from cultivar.learning.evidence.rates import beta

_SEVERAL: Final = 27 / 16
"""Several cases may do it; three do it most often: 3 · (1 - 1/4)²."""


def luck_of_steadiness(times: int) -> float:
    """How likely luck makes two equal versions differ on a case, the same way `times` times.

    With a rate of success p one pair does with p (1 - p), which is at most a quarter; meanwhile
    no other case may be seen to vary or to get worse.

    Args:
        times: How many pairs there are of the case that differs.
    """
    return min(1.0, _SEVERAL * 0.25**times)


def times_to_confirm(error: float) -> int:
    """How often a case that differs has to be tried so that luck is less likely than `error`."""
    return max(1, math.ceil(math.log(_SEVERAL / error, 4)))


def confidence_beyond(better: int, worse: int) -> float:
    """How probable it is that of further cases like these more get better than worse.

    It is what steady results say of cases that were not tried, if those that were are like them:
    the posterior of a uniform prior.

    Args:
        better: How many cases got better.
        worse: How many got worse.
    """
    return 1 - beta(better + 1, worse + 1, 0.5)
