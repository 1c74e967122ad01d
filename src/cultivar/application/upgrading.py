"""`upgrade`, `check`, `undo`, `blame`, `adopt`: what was made earlier, brought up to date."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from cultivar.application.opened import Ask, Opened, warm_up_model, without_secrets
from cultivar.delivery.journal import Journals
from cultivar.delivery.transaction import recover
from cultivar.delivery.worktree import state
from cultivar.errors import CultivarError
from cultivar.generation.templates import TemplateStore
from cultivar.generation.vault import Vault
from cultivar.generation.workshop import Workshop
from cultivar.ledger.base import Ledger, Run
from cultivar.machine import Halt, Machine
from cultivar.model import Answers, Generation, Json, OpenQuestion, RunStatus, TemplateRef
from cultivar.record import Record, replace
from cultivar.settings import NO_MODEL
from cultivar.templating.making.making import Making
from cultivar.templating.questions.answers_file import KeptAnswers
from cultivar.templating.template import Template
from cultivar.tree import Tree
from cultivar.upgrade.finding import Finder
from cultivar.upgrade.outputs import Output, Survey
from cultivar.upgrade.sources import Render, Sources
from cultivar.upgrade.work import placed
from cultivar.upgrades import ConflictStyle, Migration, UpgradeOrder, UpgradeReport

if TYPE_CHECKING:
    from cultivar.upgrade.blame import BlamedLine
    from cultivar.upgrade.drift import Standing
    from cultivar.upgrade.undoing import Undone


class UpgradeOptions(TypedDict, total=False):
    """What may be said beside the output. All of it may be left out."""

    to: str
    """A version, tag, branch or commit; the newest release where it is not given."""
    from_version: str
    """Instead of the version that the answers file says."""
    template: str
    """An id, a folder or a git address, instead of where the template came from."""
    file: str
    """The one file of the output that is meant, relative to its folder."""
    answers: Mapping[str, object]
    """The user's own answers, by question."""
    test: str
    """The command that runs the project's own tests."""
    conflicts: ConflictStyle
    """`markers` in the file, or `rej` beside it."""
    interactive: bool
    """Whether a person is asked new questions."""
    trust: bool
    """Whether the template's own code may run (in the sandbox)."""
    force: bool
    """Whether a working tree with changes is upgraded all the same."""
    seen_clean: bool
    """Whether `refuse_dirty` has looked at the working tree."""
    dry_run: bool
    """Whether nothing is written or recorded."""
    allow_downgrade: bool
    """Whether the version may be an older one."""
    pre_releases: bool
    """Whether the newest version may be a pre-release."""
    skip_tasks: bool
    """Whether the template's tasks and migration scripts are left out."""
    unconfined: bool
    """Whether untrusted code may run without a wall."""


class Upgraded(Record):
    """What became of a run of `upgrade`."""

    run_id: str
    report: UpgradeReport
    answers: Answers = ()
    generation_id: str = ""
    """What was recorded; empty of a dry run, and where nothing was to be done."""
    question: OpenQuestion | None = None
    """What the run waits for."""


class Upgrading(Opened):
    """Keeps what was made up to date."""

    def outputs(self, folder: Path | str = ".", template: str = "") -> Survey:
        """What templates made in `folder` and below it, by their answers files."""
        return self._finder().all_in(Path(folder), template)

    def output(self, path: Path | str = ".", template: str = "") -> Output:
        """The output that `path` is, or belongs to.

        Raises:
            NotKnownError: No template made it; with the nearest that one did make.
            UsageError: Several outputs fit; with how to choose.
        """
        return self._finder().output_of(Path(path), template)

    def refuse_dirty(self, outputs: Iterable[Output]) -> None:
        """See that nobody's unfinished work is in the way, before several outputs are upgraded.

        Raises:
            DirtyError: There are changes that are not committed.
            UsageError: A merge or the like waits to be finished.
        """
        for folder in {output.folder for output in outputs}:
            state(folder).refuse_dirty()

    def upgrade(
        self, output: Output, *, ask: Ask | None = None, **options: Unpack[UpgradeOptions]
    ) -> Upgraded:
        """Bring an output to another version of its template, and keep every edit in it.

        Args:
            output: What to upgrade; `output()` finds it.
            ask: Puts questions to a person; without it an interactive run waits at its first one.
            options: All else, each of which may be left out.

        Raises:
            UsageError: It cannot be upgraded as asked: a dirty tree, a downgrade, …
            RefusedError: It takes trust or a wall that is not there.
            UnavailableError: A service is down; `resume` takes the run up again.
        """
        run_id = str(uuid.uuid4())
        warm_up_model(self.services.settings)
        order = self._upgrade_order(run_id, output, options)
        run = Run(
            id=run_id, graph="upgrade", order=order, status="running", started_at=datetime.now(UTC)
        )
        self.services.need(Ledger).start(run)
        with self._publishing(), self._failing(run_id):
            machine, graph = self._machine("upgrade")
            values = {"run_id": run_id, "order": order}
            with self._tracked(run_id, order, output):
                halt = machine.start(graph, run_id, values, durable=self._durable(order))
                halt = self._converse("upgrade", run_id, halt, ask)
            return self._upgraded(run_id, halt)

    def standing(self, output: Output, *, pre_releases: bool = False) -> Standing:
        """How an output stands: whether it is out of date, and what was changed in it."""
        from cultivar.upgrade.drift import Examiner

        order = _bare_order(output, pre_releases=pre_releases)
        sources = self.services.need(Sources)
        return Examiner(sources=sources, render=self._render_of(output)).standing(output, order)

    def adopt(self, output: Output, *, trust: bool = False, template: str = "") -> Generation:
        """Bring what Copier generated into the ledger, so that no upgrade needs its old template.

        Args:
            output: What was generated.
            trust: Whether the template's own code may run (in the sandbox).
            template: Where the template is now, if it moved.

        Raises:
            NotKnownError: What made it cannot be found any more.
            RefusedError: Its template runs code of its own, and nobody trusts it.
            UnavailableError: It cannot be fetched.
        """
        order = _bare_order(output, trust=trust, template=template)
        instance = self.services.settings.instance_id
        render = self._render_of(output, trust=trust)
        return self.services.need(Sources).adopt(output, order, render, instance)

    def undo(self, run_id: str = "", folder: Path | str = ".") -> Undone:
        """Take back an upgrade, but nothing that a person did since.

        Args:
            run_id: The run, or the beginning of its id; the latest upgrade where it is empty.
            folder: Where the latest is looked for.

        Returns:
            What was put back; in conflict is what a person changed where we had written. An
            upgrade that was interrupted is taken back first, and is all that is without `run_id`.

        Raises:
            NotKnownError: There is no such run, or it is too long ago.
        """
        from cultivar.upgrade.undoing import Undoer, Undone

        undoer = Undoer(ledger=self.services.need(Ledger), journals=self.services.need(Journals))
        place = Path(folder).resolve()
        half = [each for each in undoer.recover() if Path(each).is_relative_to(place)]
        if half and not run_id:
            return Undone(run_id="", folder=half[0])
        return undoer.undo(run_id or undoer.latest(place))

    def blame(self, path: Path | str) -> tuple[BlamedLine, ...]:
        """Where each line of a generated file came from.

        Raises:
            NotKnownError: No template made it.
        """
        from cultivar.upgrade.blame import Blamer

        output = self.output(path)
        blamer = Blamer(sources=self.services.need(Sources), render=self._render_of(output))
        return blamer.blame(Path(path), output)

    def _render_of(self, output: Output, *, trust: bool = False) -> Render:
        """Makes again what an old template made of answers; what is its default, nobody chose."""
        from cultivar.upgrade.answers import OldAnswers, carry

        def render(template: Template, given: Mapping[str, Json]) -> tuple[Answers, Tree]:
            store = self.services.need(TemplateStore)
            trusted = replace(template, ref=store.admit(template, trust=trust))
            making = Making(
                template=placed(trusted, output),
                given=given,
                folder_name=output.folder.name,
                complete=False,
            )
            made = self.services.need(Workshop).make([making])[0]
            old = OldAnswers(kept=KeptAnswers(answers=given), template=trusted)
            return carry(old, trusted, {}).sourced(made.answers), made.rendered.tree

        return render

    @contextmanager
    def _tracked(self, run_id: str, order: UpgradeOrder, output: Output) -> Generator[None]:
        """An upgrade that fails is recorded, too."""
        try:
            yield
        except CultivarError as error:
            if not order.dry_run:
                self.services.need(Ledger).record_migration(
                    Migration(
                        id=run_id,
                        template_id=output.template_id,
                        from_version=order.from_version or output.version,
                        to_version=order.to,
                        output=order.folder,
                        answers_file=order.answers_file,
                        generation_before="",
                        generation_after="",
                        outcome="failed",
                        instance_id=self.services.settings.instance_id,
                        migrated_at=datetime.now(UTC),
                        error=self.services.need(Vault).redactor.text(str(error)),
                    )
                )
            raise

    def _durable(self, order: UpgradeOrder) -> bool:
        """Whether the run may ask a person or a model, so that it must not begin anew."""
        return order.interactive or self.services.settings.model.name.strip() not in NO_MODEL

    def _finder(self) -> Finder:
        """Who finds outputs, once nothing is half written any more."""
        recover(self.services.need(Journals))
        return self.services.need(Finder)

    def _upgrade_order(self, run_id: str, output: Output, options: UpgradeOptions) -> UpgradeOrder:
        settings = self.services.settings.upgrade
        order = UpgradeOrder(
            folder=str(output.folder),
            answers_file=output.answers_file,
            file=options.get("file", ""),
            to=options.get("to", ""),
            from_version=options.get("from_version", ""),
            template=options.get("template", ""),
            test=options.get("test", "") or settings.test,
            conflicts=options.get("conflicts", settings.conflicts),
            interactive=options.get("interactive", False),
            trust=options.get("trust", False),
            force=options.get("force", False),
            seen_clean=options.get("seen_clean", False),
            dry_run=options.get("dry_run", False),
            allow_downgrade=options.get("allow_downgrade", False),
            pre_releases=options.get("pre_releases", False),
            skip_tasks=options.get("skip_tasks", False),
            unconfined=options.get("unconfined", False),
        )
        return self._with_answers(order, run_id, output, options.get("answers", {}))

    def _with_answers(
        self, order: UpgradeOrder, run_id: str, output: Output, answers: Mapping[str, object]
    ) -> UpgradeOrder:
        """The order with the user's answers, without the secrets among them."""
        if not answers:
            return order
        vault = self.services.need(Vault)
        template = self.services.need(Sources).newest(output, order)
        said = without_secrets(template, answers, run_id, vault)
        return replace(order, answers=said, secrets=tuple(sorted(vault.of(run_id))))

    def _upgraded(self, run_id: str, halt: Halt) -> Upgraded:
        values = halt.values
        done: str = values.get("generation_id", "")
        status: RunStatus = "waiting" if halt.question else "done"
        self.services.need(Ledger).finish(run_id, status, generation_id=done)
        if done and self._durable(values["order"]):
            self.services.need(Machine).forget(run_id)
        return Upgraded(
            run_id=run_id,
            report=values.get("report") or _waiting(values["order"], values["template"]),
            answers=values.get("answers", ()),
            generation_id=done,
            question=halt.question,
        )


def _waiting(order: UpgradeOrder, template: TemplateRef) -> UpgradeReport:
    """The report of a run that waits for a person."""
    return UpgradeReport(
        folder=order.folder,
        answers_file=order.answers_file,
        template_id=template.id,
        from_version=order.from_version,
        to_version=template.ref or template.version,
    )


def _bare_order(
    output: Output, *, pre_releases: bool = False, trust: bool = False, template: str = ""
) -> UpgradeOrder:
    """An order to the newest version."""
    return UpgradeOrder(
        folder=str(output.folder),
        answers_file=output.answers_file,
        pre_releases=pre_releases,
        trust=trust,
        template=template,
    )
