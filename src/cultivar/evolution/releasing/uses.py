"""How versions were used: generations of a template, executions of a tool or a prompt."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from cultivar.evolution.releasing.standing import Outcome
from cultivar.ledger.base import Ledger, Query
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import Artifact
from cultivar.record import Record

_LATEST: Final = 1000
"""How many of the latest uses are looked at."""


class Uses(Record):
    """The uses that the ledger knows.

    Args:
        ledger: Knows the generations.
        log: Knows the executions.
    """

    ledger: Ledger
    log: ExecutionLog

    def of(
        self, artifact: Artifact, tree_hash: str, since: datetime | None = None
    ) -> tuple[Outcome, ...]:
        """The verified uses of a version, the latest first.

        Args:
            artifact: Of what.
            tree_hash: The version's.
            since: What was before it does not count.
        """
        if artifact.kind != "template":
            query = ExecutionQuery(
                artifact=artifact, tree_hash=tree_hash, since=since, limit=_LATEST
            )
            return tuple(
                Outcome(instance=each.instance_id, succeeded=each.succeeded)
                for each in self.log.executions(query)
            )
        made = self.ledger.generations(Query(template_id=artifact.name, since=since, limit=_LATEST))
        return tuple(
            Outcome(instance=each.instance_id, succeeded=each.success)
            for each in made
            if each.template.tree_hash == tree_hash and each.success is not None
        )
