"""What people choose, and whether most of them do.

The invariant: what nobody chose is not counted, so that a default does not confirm itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from cultivar.learning.evidence.counts import REST, Key
from cultivar.learning.evidence.ground import Ground
from cultivar.learning.evidence.rates import Rate, quantile
from cultivar.learning.evidence.weighing import ENOUGH, LEAST, bounded, combined, effective
from cultivar.ledger.tallying import Stratum
from cultivar.record import Record, replace

ERROR: Final = 0.01
"""How often a value may be called the most used where all are used alike."""

LEAD: Final = 0.1
"""How much more of all must choose the most used than the runner-up."""


class _Voter(Record):
    """What one instance chose."""

    shares: dict[Key, float]
    number: float
    """How often it chose, old versions counting less."""
    noise: float
    """The variance of its shares, for a scatter of 1."""
    raw: float
    """How often it truly chose."""
    name: str


class Usage(Record):
    """What instances chose, each weighing no more than its bounded part."""

    voters: tuple[_Voter, ...]
    weights: tuple[float, ...]
    values: tuple[Key, ...]
    """The most chosen first."""
    witnesses: float

    def choosers(self, value: Key) -> set[str]:
        """The instances that chose it, and whose choice still weighs."""
        chose = ((each.name, each.number * each.shares.get(value, 0.0)) for each in self.voters)
        return {name for name, weight in chose if weight >= LEAST}

    @property
    def sample(self) -> int:
        """How many choices were heard: all, but for those of an instance that sends too many."""
        heard = (v.raw * w / v.number for v, w in zip(self.voters, self.weights, strict=True))
        return round(sum(heard))

    def share(self, value: Key) -> Rate:
        """How many of all choose it, on as many choices as tell as much."""
        p = self.mean(value)
        _, error = self._combined(value, None)
        trials = p * (1 - p) / error**2 if 0 < p < 1 else sum(self.weights)
        return Rate(successes=p * trials, trials=trials)

    def leader(self, among: tuple[Key, ...]) -> Key | None:
        """The value among these that credibly more choose than the runner-up, if there is one."""
        ranked = [each for each in self.values if each in among]
        if not ranked or self.sample < ENOUGH or effective(self.weights) < self.witnesses:
            return None
        runner_up = ranked[1] if len(ranked) > 1 else None
        lead, error = self._combined(ranked[0], runner_up)
        least = quantile(1 - ERROR / max(2, len(self.values)))
        return ranked[0] if lead >= LEAD and lead >= least * error else None

    def mean(self, value: Key) -> float:
        """The share of all that chooses it."""
        parts = zip(self.voters, self.weights, strict=True)
        return sum(w * v.shares.get(value, 0.0) for v, w in parts) / sum(self.weights)

    def _combined(self, value: Key, rival: Key | None) -> tuple[float, float]:
        """How many more choose the one than the other, and the standard error of that."""
        p, q = self._smoothed(value), self._smoothed(rival)
        scatter = p + q - (p - q) ** 2
        said = [_share(v, value) - _share(v, rival) for v in self.voters]
        return combined(said, self.weights, [scatter * v.noise for v in self.voters])

    def _smoothed(self, value: Key | None) -> float:
        if value is None:
            return 0.0
        whole = sum(self.weights)
        return (self.mean(value) * whole + 0.5) / (whole + 1)


def usage_of(chosen: Mapping[Key, Mapping[Stratum, float]], ground: Ground) -> Usage:
    """What instances chose.

    Args:
        chosen: How often each value was chosen, by stratum.
        ground: How the evidence lies.
    """
    votes: dict[str, dict[Key, list[float]]] = {}
    for key, numbers in chosen.items():
        for stratum, number in numbers.items():
            if not number:
                continue
            weight = ground.versions.get(stratum.template_version, 1.0)
            cell = votes.setdefault(stratum.instance_id, {}).setdefault(key, [0.0, 0.0, 0.0])
            for place, part in enumerate((weight * number, weight * weight * number, number)):
                cell[place] += part
    voters = tuple(_voter(name, each) for name, each in votes.items())
    weights = tuple(bounded([each.number for each in voters]))
    usage = Usage(voters=voters, weights=weights, values=(), witnesses=ground.witnesses)
    values = [key for key in chosen if key != REST]
    ranked = sorted(values, key=usage.mean, reverse=True) if voters else ()
    return replace(usage, values=tuple(ranked))


def _voter(name: str, votes: Mapping[Key, list[float]]) -> _Voter:
    number, squares, raw = (math.fsum(each[place] for each in votes.values()) for place in range(3))
    return _Voter(
        shares={key: each[0] / number for key, each in votes.items()},
        number=number,
        noise=squares / number**2,
        raw=raw,
        name=name,
    )


def _share(voter: _Voter, value: Key | None) -> float:
    return 0.0 if value is None else voter.shares.get(value, 0.0)
