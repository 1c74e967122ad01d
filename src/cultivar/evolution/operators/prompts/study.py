"""What is known of a prompt that fails: uses that show it, uses that worked, and its text.

The invariant: nothing that is sealed is in it but what proposals are held against at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cultivar.evals.suites.suite import distinct
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.conversations import data_of
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.opportunities.executions import pattern_of
from cultivar.evolution.roles import ImprovementOrder
from cultivar.ledger.improvements import ExecutionQuery
from cultivar.lifecycle import Execution
from cultivar.model import Json
from cultivar.prompt import Prompt
from cultivar.record import Record

_MOST: Final = 24
"""How many uses of either outcome are looked at."""


class Study(Record):
    """What operators go by."""

    bench: Workbench
    order: ImprovementOrder
    prompt: Prompt
    """The version that is to be bettered."""
    failures: tuple[Execution, ...]
    """The latest first."""
    successes: tuple[Execution, ...]
    sealed: tuple[Mapping[str, Json], ...] = ()
    """What cases are about that no maker sees, sealed ones and those of suites."""


def study_of(order: ImprovementOrder, bench: Workbench) -> Study:
    """Gather what is known.

    Args:
        order: What is to be bettered; its examples are the uses that fail.
        bench: What there is to work with.
    """
    opportunity = order.opportunity
    prompt = Prompt(artifact=opportunity.artifact, tree=bench.content.tree(opportunity.tree_hash))
    shown = set(opportunity.examples)
    used = bench.executions.executions(ExecutionQuery(artifact=opportunity.artifact))
    subject = Subject(artifact=prompt.artifact, tree=prompt.tree)
    written = ({**each.inputs, "task": each.task} for each in distinct(bench.suites.of(subject)))
    return Study(
        bench=bench,
        order=order,
        prompt=prompt,
        failures=_open(each for each in used if not each.succeeded and each.id in shown),
        successes=_open(each for each in used if each.succeeded),
        sealed=(*written, *(data_of(each.inputs) for each in used if is_sealed(each.inputs))),
    )


def aims(uses: Iterable[Execution]) -> tuple[str, ...]:
    """The failure patterns of these uses."""
    return tuple(dict.fromkeys(map(pattern_of, uses)))


def _open(uses: Iterable[Execution]) -> tuple[Execution, ...]:
    """Those that are not sealed."""
    return tuple(each for each in uses if not is_sealed(each.inputs))[:_MOST]
