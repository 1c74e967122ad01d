"""Whether one thing succeeds more often than another, compared only where both were tried.

The invariant: what differs between versions or instances never passes for a difference between
what is compared, since the comparison is made within each stratum and only then combined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, TypeAlias

from cultivar.learning.evidence.rates import Rate, normal
from cultivar.learning.evidence.weighing import FLOOD, bounded, combined, effective
from cultivar.ledger.tallying import Stratum
from cultivar.record import Record

Cells: TypeAlias = Mapping[Stratum, tuple[float, float]]
"""How many succeeded and how many failed, by stratum."""

_NOTHING: Final = (0.0, 0.0)

_BORROWED: Final = 4.0
"""Trials' worth of the common rate that a stratum borrows to tell how its own rate scatters."""


class Difference(Record):
    """How much more often the first succeeds than the second."""

    first: Rate
    """Its standardised rate: as it would be if both had been used in the same strata."""
    second: Rate
    estimate: float
    error: float
    """Standard error of the estimate; infinite where nothing compares them."""
    weight: float
    """How much evidence it rests on; of a part of the evidence it is that part's share."""
    instances: float
    """How many instances, if all told as much, would tell this."""

    @property
    def reversed(self) -> Difference:
        """The same, the second against the first."""
        return Difference(
            first=self.second,
            second=self.first,
            estimate=-self.estimate,
            error=self.error,
            weight=self.weight,
            instances=self.instances,
        )

    @property
    def score(self) -> float:
        """The estimate in standard errors."""
        return self.estimate / self.error

    @property
    def probability(self) -> float:
        """How probable it is that the first is truly better (normal approximation, flat prior)."""
        return normal(self.score)


class _Voice:
    """What one instance says of the two."""

    __slots__ = ("first", "first_noise", "second", "second_noise", "variance", "weight")

    def __init__(self) -> None:
        self.weight = self.first = self.second = 0.0
        """The sum of the weights, and of the rates as they weigh."""
        self.first_noise = self.second_noise = 0.0
        """The variance that chance gives these rates, for a scatter of 1."""
        self.variance = 0.0
        """The variance that chance gives their difference."""

    @property
    def difference(self) -> float:
        return (self.first - self.second) / self.weight


_Trial: TypeAlias = tuple[_Voice, float, float, float, float, float, float]
"""Of one stratum who speaks, and of both what succeeded, what was tried and the variance of it."""


UNKNOWN: Final = Difference(
    first=Rate(successes=0, trials=0),
    second=Rate(successes=0, trials=0),
    estimate=0.0,
    error=math.inf,
    weight=0.0,
    instances=0.0,
)
"""Of what was never tried in the same stratum."""


def compare(first: Cells, second: Cells, versions: Mapping[str, float]) -> Difference:
    """The difference of two rates of success within strata, combined over them.

    The weights are those of Mantel and Haenszel, J. Natl. Cancer Inst. 22 (1959), 719-748, for risk
    differences (Greenland and Robins, Biometrics 41 (1985), 55-68), each instance's bounded; the
    instances are then `combined`. All errors are normal approximations.

    Args:
        first: What was counted of the one.
        second: What was counted of the other.
        versions: The weight of each version; 1 for those that are not named.
    """
    voices, trials = _heard(first, second, versions)
    weights = bounded([each.weight for each in voices], FLOOD / 4)
    if not (whole := sum(weights)):
        return UNKNOWN
    shares = [each / whole for each in weights]
    p = sum(share * each.first / each.weight for each, share in zip(voices, shares, strict=True))
    q = sum(share * each.second / each.weight for each, share in zip(voices, shares, strict=True))
    _scatter(trials, _smoothed(p, whole), _smoothed(q, whole))
    said = [each.difference for each in voices]
    variances = [each.variance / each.weight**2 for each in voices]
    estimate, error = combined(said, weights, variances)
    return Difference(
        first=_rate(p, shares, [each.first_noise / each.weight**2 for each in voices]),
        second=_rate(q, shares, [each.second_noise / each.weight**2 for each in voices]),
        estimate=estimate,
        error=error,
        weight=whole,
        instances=effective(weights),
    )


def _heard(
    first: Cells, second: Cells, versions: Mapping[str, float]
) -> tuple[list[_Voice], list[_Trial]]:
    """What each instance says that used both in one stratum, and of which strata."""
    voices: dict[str, _Voice] = {}
    trials: list[_Trial] = []
    for stratum, (good, bad) in first.items():
        other_good, other_bad = second.get(stratum, _NOTHING)
        n, m = good + bad, other_good + other_bad
        if not (n and m):
            continue
        weight = versions.get(stratum.template_version, 1.0) * n * m / (n + m)
        voice = voices.get(stratum.instance_id)
        if voice is None:
            voice = voices[stratum.instance_id] = _Voice()
        one, other = weight * weight / n, weight * weight / m
        voice.weight += weight
        voice.first += weight * good / n
        voice.second += weight * other_good / m
        voice.first_noise += one
        voice.second_noise += other
        trials.append((voice, good, n, one, other_good, m, other))
    return list(voices.values()), trials


def _smoothed(mean: float, weight: float) -> float:
    """The rate with half a success and half a failure more, so that it is never all or nothing."""
    return (mean * weight + 0.5) / (weight + 1)


def _scatter(trials: list[_Trial], p: float, q: float) -> None:
    """How chance scatters what instances say, each stratum's rates drawn to the common ones."""
    borrowed_p, borrowed_q = _BORROWED * p, _BORROWED * q
    for voice, x, n, one, y, m, other in trials:
        a, b = (x + borrowed_p) / (n + _BORROWED), (y + borrowed_q) / (m + _BORROWED)
        voice.variance += one * a * (1 - a) + other * b * (1 - b)


def _rate(mean: float, shares: list[float], noises: list[float]) -> Rate:
    """A standardised rate, on as many trials as tell as much."""
    trials = 1 / sum(share**2 * noise for share, noise in zip(shares, noises, strict=True))
    return Rate(successes=min(1.0, mean) * trials, trials=trials)
