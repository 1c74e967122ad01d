"""How much the word of an instance and of a version counts, so that nobody shouts the rest down.

The invariant: no instance weighs more than twice what it would if all weighed the same, however
much it sends, unless what it weighs is too little to be called a flood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final

from packaging.version import InvalidVersion, Version

FAIR: Final = 2.0
"""How many times its equal share an instance may weigh."""

FLOOD: Final = 100.0
"""Up to so many generations an instance is heard in full."""

ENOUGH: Final = 20.0
"""Verified generations from which on something may be said of an answer or a version."""

_HEAVIEST: Final = 0.2
"""An instance that weighs more is not held to what the others say: they are too few to judge."""

_EXPECTED: Final = 4.0
"""How many instances' worth of scatter is expected, before any is seen."""

_ROUNDING: Final = 1e-9

_FADING: Final = 0.5
"""What a version keeps of its weight for each newer one with enough evidence."""

LEAST: Final = 0.5
"""Under so much of one generation with the newest version, what an instance told has faded."""


def bounded(weights: Sequence[float], floor: float = FLOOD) -> list[float]:
    """The weights, those too large cut to the most that one instance may have.

    Equal shares for all would throw away what a large honest instance knows, square roots would
    still let a million outweigh twenty times fifty: a cut at a multiple of the equal share bounds
    what one can move, and leaves as they are all who are near each other.

    Args:
        weights: Of each instance.
        floor: What is never cut.
    """
    cut = max(floor, _cut(sorted(weights, reverse=True)))
    return [min(each, cut) for each in weights]


def _cut(falling: Sequence[float]) -> float:
    """The weight c for which c is `FAIR` equal shares of what is left when all are cut to c."""
    rests = list(accumulate(reversed(falling)))[::-1]
    for larger, (weight, rest) in enumerate(zip(falling, rests, strict=True)):
        cut = rest * FAIR / (len(falling) - larger * FAIR)
        if weight <= cut:
            return cut
    return 0.0


def effective(weights: Sequence[float]) -> float:
    """How many equal weights tell as much as these: Kish, Survey Sampling (1965), section 11.7."""
    squares = sum(each * each for each in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def combined(
    said: Sequence[float], weights: Sequence[float], variances: Sequence[float]
) -> tuple[float, float]:
    """The mean of what instances say, and its standard error.

    What lies beyond all that the others say is taken as far as theirs only, and the scatter between
    instances is judged accordingly: the winsorised mean of Tukey and McLaughlin, Sankhya A 25
    (1963), 331-352, as much cut off at each end as the heaviest instance weighs. So a single one
    can neither carry a conclusion nor hide it. The error is the larger of the one from sampling and
    the one that the scatter shows, since the outcomes of one instance may be alike; as few
    instances show their scatter badly, it is moderated (Smyth, Stat. Appl. Genet. Mol. Biol. 3
    (2004), article 3) by what sampling lets expect.

    Args:
        said: By each instance.
        weights: Of the instances, bounded.
        variances: What sampling alone adds to each.
    """
    whole = sum(weights)
    shares = [each / whole for each in weights]
    heaviest = max(shares)
    tail = heaviest if heaviest <= _HEAVIEST else 0.0
    kept = _drawn_in(said, shares, tail) if tail else said
    mean = sum(share * each for share, each in zip(shares, kept, strict=True))
    sampling = sum(share**2 * each for share, each in zip(shares, variances, strict=True))
    shown = _scatter(kept, shares, mean) / (1 - 2 * tail) ** 2
    freedom = len(said) - 1
    between = (freedom * shown + _EXPECTED * sampling) / (freedom + _EXPECTED)
    return mean, math.sqrt(max(sampling, between))


def _drawn_in(said: Sequence[float], shares: Sequence[float], tail: float) -> list[float]:
    ordered = sorted(zip(said, shares, strict=True))
    low = _beyond(ordered, tail)
    high = _beyond(ordered[::-1], tail)
    return [min(max(each, low), high) for each in said]


def _beyond(ordered: Sequence[tuple[float, float]], tail: float) -> float:
    """The first value after that much of the weight."""
    passed = 0.0
    for value, share in ordered:
        passed += share
        if passed > tail + _ROUNDING:
            return value
    return ordered[-1][0]


def _scatter(said: Sequence[float], shares: Sequence[float], mean: float) -> float:
    """The variance of the mean that the scatter between instances shows; 0 where there is one."""
    count = len(said)
    if count == 1:
        return 0.0
    squares = [(share * (each - mean)) ** 2 for share, each in zip(shares, said, strict=True)]
    return sum(squares) * count / (count - 1)


def fading(known: Mapping[str, bool]) -> dict[str, float]:
    """The weight of each version: halved for every newer one that is well enough known.

    Args:
        known: Whether a version has enough evidence of its own, by version.
    """
    weights: dict[str, float] = {}
    weight = 1.0
    for version in sorted(known, key=by_version, reverse=True):
        weights[version] = weight
        weight *= _FADING if known[version] else 1.0
    return weights


def by_version(text: str) -> tuple[Version, str]:
    """What to sort versions by; what is no version stands before all that are."""
    try:
        return Version(text), text
    except InvalidVersion:
        return Version("0.dev0"), text
