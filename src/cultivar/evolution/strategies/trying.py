"""Tries a tool's new version beside the one that is used, and tells what a person decides by.

The invariant: both versions get the same inputs in the same place, and what the used one does
otherwise there than it did in use says nothing of either.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from cultivar.errors import EnvironmentUnavailableError
from cultivar.evals.comparing.comparison import Comparison, compare
from cultivar.evals.suites.suite import distinct
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import Described, Inputs, ToolUses
from cultivar.evals.trying.tools import try_tool_on
from cultivar.evolution.operators.tools.observing import can_be_used_again
from cultivar.evolution.strategies.choosing import Plan
from cultivar.evolution.strategies.replaying import own_cases, replay_of
from cultivar.evolution.strategies.synthesizing import synthetic_cases
from cultivar.lifecycle import Execution, TrialCase, TrialResult
from cultivar.record import Record

AGREEMENT: Final = 0.95
"""The share of inputs on which a version must agree that is released from the shadow."""

ENOUGH: Final = 20
"""On so many inputs at least."""


class Known(Record):
    """What is known of the version that is used."""

    subject: Subject
    described: Described
    """What it says of itself."""
    executions: tuple[Execution, ...] = ()
    """Its recorded uses, the newest first."""

    @property
    def source(self) -> str:
        """Its file."""
        name = f"{self.subject.artifact.name}.py"
        return self.subject.tree[name].content.decode("utf-8", "replace")


class Metrics(Record):
    """How one version did."""

    tried: int
    passed: int
    success_rate: float
    """0 where nothing was tried."""
    seconds: float
    """The median of one use."""
    money: float
    """US dollars, of all uses."""


class Report(Record):
    """An A/B test: both versions on the same inputs, and what follows."""

    plan: Plan
    old: Metrics
    new: Metrics
    sample_size: int
    """On how many inputs both were tried."""
    agreed: int
    """On how many of them both did the same."""
    comparison: Comparison
    """The difference with its confidence, and the recommendation."""
    cases: tuple[TrialCase, ...] = ()
    before: tuple[TrialResult, ...] = ()
    """What the old version did, for the gate."""
    after: tuple[TrialResult, ...] = ()
    notes: tuple[str, ...] = ()
    """What a person should know before believing it."""

    @property
    def agreement(self) -> float:
        """The share of inputs on which both did the same."""
        return self.agreed / self.sample_size if self.sample_size else 0.0

    @property
    def passes(self) -> bool:
        """Whether the plan's own bar is met; the gate's is another."""
        better = self.comparison.recommendation == "deploy"
        if self.plan.strategy != "SHADOW":
            return better
        return better or (self.agreement >= AGREEMENT and self.sample_size >= ENOUGH)

    @property
    def automatic(self) -> bool:
        """Whether it may be released without a person's word, as far as this test goes."""
        return self.plan.automatic and self.comparison.recommendation == "deploy"


class Repeated(Record):
    """Cases on which the used version does in the sandbox what it did in use."""

    cases: tuple[TrialCase, ...]
    results: tuple[TrialResult, ...]
    """What it did."""
    others: int
    """How many cases it does otherwise."""


def cases_for(plan: Plan, known: Known, uses: ToolUses) -> tuple[TrialCase, ...]:
    """What versions of a tool are tried on, as the plan says; those that failed come first.

    Args:
        plan: From `plan_for`.
        known: The version that is used, with its history.
        uses: Uses it, where inputs are made up.

    Raises:
        UnconfinedError: There is no wall, and the user did not say `--unconfined`.
    """
    own = own_cases(known.described)
    if plan.strategy in ("SHADOW", "REPLAY"):
        replay = replay_of(known.executions, known.described, known.source)
        return distinct([*replay.cases, *own])
    if plan.strategy == "SYNTHETIC":
        seen = [each.inputs for each in own] + _inputs(known.executions)
        return distinct([*own, *synthetic_cases(known.subject, seen, uses)])
    return ()


def _inputs(executions: Sequence[Execution]) -> list[Inputs]:
    return [each.inputs for each in executions if can_be_used_again(each.inputs)]


def try_beside(
    plan: Plan, known: Known, new: Subject, cases: Sequence[TrialCase], uses: ToolUses
) -> Report:
    """Run both versions on the cases.

    Args:
        plan: How; of MANUAL nothing is run.
        known: The version that is used.
        new: The one that may take its place.
        cases: From `cases_for`.
        uses: Where they are used.

    Raises:
        UnconfinedError: There is no wall, and the user did not say `--unconfined`.
        UnavailableError: What an assertion takes is down.
    """
    if plan.strategy == "MANUAL":
        return report_of(plan, known, Repeated(cases=(), results=(), others=0), ())
    same = repeated(cases, try_tool_on(known.subject, cases, uses))
    return report_of(plan, known, same, try_tool_on(new, same.cases, uses))


def repeated(cases: Sequence[TrialCase], results: Sequence[TrialResult]) -> Repeated:
    """Leave out what the used version does otherwise in the sandbox than it did in use."""
    pairs = list(zip(cases, results, strict=True))
    same = [each for each in pairs if not _differs(*each)]
    return Repeated(
        cases=tuple(case for case, _ in same),
        results=tuple(result for _, result in same),
        others=len(pairs) - len(same),
    )


def _differs(case: TrialCase, result: TrialResult) -> bool:
    """Whether what was recorded is not what happens here."""
    if case.origin == "regression":
        return result.verdict == "failed"
    return case.origin == "failure" and not case.assertions and result.verdict == "passed"


def report_of(plan: Plan, known: Known, same: Repeated, after: Sequence[TrialResult]) -> Report:
    """What follows from what both versions did on the same cases."""
    pairs = [
        (old, new)
        for old, new in zip(same.results, after, strict=True)
        if "not_verified" not in (old.verdict, new.verdict)
    ]
    steady = False if known.described.characteristics.idempotent else None
    return Report(
        plan=plan,
        old=_metrics([old for old, _ in pairs]),
        new=_metrics([new for _, new in pairs]),
        sample_size=len(pairs),
        agreed=sum(old.output_hash == new.output_hash for old, new in pairs),
        comparison=compare(same.results, after, cases=same.cases, noisy=steady),
        cases=same.cases,
        before=same.results,
        after=tuple(after),
        notes=tuple(_notes(plan, same, after)),
    )


def _metrics(results: Sequence[TrialResult]) -> Metrics:
    passed = sum(each.verdict == "passed" for each in results)
    return Metrics(
        tried=len(results),
        passed=passed,
        success_rate=passed / len(results) if results else 0.0,
        seconds=median(each.seconds for each in results) if results else 0.0,
        money=sum(each.money for each in results),
    )


def _notes(plan: Plan, same: Repeated, after: Sequence[TrialResult]) -> list[str]:
    notes = list(plan.warnings)
    if same.others:
        notes.append(
            f"{same.others} uses come out otherwise in the sandbox than they did: they were left"
            " out."
        )
    won = [
        new
        for old, new in zip(same.results, after, strict=True)
        if (old.verdict, new.verdict) == ("failed", "passed")
    ]
    silent = sum(each.output == "null" and not each.assertions for each in won)
    if silent:
        notes.append(
            f"{silent} of {len(won)} uses that failed give None now, and no case says that this"
            " is their answer: see whether it is."
        )
    return notes


def describe(subject: Subject, uses: ToolUses) -> Described:
    """What the version that is used says of itself; of one that says nothing, the worst.

    Raises:
        EnvironmentUnavailableError: It cannot be asked.
        UnconfinedError: There is no wall, and the user did not say `--unconfined`.
    """
    found = uses.describe(subject.tree, subject.artifact.name)
    if isinstance(found, Described):
        return found
    if found.unverified:
        raise EnvironmentUnavailableError(found.unverified, "Try again when it is up.")
    return Described()
