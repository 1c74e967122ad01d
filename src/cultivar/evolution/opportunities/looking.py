"""Finds what is worth improving, the most worthwhile first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from cultivar.evolution.opportunities.beside import outdated
from cultivar.evolution.opportunities.executions import ExecutionHistory, MeantToFail
from cultivar.evolution.opportunities.judging import LEAST, judged
from cultivar.evolution.opportunities.templates import TemplateHistory
from cultivar.evolution.opportunities.uses import Subject
from cultivar.evolution.roles import Analysis, AnalysisOrder
from cultivar.ledger.base import Ledger, PatternStore
from cultivar.ledger.improvements import ExecutionLog
from cultivar.ledger.tallying import TallyStore
from cultivar.lifecycle import (
    Artifact,
    ArtifactVersion,
    Execution,
    Opportunity,
    OpportunityKind,
)
from cultivar.record import Record

_RANKS: Final[dict[OpportunityKind, int]] = {"failing": 0, "degrading": 0, "costly": 1, "slow": 2}
"""A use that fails is worth more than money, and that more than time."""


class History(Record):
    """Where the evidence is."""

    ledger: Ledger
    tallies: TallyStore
    patterns: PatternStore
    executions: ExecutionLog
    meant_to_fail: MeantToFail
    """Knows which failures of tools are none."""
    current: Callable[[Artifact], ArtifactVersion | None]
    """The version of an artifact that is used; None where there is none to improve."""

    def no_failures(
        self, version: ArtifactVersion, executions: Sequence[Execution]
    ) -> frozenset[str]:
        """The ids of failed uses of a version that are no failures of it: a `MeantToFail`."""
        if version.artifact.kind == "prompt":
            return outdated(executions, self.current)
        return self.meant_to_fail(version, executions)


def find_opportunities(history: History, order: AnalysisOrder) -> Analysis:
    """What is worth improving, on enough evidence only.

    They are ordered by what mending them would gain, all uses together: first by uses that would
    succeed, then by dollars, then by seconds.

    Args:
        history: Where the evidence is.
        order: Which artifacts, and from when on one is failing.
    """
    templates = TemplateHistory(history.ledger, history.tallies, history.patterns)
    executed = ExecutionHistory(history.executions, history.no_failures)
    found: list[Opportunity] = []
    unsure: list[str] = []
    artifacts = order.artifacts or _used(templates, history.executions)
    for artifact in artifacts:
        current = history.current(artifact)
        if current is None:
            continue
        source = templates if artifact.kind == "template" else executed
        subject = source.subject(current)
        found += judged(artifact, subject, order.threshold)
        if subject.outcomes.uses < LEAST:
            unsure.append(_unsure(artifact, subject))
    ranked = sorted(found, key=lambda each: (_RANKS[each.kind], -each.gain, each.artifact.id))
    return Analysis(
        opportunities=tuple(ranked[: order.limit]),
        looked_at=len(artifacts),
        unsure=tuple(unsure),
    )


def _used(templates: TemplateHistory, log: ExecutionLog) -> tuple[Artifact, ...]:
    named: Iterable[Artifact] = (Artifact(kind="template", name=each) for each in templates.used())
    return (*named, *log.executed())


def _unsure(artifact: Artifact, subject: Subject) -> str:
    uses = subject.outcomes.uses
    return (
        f"{artifact.id} {subject.version}: {uses} verified {'use' if uses == 1 else 'uses'}, of "
        f"{LEAST} that it takes to tell."
    )
