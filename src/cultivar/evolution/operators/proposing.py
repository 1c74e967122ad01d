"""Makes candidates for an opportunity, each operator in its turn; none sees what is sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import Described
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.refusing import silenced
from cultivar.evolution.operators.tools.admitting import weakened, why_not
from cultivar.evolution.operators.tools.copying import copied_value
from cultivar.evolution.operators.tools.guarding import Study, guarded, raised
from cultivar.evolution.operators.tools.observing import observations
from cultivar.evolution.opportunities.executions import pattern_of
from cultivar.evolution.roles import Candidates, ImprovementOrder, Refusal
from cultivar.generation.fixes import fix_between
from cultivar.ledger.improvements import ExecutionQuery
from cultivar.lifecycle import ArtifactVersion, Candidate, Execution
from cultivar.record import Record
from cultivar.tree import Tree

Ask: TypeAlias = Callable[[Study], "Iterator[Proposed | Refusal]"]
"""Asks somebody for more, who sees all that a study holds."""


def tool_candidates(
    order: ImprovementOrder, bench: Workbench, ask: Ask | None = None
) -> Candidates:
    """Versions of a tool that mend what makes it fail, or slow.

    Args:
        order: What is to be bettered, and what was tried.
        bench: What there is to work with.
        ask: Who is asked for one more, after all that can be made without.
    """
    used = bench.executions.executions(ExecutionQuery(artifact=order.opportunity.artifact))
    study = _study(order, bench, used)
    found = guarded(study)
    fresh = [each for each in found.proposals if each.tree.hash not in order.tried]
    taken = fresh[: order.most - 1 if ask else order.most]
    for each in taken:
        bench.content.put(each.tree)
    admitting = _Admitting(study=study, order=order, bench=bench, used=used)
    made = [admitting.admitted(each) for each in ask(study)] if ask else []
    more = [each for each in made if isinstance(each, Candidate)]
    return Candidates(
        candidates=(*(each.candidate for each in taken), *more)[: order.most],
        refused=(*found.refused, *(each for each in made if isinstance(each, Refusal))),
    )


def _study(order: ImprovementOrder, bench: Workbench, used: Sequence[Execution]) -> Study:
    opportunity = order.opportunity
    artifact, left = opportunity.artifact, set(opportunity.examples)
    tree = bench.content.tree(opportunity.tree_hash)
    seen = [e for e in used if e.id in left or (e.succeeded and not is_sealed(e.inputs))]
    return Study(
        version=ArtifactVersion(
            artifact=artifact,
            tree_hash=opportunity.tree_hash,
            version=opportunity.version,
            made_at=datetime.now(UTC),
        ),
        tree=tree,
        cases=bench.tools.described(Subject(artifact=artifact, tree=tree)).cases,
        observed=observations(seen, pattern_of),
    )


class _Admitting(Record):
    """Holds what was proposed to what no version of a tool may do."""

    study: Study
    order: ImprovementOrder
    bench: Workbench
    used: Sequence[Execution]

    def admitted(self, proposed: Proposed | Refusal) -> Candidate | Refusal | None:
        """A candidate with the next number, its file kept; or why it is none.

        What was tried or refused before is neither: there is nothing new to say of it.
        """
        if isinstance(proposed, Refusal):
            return proposed
        tree, version = proposed.tree, self.study.version
        if tree.hash in self.order.tried:
            return None
        if why := self._why_not(tree):
            return Refusal(operator=proposed.operator, reason=why, tree_hash=tree.hash)
        fix = fix_between(self.study.tree, tree, proposed.description)
        return Candidate(
            artifact=version.artifact,
            parent=version.tree_hash,
            tree_hash=self.bench.content.put(tree),
            version=raised(version.version),
            operator=proposed.operator,
            description=proposed.description,
            aims_at=proposed.aims_at,
            edits=fix.edits if fix else (),
        )

    def _why_not(self, tree: Tree) -> str:
        """Why it is refused; what takes the wall to be seen comes last."""
        before, name = self.study.tree, self.study.version.artifact.name
        if tree.hash == before.hash:
            return "It changes nothing."
        seen = [*(e.inputs for e in self.study.observed), *(e.input for e in self.study.cases)]
        return (
            why_not(name, before, tree, seen)
            or self._knows_sealed(tree)
            or silenced(before, tree)
            or weakened(self._described(before), self._described(tree))
        )

    def _knows_sealed(self, tree: Tree) -> str:
        path = f"{self.study.version.artifact.name}.py"
        sealed = [each.inputs for each in self.used if is_sealed(each.inputs)]
        copied = copied_value(self.study.tree.text(path), tree.text(path), sealed)
        return "It knows a sealed case by heart." if copied else ""

    def _described(self, tree: Tree) -> Described:
        subject = Subject(artifact=self.study.version.artifact, tree=tree)
        return self.bench.tools.described(subject)
