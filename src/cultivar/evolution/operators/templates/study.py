"""What is known of a template that fails: uses that show it, uses that worked, and its files.

The invariant: nothing that is sealed is in it but what proposals are held against at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cultivar.errors import AnswerError, NotKnownError, TemplateError, UnsafeError
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.templates import FOLDER
from cultivar.evolution.campaigns.cases import chosen
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.roles import ImprovementOrder
from cultivar.generation.workshop import Workshop
from cultivar.ledger.base import PatternStore, Query
from cultivar.model import Check, CheckResult, EndedBy, Fix, Generation, Json
from cultivar.record import Record
from cultivar.templating.making.making import Making
from cultivar.templating.template import Template
from cultivar.tree import Tree

_MOST_FAILURES: Final = 24
_MOST_SUCCESSES: Final = 24
"""How many uses of either kind are looked at; each is rendered for each idea."""

_LOOKED_AT: Final = 400

SLOW: Final = frozenset[EndedBy]({"wall", "cpu"})
"""What ends a check that takes too long."""

_ITS_FAULT: Final = (TemplateError, AnswerError, NotKnownError, UnsafeError)
"""What rendering a version may end in, without anything being down."""


class Use(Record):
    """One use of a template, and what its version at hand makes of it."""

    generation: Generation
    given: Mapping[str, Json]
    """The answers that any version must live with."""
    answers: Mapping[str, Json]
    """All of them, as the version at hand has them."""
    tree: Tree
    """What it makes, before tasks."""

    @property
    def patterns(self) -> tuple[str, ...]:
        """The ids of the failure patterns that it shows."""
        return self.generation.attempts[-1].patterns

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """What the checks said that failed."""
        results = self.generation.proof.results
        return tuple(each for each in results if each.verdict == "failed")


class Study(Record):
    """What operators go by."""

    bench: Workbench
    order: ImprovementOrder
    subject: Subject
    """The version that is to be bettered."""
    template: Template
    """It, read."""
    failures: tuple[Use, ...]
    """The latest first; of the same answers, one."""
    successes: tuple[Use, ...]
    sealed: tuple[Mapping[str, Json], ...] = ()
    """The answers of sealed uses: that no proposal knows one by heart; no maker looks at them."""

    def makes(self, tree: Tree, given: Mapping[str, Json]) -> Made | None:
        """What other files of the template make of these answers; None where they refuse.

        Raises:
            UnavailableError: What renders it is down.
        """
        try:
            template = self.bench.place.template(Subject(artifact=self.subject.artifact, tree=tree))
        except _ITS_FAULT:
            return None
        return made_of(template, given, self.bench.place.workshop)

    def touched(self, tree: Tree, uses: Sequence[Use] | None = None) -> int:
        """How many uses that worked become something else with other files of the template.

        Args:
            tree: The files.
            uses: Of which; None: of all that are known.
        """
        made = (
            (use, self.makes(tree, use.given)) for use in (self.successes if uses is None else uses)
        )
        return sum(new is None or new.tree != use.tree for use, new in made)

    def fixes(self) -> tuple[tuple[Fix, tuple[str, ...]], ...]:
        """The fixes that worked for what fails here, the surest first, with their patterns.

        One that was never tried again was kept because it worked once.
        """
        ids = tuple(dict.fromkeys(id for use in self.failures for id in use.patterns))
        store = self.bench.place.context.get(PatternStore)
        found: dict[str, tuple[Fix, tuple[str, ...]]] = {}
        for pattern in store.patterns(ids):
            for fix in pattern.fixes:
                if fix.worked or not fix.tried:
                    known = found.get(fix.id, (fix, ()))[1]
                    found[fix.id] = fix, (*known, pattern.id)
        return tuple(sorted(found.values(), key=lambda each: -_trust(each[0])))


class Made(Record):
    """What a version makes of answers."""

    answers: Mapping[str, Json]
    tree: Tree


def study_of(order: ImprovementOrder, bench: Workbench) -> Study:
    """Gather what is known.

    Args:
        order: What is to be bettered; its examples are the uses that fail.
        bench: What there is to work with.

    Raises:
        TemplateError: The version at hand is broken.
    """
    opportunity = order.opportunity
    subject = Subject(
        artifact=opportunity.artifact,
        tree=bench.content.tree(opportunity.tree_hash),
        trusted=bench.trusted(opportunity.artifact),
    )
    template = bench.place.template(subject)
    query = Query(template_id=opportunity.artifact.name, success=True, limit=_LOOKED_AT)
    uses = _Uses(template=template, workshop=bench.place.workshop)
    failed = uses.of(map(bench.ledger.generation, opportunity.examples), _MOST_FAILURES)
    worked = uses.of(bench.ledger.generations(query), _MOST_SUCCESSES)
    latest = Query(template_id=opportunity.artifact.name, limit=_LOOKED_AT)
    given = (chosen(each, template) for each in bench.ledger.generations(latest))
    return Study(
        bench=bench,
        order=order,
        subject=subject,
        template=template,
        failures=failed,
        successes=worked,
        sealed=tuple(each for each in given if is_sealed(each)),
    )


def made_of(template: Template, given: Mapping[str, Json], workshop: Workshop) -> Made | None:
    """What a template makes of answers; None where it refuses them or is broken."""
    making = Making(template=template, given=given, folder_name=FOLDER)
    try:
        made = workshop.make([making])[0]
    except _ITS_FAULT:
        return None
    return Made(answers={each.name: each.value for each in made.answers}, tree=made.rendered.tree)


def aims(uses: Iterable[Use]) -> tuple[str, ...]:
    """The failure patterns of these uses."""
    return tuple(dict.fromkeys(id for use in uses for id in use.patterns))


def has(use: Use, answers: Mapping[str, Json]) -> bool:
    """Whether a use has all of these answers."""
    return all(name in use.answers and use.answers[name] == answers[name] for name in answers)


def is_slow(use: Use, check: Check) -> bool:
    """Whether a check of a use took longer than it may."""
    return any(each.check == check.name and each.ended_by in SLOW for each in use.failed)


class _Uses(Record):
    template: Template
    workshop: Workshop

    def of(self, generations: Iterable[Generation], most: int) -> tuple[Use, ...]:
        found: list[Use] = []
        seen: list[Mapping[str, Json]] = []
        for generation, given in self._open(generations):
            if given not in seen and len(found) < most:
                seen.append(given)
                found += self._use(generation, given)
        return tuple(found)

    def _open(
        self, generations: Iterable[Generation]
    ) -> Iterator[tuple[Generation, Mapping[str, Json]]]:
        """Those that are not sealed."""
        for generation in generations:
            given = chosen(generation, self.template)
            if not is_sealed(given):
                yield generation, given

    def _use(self, generation: Generation, given: Mapping[str, Json]) -> Sequence[Use]:
        made = made_of(self.template, given, self.workshop)
        if made is None:
            return ()
        return [Use(generation=generation, given=given, answers=made.answers, tree=made.tree)]


def _trust(fix: Fix) -> float:
    """The share of tries that worked, with one success and one failure added."""
    return (fix.worked + 1) / (fix.tried + 2)
