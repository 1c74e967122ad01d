"""What two versions did on the same cases, pair by pair, and counted.

The invariant: a pair says something only where both sides were verified, and once only, so that
neither a place that was down nor a result that came twice is evidence. Of time it says something
only where both were tried side by side and no limit ended them: what is known from another moment
was measured on a machine that did something else.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from cultivar.errors import UsageError
from cultivar.lifecycle import TrialCase, TrialResult

Aspect = Literal["seconds", "money", "quality"]
"""What is compared beside success; of time and money the ratio, of quality the difference."""

Measure = Literal["verdict", "score"]
"""Whether a change is that a case passes now, or by how much its score rose."""

_LEAST_SECONDS: Final = 0.02
_LEAST_MONEY: Final = 1e-6
"""What is added to both, so that differences too small to matter make no ratio."""

_Key: TypeAlias = tuple[str, int]


class CasePairs:
    """What two versions did on one case, counted."""

    __slots__ = (
        *("after", "before", "gain", "id", "limited", "losses"),
        *("pairs", "refused", "sealed", "slice", "tried", "wins"),
    )

    def __init__(self, case: TrialCase) -> None:
        self.id = case.id
        self.slice = case.slice
        self.sealed = case.origin == "sealed"
        self.tried = 0
        """Pairs, with those that were dropped."""
        self.pairs = 0
        self.before = self.after = 0
        """How often each version passed."""
        self.wins = self.losses = 0
        self.limited = 0
        """Losses where a limit ended the new version, which a busy machine may be to blame for."""
        self.refused = 0
        """How often the new version refused what the old one failed with."""
        self.gain = 0.0
        """The sum of its changes."""

    @property
    def varies(self) -> bool:
        """Whether one version passed once and failed another time."""
        return 0 < self.before < self.pairs or 0 < self.after < self.pairs

    @property
    def differs(self) -> bool:
        """Whether the versions ever came to different results."""
        return bool(self.wins or self.losses or self.gain)

    def count(self, passed_before: bool, passed_after: bool, change: float) -> None:
        """Count one pair."""
        self.pairs += 1
        self.gain += change
        self.before += passed_before
        self.after += passed_after
        self.wins += passed_after and not passed_before
        self.losses += passed_before and not passed_after


class Compared:
    """One aspect of both versions, counted over the pairs that tell it."""

    __slots__ = ("_logs", "after", "apart", "before", "least", "pairs", "values")

    def __init__(self, least: float = 0.0) -> None:
        self.least = least
        """Of a ratio, what is added to both, so that what is too small to matter makes none."""
        self.pairs = self.apart = 0
        """`apart`: pairs that do not tell it, because they were not tried side by side."""
        self.before = self.after = 0.0
        """The sums of both."""
        self.values: Counter[float] = Counter()
        """Differences, of ratios the logarithms, to two digits."""
        self._logs = [0.0, 0.0]

    def count(self, before: float, after: float) -> None:
        """Count one pair."""
        self.pairs += 1
        self.before += before
        self.after += after
        value = after - before
        if self.least:
            logs = math.log(before + self.least), math.log(after + self.least)
            self._logs = [self._logs[0] + logs[0], self._logs[1] + logs[1]]
            value = logs[1] - logs[0]
        self.values[round(value, 2)] += 1

    @property
    def typical(self) -> tuple[float, float]:
        """What a use typically takes, before and after: of ratios the geometric means."""
        if not self.least or not self.pairs:
            return self.before / max(1, self.pairs), self.after / max(1, self.pairs)
        before, after = (math.exp(each / self.pairs) - self.least for each in self._logs)
        return max(0.0, before), max(0.0, after)

    @property
    def told(self) -> bool:
        """Whether there is anything to compare: what is 0 everywhere was not measured."""
        return self.before > 0 or self.after > 0


class Sums:
    """Cases counted together.

    Args:
        cases: Which.
    """

    def __init__(self, cases: Iterable[CasePairs]) -> None:
        found = tuple(cases)
        counted = [case for case in found if not 0 < case.pairs == case.refused]
        self.refused = len(found) - len(counted)
        """Cases that the new version refuses and the old one fails, each time; no rate has them."""
        self.pairs = sum(case.pairs for case in counted)
        self.wins = sum(case.wins for case in counted)
        self.losses = sum(case.losses for case in counted)
        self.failed_before = self.pairs - sum(case.before for case in counted)
        tried = [case for case in counted if case.pairs]
        self.before = _mean([case.before / case.pairs for case in tried])
        """The old version's success rate; a case that was tried more often counts once, too."""
        self.after = _mean([case.after / case.pairs for case in tried])
        self.repeated = any(case.pairs > 1 for case in counted)


class Pairs:
    """What two versions did on the same cases.

    Args:
        cases: The cases that are to be tried; others may come with their results, as of no slice.
        measure: What counts as a change.
    """

    def __init__(self, cases: Iterable[TrialCase] = (), measure: Measure = "verdict") -> None:
        self.cases: dict[str, CasePairs] = {case.id: CasePairs(case) for case in cases}
        self.changes: dict[str, Counter[float]] = {}
        """How often each change was seen, by slice."""
        self.aspects: dict[Aspect, Compared] = {
            "seconds": Compared(_LEAST_SECONDS),
            "money": Compared(_LEAST_MONEY),
            "quality": Compared(),
        }
        self.measure: Measure = measure
        self._sides_down: dict[_Key, tuple[bool, bool]] = {}
        self._versions: tuple[str, str] | None = None

    def add(self, before: TrialResult, after: TrialResult) -> None:
        """Count a pair; one that is known already is not counted again, unless it was down.

        Args:
            before: What came of the old version.
            after: What came of the new one, on the same case, the same repeat.

        Raises:
            UsageError: They are not of one case and repeat, or of other versions than the rest.
        """
        key = before.case_id, before.repeat
        self._check(before, after)
        case = self.cases.get(key[0]) or self._unplanned(key[0])
        if key not in self._sides_down:
            case.tried += 1
        elif not any(self._sides_down[key]):
            return
        down = before.verdict == "not_verified", after.verdict == "not_verified"
        self._sides_down[key] = down
        if not any(down):
            self._count(case, before, after)

    @property
    def dropped(self) -> int:
        """How many pairs say nothing, because a place was down."""
        return sum(any(down) for down in self._sides_down.values())

    @property
    def one_sided(self) -> Counter[float]:
        """Of pairs that say nothing, how often only the new one's place was down (1), or the old's.

        Places that are down by chance are so for either side.
        """
        found = (new - old for old, new in self._sides_down.values())
        return Counter(float(side) for side in found if side)

    @property
    def tried(self) -> tuple[CasePairs, ...]:
        """The cases with a pair that says something."""
        return tuple(case for case in self.cases.values() if case.pairs)

    @property
    def untried(self) -> int:
        """How many cases have no such pair."""
        return len(self.cases) - len(self.tried)

    @property
    def even(self) -> bool:
        """Whether all cases were tried equally often."""
        return len({case.tried for case in self.cases.values()}) <= 1

    @property
    def varies(self) -> bool:
        """Whether results were seen to vary: one version on one case passed, and failed.

        Scores are taken to vary.
        """
        return self.measure == "score" or any(case.varies for case in self.cases.values())

    @property
    def total(self) -> Counter[float]:
        """How often each change was seen, in all slices."""
        total: Counter[float] = Counter()
        for changes in self.changes.values():
            total.update(changes)
        return total

    def _check(self, before: TrialResult, after: TrialResult) -> None:
        if (before.case_id, before.repeat) != (after.case_id, after.repeat):
            raise UsageError(
                f"The results of {before.case_id!r} (repeat {before.repeat}) and "
                f"{after.case_id!r} (repeat {after.repeat}) are no pair.",
                "Pair results of the same case and repeat.",
            )
        versions = before.tree_hash, after.tree_hash
        if self._versions not in (None, versions):
            raise UsageError(
                f"The results of {versions!r} do not belong to those of {self._versions!r}.",
                "Compare the results of one old and one new version.",
            )
        self._versions = versions

    def _unplanned(self, case_id: str) -> CasePairs:
        return self.cases.setdefault(case_id, CasePairs(TrialCase(id=case_id)))

    def _count(self, case: CasePairs, before: TrialResult, after: TrialResult) -> None:
        passed = before.verdict == "passed", after.verdict == "passed"
        change = float(passed[1] - passed[0])
        if self.measure == "score":
            change = min(1.0, max(-1.0, after.score - before.score))
        case.count(*passed, change)
        case.limited += passed[0] and not passed[1] and after.limited
        case.refused += after.refused and not before.refused and not any(passed)
        self.changes.setdefault(case.slice, Counter())[change] += 1
        if all(passed):  # what fails early is quick and cheap, which is no merit
            self._count_uses(before, after)
        if before.quality is not None and after.quality is not None:
            self.aspects["quality"].count(before.quality, after.quality)

    def _count_uses(self, before: TrialResult, after: TrialResult) -> None:
        _count_ratio(self.aspects["money"], before.money, after.money)
        if before.limited or after.limited:
            return
        if _side_by_side(before, after):
            _count_ratio(self.aspects["seconds"], before.seconds, after.seconds)
        else:
            self.aspects["seconds"].apart += 1


def pair_up(
    before: Iterable[TrialResult],
    after: Iterable[TrialResult],
    cases: Iterable[TrialCase] = (),
    measure: Measure = "verdict",
) -> Pairs:
    """Pair the results of two versions by case and repeat; what has no partner yet waits.

    Args:
        before: Of the old version.
        after: Of the new one.
        cases: What is to be tried.
        measure: What counts as a change.

    Raises:
        UsageError: One side holds the results of more than one version.
    """
    pairs = Pairs(cases, measure)
    partners = _first_of_each(after)
    for result in _first_of_each(before).values():
        partner = partners.get((result.case_id, result.repeat))
        if partner is not None:
            pairs.add(result, partner)
    return pairs


def _first_of_each(results: Iterable[TrialResult]) -> Mapping[_Key, TrialResult]:
    first: dict[_Key, TrialResult] = {}
    for result in results:
        key = result.case_id, result.repeat
        if key not in first or first[key].verdict == "not_verified":
            first[key] = result
    return first


def _count_ratio(compared: Compared, before: float, after: float) -> None:
    if 0 <= before < math.inf and 0 <= after < math.inf:
        compared.count(before, after)


def _side_by_side(before: TrialResult, after: TrialResult) -> bool:
    """Whether both were measured at the same time; of a kept one without a word nobody knows."""
    unknown = not before.batch and (before.cached or after.cached)
    return before.batch == after.batch and not unknown


def _mean(rates: list[float]) -> float:
    return math.fsum(rates) / len(rates) if rates else 0.0
