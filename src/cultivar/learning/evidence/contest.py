"""Which value of a question succeeds most, if that can be told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cultivar.learning.evidence.comparing import Cells, Difference, compare
from cultivar.learning.evidence.counts import REST, Key, by_instance, trials
from cultivar.learning.evidence.ground import Ground
from cultivar.learning.evidence.rates import quantile
from cultivar.learning.evidence.weighing import LEAST
from cultivar.record import Record, field

ERROR: Final = 0.01
"""How often a value may be called best where all are equal."""

MATTERS: Final = 0.02
"""Differences of rates under this are of no use to anybody, however sure they are."""

MOST: Final = 6
"""How many values of a question, the most used, are compared."""


class Contest(Record):
    """The values of a question, and how often each succeeded where."""

    cells: Mapping[Key, Cells]
    ground: Ground
    differences: dict[tuple[Key, Key], Difference] = field(
        default_factory=dict[tuple[Key, Key], Difference]
    )
    """What was compared so far."""

    def candidates(self) -> tuple[Key, ...]:
        """The values with enough evidence, the most used first."""
        found = [
            key
            for key, cells in self.cells.items()
            if key != REST and self.ground.holds(trials(cells))
        ]
        if len(found) > MOST:
            found.sort(key=lambda key: -sum(trials(self.cells[key]).values()))
        return tuple(found[:MOST])

    def witnesses(self, key: Key) -> set[str]:
        """The instances that verified it, and whose word still weighs."""
        versions = self.ground.versions
        weights = {
            stratum: versions.get(stratum.template_version, 1.0) * number
            for stratum, number in trials(self.cells.get(key, {})).items()
        }
        return {name for name, weight in by_instance(weights).items() if weight >= LEAST}

    def difference(self, first: Key, second: Key) -> Difference:
        """How much more often the one succeeds than the other."""
        pair = (first, second)
        if pair not in self.differences:
            cells = self.cells.get(first, {}), self.cells.get(second, {})
            found = compare(*cells, self.ground.versions)
            self.differences[pair] = found
            self.differences[second, first] = found.reversed
        return self.differences[pair]

    def best(self, candidates: tuple[Key, ...]) -> Key | None:
        """The one that credibly beats all others, by an amount that matters.

        Any of the candidates might do so by luck, so that each is held to its part of the error.
        """
        if len(candidates) < 2:
            return None
        least = quantile(1 - ERROR / len(candidates))
        leader = self._leader(candidates)
        rivals = (each for each in candidates if each != leader)
        return leader if all(self.beats(leader, each, least) for each in rivals) else None

    def beats(self, first: Key, second: Key, least: float) -> bool:
        """Whether the first is better, by `least` standard errors and by what matters."""
        found = self.difference(first, second)
        return (
            found.score >= least
            and found.estimate >= MATTERS
            and found.instances >= self.ground.witnesses
        )

    def beaten(self, key: Key, rivals: tuple[Key, ...], error: float) -> bool:
        """Whether `key` is credibly worse than one of `rivals`.

        Args:
            key: The value.
            rivals: What it is compared with.
            error: How often it may be called worse than one that is equal.
        """
        least = quantile(1 - error)
        return any(self.beats(each, key, least) for each in rivals if each != key)

    def _leader(self, candidates: tuple[Key, ...]) -> Key:
        leader = candidates[0]
        for each in candidates[1:]:
            leader = each if self.difference(each, leader).estimate > 0 else leader
        return leader
