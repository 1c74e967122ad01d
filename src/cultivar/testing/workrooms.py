"""A workspace with one small template, and a history of it that was really rendered and proven."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from cultivar import Cultivar, load_settings
from cultivar.agent import Context
from cultivar.application.improving import Improved
from cultivar.application.workbench import open_campaign, registry_of
from cultivar.checking.checks import CheckRunner
from cultivar.definitions import Agents
from cultivar.evals.suites.suite import identified
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.place import try_case
from cultivar.evolution.campaigns.campaign import Campaign
from cultivar.evolution.campaigns.cases import chosen
from cultivar.evolution.campaigns.sealing import is_sealed
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.operators.templates.study import Study, Use
from cultivar.evolution.roles import ANALYST, IMPROVER, Candidates, ImprovementOrder
from cultivar.generation.evidence import learn_from
from cultivar.generation.workshop import Workshop
from cultivar.ledger.base import ContentStore, Ledger, PatternStore, Query
from cultivar.lifecycle import Artifact, Candidate, ImproveOrder, TrialResult
from cultivar.llm.base import Provider
from cultivar.model import Attempt, Draft, FailurePattern, Fix, Json
from cultivar.record import Record, replace
from cultivar.templating.making.making import Made, Making
from cultivar.templating.reading.loading import parse_template
from cultivar.templating.template import Template
from cultivar.testing.generations import generation_of
from cultivar.testing.greeters import case_of
from cultivar.testing.lifecycles import opportunity_of
from cultivar.tree import Tree, read_tree

SERVICE = Artifact(kind="template", name="test:service")


class Workroom(Record):
    """A workspace, opened."""

    cultivar: Cultivar
    folder: Path
    """The template's."""

    @property
    def tree(self) -> Tree:
        """The template's files, as they stand."""
        return read_tree(self.folder)

    @property
    def template(self) -> Template:
        """The template, read."""
        return parse_template(self.tree, origin=str(self.folder), trusted=True)

    def use(self, count: int = 1, *, took: float | None = None, **given: Json) -> None:
        """Use the template so often with these answers, and record what came of it.

        Args:
            count: How often.
            took: The seconds of each; without, what it takes now.
            given: What the user says; the rest is the template's own default.
        """
        began = time.perf_counter()
        services = self.cultivar.services
        template, made = self.template, self._made(given)
        tree = services.need(ContentStore).put(made.rendered.tree)
        runner = replace(services.need(CheckRunner), cache=None)
        proof = runner.prove(
            made.rendered.tree, template.checks, template.requires, untrusted=False
        )
        seconds = time.perf_counter() - began if took is None else took
        attempt = Attempt(number=1, draft=Draft(tree_hash=tree), proof=proof)
        learned = learn_from((attempt,), template.ref, Context(services=services))
        for _ in range(count):
            services.need(Ledger).record(
                generation_of(
                    tree,
                    id=str(uuid4()),
                    template=template.ref,
                    answers=made.answers,
                    attempts=learned,
                    seconds=seconds,
                )
            )

    def order(self) -> ImprovementOrder:
        """What the improver is asked, as the analyst sees it."""
        campaign = self._campaign()
        services = self.cultivar.services
        analysis = services.need(Agents).act(ANALYST, campaign.analysis_order())
        return campaign.improvement_order(analysis.opportunities[0], ())

    def study(self, failing: Mapping[str, Json], *worked: Mapping[str, Json]) -> Study:
        """What operators go by who know a use that fails, and others that worked; none is sealed.

        Args:
            failing: The answers of the one.
            worked: Those of the others.
        """
        self._campaign()
        subject = Subject(artifact=SERVICE, tree=self.tree, trusted=True)
        opportunity = replace(opportunity_of(), artifact=SERVICE, tree_hash=subject.tree_hash)
        return Study(
            bench=self.bench,
            order=ImprovementOrder(run_id="one run", opportunity=opportunity),
            subject=subject,
            template=self.bench.place.template(subject),
            failures=(self._use(failing),),
            successes=tuple(map(self._use, worked)),
        )

    def candidates(self) -> Candidates:
        """What the operators make of the history."""
        order = self.order()
        return self.cultivar.services.need(Agents).act(IMPROVER, order)

    def sealed(self) -> list[Mapping[str, Json]]:
        """The answers of the uses that nobody who makes candidates may see."""
        query = Query(template_id=SERVICE.name, limit=1_000)
        uses = self.cultivar.services.need(Ledger).generations(query)
        given = [chosen(each, self.template) for each in uses]
        return [each for each in given if is_sealed(each)]

    def improved(self) -> Improved:
        """What a whole run of `improve` makes of it, which changes nothing on the disk."""
        return self.cultivar.improve()

    def text(self, candidate: Candidate, path: str) -> str:
        """A file of a candidate."""
        return self.bench.content.tree(candidate.tree_hash).text(path)

    def tried(self, candidate: Candidate | None, **given: Json) -> TrialResult:
        """What comes of a candidate with these answers: it is rendered and proven.

        Args:
            candidate: Which; None: the version that is used.
            given: The answers.
        """
        tree = self.bench.content.tree(candidate.tree_hash) if candidate else self.tree
        subject = Subject(artifact=SERVICE, tree=tree, trusted=True)
        case = replace(case_of(), inputs=dict(given))
        return try_case(subject, identified(case), 0, self.bench.place)

    def tree_with(self, **given: Json) -> Tree:
        """What the template makes of these answers."""
        return self._made(given).rendered.tree

    @property
    def patterns(self) -> tuple[FailurePattern, ...]:
        """The failure patterns that were seen."""
        return self.cultivar.services.need(PatternStore).patterns()

    def learn(self, fix: Fix) -> None:
        """Keep a fix of each of them."""
        for pattern in self.patterns:
            self.cultivar.services.need(PatternStore).add_fix(pattern.id, fix)

    @property
    def bench(self) -> Workbench:
        """What the operators work with."""
        return self.cultivar.services.need(Workbench)

    def _use(self, given: Mapping[str, Json]) -> Use:
        made = self._made(given)
        answers = {each.name: each.value for each in made.answers}
        tree = made.rendered.tree
        return Use(generation=generation_of(tree.hash), given=given, answers=answers, tree=tree)

    def _made(self, given: Mapping[str, Json]) -> Made:
        making = Making(template=self.template, given=given)
        return self.cultivar.services.need(Workshop).make([making])[0]

    def _campaign(self) -> Campaign:
        services = self.cultivar.services
        registry_of(services).sync()
        return open_campaign(services, "one run", ImproveOrder())


class OpenWorkroom(Protocol):
    """Opens a workspace whose template has these files."""

    def __call__(self, files: Mapping[str, str], model: Provider | None = None) -> Workroom:
        """The workspace; with a model, one that may be asked."""
        ...


def open_workroom(root: Path, files: Mapping[str, str], model: Provider | None = None) -> Workroom:
    """A workspace in the folder `root`, with a template that has these files, opened.

    Args:
        root: The workspace.
        files: The template's.
        model: What is asked; None: there is none.
    """
    folder = root / "templates_data" / "service"
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "cultivar.yaml").write_text("template_paths: [templates_data]\n")
    settings = load_settings(root, improve={"candidates": 12})
    services: dict[type[Any], object] = {} if model is None else {Provider: model}
    return Workroom(cultivar=Cultivar(settings, services=services), folder=folder)
