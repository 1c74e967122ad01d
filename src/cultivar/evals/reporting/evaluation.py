"""What a run of a suite came to: every trial of every version, and what they sum up to."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median
from typing import TYPE_CHECKING

from cultivar.learning.evidence.rates import Interval, Rate
from cultivar.lifecycle import Artifact, TrialCase, TrialResult
from cultivar.record import Record

if TYPE_CHECKING:
    from cultivar.evals.comparing.comparison import Comparison


class TriedVersion(Record):
    """A version, as it was asked for and as it was found."""

    label: str
    """What people call it: a version, a tag, a folder."""
    tree_hash: str


class Summary(Record):
    """How one version did on all cases."""

    label: str
    tree_hash: str
    passed: int
    failed: int
    not_verified: int
    low: float
    """The interval around the pass rate, at 95 % (Wilson)."""
    high: float
    score: float | None
    """The mean score; None where nothing was verified."""
    quality: float | None
    seconds: float | None
    """The median of one use."""
    money: float
    """US dollars, all in all."""

    @property
    def trials(self) -> int:
        """How many trials say something of the version."""
        return self.passed + self.failed

    @property
    def pass_rate(self) -> float | None:
        """The share of trials that passed; None where nothing was verified."""
        return self.passed / self.trials if self.trials else None


class Evaluation(Record):
    """All trials of a suite."""

    id: str
    """What the results are kept under; the same suite and versions have the same."""
    suite: str
    artifact: Artifact
    versions: tuple[TriedVersion, ...]
    cases: tuple[TrialCase, ...]
    results: tuple[TrialResult, ...]
    min_pass_rate: float
    judged: tuple[str, ...]
    """The labels of the versions that must reach it."""
    comparison: Comparison | None = None
    """Of two versions, where they were to be compared."""
    seconds: float = 0.0
    """Wall-clock time of the run."""

    def of(self, version: TriedVersion) -> tuple[TrialResult, ...]:
        """The results of one version, in the order of the cases."""
        own = (each for each in self.results if each.tree_hash == version.tree_hash)
        return tuple({(each.case_id, each.repeat): each for each in own}.values())

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """How each version did."""
        return tuple(summary_of(each, self.of(each)) for each in self.versions)

    @property
    def missed(self) -> tuple[Summary, ...]:
        """The versions that had to reach the least pass rate, and did not."""
        found = (each for each in self.summaries if each.label in self.judged)
        return tuple(
            each
            for each in found
            if each.pass_rate is not None and each.pass_rate < self.min_pass_rate
        )

    @property
    def unknown(self) -> tuple[Summary, ...]:
        """The versions of which nothing could be verified."""
        return tuple(each for each in self.summaries if each.pass_rate is None)

    def case(self, case_id: str) -> TrialCase:
        """The case of that id."""
        return next(each for each in self.cases if each.id == case_id)


def summary_of(version: TriedVersion, results: Sequence[TrialResult]) -> Summary:
    """How `version` did, by its results."""
    known = [each for each in results if each.verdict != "not_verified"]
    passed = sum(each.verdict == "passed" for each in known)
    interval = _interval(passed, len(known))
    qualities = [each.quality for each in known if each.quality is not None]
    return Summary(
        label=version.label,
        tree_hash=version.tree_hash,
        passed=passed,
        failed=len(known) - passed,
        not_verified=len(results) - len(known),
        low=interval.low,
        high=interval.high,
        score=fmean(each.score for each in known) if known else None,
        quality=fmean(qualities) if qualities else None,
        seconds=median(each.seconds for each in known) if known else None,
        money=sum(each.money for each in known),
    )


def reasons(result: TrialResult) -> str:
    """Why a trial did not pass, for a person."""
    said = [f"{each.kind}: {each.said}" for each in result.assertions if not each.passed]
    return "\n".join(said) or result.output


def named(case: TrialCase) -> str:
    """What people call a case: its name, else its task, else its inputs."""
    if case.name or case.task:
        return case.name or case.task
    worded = ", ".join(f"{name}={value}" for name, value in case.inputs.items())
    return worded or "defaults"


def _interval(passed: int, trials: int) -> Interval:
    return Rate(successes=passed, trials=trials).wilson()
