"""Cases from recorded uses: what a new version has to do with inputs that really came.

The invariant: what is expected was recorded, or declared by the tool itself; and a use whose inputs
are not wholly known, or that came out differently at another time, is no case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from cultivar.evals.suites.suite import distinct
from cultivar.evals.trying.spelling import CUT, canonical, spelled
from cultivar.evals.trying.tool_uses import Described
from cultivar.evals.trying.tools import declared_cases, expected, tool_case
from cultivar.evolution.operators.tools.observing import (
    Guard,
    Observation,
    can_be_used_again,
    declared_within,
    guards_of,
)
from cultivar.ledger.encoding import SECRET
from cultivar.lifecycle import Assertion, Execution, TrialCase
from cultivar.llm.redaction import MASK
from cultivar.record import Record, replace
from cultivar.tool import Case

MOST_FAILURES: Final = 200
MOST_SUCCESSES: Final = 200
"""So many cases of each outcome at most, the latest first."""


class Replay(Record):
    """What recorded uses give to try versions on."""

    cases: tuple[TrialCase, ...] = ()
    """Those that failed first; each once."""
    unusable: int = 0
    """Uses whose inputs were cut, masked, or no values of JSON."""
    unsteady: int = 0
    """Inputs that came out differently at different times."""


def replay_of(executions: Sequence[Execution], described: Described, source: str = "") -> Replay:
    """Make cases of recorded uses.

    Args:
        executions: The uses of the version that is used, the newest first.
        described: What that version says of itself: a failure that it declares is to stay one.
        source: Its source.
    """
    by_inputs = _by_inputs(executions)
    steady = [group[0] for group in by_inputs.values() if _is_steady(group)]
    found = _Expecting(steady, described.cases, source)
    failed = [found.case(each) for each in steady if not each.succeeded][:MOST_FAILURES]
    worked = [found.case(each) for each in steady if each.succeeded][:MOST_SUCCESSES]
    return Replay(
        cases=distinct([*failed, *worked]),
        unusable=len(executions) - sum(map(len, by_inputs.values())),
        unsteady=len(by_inputs) - len(steady),
    )


def cases_of_uses(
    executions: Sequence[Execution], described: Described, source: str = ""
) -> tuple[tuple[Execution, TrialCase], ...]:
    """Each use that can be tried again with the case that it is, in the order of the uses.

    Args:
        executions: The uses of the version that is used.
        described: What that version says of itself.
        source: Its source.
    """
    groups = [group for group in _by_inputs(executions).values() if _is_steady(group)]
    found = _Expecting([group[0] for group in groups], described.cases, source)
    steady = {each.id for group in groups for each in group}
    return tuple((each, found.case(each)) for each in executions if each.id in steady)


def meant_to_fail(
    executions: Sequence[Execution], described: Described, source: str = ""
) -> frozenset[str]:
    """The ids of failed uses that failed as the tool's own cases want it: they are no failures.

    Args:
        executions: Uses of one version.
        described: What that version says of itself.
        source: Its source.
    """
    usable = [each for each in executions if can_be_used_again(each.inputs)]
    expecting = _Expecting(usable, described.cases, source)
    return frozenset(
        each.id for each in usable if not each.succeeded and expecting.wants_failure(each)
    )


def own_cases(described: Described) -> tuple[TrialCase, ...]:
    """The cases that a tool declares."""
    return tuple(replace(each, slice="declared") for each in declared_cases(described.cases))


def _by_inputs(executions: Iterable[Execution]) -> dict[str, list[Execution]]:
    """The uses that can be tried again, by what they were given."""
    found: dict[str, list[Execution]] = defaultdict(list)
    for each in executions:
        if can_be_used_again(each.inputs):
            found[canonical(spelled(each.inputs))].append(each)
    return found


def _is_steady(group: Iterable[Execution]) -> bool:
    return len(set(map(_outcome, group))) == 1


def _outcome(execution: Execution) -> str:
    return execution.error or canonical(spelled(execution.output))


class _Expecting:
    """Says what is expected of inputs that came."""

    def __init__(self, uses: Iterable[Execution], cases: Sequence[Case], source: str) -> None:
        seen = [Observation(inputs=each.inputs, error=each.error) for each in uses]
        self._guards = guards_of(seen, source)
        self._cases = cases
        self._declared = {canonical(spelled(each.input)): expected(each) for each in cases}

    def case(self, execution: Execution) -> TrialCase:
        """The case that a use is."""
        worked = execution.succeeded
        assertion = self._assertion(execution)
        case = tool_case(
            execution.inputs,
            *([assertion] if assertion else []),
            origin="regression" if worked else "failure",
            name=f"{'worked' if worked else execution.error} {execution.id[:8]}",
        )
        return replace(case, slice="worked" if worked else f"failed with {execution.error}")

    def wants_failure(self, execution: Execution) -> bool:
        """Whether a failed use failed as it should."""
        wanted = self._assertion(execution)
        return wanted is not None and (wanted.kind, wanted.value) == ("raises", execution.error)

    def _assertion(self, execution: Execution) -> Assertion | None:
        """What must come of it; None: any answer will do, as long as there is one."""
        known = self._declared.get(canonical(spelled(execution.inputs)))
        if known is not None:
            return known
        if execution.succeeded:
            return _as_recorded(execution)
        within = [each for each in self._guards if each.holds(execution.inputs)]
        found = (self._as_declared(each) for each in within if each.error == execution.error)
        return next((each for each in found if each is not None), None)

    def _as_declared(self, guard: Guard) -> Assertion | None:
        """What all declared cases of a class expect, where that is the same."""
        wanted = {
            canonical(spelled(_said(case))): case for case in declared_within(guard, self._cases)
        }
        if len(wanted) != 1:
            return None
        (case,) = wanted.values()
        return expected(case) if case.should_raise or case.expected_output is None else None


def _said(case: Case) -> list[object]:
    return [case.should_raise, case.expected_output]


def _as_recorded(execution: Execution) -> Assertion | None:
    shown = repr(execution.output)
    if CUT in shown or SECRET in shown or MASK in shown:
        return None
    return Assertion(kind="equals", value=execution.output)
