"""`improve` and what a person says to it: find what fails, prove what is better, release it."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypedDict, Unpack, cast

from cultivar.application.opened import Opened, warm_up_model
from cultivar.errors import UsageError
from cultivar.ledger.base import Ledger, Run
from cultivar.record import Record, replace

if TYPE_CHECKING:
    from cultivar.evolution.canary.canaries import Canaries
    from cultivar.evolution.canary.judging import CanaryReport
    from cultivar.evolution.releasing.watcher import Watch
    from cultivar.ledger.improvements import ExperimentQuery
    from cultivar.lifecycle import Artifact, Experiment, ImproveOrder, Opportunity, Release
    from cultivar.machine import Halt
    from cultivar.settings import BudgetSettings

_LATEST: Final = 500


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
    troubles: tuple[str, ...] = ()
    """Suites that could not be used, what could not be tried, and why, a sentence each."""
    unknown: bool = False
    """Whether something is still to be tried, since its place was down."""
    standing: tuple[Experiment, ...] = ()
    """Of earlier runs: what is in the shadow or for a person to try, or was until now."""
    left_alone: tuple[str, ...] = ()
    """What rests, waits for a person's word or has a canary, a sentence each."""
    fruitless: tuple[str, ...] = ()
    """Of what was taken up, but nothing could be made, a sentence each."""
    money: float = 0.0
    """US dollars that the run has cost, for making candidates and for trying them."""


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
        warm_up_model(self.services.settings)
        with self._alone():
            return self._begin(str(uuid.uuid4()), self._improve_order(options))

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
        with self._alone():
            run = self.services.need(Ledger).run(run_id)
            if run.status == "done":
                raise UsageError(
                    f"The run {run.id!r} has come to its end.", "`cultivar experiments` lists them."
                )
            return self._go_on(run.id, cast("ImproveOrder", run.order))

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

    def approve(
        self,
        experiment_id: str,
        *,
        by: str,
        real: bool = False,
        reviewed: bool = False,
        canary: float | None = None,
    ) -> Release:
        """Release the candidate of an experiment that waits for a person's word.

        Args:
            experiment_id: Which, or its beginning.
            by: Who says so.
            real: Whether it is put on the disk, where the settings do not say so.
            reviewed: Whether they have tried it themselves, where only a person may (MANUAL).
            canary: The share of the uses that get it first, above 0, where the settings say
                another; 1: all.

        Returns:
            The release: `canary` where a share gets it first; `rolled_back`, with the reason, where
            it did not work in its place.

        Raises:
            UsageError: It is not proven, was decided already, or nothing may change on the disk.
            ChangedError: What is used is not what it was made from any more.
        """
        if not (real or self.services.settings.improve.real):
            raise UsageError(
                "Nothing is put on the disk as long as improving is simulated.",
                "Pass `--real`, or set `improve.real` in your own settings.",
            )
        from cultivar.evolution.strategies.reviewing import reviewed_by

        experiment = reviewed_by(self.experiment(experiment_id), by, reviewed=reviewed)
        return self._canaries().release(experiment, by=by, share=canary)

    def reject(self, experiment_id: str, *, by: str, reason: str = "") -> Experiment:
        """Leave what is used as it is; the candidate is not tried again.

        Args:
            experiment_id: Which, or its beginning.
            by: Who says so.
            reason: Why.

        Raises:
            UsageError: It was decided already.
        """
        return self._canaries().reject(self.experiment(experiment_id), by=by, reason=reason)

    def rollback(self, artifact: Artifact, to: str = "", *, by: str, reason: str = "") -> Release:
        """Put an earlier version in its place again, and make it current; or end its canary.

        Args:
            artifact: Of what.
            to: A number, an alias, or a tree hash or its beginning; without, the version that the
                current one took the place of.
            by: Who says so.
            reason: Why.

        Returns:
            The release that put it there; where a canary runs, which alone is ended, that one.

        Raises:
            NotKnownError: There is no such version.
            UsageError: A canary runs, and `to` says more than that it should end.
            ChangedError: What is on the disk is not the current version; `sync` brings them
                together.
        """
        return self._canaries().take_back(artifact, to, by=by, reason=reason)

    def canary_of(self, experiment: Experiment) -> CanaryReport | None:
        """How the canary of an experiment does, or did; None where it never was one."""
        return self._canaries().report(experiment)

    def watch_of(self, experiment: Experiment) -> Watch | None:
        """How the release of an experiment is looked after, or was; None where there is none."""
        from cultivar.application.workbench import watcher_of

        watcher = watcher_of(self.services)
        made = watcher.releases.experiments.releases(experiment.candidate.artifact, _LATEST)
        own = (each for each in made if each.experiment == experiment.id and each.share == 1)
        release = next(own, None)
        return None if release is None else watcher.watch(release)

    def watched(self) -> Mapping[str, str]:
        """Of each experiment that was released to all whether that is watched or kept."""
        from cultivar.ledger.improvements import ExperimentStore

        made = self.services.need(ExperimentStore).releases(limit=_LATEST)[::-1]
        return {each.experiment: each.status for each in made if each.share == 1}

    def _canaries(self) -> Canaries:
        from cultivar.application.workbench import canaries_of

        return canaries_of(self.services)

    def _begin(
        self, run_id: str, order: ImproveOrder, budget: BudgetSettings | None = None
    ) -> Improved:
        """Begin a run, and bring it to its end; a known one begins anew.

        Raises:
            NotKnownError: What it is about is neither on the disk nor in the record.
        """
        self._bring_together(order)
        ledger, now = self.services.need(Ledger), datetime.now(UTC)
        ledger.start(Run(id=run_id, graph="improve", order=order, status="running", started_at=now))
        ledger.finish(run_id, "running")
        with self._failing(run_id):
            return self._improve(run_id, order, budget)

    def _go_on(
        self,
        run_id: str,
        order: ImproveOrder,
        budget: BudgetSettings | None = None,
        *,
        note: str = "",
    ) -> Improved:
        """Take up a run that was interrupted, and bring it to its end.

        Args:
            run_id: Which.
            order: What it may do.
            budget: What it may use from now on; as the settings say without.
            note: What is kept of it meanwhile.
        """
        with self._failing(run_id):
            self._bring_together(order)
            self.services.need(Ledger).finish(run_id, "running", error=note)
            return self._improve(run_id, order, budget, again=True)

    def _bring_together(self, order: ImproveOrder) -> None:
        """See that disk and record agree, and that all is in the record that was used until now."""
        from cultivar.application.workbench import registry_of
        from cultivar.evolution.toolbox import Recorder

        if (recorder := self.services.given(Recorder)) is not None:
            recorder.flush()
        registry_of(self.services).sync(order.artifacts)

    def _improve(
        self,
        run_id: str,
        order: ImproveOrder,
        budget: BudgetSettings | None = None,
        *,
        again: bool = False,
    ) -> Improved:
        from cultivar.application.workbench import open_campaign

        with closing(open_campaign(self.services, run_id, order, budget)) as campaign:
            machine, graph = self._machine("improve")
            decided = campaign.look_after() if again else ()  # it may be past its own look
            halt = machine.resume(graph, run_id) if again else None
            if halt is None or not halt.values:
                halt = machine.start(graph, run_id, {"run_id": run_id, "order": order})
            self.services.need(Ledger).finish(run_id, "done")
            machine.forget(run_id)
            releases = (*decided, *campaign.releases())
            done = _improved(run_id, halt, campaign.experiments(), releases)
            return replace(
                done,
                troubles=campaign.troubles,
                unknown=campaign.unknown,
                standing=campaign.standing(),
                left_alone=campaign.left_alone,
                fruitless=campaign.fruitless(done.opportunities),
                money=campaign.spent(),
            )

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
    def _alone(self) -> Generator[None]:
        """Keep other runs out, and work no step once one is at work all the same.

        Raises:
            AtWorkError: Another run is at work.
        """
        from cultivar.application.alone import Alone
        from cultivar.ledger.improvements import Leases

        alone = Alone(self.services.need(Leases), self.services.settings.home)
        with alone.held(), self.services.heard(lambda _: alone.refuse_lost()):
            yield


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
        releases=_latest((*halt.values.get("decided", ()), *releases)),
        unsure=halt.values.get("unsure", ()),
    )


def _latest(releases: Sequence[Release]) -> tuple[Release, ...]:
    """Each release once, as it was told last."""
    return tuple({each.id: each for each in releases}.values())
