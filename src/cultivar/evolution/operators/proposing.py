"""Makes candidates for an opportunity, each operator in its turn; none sees what is sealed."""

from __future__ import annotations

from datetime import UTC, datetime

from cultivar.evals.trying.base import Subject
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.tools.guarding import Study, guarded
from cultivar.evolution.operators.tools.observing import observations
from cultivar.evolution.opportunities.executions import pattern_of
from cultivar.evolution.roles import Candidates, ImprovementOrder
from cultivar.ledger.improvements import ExecutionQuery
from cultivar.lifecycle import ArtifactVersion


def tool_candidates(order: ImprovementOrder, bench: Workbench) -> Candidates:
    """Versions of a tool that mend what makes it fail.

    Args:
        order: What is to be bettered, and what was tried.
        bench: What there is to work with.
    """
    opportunity = order.opportunity
    artifact = opportunity.artifact
    tree = bench.content.tree(opportunity.tree_hash)
    left = set(opportunity.examples)
    used = bench.executions.executions(ExecutionQuery(artifact=artifact))
    study = Study(
        version=ArtifactVersion(
            artifact=artifact,
            tree_hash=opportunity.tree_hash,
            version=opportunity.version,
            made_at=datetime.now(UTC),
        ),
        tree=tree,
        cases=bench.tools.described(Subject(artifact=artifact, tree=tree)).cases,
        observed=observations(
            (
                each
                for each in used
                if each.id in left or (each.succeeded and not is_sealed(each.inputs))
            ),
            pattern_of,
        ),
    )
    found = guarded(study)
    fresh = [each for each in found.proposals if each.tree.hash not in order.tried]
    for each in fresh[: order.most]:
        bench.content.put(each.tree)
    return Candidates(
        candidates=tuple(each.candidate for each in fresh[: order.most]), refused=found.refused
    )
