"""Whether one thing succeeds more often than another, compared only where both were tried.

The invariant: what differs between versions or instances never passes for a difference between
what is compared, since the comparison is made within each stratum and only then combined.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from cultivar.learning.rates import Rate, normal
from cultivar.learning.weighing import FLOOD, bounded, combined, effective
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
    def score(self) -> float:
        """The estimate in standard errors."""
        return self.estimate / self.error

    @property
    def probability(self) -> float:
        """How probable it is that the first is truly better (normal approximation, flat prior)."""
        return normal(self.score)


class _Voice:
    """What one instance says of the two."""

    __slots__ = ("first", "second", "strata", "weight")

    def __init__(self) -> None:
        self.strata: list[tuple[float, float, float, float, float]] = []
        """Of each its weight, and of both what succeeded and was tried."""
        self.weight = self.first = self.second = 0.0
        """The sum of the weights, and of the rates as they weigh."""

    @property
    def difference(self) -> float:
        return (self.first - self.second) / self.weight


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
    voices = _voices(first, second, versions)
    weights = bounded([each.weight for each in voices], FLOOD / 4)
    if not (whole := sum(weights)):
        return UNKNOWN
    shares = [each / whole for each in weights]
    p, q = _mean(voices, shares, "first"), _mean(voices, shares, "second")
    noises = [_noise(each, _smoothed(p, whole), _smoothed(q, whole)) for each in voices]
    said = [each.difference for each in voices]
    estimate, error = combined(said, weights, [each.variance for each in noises])
    return Difference(
        first=_rate(p, shares, [each.first for each in noises]),
        second=_rate(q, shares, [each.second for each in noises]),
        estimate=estimate,
        error=error,
        weight=whole,
        instances=effective(weights),
    )


def _voices(first: Cells, second: Cells, versions: Mapping[str, float]) -> list[_Voice]:
    """What each instance says that used both in one stratum."""
    voices: dict[str, _Voice] = {}
    for stratum, (good, bad) in first.items():
        other_good, other_bad = second.get(stratum, _NOTHING)
        n, m = good + bad, other_good + other_bad
        if not (n and m):
            continue
        weight = versions.get(stratum.template_version, 1.0) * n * m / (n + m)
        voice = voices.get(stratum.instance_id)
        if voice is None:
            voice = voices[stratum.instance_id] = _Voice()
        voice.strata.append((weight, good, n, other_good, m))
        voice.weight += weight
        voice.first += weight * good / n
        voice.second += weight * other_good / m
    return list(voices.values())


def _mean(voices: list[_Voice], shares: list[float], arm: Literal["first", "second"]) -> float:
    """The standardised rate of one of the two."""
    whole = 0.0
    for voice, share in zip(voices, shares, strict=True):
        whole += share * (voice.first if arm == "first" else voice.second) / voice.weight
    return whole


def _smoothed(mean: float, weight: float) -> float:
    """The rate with half a success and half a failure more, so that it is never all or nothing."""
    return (mean * weight + 0.5) / (weight + 1)


class _Noise(NamedTuple):
    """The variance that chance gives what an instance says; of the rates, for a scatter of 1."""

    variance: float
    first: float
    second: float


def _noise(voice: _Voice, p: float, q: float) -> _Noise:
    """How chance scatters what an instance says, each stratum's rates drawn to the common ones."""
    variance = first = second = 0.0
    borrowed_p, borrowed_q = _BORROWED * p, _BORROWED * q
    for weight, x, n, y, m in voice.strata:
        a, b = (x + borrowed_p) / (n + _BORROWED), (y + borrowed_q) / (m + _BORROWED)
        one, other = weight * weight / n, weight * weight / m
        first += one
        second += other
        variance += one * a * (1 - a) + other * b * (1 - b)
    square = voice.weight**2
    return _Noise(variance / square, first / square, second / square)


def _rate(mean: float, shares: list[float], noises: list[float]) -> Rate:
    """A standardised rate, on as many trials as tell as much."""
    trials = 1 / sum(share**2 * noise for share, noise in zip(shares, noises, strict=True))
    return Rate(successes=min(1.0, mean) * trials, trials=trials)
