"""The trials of one candidate: beside the version that it changes, until the gate can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cultivar.evals.comparing.pairing import Pairs, pair_up
from cultivar.evals.executing.base import Executor, Job
from cultivar.evals.executing.running import Course, run_trials
from cultivar.evals.trying.base import Place, Subject
from cultivar.evals.trying.place import key_of
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.evolution.gate.limits import GateSettings
from cultivar.evolution.releasing.lineage import has_code_of_a_model
from cultivar.ledger.base import ContentStore
from cultivar.ledger.improvements import ExperimentStore
from cultivar.lifecycle import (
    Artifact,
    Experiment,
    GateVerdict,
    Kind,
    TrialCase,
    TrialResult,
)
from cultivar.record import Record, field

_BATCH: Final[dict[Kind, int]] = {"template": 16, "prompt": 16, "tool": 128}
"""How many cases are tried before the gate is asked again; uses of tools cost next to nothing."""


class Trials(Record):
    """Tries candidates.

    Args:
        content: Holds the files of versions.
        store: Keeps results, so that nothing is tried twice.
        place: Where we are.
        executor: Who does the work.
        gate: What a better version may lose, and the error of the campaign.
        trusts: Whether the code of what is used is as good as the user's own.
    """

    content: ContentStore
    store: ExperimentStore
    place: Place
    executor: Executor
    gate: GateSettings
    trusts: Callable[[Artifact], bool]
    _tried: dict[str, list[TrialResult]] = field(default_factory=dict[str, list[TrialResult]])
    """By experiment, what was tried here; what could not be verified is kept nowhere else."""

    def advance(self, experiment: Experiment, cases: Sequence[TrialCase]) -> GateVerdict:
        """Try the candidate on some more cases, and say how it stands then.

        Args:
            experiment: Its number in the campaign says how much error it may spend.
            cases: All that it is to be tried on.

        Raises:
            BudgetSpentError: The run has used what it may.
            RefusedError: It takes trust or a wall that is not there.
        """
        pairs = self._pairs(experiment, cases)
        jobs = self._jobs(experiment, self._next(experiment, cases, pairs), pairs)
        results = run_trials(jobs, self.executor, self.store, Course(trial_of=experiment.id))
        self._tried.setdefault(experiment.id, []).extend(results)
        return self._judged(experiment, cases)

    def passing(self, experiment: Experiment, cases: Sequence[TrialCase]) -> tuple[TrialCase, ...]:
        """The cases that the candidate of an experiment passed, each time."""
        tried = self._pairs(experiment, cases).cases
        return tuple(each for each in cases if 0 < tried[each.id].pairs == tried[each.id].after)

    def _judged(self, experiment: Experiment, cases: Sequence[TrialCase]) -> GateVerdict:
        pairs = self._pairs(experiment, cases)
        return judge(pairs, experiment.number, self.gate, noisy=_noisy(experiment, cases))

    def _pairs(self, experiment: Experiment, cases: Sequence[TrialCase]) -> Pairs:
        """What both versions did so far."""
        results = (*self.store.results(experiment.id), *self._tried.get(experiment.id, ()))
        old, new = experiment.candidate.parent, experiment.candidate.tree_hash
        return pair_up(
            (each for each in results if each.tree_hash == old),
            (each for each in results if each.tree_hash == new),
            cases,
        )

    def _next(
        self, experiment: Experiment, cases: Sequence[TrialCase], pairs: Pairs
    ) -> list[TrialCase]:
        """The cases that are tried next: those that never were, then those that may tell more."""
        new = [each for each in cases if not pairs.cases[each.id].tried]
        if new:
            return new[: _BATCH[experiment.candidate.artifact.kind]]
        noisy = _noisy(experiment, cases)
        again = set(cases_to_repeat(pairs, experiment.number, self.gate, noisy=noisy))
        return [each for each in cases if each.id in again]

    def _jobs(
        self, experiment: Experiment, cases: Sequence[TrialCase], pairs: Pairs
    ) -> tuple[Job, ...]:
        """Each case with both versions, for the first time or once more."""
        candidate, artifact = experiment.candidate, experiment.candidate.artifact
        trusted = self.trusts(artifact) and not has_code_of_a_model(experiment, self.store)
        subjects = [
            Subject(artifact=artifact, tree=self.content.tree(tree_hash), trusted=trusted)
            for tree_hash in (candidate.parent, candidate.tree_hash)
        ]
        return tuple(
            _job(subject, case, pairs.cases[case.id].tried, self.place)
            for case in cases
            for subject in subjects
        )


def _job(subject: Subject, case: TrialCase, repeat: int, place: Place) -> Job:
    return Job(subject=subject, case=case, repeat=repeat, key=key_of(subject, case, repeat, place))


def _noisy(experiment: Experiment, cases: Sequence[TrialCase]) -> bool | None:
    """Whether results vary, as far as anybody says; else that is found out by trying again.

    A check that is not declared flaky says the same of the same tree, as everywhere.
    """
    if any(case.repeats > 1 for case in cases):
        return True
    return False if experiment.candidate.artifact.kind == "template" else None
