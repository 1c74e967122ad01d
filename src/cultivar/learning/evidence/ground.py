"""On what conclusions rest: how versions weigh, and how many instances must bear witness.

The invariant: where many instances have evidence, no conclusion rests on one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cultivar.learning.evidence.counts import by_instance
from cultivar.learning.evidence.weighing import ENOUGH, bounded, effective, fading
from cultivar.ledger.tallying import Stratum
from cultivar.record import Record

_WITNESSES: Final = 3.0
"""Instances on which a conclusion must rest where there are many."""

_ADOPTED: Final = 0.25
"""The share of the instances that must know a version before older ones fade: a few who make up
newer and newer ones would take the word from all others."""


class Ground(Record):
    """How the evidence lies."""

    versions: Mapping[str, float]
    """The weight of each version."""
    witnesses: float
    """On how many instances, if all told as much, a conclusion must rest."""

    def holds(self, numbers: Mapping[Stratum, float], least: float = ENOUGH) -> bool:
        """Whether so much was counted, by enough instances, that it can be spoken of.

        Args:
            numbers: What was counted, by stratum.
            least: How much it must be, each instance's part bounded.
        """
        weights = bounded(list(by_instance(numbers).values()))
        return sum(weights) >= least and effective(weights) >= self.witnesses


def ground_of(numbers: Mapping[Stratum, float]) -> Ground:
    """How the evidence lies.

    Half of the instances that tell something must bear a conclusion out, up to three; so one who
    works alone learns alone, and among many nobody decides alone. For the same reason a version
    makes older ones fade only when several instances know it, and a quarter of all.

    Args:
        numbers: All that was counted, by stratum.
    """
    weights = bounded(list(by_instance(numbers).values()))
    witnesses = min(_WITNESSES, effective(weights) / 2)
    versions: dict[str, dict[Stratum, float]] = {}
    for stratum, number in numbers.items():
        versions.setdefault(stratum.template_version, {})[stratum] = number
    plain = Ground(versions={}, witnesses=max(witnesses, _ADOPTED * effective(weights)))
    known = {name: plain.holds(each) for name, each in versions.items()}
    return Ground(versions=fading(known), witnesses=witnesses)
