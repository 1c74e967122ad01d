"""Cultivar as its users have it: one object that the command line and Python programs call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from cultivar.application.generating import Generated, Generating
from cultivar.application.looking import Looking
from cultivar.application.looping import Looping
from cultivar.application.opened import Ask
from cultivar.application.reviewing import Reviewing
from cultivar.application.telling import Telling
from cultivar.application.upgrading import Upgraded, Upgrading
from cultivar.application.versioning import Versioning
from cultivar.errors import UsageError
from cultivar.generation.vault import Vault
from cultivar.ledger.base import Ledger, Run
from cultivar.model import Json, Order
from cultivar.record import replace
from cultivar.upgrades import UpgradeOrder


class Cultivar(Generating, Upgrading, Looping, Reviewing, Versioning, Looking, Telling):
    """A workspace that is open: generate in it, bring it up to date, ask what was generated."""

    def resume(
        self,
        run_id: str,
        *,
        ask: Ask | None = None,
        answers: Mapping[str, object] | None = None,
        force: bool = False,
    ) -> Generated | Upgraded:
        """Take up a run that was interrupted or waits, where it stopped.

        Args:
            run_id: The run, or the beginning of its id.
            ask: Puts questions to a person.
            answers: The secrets that the run was begun with; they are never kept.
            force: Whether files that stopped it by standing in the way are replaced now.

        Raises:
            NotKnownError: There is no such run.
            UsageError: It has come to its end, or is one of `improve`.
        """
        run = self.services.need(Ledger).run(run_id)
        if not isinstance(run.order, Order | UpgradeOrder):
            raise UsageError(
                f"The run {run.id!r} is one of `improve`.", "`improve_on` takes it up again."
            )
        if run.generation_id:
            return self._ended(run)
        secrets = {name: cast("Json", value) for name, value in (answers or {}).items()}
        self.services.need(Vault).hold(run.id, secrets)
        self.services.need(Vault).demand(run.id, run.order.secrets)
        with self._publishing(), self._failing(run.id):
            machine, graph = self._machine(run.graph)
            order = replace(run.order, force=run.order.force or force)
            if force:
                machine.change(graph, run.id, {"order": order})
            halt = machine.resume(graph, run.id)
            if not halt.values:
                # It was killed before its first checkpoint, or is one that has none.
                _refuse_ended(run)
                halt = machine.start(graph, run.id, {"run_id": run.id, "order": order})
            halt = self._converse(run.graph, run.id, halt, ask)
            done = self._upgraded if run.graph == "upgrade" else self._generated
            return done(run.id, halt)

    def _ended(self, run: Run) -> Generated | Upgraded:
        """What the ledger knows of a run that has come to its end."""
        made = self.services.need(Ledger).generation(run.generation_id)
        if run.graph == "upgrade":
            from cultivar.upgrade.reporting import report_of

            report = report_of(self.services.need(Ledger).migration(run.id))
            return Upgraded(
                run_id=run.id, report=report, answers=made.answers, generation_id=made.id
            )
        return Generated(
            run_id=run.id, template=made.template, answers=made.answers, generation_id=made.id
        )


def _refuse_ended(run: Run) -> None:
    if run.status == "done":
        raise UsageError(
            f"The run {run.id!r} has come to its end.",
            f"`cultivar show {run.generation_id[:8]}` shows what it made."
            if run.generation_id
            else "There is nothing to take up.",
        )
