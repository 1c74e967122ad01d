"""What candidates of a tool are tried on: its own cases, its history, and inputs near to those."""

from __future__ import annotations

from collections.abc import Sequence

from cultivar.errors import UnavailableError
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import Described, ToolUses
from cultivar.evolution.campaigns.sealing import sealed
from cultivar.evolution.strategies.choosing import Plan
from cultivar.evolution.strategies.replaying import meant_to_fail
from cultivar.evolution.strategies.trying import Known, cases_for, describe, plan_of
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import ArtifactVersion, Execution, TrialCase
from cultivar.record import Record, field, replace

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
    _described: dict[str, Described] = field(default_factory=dict[str, Described])
    """By tree hash."""

    def known(self, subject: Subject) -> Known:
        """What is known of a version, with its latest uses.

        Raises:
            EnvironmentUnavailableError: It cannot be asked what it is like.
            UnconfinedError: There is no wall, and the user did not say `--unconfined`.
        """
        executions = self.executions(subject)
        return Known(subject=subject, described=self.described(subject), executions=executions)

    def executions(self, subject: Subject) -> tuple[Execution, ...]:
        """Its latest uses, the newest first."""
        query = ExecutionQuery(artifact=subject.artifact, tree_hash=subject.tree_hash)
        return self.log.executions(query)

    def described(self, subject: Subject) -> Described:
        """What a version says of itself; of one that cannot be loaded, the worst.

        Raises:
            EnvironmentUnavailableError: It cannot be asked.
            UnconfinedError: There is no wall, and the user did not say `--unconfined`.
        """
        if subject.tree_hash not in self._described:
            self._described[subject.tree_hash] = describe(subject, self.uses)
        return self._described[subject.tree_hash]

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
        source = Known(subject=subject, described=described).source
        return meant_to_fail(executions, described, source)

    def plan(self, subject: Subject) -> Plan:
        """How versions of it are tried."""
        return plan_of(self.known(subject))

    def cases(self, subject: Subject) -> tuple[TrialCase, ...]:
        """What versions of it are tried on; nothing where only a person may try them.

        Args:
            subject: The version that is used.
        """
        known = self.known(subject)
        repeats = 1 if known.described.characteristics.idempotent else _REPEATS
        found = cases_for(plan_of(known), known, self.uses)
        return tuple(replace(sealed(each), repeats=repeats) for each in found)
