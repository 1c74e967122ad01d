"""What a tool's new version is tried on beside the one that is used, by what is known of that.

The invariant: both versions get the same inputs, and what the used one does otherwise behind the
wall than it did in use says nothing of either.
"""

from __future__ import annotations

from cultivar.errors import (
    NOT_TO_BE_HAD,
    EnvironmentUnavailableError,
    RequirementUnavailableError,
)
from cultivar.evals.suites.suite import distinct
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import Described, ToolUses
from cultivar.evolution.operators.tools.observing import can_be_used_again
from cultivar.evolution.strategies.choosing import Plan, plan_for
from cultivar.evolution.strategies.replaying import own_cases, replay_of
from cultivar.evolution.strategies.synthesizing import synthetic_cases
from cultivar.lifecycle import Execution, TrialCase, TrialResult
from cultivar.record import Record


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


def plan_of(known: Known) -> Plan:
    """How versions of a tool are tried, as far as there is something for it."""
    usable = replay_of(known.executions, known.described).cases
    like, own = known.described.characteristics, known.described.cases
    return plan_for(like, uses=len(usable), cases=len(own))


def cases_for(plan: Plan, known: Known, uses: ToolUses) -> tuple[TrialCase, ...]:
    """What versions of a tool are tried on, as the plan says: nothing where a person tries them.

    Its own cases come first, then what failed, what worked, and inputs near to all of those.

    Args:
        plan: From `plan_of`.
        known: The version that is used, with its history.
        uses: Uses it, where inputs are made up.

    Raises:
        UnconfinedError: There is no wall, and the user did not say `--unconfined`.
    """
    if plan.strategy == "MANUAL":
        return ()
    found = [*own_cases(known.described)]
    inputs = [each.inputs for each in found]
    inputs += [each.inputs for each in known.executions if can_be_used_again(each.inputs)]
    if plan.strategy in {"SHADOW", "REPLAY"}:
        found += replay_of(known.executions, known.described, known.source).cases
    return distinct([*found, *synthetic_cases(known.subject, inputs, uses)])


def repeats(case: TrialCase, result: TrialResult) -> bool:
    """Whether the used version does in the sandbox what it did in use, as far as is known.

    Args:
        case: A recorded use.
        result: What came of it in the sandbox.
    """
    if case.origin == "regression":
        return result.verdict != "failed"
    return case.origin != "failure" or bool(case.assertions) or result.verdict != "passed"


def describe(subject: Subject, uses: ToolUses) -> Described:
    """What the version that is used says of itself; of one that says nothing, the worst.

    Raises:
        RequirementUnavailableError: It requires what is not to be had.
        EnvironmentUnavailableError: It cannot be asked.
        UnconfinedError: There is no wall, and the user did not say `--unconfined`.
    """
    found = uses.describe(subject.tree, subject.artifact.name)
    if isinstance(found, Described):
        return found
    if found.lacking:
        why = found.unverified.removeprefix(f"{NOT_TO_BE_HAD}: ")
        raise RequirementUnavailableError(why, "")
    if found.unverified:
        raise EnvironmentUnavailableError(found.unverified, "Try again when it is up.")
    return Described()
