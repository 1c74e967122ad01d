"""What is known of the uses of a tool or a prompt: from the log of its executions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from cultivar.evolution.opportunities.uses import Outcomes, Subject, Use, outcomes_of
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.lifecycle import ArtifactVersion, Execution, PatternShare
from cultivar.memory.signature import signature_of

_LATEST: Final = 2000
"""How many of the latest executions are looked at."""


MeantToFail: TypeAlias = Callable[[ArtifactVersion, Sequence[Execution]], frozenset[str]]
"""Which of the failed uses of a version failed as they were meant to, by id."""


class ExecutionHistory:
    """The history of tools and prompts.

    Args:
        log: Knows the executions.
        meant_to_fail: Knows which failures are none, because the tool itself declares them.
    """

    def __init__(self, log: ExecutionLog, meant_to_fail: MeantToFail) -> None:
        self._log, self._meant_to_fail = log, meant_to_fail

    def subject(self, current: ArtifactVersion) -> Subject:
        """All that is known of the uses of the version that is used now."""
        query = ExecutionQuery(artifact=current.artifact, limit=_LATEST)
        every = self._log.executions(query)
        now = self._judged(current, [e for e in every if e.tree_hash == current.tree_hash])
        before = [each for each in every if each.tree_hash != current.tree_hash]
        return Subject(
            tree_hash=current.tree_hash,
            version=current.version,
            outcomes=_outcomes(now),
            earlier=_outcomes(before),
            recent=tuple(_use(each) for each in now),
            patterns=_shares(now),
        )

    def _judged(self, current: ArtifactVersion, executions: Sequence[Execution]) -> list[Execution]:
        """The uses, without the failures that are none."""
        if all(each.succeeded for each in executions):
            return list(executions)
        meant = self._meant_to_fail(current, executions)
        return [each for each in executions if each.id not in meant]


def _outcomes(executions: Sequence[Execution]) -> Outcomes:
    return outcomes_of(
        (each.instance_id, int(each.succeeded), int(not each.succeeded)) for each in executions
    )


def _shares(executions: Sequence[Execution]) -> tuple[PatternShare, ...]:
    """The failures by what they have in common, the most frequent first."""
    found: dict[str, list[Execution]] = {}
    for each in executions:
        if not each.succeeded:
            found.setdefault(pattern_of(each), []).append(each)
    by_number: Mapping[str, list[Execution]] = dict(
        sorted(found.items(), key=lambda item: -len(item[1]))
    )
    return tuple(
        PatternShare(
            pattern_id=name,
            check="call",
            kind=failed[0].error,
            seen=len(failed),
            example=f"{failed[0].error}: {failed[0].message}",
        )
        for name, failed in by_number.items()
    )


def pattern_of(execution: Execution) -> str:
    """What a failed execution has in common with others: the id of its failure pattern."""
    said = f"{execution.error}: {execution.message}"
    return signature_of(said, check="call", language="python").id


def _use(execution: Execution) -> Use:
    return Use(
        id=execution.id,
        succeeded=execution.succeeded,
        seconds=execution.seconds,
        money=execution.money,
        at=execution.executed_at,
    )
