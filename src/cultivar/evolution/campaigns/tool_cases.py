"""What candidates of a tool are tried on: its own cases, its history, and inputs near to those."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cultivar.errors import EnvironmentUnavailableError, UnavailableError
from cultivar.evals.suites.suite import distinct
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import Described, Inputs, ToolUses
from cultivar.evolution.campaigns.sealing import sealed
from cultivar.evolution.strategies.choosing import Plan, plan_for
from cultivar.evolution.strategies.replaying import meant_to_fail, own_cases, replay_of
from cultivar.evolution.strategies.synthesizing import synthetic_cases
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import ArtifactVersion, Execution, TrialCase
from cultivar.record import Record, replace

_REPEATS = 3
"""How often a case is tried of a tool that does not give the same answer twice."""


class ToolHistory(Record):
    """Knows tools by what they say of themselves and by how they were used.

    Args:
        log: Their uses.
        content: Holds the files of versions.
        uses: Uses them, behind the wall.
    """

    log: ExecutionLog
    content: ContentStore
    uses: ToolUses

    def described(self, subject: Subject) -> Described:
        """What a version says of itself.

        Raises:
            EnvironmentUnavailableError: It cannot be asked.
        """
        found = self.uses.describe(subject.tree, subject.artifact.name)
        if isinstance(found, Described):
            return found
        raise EnvironmentUnavailableError(
            f"{subject.artifact.id} cannot be loaded: {found.said}", "Look at its file."
        )

    def meant_to_fail(
        self, version: ArtifactVersion, executions: Sequence[Execution]
    ) -> frozenset[str]:
        """The ids of failed uses of a version that failed as its own cases want it."""
        if version.artifact.kind != "tool":
            return frozenset()
        subject = Subject(artifact=version.artifact, tree=self.content.tree(version.tree_hash))
        try:
            described = self.described(subject)
        except UnavailableError:
            return frozenset()  # nobody knows, so each is a failure
        return meant_to_fail(executions, described, _source(subject))

    def executions(self, subject: Subject) -> tuple[Execution, ...]:
        """Its latest uses."""
        query = ExecutionQuery(artifact=subject.artifact, tree_hash=subject.tree_hash)
        return self.log.executions(query)

    def plan(self, subject: Subject) -> Plan:
        """How versions of it are tried."""
        described = self.described(subject)
        usable = replay_of(self.executions(subject), described).cases
        return plan_for(described.characteristics, uses=len(usable), cases=len(described.cases))

    def cases(self, subject: Subject) -> tuple[TrialCase, ...]:
        """What versions of it are tried on; nothing where only a person may try them.

        Args:
            subject: The version that is used.
        """
        described, plan = self.described(subject), self.plan(subject)
        if plan.strategy == "MANUAL":
            return ()
        found = [*own_cases(described)]
        if plan.strategy in {"SHADOW", "REPLAY"}:
            found += replay_of(self.executions(subject), described, _source(subject)).cases
        found += synthetic_cases(subject, _inputs(found), self.uses)
        repeats = 1 if described.characteristics.idempotent else _REPEATS
        return tuple(replace(sealed(each), repeats=repeats) for each in distinct(found))


def _inputs(cases: Iterable[TrialCase]) -> list[Inputs]:
    return [each.inputs for each in cases]


def _source(subject: Subject) -> str:
    return subject.tree.text(f"{subject.artifact.name}.py")
