"""What the steps of one upgrade have worked out, kept while this process runs it.

A step asks for what it needs; what a process that was killed had worked out is worked out again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from cultivar.agent import Context
from cultivar.generation.vault import Vault
from cultivar.generation.workshop import Workshop
from cultivar.model import Answers
from cultivar.record import replace
from cultivar.upgrade.answers import same as equal
from cultivar.upgrade.renewing import Renewed, renew, run_tasks
from cultivar.upgrade.result import Result
from cultivar.upgrade.settling import merged, with_proposed
from cultivar.upgrade.work import Work
from cultivar.upgrades import MergeProposal, MigrationStage, UpgradeOrder

if TYPE_CHECKING:
    from cultivar.upgrade.scripts import Script


class Session:
    """One upgrade, from its order to its result.

    Args:
        run_id: The run.
        order: What was asked.
        context: Where services come from.
        distrusted: Why no rule may settle a conflict; empty: each may.
    """

    def __init__(
        self, run_id: str, order: UpgradeOrder, context: Context, distrusted: str = ""
    ) -> None:
        self.work = Work(run_id, order, context)
        self._distrusted = distrusted
        self._renewed: Renewed | None = None
        self._prepared: Result | None = None
        self._merged: Result | None = None
        self._finished: Result | None = None

    def look(self) -> None:
        """Look at the project, and up both templates, at once: all of it mostly waits for git."""
        work = self.work
        with ThreadPoolExecutor(max_workers=2) as beside:
            project = beside.submit(lambda: work.read)
            work.open_origin()
            base = beside.submit(lambda: work.base)
            _ = work.template
        for each in (project, base):
            each.result()

    @property
    def is_up_to_date(self) -> bool:
        """Whether the output is what it is to become."""
        work, base = self.work, self.work.base
        old = base.generation.template if base.generation else None
        if base.template is not None:
            old = base.template.ref
        same = old is not None and old.tree_hash == work.template.ref.tree_hash
        return same and not work.carried.changes and not self._says_other

    @property
    def _says_other(self) -> bool:
        """Whether the user gives an answer that is not the one that is kept."""
        kept, carried = self.work.output.kept.answers, self.work.carried.given
        return any(
            not equal(kept.get(name), carried.get(name, value))
            for name, value in self.work.given.items()
        )

    def renewed(self, answers: Answers) -> Renewed:
        """Both versions of what the template makes."""
        if self._renewed is None:
            self._renewed = renew(self.work, answers or None)
        return self._renewed

    def prepared(self, answers: Answers) -> Result:
        """The project, once the scripts that come before the upgrade have run."""
        if self._prepared is None:
            renewed = self.renewed(answers)
            project = self.work.project_with({*renewed.base, *renewed.theirs})
            ignored = set(project) - set(self.work.project)
            before = Result(before=project, after=project, private=frozenset(ignored))
            self._prepared = self._scripted(before, answers, "before")
        return self._prepared

    def merged(self, answers: Answers) -> Result:
        """The project with what the template changed."""
        if self._merged is None:
            self._merged = merged(
                self.work,
                self.renewed(answers),
                self.prepared(answers),
                distrusted=self._distrusted,
            )
        return self._merged

    def finished(self, answers: Answers, proposal: MergeProposal) -> Result:
        """The project, once what a model proposed is taken, and tasks and scripts have run."""
        if self._finished is None:
            result = with_proposed(self.merged(answers), proposal)
            settled = self.renewed(answers).answers
            result = result.then(run_tasks(self.work, settled, result.settled))
            self._finished = self._scripted(result, answers, "after")
        return self._finished

    def distrust(self, answers: Answers, why: str) -> bool:
        """Let a person settle what rules or a model settled, since the whole does not hold.

        Args:
            answers: All answers.
            why: What did not hold.

        Returns:
            Whether a person has anything to settle now.
        """
        self._distrusted, self._merged, self._finished = why, None, None
        return bool(self.finished(answers, MergeProposal()).conflicts)

    def _scripted(self, result: Result, answers: Answers, stage: MigrationStage) -> Result:
        """The result, once the migration scripts of a stage have run over it."""
        work = self.work
        if work.order.skip_tasks or not work.template.rules.migrations:
            return result
        from cultivar.checking.checks import CheckRunner
        from cultivar.upgrade.scripts import run_scripts

        runner = replace(work.context.get(CheckRunner), unconfined=work.order.unconfined)
        scripts = [each for each in self._scripts(answers) if each.stage == stage]
        ran = run_scripts(scripts, result.settled, work.template, runner, work.scripts_done)
        return result.then(ran.tree, ran.runs)

    def _scripts(self, answers: Answers) -> tuple[Script, ...]:
        from cultivar.upgrade.scripts import scripts_for

        work, settled = self.work, self.renewed(answers).answers
        held = work.context.get(Vault).of(work.run_id)
        workshop = work.context.get(Workshop)
        secrets = workshop.secret_values(work.template, held, settled) if held else None
        return scripts_for(
            work.template, settled, work.window, secrets=secrets, folder_name=work.folder.name
        )
