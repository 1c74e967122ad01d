"""Betting on the mean of bounded values: evidence that may be looked at as often as one likes.

Who bets against a claim that holds makes no money on average, whenever they stop. So what a bet
has made of 1 is evidence against the claim: that it is ever 20 or more has a chance of at most
1 in 20 (Ville's inequality). The bets are those of Waudby-Smith and Ramdas, "Estimating means of
bounded random variables by betting", JRSS B 86 (2024), 1-27: many, each with a constant stake,
and the mean of what they have made. Of values -1, 0 and 1 and the claim that the mean is at most
0 it is a mixture of sequential sign tests (Howard et al., Annals of Statistics 49 (2021)).

The invariant: the order of the values makes no difference, because no stake depends on them. So
the claim may also be about the mean over cases that differ in any way, each tried equally often:
a stake's growth is then at most that of the mean case (the inequality of means).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Final, TypeAlias

from cultivar.learning.evidence.rates import Interval

Counts: TypeAlias = Mapping[float, int]
"""How often each value, -1 to 1, was seen."""

_STAKES: Final = tuple(0.98 * math.exp(-step / 4) for step in range(16))
"""The shares of what one has that are staked, from 98 % down to 2 %."""

_SHARE: Final = -math.log(len(_STAKES))
_CLOSE: Final = 1e-4


def log_wealth(values: Counts, mean: float = 0.0) -> float:
    """The logarithm of what betting against "the mean is at most `mean`" has made of 1.

    Args:
        values: What was seen.
        mean: The claim, above -1 and at most 1.
    """
    made = [0.0] * len(_STAKES)
    for value, times in values.items():
        if value != mean and times:
            gain = (value - mean) / (1 + mean)
            earned = [times * math.log1p(stake * gain) for stake in _STAKES]
            made = list(map(operator.add, made, earned))
    most = max(made)
    return most + _SHARE + math.log(sum([math.exp(each - most) for each in made]))


def mirrored(values: Counts) -> Counts:
    """The values seen from the other side: what was better is worse."""
    return {-value: times for value, times in values.items()}


def lowest(values: Counts, error: float) -> float:
    """The least mean that is still credible, at any time but for an error of `error`."""
    low, high, enough = -1.0, average(values), -math.log(error)
    while high - low > _CLOSE:
        middle = (low + high) / 2
        low, high = (middle, high) if log_wealth(values, middle) >= enough else (low, middle)
    return low


def highest(values: Counts, error: float) -> float:
    """The greatest mean that is still credible, at any time but for an error of `error`."""
    return -lowest(mirrored(values), error)


def between(values: Counts, error: float) -> Interval:
    """Where the mean lies, at any time but for an error of `error` (a confidence sequence)."""
    return Interval(low=lowest(values, error / 2), high=highest(values, error / 2))


def average(values: Counts) -> float:
    """The mean of what was seen; 0 where nothing was."""
    seen = sum(values.values())
    return math.fsum(value * times for value, times in values.items()) / seen if seen else 0.0


def chance(log_evidence: float) -> float:
    """How probable evidence like that, or more, is at most, if the claim holds."""
    return math.exp(-max(0.0, log_evidence))
