"""Uses of an artifact, whatever its kind: what is known of each, and how they are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cultivar.learning.evidence.rates import Rate
from cultivar.learning.evidence.weighing import bounded
from cultivar.lifecycle import BadAnswers, PatternShare
from cultivar.record import Record, field


class Use(Record):
    """One use, as it is looked at."""

    id: str
    succeeded: bool | None
    """None where nobody verified it."""
    seconds: float
    money: float
    at: datetime


class Outcomes(Record):
    """How often something succeeded and failed, by instance."""

    by_instance: Mapping[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])

    @property
    def uses(self) -> int:
        """How many were verified."""
        return sum(sum(each) for each in self.by_instance.values())

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(failed for _, failed in self.by_instance.values())

    @property
    def rate(self) -> Rate:
        """The success rate, in which no instance has more than its part."""
        counts = list(self.by_instance.values())
        sizes = [float(sum(each)) for each in counts]
        parts = [
            cut / size if size else 0.0 for cut, size in zip(bounded(sizes), sizes, strict=True)
        ]
        weighed = list(zip(counts, parts, strict=True))
        return Rate(
            successes=sum(succeeded * part for (succeeded, _), part in weighed),
            trials=sum(sum(each) * part for each, part in weighed),
        )


class Subject(Record):
    """All that is known of the uses of one version."""

    tree_hash: str
    version: str
    outcomes: Outcomes
    """Of this version."""
    earlier: Outcomes = Outcomes()
    """Of the versions before it."""
    recent: Sequence[Use] = ()
    """The latest uses of this version, the newest first."""
    patterns: tuple[PatternShare, ...] = ()
    bad_answers: tuple[BadAnswers, ...] = ()
    drifted: tuple[float, float] | None = None
    """The success rate before and lately, where it has credibly fallen; None where it has not."""


def outcomes_of(counted: Iterable[tuple[str, int, int]]) -> Outcomes:
    """Instance, succeeded and failed, summed by instance."""
    found: dict[str, tuple[int, int]] = {}
    for instance, succeeded, failed in counted:
        before = found.get(instance, (0, 0))
        found[instance] = (before[0] + succeeded, before[1] + failed)
    return Outcomes(by_instance=found)
