"""Makes candidates for a prompt: a model's edits, held to what no version of a prompt may do.

No operator makes any without a model. The form that a reply must have is told by whatever asks,
never by a prompt, so nothing could be added of that; what else a text should say, no rule knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.prompts.refusing import why_not
from cultivar.evolution.operators.prompts.study import Study, study_of
from cultivar.evolution.roles import Candidates, ImprovementOrder, Refusal
from cultivar.generation.fixes import fix_between
from cultivar.lifecycle import Candidate

Ask: TypeAlias = Callable[[Study], "Iterator[Proposed | Refusal]"]
"""Asks somebody for versions, who sees all that a study holds."""


def prompt_candidates(
    order: ImprovementOrder, bench: Workbench, ask: Ask | None = None
) -> Candidates:
    """Versions of a prompt that mend what makes its replies useless.

    Args:
        order: What is to be bettered, and what was tried.
        bench: What there is to work with.
        ask: Who is asked for them; without, there are none.
    """
    if ask is None:
        reason = "Only a model can better a prompt, and no model is set."
        return Candidates(refused=(Refusal(operator="model", reason=reason),))
    study = study_of(order, bench)
    made = [_admitted(each, study) for each in ask(study)]
    return Candidates(
        candidates=tuple(each for each in made if isinstance(each, Candidate))[: order.most],
        refused=tuple(each for each in made if isinstance(each, Refusal)),
    )


def _admitted(proposed: Proposed | Refusal, study: Study) -> Candidate | Refusal | None:
    """A candidate with the next number, its file kept; or why it is none.

    What was tried or refused before is neither: there is nothing new to say of it.
    """
    if isinstance(proposed, Refusal):
        return proposed
    tree, opportunity = proposed.tree, study.order.opportunity
    if tree.hash in study.order.tried:
        return None
    if why := why_not(tree, study):
        return Refusal(operator=proposed.operator, reason=why, tree_hash=tree.hash)
    fix = fix_between(study.prompt.tree, tree, proposed.description)
    return Candidate(
        artifact=opportunity.artifact,
        parent=opportunity.tree_hash,
        tree_hash=study.bench.content.put(tree),
        version=study.bench.registry.numbered(opportunity.artifact, tree)[1],
        operator=proposed.operator,
        description=proposed.description,
        aims_at=proposed.aims_at,
        edits=fix.edits if fix else (),
    )
