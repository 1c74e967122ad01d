"""What a person looks at who decides on a version that nothing can try by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cultivar.delivery.diffs import unified
from cultivar.evals.trying.base import Subject
from cultivar.evolution.strategies.choosing import PLANS, Plan
from cultivar.evolution.strategies.trying import Known
from cultivar.lifecycle import Execution
from cultivar.record import Record
from cultivar.tool import Case

_SHOWN: Final = 10


class Review(Record):
    """All that there is to look at; nothing of it was run."""

    plan: Plan
    diff: str
    """What the new version changes."""
    failures: tuple[Execution, ...] = ()
    """The latest uses that failed, one for each exception first."""
    cases: tuple[Case, ...] = ()
    """What the tool declares."""


def review_of(known: Known, new: Subject) -> Review:
    """Gather what a person looks at.

    Args:
        known: The version that is used, with its history.
        new: The one that may take its place.
    """
    paths = sorted({*known.subject.tree, *new.tree})
    pairs = [(path, known.subject.tree.get(path), new.tree.get(path)) for path in paths]
    return Review(
        plan=PLANS["MANUAL"],
        diff="".join(unified(path, old, now) for path, old, now in pairs if old != now),
        failures=tuple(_telling(known.executions)),
        cases=known.described.cases,
    )


def _telling(executions: Sequence[Execution]) -> list[Execution]:
    """Failures, such that each exception is seen before one is seen twice."""
    failed = [each for each in executions if not each.succeeded]
    first = {each.error: each for each in reversed(failed)}
    others = [each for each in failed if each not in first.values()]
    return [*first.values(), *others][:_SHOWN]
