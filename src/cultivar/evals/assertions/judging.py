"""From an outcome to what each assertion says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, TypeAlias

from cultivar.evals.assertions.base import Bench, Finding, Outcome
from cultivar.evals.assertions.contents import contains, equals, file_exists, is_json, matches
from cultivar.evals.assertions.measures import (
    checks_pass,
    costs_at_most,
    quality_reaches,
    raises,
    takes_at_most,
)
from cultivar.evals.assertions.running import is_true, succeeds
from cultivar.lifecycle import Assertion, AssertionKind, AssertionResult

Look: TypeAlias = Callable[[Assertion, Outcome], Finding]
"""Looks at an outcome as an assertion says."""

_LOOKS: Final[Mapping[AssertionKind, Look]] = {
    "contains": contains,
    "equals": equals,
    "regex": matches,
    "is-json": is_json,
    "file-exists": file_exists,
    "raises": raises,
    "checks": checks_pass,
    "quality": quality_reaches,
    "cost": costs_at_most,
    "latency": takes_at_most,
}
_RUNS: Final = {"succeeds": succeeds, "python": is_true}


def judge(
    assertions: Iterable[Assertion], outcome: Outcome, bench: Bench
) -> tuple[AssertionResult, ...]:
    """What each assertion says of `outcome`.

    Raises:
        UnavailableError: What one of them takes is down: nothing is known of the version.
    """
    return tuple(_judged(each, outcome, bench) for each in assertions)


def weighted(results: Iterable[AssertionResult]) -> float:
    """The weighted share of what holds; 1 where nothing counts."""
    found = tuple(results)
    heaviest = max((each.weight for each in found), default=0.0)
    if not heaviest:
        return 1.0
    # As shares of the heaviest, since products of tiny weights vanish.
    shares = [(each.weight / heaviest, each.score) for each in found]
    return sum(weight * score for weight, score in shares) / sum(weight for weight, _ in shares)


def _judged(assertion: Assertion, outcome: Outcome, bench: Bench) -> AssertionResult:
    run = _RUNS.get(assertion.kind)
    look = partial(run, bench=bench) if run else _LOOKS[assertion.kind]
    found = look(assertion, outcome)
    passed = found.holds is not None and found.holds is not assertion.negate
    return AssertionResult(
        kind=assertion.kind,
        passed=passed,
        score=float(passed),
        required=assertion.required,
        weight=assertion.weight,
        said="" if passed else found.said,
    )
