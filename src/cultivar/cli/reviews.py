"""What a person reads of an experiment before they decide on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cultivar.cli.output import escape, show

if TYPE_CHECKING:
    from cultivar.evolution.strategies.reviewing import Review
    from cultivar.lifecycle import Execution
    from cultivar.tool import Case


def show_review(review: Review) -> None:
    """Show how a candidate is tried; where only a person may try it, also on what.

    Args:
        review: What there is to look at.
    """
    plan = review.plan
    who = "it may be released by itself" if plan.automatic else "only a person releases it"
    show(f"Tried by {plan.strategy}: {plan.risk} risk, {who}. {escape(plan.why)}")
    for number, step in enumerate(plan.steps, 1):
        show(f"  {number}. {escape(step)}")
    for warning in plan.warnings:
        show(f"  [yellow]Beware:[/] {escape(warning)}")
    if plan.strategy == "MANUAL":
        _show_evidence(review)
    show("")


def _show_evidence(review: Review) -> None:
    for each in review.failures:
        show(f"  failed: {escape(_failure(each))}")
    for case in review.cases:
        show(f"  declared: {escape(_wanted(case))}")


def _failure(use: Execution) -> str:
    return f"{dict(use.inputs)} raised {use.error}: {use.message}"


def _wanted(case: Case) -> str:
    wanted = f"raises {case.should_raise}" if case.should_raise else f"gives {case.expected_output}"
    return f"{dict(case.input)} {wanted}"
