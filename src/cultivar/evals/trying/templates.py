"""Trying a template: answers from a task or as given, the tree, its checks, then the assertions."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from cultivar.errors import (
    AnswerError,
    EnvironmentUnavailableError,
    NotKnownError,
    TemplateError,
    UnsafeError,
    UntrustedError,
)
from cultivar.evals.assertions.base import Bench, Outcome
from cultivar.evals.trying.answering import proposer_for
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.results import judged, raised
from cultivar.generation.workshop import Job
from cultivar.lifecycle import TrialCase, TrialResult
from cultivar.model import Answers, Proof
from cultivar.record import Record, replace
from cultivar.templating.making.making import Making
from cultivar.templating.template import Template
from cultivar.tree import Tree

FOLDER: Final = "project"
"""The name of the folder that a trial's result would stand in."""

_PROVING: Final = frozenset({"checks", "quality"})
"""The assertions that take the template's checks."""

_ITS_FAULT: Final = (TemplateError, AnswerError, NotKnownError, UnsafeError)
"""What a version is to blame for; whatever else is raised says nothing of it."""


def try_template(subject: Subject, case: TrialCase, repeat: int, place: Place) -> TrialResult:
    """Use the template once, as `case` says.

    Args:
        subject: A version of a template.
        case: The task or the answers, and what must come of them.
        repeat: How often it was tried before.
        place: Where.

    Raises:
        UnavailableError: The place is down: nothing is known of the version.
        RefusedError: It takes trust or a wall that is not there.
        BudgetSpentError: The trial has used what it may.
    """
    run_id = place.run_id(subject, case, repeat)
    bench = Bench(open_runner=lambda: place.runner, untrusted=not subject.trusted)
    try:
        template = place.template(subject)
        _refuse_untrusted(template, subject)
        environment_id(template, subject, place)  # what is new is made before the time is taken
        bench = replace(bench, requires=template.requires, language=template.language)
        use = _Use(subject=subject, template=template, case=case, place=place, run_id=run_id)
        outcome = use.outcome()
    except _ITS_FAULT as error:
        result = judged(subject, case, repeat, raised(error, case), bench)
        # A default of its own that it does not take is a fault, no refusal of what was asked for.
        refused = isinstance(error, AnswerError) and error.question in case.inputs
        return replace(result, refused=refused and result.verdict == "failed")
    return judged(subject, case, repeat, outcome, bench)


def environment_id(template: Template, subject: Subject, place: Place) -> str:
    """What is known by it changes with anything that the template's checks have in reach.

    Raises:
        UnsafeError: The template requires what only a trusted one may.
        EnvironmentUnavailableError: A program or a package is not to be had.
    """
    environments = place.runner.environments
    language, trusted = template.language, subject.trusted
    return environments.get(template.requires, language=language, trusted=trusted).id


class _Use(Record):
    """One use of a template."""

    subject: Subject
    template: Template
    case: TrialCase
    place: Place
    run_id: str

    def outcome(self) -> Outcome:
        """What came of it, with what it took."""
        _refuse_unwritten(self.template)
        began = time.perf_counter()
        answers = self._answers()
        tree = self._tree(answers)
        proof = self._proof(tree)
        return Outcome(
            tree=tree,
            inputs={each.name: each.value for each in answers},
            proof=proof,
            seconds=time.perf_counter() - began,
            money=self.place.usage(self.run_id).money,
        )

    def _answers(self) -> Answers:
        making = Making(template=self.template, given=self.case.inputs, folder_name=FOLDER)
        propose = proposer_for(self.case, self.template, self.place, self.run_id)
        return self.place.workshop.answers(making, propose).answers

    def _tree(self, answers: Answers) -> Tree:
        job = Job(template=self.template, answers=answers, folder_name=FOLDER)
        workshop = self.place.workshop
        return workshop.finish(workshop.render(job).tree, job)

    def _proof(self, tree: Tree) -> Proof | None:
        """What the checks say, where an assertion asks for it.

        Raises:
            EnvironmentUnavailableError: What they need is not to be had.
        """
        if _PROVING.isdisjoint(each.kind for each in self.case.assertions):
            return None
        prove = partial(self.place.runner.prove, tree, self.template.checks, self.template.requires)
        proof = prove(language=self.template.language, untrusted=not self.subject.trusted)
        unknown = [each for each in proof.results if each.verdict == "not_verified"]
        if unknown:
            raise EnvironmentUnavailableError(unknown[0].output)
        return proof


def _refuse_untrusted(template: Template, subject: Subject) -> None:
    """Refuse to run a template's own code without the user's word.

    Raises:
        UntrustedError: It has some, and nobody trusts it.
    """
    code = [each for each in template.needs_trust if each != "migrations"]
    if code and not subject.trusted:
        raise UntrustedError(
            f"The template {template.ref.id!r} runs code of its own: {', '.join(code)}.",
            "Read it; then pass `--trust`, or add its origin to `trust` in your settings.",
        )


def _refuse_unwritten(template: Template) -> None:
    """Refuse what a trial cannot make.

    Raises:
        EnvironmentUnavailableError: Some files are for a model to write.
    """
    if template.written:
        named = ", ".join(f"`{each.path}`" for each in template.written)
        raise EnvironmentUnavailableError(
            f"Only a model can write {named}, and trials render without one.",
            "Try a version whose files are rendered.",
        )
