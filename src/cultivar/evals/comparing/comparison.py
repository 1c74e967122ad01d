"""Whether the difference of any two versions is real, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from cultivar.evals.comparing.aspects import (
    QUALITY_DROP,
    RATIOS,
    SLOWER,
    AspectChange,
    change_of,
)
from cultivar.evals.comparing.betting import average, between, chance, log_wealth, mirrored
from cultivar.evals.comparing.pairing import Measure, Pairs, Sums, pair_up
from cultivar.evals.comparing.steadiness import (
    confidence_beyond,
    luck_of_steadiness,
    times_to_confirm,
)
from cultivar.evals.comparing.wording import bounded, counted, percent, points
from cultivar.learning.evidence.rates import Interval
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.record import Record

Recommendation = Literal["deploy", "continue_testing", "roll_back"]
"""What to do with the second version; until more is known the first one stays."""

ERROR: Final = 0.05
"""How often two equal versions may be told to differ."""


class Comparison(Record):
    """Two versions on the same cases."""

    pairs: int
    """On how many cases (with their repeats) both were tried."""
    dropped: int
    """Pairs that say nothing, because a place was down."""
    wins: int
    """Pairs where only the second passed."""
    losses: int
    before: float
    """The first version's success rate."""
    after: float
    difference: float
    """Of what was measured: success rates, or mean scores."""
    low: float
    high: float
    """Where the difference credibly lies, however often one has looked."""
    varies: bool
    """Whether results vary from one time to another, or may do so."""
    real: bool
    """Whether there is a difference that is not luck."""
    confidence: float
    """That there is one, 0 to 1."""
    recommendation: Recommendation
    sentence: str
    """What a person reads."""
    aspects: tuple[AspectChange, ...] = ()
    """Time and cost where both passed, and quality."""


def compare(
    first: Iterable[TrialResult],
    second: Iterable[TrialResult],
    *,
    cases: Iterable[TrialCase] = (),
    measure: Measure = "verdict",
    noisy: bool | None = None,
) -> Comparison:
    """Say whether two versions differ, and whether to deploy the second.

    Args:
        first: What came of the version that is used.
        second: What came of the other.
        cases: What was to be tried.
        measure: What counts: whether cases pass, or their scores.
        noisy: Whether results vary from one time to another; None: go by the repeats.

    Raises:
        UsageError: One side holds the results of more than one version.
    """
    return compared(pair_up(first, second, cases, measure), noisy=noisy)


def compared(pairs: Pairs, *, noisy: bool | None = None) -> Comparison:
    """The comparison of what was paired already.

    Args:
        pairs: What both versions did.
        noisy: As in `compare`.
    """
    varies = not is_steady(pairs, ERROR) if noisy is None else noisy
    found = _Finding(pairs, steady_by_word=noisy is False, varies=varies)
    sums, difference = found.sums, found.difference
    interval = between(pairs.total, ERROR) if varies else Interval(low=difference, high=difference)
    return Comparison(
        pairs=sums.pairs,
        dropped=pairs.dropped,
        wins=sums.wins,
        losses=sums.losses,
        before=sums.before,
        after=sums.after,
        difference=difference,
        low=min(difference, interval.low),
        high=max(difference, interval.high),
        varies=varies,
        real=found.real,
        confidence=found.confidence,
        recommendation=found.recommendation,
        sentence=found.sentence(interval),
        aspects=found.aspects,
    )


def is_steady(pairs: Pairs, error: float) -> bool:
    """Whether results do not vary: none did, and where versions differ it was tried often enough.

    Args:
        pairs: What both versions did.
        error: How likely that may be luck.
    """
    least = times_to_confirm(error)
    often = all(case.pairs >= least for case in pairs.tried if case.differs)
    return often and not pairs.varies and bool(pairs.tried)


class _Finding:
    """What follows from the pairs."""

    def __init__(self, pairs: Pairs, *, steady_by_word: bool, varies: bool) -> None:
        self.sums = Sums(pairs.tried)
        self.changes = pairs.total
        self.difference = average(self.changes)
        self.varies = varies
        differing = [case.pairs for case in pairs.tried if case.differs]
        self.luck = 1.0
        if varies:
            evidence = max(log_wealth(self.changes), log_wealth(mirrored(self.changes)))
            self.luck = min(1.0, 2 * chance(evidence))
        elif differing:
            self.luck = 0.0 if steady_by_word else luck_of_steadiness(min(differing))
        self.better = sum(case.gain > 0 for case in pairs.tried)
        self.worse = sum(case.gain < 0 for case in pairs.tried)
        self.aspects = tuple(
            change_of(name, each, ERROR) for name, each in pairs.aspects.items() if each.told
        )

    @property
    def real(self) -> bool:
        return self.luck <= ERROR

    @property
    def confidence(self) -> float:
        if self.varies:
            return 1 - self.luck
        ahead = confidence_beyond(self.better, self.worse)
        return min(1 - self.luck, max(ahead, 1 - ahead))

    @property
    def recommendation(self) -> Recommendation:
        if not self.real:
            return "continue_testing"
        if self.difference < 0:
            return "roll_back"
        lost = (not self.varies and self.worse) or any(map(_is_lost, self.aspects))
        return "continue_testing" if lost or not self.difference else "deploy"

    def sentence(self, interval: Interval) -> str:
        sums = self.sums
        if not sums.pairs:
            return "Nothing was tried with both versions."
        noun = "trial" if sums.repeated else "case"
        counts = (
            f"of {counted(sums.pairs, noun)} the first version passed {percent(sums.before)} and "
            f"the second {percent(sums.after)} ({sums.wins} better, {sums.losses} worse)"
        )
        return f"{self._head()}: {counts}; {self._luck_in_words(interval)}."

    def _head(self) -> str:
        if not self.real:
            return "No difference that could not be luck"
        if not self.difference:
            return "Different, but as good on the whole"
        return "The second version is better" if self.difference > 0 else "The second is worse"

    def _luck_in_words(self, interval: Interval) -> str:
        if not self.varies:
            return "results do not vary, so on these cases that is no luck"
        return (
            f"the difference lies between {points(interval.low)} and {points(interval.high)}, and "
            f"the chance that luck alone does this is {bounded(self.luck)}"
        )


def _is_lost(change: AspectChange) -> bool:
    """Whether time, cost or quality is credibly worse by more than is usually put up with."""
    if change.aspect in RATIOS:
        return change.low > SLOWER
    return change.high < -QUALITY_DROP
