"""The trials of one candidate: beside the version that it changes, until the gate can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cultivar.evals.comparing.pairing import Pairs, pair_up
from cultivar.evals.executing.base import Executor, Job, key_for
from cultivar.evals.executing.running import Course, run_trials
from cultivar.evals.trying.base import Place, Subject
from cultivar.evolution.campaigns.confirming import confirmed, to_confirm
from cultivar.evolution.campaigns.timing import (
    drawn,
    is_for_time,
    lacks_times,
    telling_first,
    timed,
)
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.evolution.gate.limits import GateSettings, share_of_error
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
from cultivar.record import Record, field, replace

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

    def advance(
        self, experiment: Experiment, cases: Sequence[TrialCase], money: float | None = None
    ) -> GateVerdict:
        """Try the candidate on some more cases, and say how it stands then.

        Args:
            experiment: Its number in the campaign says how much error it may spend.
            cases: All that it is to be tried on.
            money: US dollars that the trials may cost; None is no limit.

        Raises:
            BudgetSpentError: The run has used what it may.
            RefusedError: It takes trust or a wall that is not there.
        """
        pairs = self._pairs(experiment, cases)
        following, among = self._next(experiment, cases, pairs), _among(experiment, cases)
        jobs = self._jobs(experiment, following, pairs, among)
        course = Course(trial_of=experiment.id, money=money)
        results = run_trials(jobs, self.executor, self.store, course)
        self._tried.setdefault(experiment.id, []).extend(results)
        return _explained(self._judged(experiment, cases), results)

    def passing(self, experiment: Experiment, cases: Sequence[TrialCase]) -> tuple[TrialCase, ...]:
        """The cases that the candidate of an experiment passed, each time."""
        tried = self._pairs(experiment, cases).cases
        return tuple(each for each in cases if 0 < tried[each.id].pairs == tried[each.id].after)

    def _judged(self, experiment: Experiment, cases: Sequence[TrialCase]) -> GateVerdict:
        pairs = self._pairs(experiment, cases)
        noisy, kind = _noisy(experiment, cases), experiment.opportunity.kind
        verdict = judge(pairs, experiment.number, self.gate, noisy=noisy, kind=kind)
        return confirmed(verdict, pairs, self._error(experiment)) if noisy is False else verdict

    def _error(self, experiment: Experiment) -> float:
        """How likely luck may let the candidate pass."""
        return self.gate.error * share_of_error(experiment.number)

    def _pairs(self, experiment: Experiment, cases: Sequence[TrialCase]) -> Pairs:
        """What both versions did so far."""
        results = self._results(experiment)
        old, new = experiment.candidate.parent, experiment.candidate.tree_hash
        return pair_up(
            (each for each in results if each.tree_hash == old),
            (each for each in results if each.tree_hash == new),
            cases,
        )

    def _results(self, experiment: Experiment) -> tuple[TrialResult, ...]:
        return (*self.store.results(experiment.id), *self._tried.get(experiment.id, ()))

    def _next(
        self, experiment: Experiment, cases: Sequence[TrialCase], pairs: Pairs
    ) -> list[TrialCase]:
        """The cases that are tried next: those that never were, then those that may tell more."""
        new = [each for each in cases if not pairs.cases[each.id].tried]
        most = _BATCH["template" if is_for_time(experiment) else experiment.candidate.artifact.kind]
        if new:
            return new[:most]
        noisy = _noisy(experiment, cases)
        again = to_confirm(pairs, self._error(experiment)) if noisy is False else frozenset[str]()
        again = again or frozenset(
            cases_to_repeat(pairs, experiment.number, self.gate, noisy=noisy)
        )
        return telling_first((each for each in cases if each.id in again), pairs)[:most]

    def _jobs(
        self, experiment: Experiment, cases: Sequence[TrialCase], pairs: Pairs, among: str
    ) -> tuple[Job, ...]:
        """Each case with both versions, for the first time or once more."""
        candidate, artifact = experiment.candidate, experiment.candidate.artifact
        trusted = self.trusts(artifact) and not has_code_of_a_model(experiment, self.store)
        subjects = [
            Subject(artifact=artifact, tree=self.content.tree(tree_hash), trusted=trusted)
            for tree_hash in (candidate.parent, candidate.tree_hash)
        ]
        found: list[Job] = []
        anew = self._anew(experiment, pairs)
        for case in cases:
            repeat = pairs.cases[case.id].tried
            jobs = [_job(subject, case, repeat, self.place, among) for subject in subjects]
            if anew(case, repeat):
                jobs = [timed(each, experiment, self.place) for each in jobs]
            found += drawn(experiment, jobs)
        return tuple(found)

    def _anew(self, experiment: Experiment, pairs: Pairs) -> Callable[[TrialCase, int], bool]:
        """Whether both versions are tried anew, to compare their times."""
        always, lacking = is_for_time(experiment), lacks_times(pairs, self.gate)
        if not (always or lacking):
            return lambda case, repeat: False
        # Of a pair that was begun before a kill, one time is of another moment.
        begun = {(each.case_id, each.repeat) for each in self._results(experiment)}
        return lambda case, repeat: (always or repeat > 0) and (case.id, repeat) not in begun


def _explained(verdict: GateVerdict, results: Sequence[TrialResult]) -> GateVerdict:
    """The verdict; where there is none, with what the place said."""
    down = [each.output for each in results if each.verdict == "not_verified" and each.output]
    if verdict.decision != "no_verdict" or not down:
        return verdict
    return replace(verdict, reasons=(*verdict.reasons, down[-1]))


def _job(subject: Subject, case: TrialCase, repeat: int, place: Place, among: str) -> Job:
    job = Job(subject=subject, case=case, repeat=repeat, among=among)
    return replace(job, key=key_for(job, place))


def _among(experiment: Experiment, cases: Sequence[TrialCase]) -> str:
    """Which trials an experiment shares results with; empty: with all, where nothing varies.

    Where results vary, what released a version by luck would be held against the next candidate.
    So its own campaign alone shares them, of the version that is in use: one that was released in
    it has been lucky, and is tried anew when it is the older one.
    """
    if _noisy(experiment, cases) is False:
        return ""
    return f"{experiment.campaign} {experiment.candidate.parent}"


def _noisy(experiment: Experiment, cases: Sequence[TrialCase]) -> bool | None:
    """Whether results vary, as far as anybody says; else that is found out by trying again.

    A check that is not declared flaky says the same of the same tree, as everywhere.
    """
    if any(case.repeats > 1 for case in cases):
        return True
    return False if experiment.candidate.artifact.kind == "template" else None
