"""Makes candidates for a template, each operator in its turn; none sees what is sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from cultivar.errors import TemplateError
from cultivar.evals.trying.base import Subject
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.base import Proposed
from cultivar.evolution.operators.model.bounds import marks_itself, out_of_bounds
from cultivar.evolution.operators.model.joining import joined
from cultivar.evolution.operators.refusing import Limits, silenced, why_not
from cultivar.evolution.operators.templates.carrying import Carried, carried
from cultivar.evolution.operators.templates.checking import fewer_steps, more_in_reach
from cultivar.evolution.operators.templates.defaulting import other_defaults
from cultivar.evolution.operators.templates.forbidding import forbidding
from cultivar.evolution.operators.templates.remedies import Remedy, remedies
from cultivar.evolution.operators.templates.study import Study, aims, study_of
from cultivar.evolution.roles import Candidates, ImprovementOrder, Refusal
from cultivar.generation.fixes import fix_between
from cultivar.lifecycle import MODEL, Candidate
from cultivar.record import replace

Ask: TypeAlias = Callable[[Study], "Iterator[Proposed | Refusal]"]
"""Asks somebody for more, who sees all that a study holds."""


def template_candidates(
    order: ImprovementOrder, bench: Workbench, ask: Ask | None = None
) -> Candidates:
    """Versions of a template that mend what makes it fail.

    Args:
        order: What is to be bettered, and what was tried.
        bench: What there is to work with.
        ask: Who is asked for one more, after all that can be made without.

    Raises:
        TemplateError: The version at hand is broken.
        UnavailableError: What renders it is down.
    """
    study = study_of(order, bench)
    if code := [each for each in study.template.needs_trust if each != "migrations"]:
        reason = f"It runs code of its own ({', '.join(code)}), which no trial does."
        return Candidates(refused=(Refusal(operator="trust", reason=reason),))
    taken = _Taken(study)
    taken.take_all(_proposed(study), order.most - 1 if ask else order.most)
    taken.take_all(ask(study) if ask else (), order.most)
    taken.take_all(joined(study.subject.tree, tuple(taken.proposed)), order.most)
    return Candidates(
        candidates=tuple(taken.candidates.values()), refused=tuple(taken.refused.values())
    )


class _Taken:
    """What was taken of all that was proposed, and why the rest was not.

    Args:
        study: What it is made from.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self.candidates: dict[str, Candidate] = {}
        self.refused: dict[tuple[str, str], Refusal] = {}
        self.proposed: list[Proposed] = []

    def take_all(self, proposed: Iterable[Proposed | Refusal], most: int) -> None:
        """Take them, as long as there are fewer than `most`."""
        waiting = iter(proposed)
        while len(self.candidates) < most and (each := next(waiting, None)) is not None:
            self.take(each)

    def take(self, proposed: Proposed | Refusal) -> None:
        """Take it if it may be tried."""
        made = admitted(proposed, self._study) if isinstance(proposed, Proposed) else proposed
        if isinstance(made, Refusal):
            self.refused[made.tree_hash, made.reason] = made
        elif made is not None and made.tree_hash not in self.candidates:
            self.candidates[made.tree_hash] = made
            self.proposed += [proposed] if isinstance(proposed, Proposed) else []


def admitted(proposed: Proposed, study: Study) -> Candidate | Refusal | None:
    """A candidate with the next number, its files kept; or why it is none.

    What was tried or refused before is neither: there is nothing new to say of it.

    Args:
        proposed: What an operator made.
        study: What it was made from.
    """
    opportunity = study.order.opportunity
    try:
        tree, version = study.bench.registry.numbered(opportunity.artifact, proposed.tree)
    except TemplateError as error:
        return Refusal(operator=proposed.operator, reason=f"It cannot be read: {error}")
    if tree.hash in study.order.tried:
        return None
    if why := _why_not(proposed, study):
        return Refusal(operator=proposed.operator, reason=why, tree_hash=tree.hash)
    fix = fix_between(study.subject.tree, tree, proposed.description)
    return Candidate(
        artifact=opportunity.artifact,
        parent=opportunity.tree_hash,
        tree_hash=study.bench.content.put(tree),
        version=version,
        operator=proposed.operator,
        description=proposed.description,
        aims_at=proposed.aims_at,
        edits=fix.edits if fix else (),
    )


def _proposed(study: Study) -> Iterator[Proposed]:
    """All that may help: what mends files, then the checks' own ails, then answers."""
    for remedy in remedies(study):
        yield from (_carried(remedy, each) for each in carried(remedy, study))
    yield from more_in_reach(study)
    yield from fewer_steps(study)
    yield from other_defaults(study)
    yield from forbidding(study)


def _carried(remedy: Remedy, made: Carried) -> Proposed:
    return Proposed(
        operator=remedy.operator,
        tree=made.tree,
        description=f"The template has {remedy.words}.",
        aims_at=remedy.patterns or aims(made.mended),
    )


def _limits(study: Study) -> Limits:
    uses = (*study.failures, *study.successes)
    return Limits(
        cases=tuple(use.given for use in uses),
        sealed=study.sealed,
        texts=tuple(use.generation.task for use in study.failures),
    )


def _why_not(proposed: Proposed, study: Study) -> str:
    limits = replace(_limits(study), forbids=proposed.forbids)
    return (
        why_not(study.subject.tree, proposed.tree, limits)
        or _beyond_a_model(proposed, study)
        or _made_less(proposed, study)
    )


def _beyond_a_model(proposed: Proposed, study: Study) -> str:
    """Why a model may not do that, which others may."""
    if proposed.operator != MODEL:
        return ""
    subject = Subject(artifact=study.subject.artifact, tree=proposed.tree)
    return out_of_bounds(study.template, study.bench.place.template(subject))


def _made_less(proposed: Proposed, study: Study) -> str:
    """Whether the same answers make less than before: a file less, a test that says less."""
    for use in (*study.failures, *study.successes):
        made = study.makes(proposed.tree, use.given)
        if made is None and proposed.forbids in use.given and use in study.failures:
            continue
        if made is None:
            return "It does not render with answers that its parent takes."
        if made.answers != use.answers:
            continue
        gone = sorted(set(use.tree) - set(made.tree))
        if gone:
            return f"It makes {gone[0]!r} no more."
        if why := silenced(use.tree, made.tree):
            return why
        if proposed.operator == MODEL and (
            why := marks_itself(study.template.checks, use.tree, made.tree)
        ):
            return why
    return ""
