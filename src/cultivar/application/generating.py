"""`generate`: from a task to files that are proven."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

from cultivar.application.opened import Ask, Opened, warm_up_model, without_secrets
from cultivar.delivery.trees import diff
from cultivar.errors import UsageError
from cultivar.generation.vault import Vault
from cultivar.ledger.base import ContentStore, Ledger, Run
from cultivar.machine import Halt, Machine
from cultivar.model import (
    Answers,
    Delivery,
    Draft,
    OpenQuestion,
    Order,
    RunStatus,
    TemplateRef,
)
from cultivar.record import Record
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.template import Template


class GenerateOptions(TypedDict, total=False):
    """What may be said beside the task. All of it may be left out."""

    template: str
    """An id, a folder or a git address; else chosen from the task."""
    ref: str
    """A git tag, branch or commit."""
    output: Path | str
    """The folder to write to; the current one where it is not given."""
    answers: Mapping[str, object]
    """The user's own answers, by question."""
    interactive: bool
    """Whether a person is asked what is still unsure."""
    trust: bool
    """Whether the template's tasks and extensions may run (in the sandbox)."""
    force: bool
    """Whether files that differ are replaced."""
    dry_run: bool
    """Whether nothing is proven, written or recorded."""
    keep_failed: Path | str
    """A folder for a result whose required checks failed."""
    unconfined: bool
    """Whether untrusted code may run without a wall."""
    pre_releases: bool
    """Whether a template's newest version may be a pre-release."""


class Generated(Record):
    """What became of a run of `generate`."""

    run_id: str
    template: TemplateRef
    answers: Answers
    generation_id: str = ""
    """What was recorded; empty of a dry run, and of a run that waits."""
    delivery: Delivery | None = None
    """What was written, or of a dry run would be; None where nothing was to be written."""
    diff: str = ""
    """Of a dry run: what writing would change."""
    question: OpenQuestion | None = None
    """What the run waits for."""


class Generating(Opened):
    """Makes code."""

    def generate(
        self, task: str, *, ask: Ask | None = None, **options: Unpack[GenerateOptions]
    ) -> Generated:
        """Make code for `task`, prove it, record it and write it.

        Args:
            task: What is wanted, in words.
            ask: Puts questions to a person; without it an interactive run waits at its first one.
            options: All else, each of which may be left out.

        Raises:
            UsageError: The template, an answer or the destination is not as it must be.
            RefusedError: It takes trust or a wall that is not there.
            BudgetSpentError: The run has used what it may.
            UnavailableError: A service is down; `resume` takes the run up again.
        """
        run_id = str(uuid.uuid4())
        warm_up_model(self.services.settings)
        order = self._order(run_id, task, options)
        run = Run(
            id=run_id, graph="generate", order=order, status="running", started_at=datetime.now(UTC)
        )
        self.services.need(Ledger).start(run)
        with self._publishing(), self._failing(run_id):
            machine, graph = self._machine("generate")
            halt = machine.start(graph, run_id, {"run_id": run_id, "order": order})
            return self._generated(run_id, self._converse("generate", run_id, halt, ask))

    def _order(self, run_id: str, task: str, options: GenerateOptions) -> Order:
        named = options.get("template", "")
        template = self._template(task, options)
        vault = self.services.need(Vault)
        answers = without_secrets(template, options.get("answers", {}), run_id, vault)
        keep_failed = options.get("keep_failed", "")
        return Order(
            task=task,
            template=named or template.ref.id,
            ref=options.get("ref", ""),
            output=str(Path(options.get("output", ".")).resolve()),
            answers=answers,
            interactive=options.get("interactive", False),
            trust=options.get("trust", False),
            force=options.get("force", False),
            dry_run=options.get("dry_run", False),
            keep_failed=str(Path(keep_failed).resolve()) if keep_failed else "",
            unconfined=options.get("unconfined", False),
            pre_releases=options.get("pre_releases", False),
            secrets=tuple(sorted(vault.of(run_id))),
        )

    def _template(self, task: str, options: GenerateOptions) -> Template:
        catalog = self.services.need(Catalog)
        if named := options.get("template"):
            pre_releases = options.get("pre_releases", False)
            return catalog.find(named, options.get("ref", ""), pre_releases=pre_releases)
        from cultivar.inference.choosing import choose

        ranked = choose(task, catalog.all())
        if ranked and ranked[0].confident:
            return ranked[0].template
        nearest = " or ".join(f"`--template {each.template.ref.id}`" for each in ranked[:2])
        raise UsageError(
            f"No template clearly fits the task {task!r}.",
            f"Name one: {nearest}. `cultivar templates` lists all." if ranked else "There is none.",
        )

    def _generated(self, run_id: str, halt: Halt) -> Generated:
        values = halt.values
        done: str = values.get("generation_id", "")
        status: RunStatus = "waiting" if halt.question else "done"
        self.services.need(Ledger).finish(run_id, status, generation_id=done)
        if done:
            self.services.need(Machine).forget(run_id)
        delivery: Delivery | None = values.get("delivery")
        return Generated(
            run_id=run_id,
            template=values["template"],
            answers=values.get("answers", ()),
            generation_id=done,
            delivery=delivery,
            diff=self._diff(values["draft"], delivery) if delivery and not done else "",
            question=halt.question,
        )

    def _diff(self, draft: Draft, delivery: Delivery) -> str:
        tree = self.services.need(ContentStore).tree(draft.tree_hash)
        paths = [path for path in (*delivery.added, *delivery.replaced) if path in tree]
        return diff(tree, Path(delivery.folder), paths, delivery.secret)
