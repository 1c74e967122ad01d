"""From what a version gave on a case to the result that is kept."""

from __future__ import annotations

import hashlib
from typing import Final

from cultivar.evals.assertions.base import Bench, Outcome
from cultivar.evals.assertions.judging import judge, weighted
from cultivar.evals.trying.base import Subject
from cultivar.lifecycle import TrialCase, TrialResult

_KEPT: Final = 2000
"""Characters of the end of an output that are kept."""


def judged(
    subject: Subject, case: TrialCase, repeat: int, outcome: Outcome, bench: Bench
) -> TrialResult:
    """The result of an outcome.

    What raises an exception that no assertion of the case expects has failed, whatever else holds.

    Raises:
        UnavailableError: What an assertion takes is down.
    """
    results = judge(case.assertions, outcome, bench)
    score = weighted(results)
    unexpected = outcome.raised and not any(each.kind == "raises" for each in case.assertions)
    holds = all(each.passed for each in results if each.required) and score >= case.threshold
    return TrialResult(
        case_id=case.id,
        tree_hash=subject.tree_hash,
        repeat=repeat,
        verdict="passed" if holds and not unexpected else "failed",
        score=0.0 if unexpected else score,
        assertions=results,
        output=_end(outcome),
        output_hash=_hash(outcome),
        seconds=outcome.seconds,
        money=outcome.money,
        quality=outcome.proof.quality if outcome.proof else None,
        limited=_is_limited(outcome),
    )


def not_verified(subject: Subject, case: TrialCase, repeat: int, why: str) -> TrialResult:
    """The result where the place was down: nothing is known of the version."""
    return TrialResult(
        case_id=case.id,
        tree_hash=subject.tree_hash,
        repeat=repeat,
        verdict="not_verified",
        output=why[-_KEPT:],
    )


def raised(error: Exception, case: TrialCase) -> Outcome:
    """The outcome where a version raised `error`."""
    return Outcome(raised=type(error).__name__, message=str(error), inputs=case.inputs)


def _end(outcome: Outcome) -> str:
    if outcome.raised:
        return f"{outcome.raised}: {outcome.message}"[-_KEPT:]
    results = outcome.proof.results if outcome.proof else ()
    said = "\n".join(f"{each.check}: {each.output}" for each in results if each.verdict == "failed")
    return (said or outcome.output)[-_KEPT:]


def _is_limited(outcome: Outcome) -> bool:
    results = outcome.proof.results if outcome.proof else ()
    return any(each.ended_by not in ("exit", "signal") for each in results)


def _hash(outcome: Outcome) -> str:
    given = f"{outcome.tree.hash}\0{outcome.output}\0{outcome.raised}"
    return hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()
