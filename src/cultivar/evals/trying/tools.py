"""Trying a tool: used behind the wall with the arguments of a case, its result looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cultivar.checking.checks import CheckRunner
from cultivar.evals.assertions.base import Bench, Outcome
from cultivar.evals.suites.suite import identified
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.results import judged, not_verified
from cultivar.evals.trying.spelling import canonical, digest, spelled
from cultivar.evals.trying.tool_uses import Inputs, ToolUses, Use
from cultivar.lifecycle import Assertion, CaseOrigin, TrialCase, TrialResult
from cultivar.record import replace
from cultivar.tool import Case

_KEPT: Final = 2000
_NO_RESULT: Final = "NoResult"


def try_tool(subject: Subject, case: TrialCase, repeat: int, place: Place) -> TrialResult:
    """Use the tool once, as `case` says.

    Args:
        subject: A version of a tool: one file.
        case: The arguments, and what must come of them.
        repeat: How often it was tried before.
        place: Where.

    Raises:
        UnconfinedError: There is no wall, and the user did not say `--unconfined`.
        UnavailableError: What an assertion takes is down.
    """
    return try_tool_on(subject, [case], ToolUses(runner=place.runner), repeat)[0]


def try_tool_on(
    subject: Subject, cases: Sequence[TrialCase], uses: ToolUses, repeat: int = 0
) -> tuple[TrialResult, ...]:
    """Use the tool once on each case; so many starts of the sandbox are spared.

    Raises:
        UnconfinedError: There is no wall, and the user did not say `--unconfined`.
        UnavailableError: What an assertion takes is down.
    """
    used = uses.use(subject.tree, subject.artifact.name, [case.inputs for case in cases])
    return tuple(
        result_of(subject, case, repeat, use, uses.runner)
        for case, use in zip(cases, used, strict=True)
    )


def result_of(
    subject: Subject, case: TrialCase, repeat: int, use: Use, runner: CheckRunner
) -> TrialResult:
    """What a use says of a version on a case.

    Raises:
        UnavailableError: What an assertion takes is down.
    """
    if use.unverified:
        return not_verified(subject, case, repeat, use.unverified)
    asked = replace(case, assertions=tuple(_asked(each, use) for each in case.assertions))
    bench = Bench(open_runner=lambda: runner, language="python")
    result = judged(subject, asked, repeat, _outcome(use, case), bench)
    told = replace(
        result,
        output=use.said[-_KEPT:],
        output_hash=use.agreement,
        seconds=use.loading + use.seconds,  # work that moves to where it is loaded is not spared
    )
    return replace(told, verdict="failed", score=0.0) if use.trouble else told


def declared_cases(declared: Iterable[Case]) -> tuple[TrialCase, ...]:
    """A tool's own cases, as trials take them."""
    return tuple(tool_case(each.input, expected(each), name=each.description) for each in declared)


def expected(case: Case) -> Assertion:
    """What a declared case says that must come of it."""
    if case.should_raise:
        return Assertion(kind="raises", value=case.should_raise)
    return Assertion(kind="equals", value=spelled(case.expected_output))


def tool_case(
    inputs: Inputs, *assertions: Assertion, origin: CaseOrigin = "suite", name: str = ""
) -> TrialCase:
    """A case of a tool, known by its inputs and its assertions, wherever it came from."""
    return identified(
        TrialCase(id="", origin=origin, name=name, inputs=dict(inputs), assertions=assertions)
    )


def _outcome(use: Use, case: TrialCase) -> Outcome:
    raised = use.raised[0] if use.raised else ""
    expected_ones = {str(each.value) for each in case.assertions if each.kind == "raises"}
    # Who expects an exception expects those that are made of it, as `except` does.
    raised = next((each for each in use.raised if each in expected_ones), raised)
    return Outcome(
        output=_output(use),
        value=use.value,
        raised=_NO_RESULT if use.trouble else raised,
        message=use.trouble or use.message,
        inputs=case.inputs,
        seconds=use.seconds,
    )


def _output(use: Use) -> str:
    return use.message or canonical(use.value) if use.succeeded else ""


def _asked(assertion: Assertion, use: Use) -> Assertion:
    """The assertion, as it is asked of what was returned.

    Nothing, and what is too large to be told, is compared as a text: there is no value to hold
    against another one, but its hash is known.
    """
    if assertion.kind != "equals" or assertion.path or use.value is not None:
        return assertion
    same = digest(canonical(spelled(assertion.value))) == use.hash
    return replace(assertion, value=_output(use) if same else f"not {_output(use)}")
