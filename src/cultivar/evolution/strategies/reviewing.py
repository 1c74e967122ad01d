"""What a person looks at who decides on a version, and their word where nothing was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cultivar.errors import UsageError
from cultivar.evolution.strategies.choosing import Plan, plan_by
from cultivar.evolution.strategies.trying import Known
from cultivar.lifecycle import Execution, Experiment, GateVerdict, Strategy
from cultivar.record import Record, replace
from cultivar.tool import Case

_SHOWN: Final = 10


class Review(Record):
    """All that there is to look at, beside the change and the verdict."""

    plan: Plan
    """How it is tried: risk, steps, warnings, and whether it may be released by itself."""
    failures: tuple[Execution, ...] = ()
    """Of a tool, the latest uses that failed, one for each exception first."""
    cases: tuple[Case, ...] = ()
    """What a tool declares."""


def review_of(known: Known, strategy: Strategy) -> Review:
    """Gather what a person looks at.

    Args:
        known: The version that is used, with its history.
        strategy: How versions of it are tried.
    """
    return Review(
        plan=plan_by(strategy, known.described.characteristics),
        failures=tuple(_telling(known.executions)),
        cases=known.described.cases,
    )


def reviewed_by(experiment: Experiment, person: str, *, reviewed: bool) -> Experiment:
    """The experiment with the word of a person, where only that can let its candidate pass.

    Args:
        experiment: Which; one that trials decide on stays as it is.
        person: Who approves it.
        reviewed: Whether they say that they have tried it.

    Raises:
        UsageError: It takes their review, and they do not say so.
    """
    if (experiment.strategy, experiment.status) != ("MANUAL", "waiting"):
        return experiment
    short = experiment.id[:8]
    if not reviewed:
        raise UsageError(
            f"Nothing of the experiment {short!r} was run: only a person may try this tool.",
            f"Read `cultivar experiments {short}`, try it, and pass `--reviewed`.",
        )
    sentence = f"{person} has reviewed it; no trial was run."
    return replace(experiment, verdict=GateVerdict(decision="release", sentence=sentence))


def _telling(executions: Sequence[Execution]) -> list[Execution]:
    """Failures, such that each exception is seen before one is seen twice."""
    failed = [each for each in executions if not each.succeeded]
    first = {each.error: each for each in reversed(failed)}
    others = [each for each in failed if each not in first.values()]
    return [*first.values(), *others][:_SHOWN]
