"""From a verdict to a release: what is used is exchanged, and what was mended stays mended.

The invariant: only what the gate let pass is released, with all that it builds on, and each case
that was mended is a regression case from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cultivar.errors import UsageError
from cultivar.evolution.artifacts.registry import Registry
from cultivar.evolution.releasing.lineage import below, passed
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.lifecycle import Artifact, Experiment, ExperimentStatus, Release, TrialCase
from cultivar.record import Record, replace

_IN_USE: Final = frozenset[ExperimentStatus]({"released", "canary"})
_MOST: Final = 10_000


class Releases(Record):
    """Releases what experiments have proven, or leaves it.

    Args:
        registry: Puts versions on the disk.
        experiments: The record.
    """

    registry: Registry
    experiments: ExperimentStore

    def release(self, experiment: Experiment, *, by: str) -> Release:
        """Put the candidate of an experiment in the place of what is used.

        Args:
            experiment: The gate has let it pass.
            by: Who decided it: `gate`, or the name of a person.

        Returns:
            The release; `rolled_back`, with the reason, where it did not work in its place.

        Raises:
            UsageError: The gate did not let it pass, or it was decided already.
            ChangedError: What is used is not what it was made from any more.
        """
        refuse_unproven(experiment)
        release = self.earlier(experiment) or self.registry.release(
            experiment.candidate,
            experiment=experiment.id,
            reason=experiment.candidate.description,
        )
        status: ExperimentStatus = "rolled_back" if release.status == "rolled_back" else "released"
        together = self.decide(experiment, status, release.reason, by)
        if status == "released":
            self._keep_mended(together)
        return release

    def decide(
        self, experiment: Experiment, status: ExperimentStatus, reason: str, by: str
    ) -> tuple[Experiment, ...]:
        """Keep what became of an experiment, and of those that it builds on.

        Args:
            experiment: Which; it is decided last.
            status: What became of it.
            reason: Why.
            by: Who decided it.

        Returns:
            All of them as they were, the first one first.
        """
        together = (*below(experiment, self.experiments), experiment)
        if status in _IN_USE:
            self._stop_others(together, by)
        for each in together:
            own = status == "released" and each is not experiment
            self._decide(each, status, each.candidate.description if own else reason, by)
        return together

    def earlier(self, experiment: Experiment) -> Release | None:
        """What an earlier try came to that was interrupted when all but the record was done."""
        self.registry.recover()
        artifact = experiment.candidate.artifact
        made = self.experiments.releases(artifact)
        stands = self.registry.current(artifact).tree_hash
        return next((r for r in made if (r.experiment, r.after) == (experiment.id, stands)), None)

    def reject(self, experiment: Experiment, *, by: str, reason: str) -> Experiment:
        """Leave what is used as it is; the candidate is not tried again.

        Args:
            experiment: It waits for a person's word.
            by: Who decided it.
            reason: Why.

        Raises:
            UsageError: It was decided already.
        """
        _refuse_decided(experiment)
        self._refuse_in_use(experiment)
        return self._decide(experiment, "rejected", reason or "A person rejected it.", by)

    def _refuse_in_use(self, experiment: Experiment) -> None:
        """Refuse to reject what was put in its place before its release was interrupted."""
        self.registry.recover()
        made = self.experiments.releases(experiment.candidate.artifact)
        if any((r.experiment, r.status) == (experiment.id, "watching") for r in made):
            raise UsageError(
                f"The experiment {experiment.id[:8]!r} is released already.",
                f"`cultivar rollback {experiment.candidate.artifact.id}` takes it back.",
            )

    def take_back(self, artifact: Artifact, to: str = "", *, by: str, reason: str = "") -> Release:
        """Put an earlier version in its place again; what brought the current one is noted.

        Args:
            artifact: Of what.
            to: An alias, a number, or a tree hash or its beginning; without, the version that the
                current one took the place of.
            by: Who decided it: `watch`, or the name of a person.
            reason: Why.

        Raises:
            NotKnownError: There is no such version.
            ChangedError: What is on the disk is not the current version; `sync` is first.
        """
        current = self.registry.current(artifact).tree_hash
        made = self.registry.rollback(artifact, to, reason=reason)
        if made.status != "rolled_back":
            self._note_taken_back(artifact, current, by, reason or made.reason)
        return made

    def _note_taken_back(self, artifact: Artifact, tree_hash: str, by: str, reason: str) -> None:
        """What the experiments came to in the end that had made a version current."""
        brought = {
            each.experiment
            for each in self.experiments.releases(artifact)
            if each.after == tree_hash and each.experiment
        }
        for name in brought:
            self.decide(self.experiments.experiment(name), "rolled_back", reason, by)

    def _stop_others(self, together: Sequence[Experiment], by: str) -> None:
        """Stop what waits and was made from the version that these take the place of."""
        first, last = together[0].candidate, together[-1].candidate
        query = ExperimentQuery(artifact=last.artifact, status="waiting", limit=_MOST)
        taken = {each.id for each in together}
        for each in self.experiments.experiments(query):
            line = (*below(each, self.experiments), each)
            builds_on = any(one.id == together[-1].id for one in line)
            if each.id not in taken and line[0].candidate.parent == first.parent and not builds_on:
                self._decide(each, "stopped", "Another version of it was released.", by)

    def _decide(
        self, experiment: Experiment, status: ExperimentStatus, reason: str, by: str
    ) -> Experiment:
        now = datetime.now(UTC)
        decided = replace(experiment, status=status, reason=reason, decided_by=by, updated_at=now)
        self.experiments.keep_experiment(decided)
        return decided

    def _keep_mended(self, experiments: Sequence[Experiment]) -> None:
        """What failed and passes now must pass from now on."""
        artifact = experiments[-1].candidate.artifact
        kept = {each.id: each for each in self.experiments.cases(artifact)}
        mended = (kept[id] for each in experiments for id in self._mended(each) if id in kept)
        self.experiments.keep_cases(artifact, tuple(map(_regression, mended)))

    def _mended(self, experiment: Experiment) -> set[str]:
        """The ids of the cases that the parent failed and the candidate passed, each time."""
        candidate, results = experiment.candidate, self.experiments.results(experiment.id)
        failed = {
            r.case_id for r in results if r.tree_hash == candidate.parent and r.verdict == "failed"
        }
        bad = {
            r.case_id
            for r in results
            if r.tree_hash == candidate.tree_hash and r.verdict != "passed"
        }
        passed = {r.case_id for r in results if r.tree_hash == candidate.tree_hash}
        return (failed & passed) - bad


def _regression(case: TrialCase) -> TrialCase:
    return case if case.origin == "sealed" else replace(case, origin="regression")


def _refuse_decided(experiment: Experiment) -> None:
    if experiment.status in {"released", "rejected", "rolled_back", "refused"}:
        raise UsageError(
            f"The experiment {experiment.id[:8]!r} is {experiment.status} already: "
            f"{experiment.reason}",
            "`cultivar experiments` lists those that wait.",
        )


def refuse_changed(seen: Experiment, store: ExperimentStore) -> None:
    """Refuse to decide about what somebody else has decided since it was looked at.

    Args:
        seen: The experiment as it was then.
        store: The record.

    Raises:
        UsageError: It is so.
    """
    stands = store.experiment(seen.id)
    _refuse_decided(stands)
    if stands.status != seen.status:
        raise UsageError(
            f"The experiment {seen.id[:8]!r} became {stands.status} meanwhile: {stands.reason}",
            f"Look at it with `cultivar experiments {seen.id[:8]}`; then decide.",
        )


def refuse_unproven(experiment: Experiment) -> None:
    """Refuse to release what the gate did not let pass, or what was decided already.

    Raises:
        UsageError: It is so.
    """
    _refuse_decided(experiment)
    if not passed(experiment):
        said = experiment.verdict.sentence if experiment.verdict else "It was never tried."
        raise UsageError(
            f"The gate did not let the experiment {experiment.id[:8]!r} pass: {said}",
            "`cultivar improve` tries more; nothing is released that is not proven.",
        )
