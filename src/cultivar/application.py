"""Cultivar as its users have it: one object that the command line and Python programs call."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypedDict, Unpack, cast

from cultivar.agent import Context
from cultivar.definitions import Definitions
from cultivar.doctor import Finding, examine
from cultivar.errors import AnswerError, CultivarError, NotKnownError, UsageError
from cultivar.generation.delivery import diff
from cultivar.generation.vault import Vault
from cultivar.inference.choosing import choose
from cultivar.ledger.base import ContentStore, Ledger, PatternStore, Query, Run, VersionStats
from cultivar.ledger.export import answers_yaml
from cultivar.llm.choose import warm_up
from cultivar.machine import Halt, Listener, Machine
from cultivar.model import (
    Answer,
    Answers,
    Delivery,
    Draft,
    FailurePattern,
    Generation,
    Json,
    OpenQuestion,
    Order,
    RunStatus,
    TemplateRef,
)
from cultivar.settings import Settings, load_settings
from cultivar.templating.origins.catalog import Catalog
from cultivar.templating.questions.answers_file import SUFFIX
from cultivar.templating.template import Template
from cultivar.wiring import Services

Ask = Callable[[OpenQuestion], Json]
"""Puts an open question to a person; returns the answer."""


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


@dataclass(frozen=True, kw_only=True)
class Generated:
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


class Cultivar:
    """A workspace that is open: generate in it, and ask what was generated.

    Args:
        settings: What was set; read from the current folder where it is not given.
        services: Services that stand in for ours, by the type that they are asked for with.
        listener: Hears the steps of runs.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        services: Mapping[type[Any], object] | None = None,
        listener: Listener | None = None,
    ) -> None:
        self.services = Services(settings or load_settings(), services or {})
        if listener is not None:
            self.listen(listener)

    def __enter__(self) -> Cultivar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened."""
        self.services.close()

    def listen(self, listener: Listener) -> None:
        """Let `listener` hear the steps of runs from now on."""
        self.services.listeners.append(listener)

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
        warm_up(self.services.settings.model)
        order = self._order(run_id, task, options)
        run = Run(
            id=run_id, graph="generate", order=order, status="running", started_at=datetime.now(UTC)
        )
        self.services.need(Ledger).start(run)
        with self._failing(run_id):
            machine, graph = self._machine("generate")
            halt = machine.start(graph, run_id, {"run_id": run_id, "order": order})
            return self._finish(run_id, self._converse(run_id, halt, ask))

    def resume(
        self,
        run_id: str,
        *,
        ask: Ask | None = None,
        answers: Mapping[str, object] | None = None,
        force: bool = False,
    ) -> Generated:
        """Take up a run that was interrupted or waits, where it stopped.

        Args:
            run_id: The run, or the beginning of its id.
            ask: Puts questions to a person.
            answers: The secrets that the run was begun with; they are never kept.
            force: Whether files that stopped it by standing in the way are replaced now.

        Raises:
            NotKnownError: There is no such run.
        """
        run = self.services.need(Ledger).run(run_id)
        secrets = {name: cast("Json", value) for name, value in (answers or {}).items()}
        self.services.need(Vault).hold(run.id, secrets)
        self.services.need(Vault).demand(run.id, run.order.secrets)
        with self._failing(run.id):
            machine, graph = self._machine(run.graph)
            order = replace(run.order, force=run.order.force or force)
            if force:
                machine.change(graph, run.id, {"order": order})
            halt = machine.resume(graph, run.id)
            if not halt.values:
                # It was killed before its first checkpoint.
                halt = machine.start(graph, run.id, {"run_id": run.id, "order": order})
            return self._finish(run.id, self._converse(run.id, halt, ask))

    def templates(self) -> tuple[Template, ...]:
        """The templates that can be generated from by id."""
        return self.services.need(Catalog).all()

    def template(self, reference: str, ref: str = "") -> Template:
        """The template of an id, a folder or a git address."""
        return self.services.need(Catalog).find(reference, ref)

    def history(self, query: Query | None = None) -> tuple[Generation, ...]:
        """What was generated, the newest first."""
        return self.services.need(Ledger).generations(query or Query())

    def runs(self, limit: int = 50) -> tuple[Run, ...]:
        """The latest runs, the newest first."""
        return self.services.need(Ledger).runs(limit)

    def stats(self, template_id: str = "") -> tuple[VersionStats, ...]:
        """How each version of each template has done."""
        return self.services.need(Ledger).stats(template_id)

    def generation(self, which: str | Path) -> Generation:
        """The generation of an id (or its beginning), or the latest that wrote a file.

        Raises:
            NotKnownError: There is none.
        """
        path = Path(which)
        if path.exists():
            found = self.services.need(Ledger).maker_of(str(_subject(path.resolve())))
            if found is None:
                raise NotKnownError("generation that wrote", str(which))
            return found
        return self.services.need(Ledger).generation(str(which))

    def files(self, generation: Generation) -> tuple[str, ...]:
        """The paths of what was generated, relative to its folder."""
        return tuple(self.services.need(ContentStore).tree(generation.tree_hash))

    def patterns_of(
        self, generation: Generation
    ) -> tuple[tuple[FailurePattern, ...], tuple[FailurePattern, ...]]:
        """The failure patterns that it was told of, and those that its own failures joined."""
        store = self.services.need(PatternStore)
        joined = dict.fromkeys(each for a in generation.attempts for each in a.patterns)
        return store.patterns(generation.recalled), store.patterns(joined)

    def export(self, generation: Generation) -> str:
        """Its answers as YAML, without secrets."""
        return answers_yaml(generation)

    def broken_templates(self) -> tuple[CultivarError, ...]:
        """Why templates in the folders that are looked into could not be read."""
        return tuple(self.services.need(Catalog).broken.values())

    def doctor(self) -> tuple[Finding, ...]:
        """What is there, and what to do about what is not."""
        return examine(self.services)

    def _order(self, run_id: str, task: str, options: GenerateOptions) -> Order:
        given = dict(options.get("answers", {}))
        named = options.get("template", "")
        template = self._template(task, options)
        secret = {question.name for question in template.questions if question.secret}
        held = {name: cast("Json", given.pop(name)) for name in secret & set(given)}
        self.services.need(Vault).hold(run_id, held)
        keep_failed = options.get("keep_failed", "")
        return Order(
            task=task,
            template=named or template.ref.id,
            ref=options.get("ref", ""),
            output=str(Path(options.get("output", ".")).resolve()),
            answers=tuple(_said(name, value) for name, value in given.items()),
            interactive=options.get("interactive", False),
            trust=options.get("trust", False),
            force=options.get("force", False),
            dry_run=options.get("dry_run", False),
            keep_failed=str(Path(keep_failed).resolve()) if keep_failed else "",
            unconfined=options.get("unconfined", False),
            pre_releases=options.get("pre_releases", False),
            secrets=tuple(sorted(held)),
        )

    def _template(self, task: str, options: GenerateOptions) -> Template:
        catalog = self.services.need(Catalog)
        if named := options.get("template"):
            pre_releases = options.get("pre_releases", False)
            return catalog.find(named, options.get("ref", ""), pre_releases=pre_releases)
        ranked = choose(task, catalog.all())
        if ranked and ranked[0].confident:
            return ranked[0].template
        nearest = " or ".join(f"`--template {each.template.ref.id}`" for each in ranked[:2])
        raise UsageError(
            f"No template clearly fits the task {task!r}.",
            f"Name one: {nearest}. `cultivar templates` lists all." if ranked else "There is none.",
        )

    def _machine(self, graph: str) -> tuple[Machine, Any]:
        build = self.services.need(Definitions).graph(graph)
        return self.services.need(Machine), build(Context(services=self.services))

    def _converse(self, run_id: str, halt: Halt, ask: Ask | None) -> Halt:
        """Put the run's questions to a person until it ends, or there is nobody to ask."""
        machine, graph = self._machine("generate")
        while halt.question is not None and ask is not None:
            answer = ask(halt.question)
            if halt.question.secret and answer is not None:
                self.services.need(Vault).hold(run_id, {halt.question.name: answer})
                answer = None
            halt = machine.reply(graph, run_id, answer)
        return halt

    def _finish(self, run_id: str, halt: Halt) -> Generated:
        values = halt.values
        done: str = values.get("generation_id", "")
        status: RunStatus = "waiting" if halt.question else "done"
        self.services.need(Ledger).finish(run_id, status, generation_id=done)
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

    @contextmanager
    def _failing(self, run_id: str) -> Generator[None]:
        try:
            yield
        except CultivarError as error:
            error.run_id = run_id
            self.services.need(Ledger).finish(run_id, "failed", error=str(error))
            raise


def _subject(path: Path) -> Path:
    """Of an answers file, what it stands beside; of anything else, itself."""
    if not path.name.endswith(SUFFIX):
        return path
    return path.with_name(path.name.removesuffix(SUFFIX)) if path.name != SUFFIX else path.parent


def _said(name: str, value: object) -> Answer:
    """A user's answer as it was given; it is read by its question later."""
    if not isinstance(value, str | bool | int | float | list | dict | None):
        raise AnswerError(name, value, why=f"{type(value).__name__} is not a value of JSON.")
    return Answer(name=name, value=cast("Json", value), source="user", confidence=1.0)
