"""`improve` and what a person says to it: find what fails, prove what is better, release it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypedDict, Unpack, cast

from cultivar.application.opened import Opened, warm_up_model
from cultivar.errors import UsageError
from cultivar.ledger.base import Ledger, Run
from cultivar.record import Record, replace

if TYPE_CHECKING:
    from cultivar.evolution.releasing.releases import Releases
    from cultivar.ledger.improvements import ExperimentQuery
    from cultivar.lifecycle import Artifact, Experiment, ImproveOrder, Opportunity, Release
    from cultivar.machine import Halt

LEASE: Final = "improve"
"""What one run at a time holds."""

_HELD_SECONDS: Final = 60.0
"""How long a run that was killed keeps others out."""

_RENEWED_SECONDS: Final = 20.0


class ImproveOptions(TypedDict, total=False):
    """What may be said to `improve`. All of it may be left out."""

    artifacts: Sequence[Artifact]
    """What to look at; all that was used where it is not given."""
    real: bool
    """Whether what is found better is put on the disk; else as the settings say."""
    automatic: bool
    """Whether it is released without a person's word, where that is safe; else as they say."""
    most: int
    """How many opportunities to take up."""
    unconfined: bool
    """Whether untrusted code may run without a wall."""


class Improved(Record):
    """What became of a run of `improve`."""

    run_id: str
    opportunities: tuple[Opportunity, ...] = ()
    """What was taken up, the most worthwhile first."""
    experiments: tuple[Experiment, ...] = ()
    """What was tried, in its order."""
    releases: tuple[Release, ...] = ()
    """What was released or taken back."""
    unsure: tuple[str, ...] = ()
    """Of what there was too little evidence, a sentence each."""


class Improving(Opened):
    """Betters templates, tools and prompts."""

    def improve(self, **options: Unpack[ImproveOptions]) -> Improved:
        """Find what is worth improving, better it, and prove it; once.

        Args:
            options: All of it may be left out.

        Raises:
            UsageError: Another run of `improve` is at work on this ledger.
            BudgetSpentError: The run has used what it may; `resume` goes on.
            UnavailableError: A service is down; `resume` goes on.
        """
        run_id = str(uuid.uuid4())
        warm_up_model(self.services.settings)
        order = self._improve_order(options)
        run = Run(
            id=run_id, graph="improve", order=order, status="running", started_at=datetime.now(UTC)
        )
        with self._alone(run_id):
            self.services.need(Ledger).start(run)
            return self._improve(run_id, order)

    def improves(self, run_id: str) -> bool:
        """Whether the run of that id, or of which it is the only beginning, is one of `improve`.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        return self.services.need(Ledger).run(run_id).graph == "improve"

    def improve_on(self, run_id: str) -> Improved:
        """Take up a run of `improve` that was interrupted.

        Raises:
            NotKnownError: There is no such run.
            UsageError: It has come to its end, or another run is at work.
        """
        run = self.services.need(Ledger).run(run_id)
        if run.status == "done":
            raise UsageError(
                f"The run {run.id!r} has come to its end.", "`cultivar experiments` lists them."
            )
        with self._alone(run.id):
            return self._improve(run.id, cast("ImproveOrder", run.order), again=True)

    def experiments(self, query: ExperimentQuery | None = None) -> tuple[Experiment, ...]:
        """What was tried, the newest first."""
        from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore

        return self.services.need(ExperimentStore).experiments(query or ExperimentQuery())

    def experiment(self, experiment_id: str) -> Experiment:
        """The experiment of that id, or of which it is the only beginning.

        Raises:
            NotKnownError: There is none, or more than one.
        """
        from cultivar.ledger.improvements import ExperimentStore

        return self.services.need(ExperimentStore).experiment(experiment_id)

    def changes_of(self, experiment: Experiment) -> str:
        """What the candidate of an experiment changes, as a unified diff; empty where unknown."""
        from cultivar.delivery.diffs import between
        from cultivar.ledger.base import ContentStore

        candidate, content = experiment.candidate, self.services.need(ContentStore)
        if not candidate.tree_hash:
            return ""  # it was refused before there was a version
        old, new = content.tree(candidate.parent), content.tree(candidate.tree_hash)
        return between(old, new)

    def approve(self, experiment_id: str, *, by: str, real: bool = False) -> Release:
        """Release the candidate of an experiment that waits for a person's word.

        Args:
            experiment_id: Which, or its beginning.
            by: Who says so.
            real: Whether it is put on the disk, where the settings do not say so.

        Returns:
            The release; `rolled_back`, with the reason, where it did not work in its place.

        Raises:
            UsageError: It is not proven, was decided already, or nothing may change on the disk.
            ChangedError: What is used is not what it was made from any more.
        """
        if not (real or self.services.settings.improve.real):
            raise UsageError(
                "Nothing is put on the disk as long as improving is simulated.",
                "Pass `--real`, or set `improve.real` in your own settings.",
            )
        return self._releases().release(self.experiment(experiment_id), by=by)

    def reject(self, experiment_id: str, *, by: str, reason: str = "") -> Experiment:
        """Leave what is used as it is; the candidate is not tried again.

        Args:
            experiment_id: Which, or its beginning.
            by: Who says so.
            reason: Why.

        Raises:
            UsageError: It was decided already.
        """
        return self._releases().reject(self.experiment(experiment_id), by=by, reason=reason)

    def rollback(self, artifact: Artifact, to: str = "", *, by: str, reason: str = "") -> Release:
        """Put an earlier version in its place again, and make it current.

        Args:
            artifact: Of what.
            to: A number, an alias, or a tree hash or its beginning; without, the version that the
                current one took the place of.
            by: Who says so.
            reason: Why.

        Raises:
            NotKnownError: There is no such version.
            ChangedError: What is on the disk is not the current version; `sync` brings them
                together.
        """
        return self._releases().take_back(artifact, to, by=by, reason=reason)

    def _releases(self) -> Releases:
        from cultivar.application.workbench import registry_of
        from cultivar.evolution.releasing.releases import Releases
        from cultivar.ledger.improvements import ExperimentStore

        return Releases(
            registry=registry_of(self.services), experiments=self.services.need(ExperimentStore)
        )

    def _improve(self, run_id: str, order: ImproveOrder, *, again: bool = False) -> Improved:
        from cultivar.application.workbench import open_campaign, registry_of

        registry_of(self.services).sync(order.artifacts)
        campaign = open_campaign(self.services, run_id, order)
        with self._failing(run_id):
            machine, graph = self._machine("improve")
            halt = machine.resume(graph, run_id) if again else None
            if halt is None or not halt.values:
                halt = machine.start(graph, run_id, {"run_id": run_id, "order": order})
            self.services.need(Ledger).finish(run_id, "done")
            machine.forget(run_id)
            return _improved(run_id, halt, campaign.experiments(), campaign.releases())

    def _improve_order(self, options: ImproveOptions) -> ImproveOrder:
        from cultivar.lifecycle import ImproveOrder

        settings = self.services.settings.improve
        order = ImproveOrder(
            artifacts=tuple(options.get("artifacts", ())),
            real=options.get("real", False) or settings.real,
            automatic=options.get("automatic", False) or settings.automatic,
            unconfined=options.get("unconfined", False),
        )
        return replace(order, most=options.get("most", order.most))

    @contextmanager
    def _alone(self, run_id: str) -> Generator[None]:
        """Hold the lease, and renew it while the run goes on.

        Raises:
            UsageError: Another run has it.
        """
        from cultivar.ledger.improvements import Leases

        leases = self.services.need(Leases)
        if not leases.take(LEASE, run_id, _HELD_SECONDS):
            raise UsageError(
                "Another run of `improve` is at work on this ledger.",
                f"Wait for its end; of one that was killed, {_HELD_SECONDS:g} seconds.",
            )
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(_RENEWED_SECONDS):
                leases.take(LEASE, run_id, _HELD_SECONDS)

        renewing = threading.Thread(target=renew, daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            leases.give_back(LEASE, run_id)


def _improved(
    run_id: str,
    halt: Halt,
    experiments: tuple[Experiment, ...],
    releases: tuple[Release, ...],
) -> Improved:
    return Improved(
        run_id=run_id,
        opportunities=halt.values.get("taken", ()),
        experiments=experiments,
        releases=(*halt.values.get("decided", ()), *releases),
        unsure=halt.values.get("unsure", ()),
    )
