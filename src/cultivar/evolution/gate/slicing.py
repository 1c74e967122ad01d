"""Slices: no part of the uses may pay for the gain of the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

from cultivar.evals.comparing.betting import Counts, average, log_wealth, mirrored
from cultivar.evals.comparing.pairing import Pairs
from cultivar.evolution.gate.limits import GateSettings
from cultivar.learning.evidence.rates import beta

SliceStanding = Literal["kept", "worse", "suspect", "thin"]
"""`suspect`: it may be worse, so more trials have to tell; `thin`: too few to tell anything."""

_SUSPICION: Final = 0.25
"""A slice that lost so much that luck does it less often than that is suspect."""


def slice_standings(pairs: Pairs, settings: GateSettings) -> Mapping[str, SliceStanding]:
    """Where each named slice stands; the error is shared by all of them.

    Args:
        pairs: What both versions did.
        settings: What a slice may lose, and the error.
    """
    slices = {name: changes for name, changes in pairs.changes.items() if name}
    enough = -math.log(settings.error / max(1, len(slices)))
    return {
        name: _standing(changes, settings.slice_drop, enough)
        for name, changes in sorted(slices.items())
    }


def steady_losses(pairs: Pairs, settings: GateSettings) -> int:
    """How many cases the old version passed and the new one failed, each time, beyond luck.

    With equal versions one pair of a case does so with a chance of at most a quarter; the error
    is shared by all cases.

    Args:
        pairs: What both versions did, where results vary.
        settings: The error.
    """
    least = math.log(len(pairs.cases) / settings.error, 4)
    return sum(case.losses == case.pairs >= least for case in pairs.tried)


def _standing(changes: Counts, drop: float, enough: float) -> SliceStanding:
    if log_wealth(mirrored(changes)) >= enough:
        return "worse"
    if log_wealth(changes, -drop) >= enough:
        return "kept"
    if _looks_worse(changes, drop / 2) or log_wealth(_levelled(changes), -drop) >= enough:
        return "suspect"  # where nothing had changed, it would be shown by now
    return "thin"


def _looks_worse(changes: Counts, drop: float) -> bool:
    """Whether it lost more than `drop`, and luck rarely does so (a sign test that is used once)."""
    better = sum(times for change, times in changes.items() if change > 0)
    worse = sum(times for change, times in changes.items() if change < 0)
    return average(changes) < -drop and beta(worse, better + 1, 0.5) <= _SUSPICION


def _levelled(changes: Counts) -> Counts:
    """As many trials, as much noise, and no difference."""
    levelled: Counter[float] = Counter()
    for change, times in changes.items():
        levelled[change] += times
        levelled[-change] += times
    return {change: math.ceil(times / 2) for change, times in levelled.items()}
