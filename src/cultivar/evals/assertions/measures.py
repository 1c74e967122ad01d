"""Assertions on how it went: checks, quality, cost, latency, and what was raised."""

from __future__ import annotations

from typing import cast

from cultivar.evals.assertions.base import Finding, Outcome
from cultivar.lifecycle import Assertion


def checks_pass(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether the template's own checks passed."""
    if outcome.proof is None or not outcome.proof.results:
        return Finding(holds=None, said="The template declares no checks; say `checks: false`.")
    failed = [
        each for each in outcome.proof.results if each.verdict == "failed" and each.required
    ] or [each for each in outcome.proof.results if each.verdict == "failed"]
    said = "\n".join(f"`{each.check}` failed: {each.output}" for each in failed)
    return Finding(holds=outcome.proof.verdict == "passed", said=said or "All checks passed.")


def quality_reaches(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether the weighted share of passed checks is at least the value."""
    quality = outcome.proof.quality if outcome.proof else None
    if quality is None:
        return Finding(holds=None, said="No check could be run, so there is no quality.")
    least = _number(assertion)
    return Finding(holds=quality >= least, said=f"The quality is {quality:.2f}, of {least:g}.")


def costs_at_most(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether it cost at most so many US dollars."""
    most = _number(assertion)
    said = f"It cost ${outcome.money:.4f}, of ${most:g}."
    return Finding(holds=outcome.money <= most, said=said)


def takes_at_most(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether it took at most so many seconds."""
    most = _number(assertion)
    said = f"It took {outcome.seconds:.2f} s, of {most:g} s."
    return Finding(holds=outcome.seconds <= most, said=said)


def raises(assertion: Assertion, outcome: Outcome) -> Finding:
    """Whether it raised an exception of that class; of a template: refused its answers so."""
    said = f"It raised {outcome.raised}: {outcome.message}" if outcome.raised else "It did not."
    return Finding(holds=outcome.raised == str(assertion.value), said=said)


def _number(assertion: Assertion) -> float:
    return float(cast("float", assertion.value))
