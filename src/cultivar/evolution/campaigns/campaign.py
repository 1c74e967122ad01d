"""One run of `improve`: its experiments, from the first trial to a release or a person's word.

The invariant: what was decided is in the ledger, and each step may be done twice. What no gate let
pass is never released, and what was refused or rejected once is not tried again.
"""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from cultivar.errors import (
    ChangedError,
    CultivarError,
    EnvironmentUnavailableError,
    RequirementUnavailableError,
    SandboxUnavailableError,
    UsageError,
)
from cultivar.evolution.campaigns.leaving import is_unknown, reason_of, with_tries
from cultivar.evolution.campaigns.workbench import Workbench
from cultivar.evolution.roles import AnalysisOrder, Candidates, ImprovementOrder, Refusal
from cultivar.evolution.strategies.shadowing import is_shadowed
from cultivar.ledger.improvements import ExperimentQuery
from cultivar.lifecycle import (
    Candidate,
    Experiment,
    ExperimentStatus,
    GateVerdict,
    ImproveOrder,
    Opportunity,
    Release,
    TrialCase,
)
from cultivar.record import replace

_NEVER_AGAIN: Final = frozenset[ExperimentStatus]({"refused", "rejected", "rolled_back"})
_DECIDED: Final = frozenset[ExperimentStatus]({"released", "rejected", "rolled_back"})
_OUTCOMES: Final[dict[str, ExperimentStatus]] = {"reject": "rejected", "no_verdict": "stopped"}
_MOST_KNOWN: Final = 10_000
_PLACE_DOWN: Final = (SandboxUnavailableError, EnvironmentUnavailableError)

UNTRIED: Final = GateVerdict(
    decision="no_verdict",
    sentence="Nothing was run: nobody knows what a trial of this tool would do to others.",
)
"""What the gate says of a candidate that only a person may try."""


class Campaign:
    """The experiments of one run.

    Args:
        run_id: The run's.
        order: What was asked.
        workbench: What it works with.
    """

    def __init__(self, run_id: str, order: ImproveOrder, workbench: Workbench) -> None:
        self.run_id = run_id
        self._order = order
        self._bench = workbench
        self._cases: dict[str, tuple[TrialCase, ...]] = {}
        self._stood: tuple[str, ...] = ()
        self._down = set[str]()
        self._left_out: list[str] = []
        self.unknown = False
        """Whether something is still to be tried, since its place was down."""
        self._left_alone: list[str] = []

    def analysis_order(self) -> AnalysisOrder:
        """What the analyst is asked."""
        settings = self._bench.settings
        return AnalysisOrder(artifacts=self._order.artifacts, threshold=settings.threshold)

    def look_after(self) -> tuple[Release, ...]:
        """Decide about what was released before, and about what is in the shadow."""
        self._stood = (*self._stood, *(each.id for each in self._bench.shadows.standing()))
        watched = (*self._bench.canaries.look_after(), *self._bench.watcher.look_after())
        automatic = self._order.real and self._order.automatic
        return (*watched, *self._bench.shadows.look_after(automatic=automatic))

    def standing(self) -> tuple[Experiment, ...]:
        """Of earlier runs: what is in the shadow or for a person to try, or was until now."""
        now = (each.id for each in self._bench.shadows.standing())
        found = map(self.experiment, dict.fromkeys((*self._stood, *now)))
        return tuple(each for each in found if each.campaign != self.run_id)

    def taken_up(self, opportunities: Iterable[Opportunity]) -> tuple[Opportunity, ...]:
        """The opportunities to work at now.

        Nothing that rests after a failed release, that a canary or a candidate in the shadow runs
        of, or that waits for a person's word.
        """
        self._left_alone.clear()
        return tuple(islice(filter(self._is_free, opportunities), self._order.most))

    @contextmanager
    def apart(self, opportunity: Opportunity) -> Generator[None]:
        """Let work on an opportunity end alone where its place is down; the others go on.

        Args:
            opportunity: What is worked on; `is_down` tells of it afterwards.
        """
        self._down.discard(opportunity.artifact.id)
        try:
            yield
        except _PLACE_DOWN as error:
            self._leave_out(opportunity, error)
            self._down.add(opportunity.artifact.id)
            self._stop_untold(opportunity, error.what)

    def is_down(self, opportunity: Opportunity) -> bool:
        """Whether the place was down when it was last worked on."""
        return opportunity.artifact.id in self._down

    @property
    def left_alone(self) -> tuple[str, ...]:
        """What was left alone in this process, and why, a sentence each."""
        return tuple(self._left_alone)

    def fruitless(self, opportunities: Iterable[Opportunity]) -> tuple[str, ...]:
        """Of which opportunities nothing could be made, a sentence each."""
        made = {each.opportunity.artifact for each in self.experiments()}
        return tuple(
            self._bench.fruitless(each, again=bool(self._never_again(each)))
            for each in opportunities
            if each.artifact not in made and not self.is_down(each)
        )

    def improvement_order(
        self, opportunity: Opportunity, accepted: Sequence[str]
    ) -> ImprovementOrder:
        """What the improver is asked: to better the last version that was accepted.

        Args:
            opportunity: As the analyst has it.
            accepted: The experiments whose candidates are better, each than the one before.

        Raises:
            BudgetSpentError: The run has used what it may.
        """
        self._bench.refuse_overspent()
        last = self.experiment(accepted[-1]) if accepted else None
        return ImprovementOrder(
            run_id=self.run_id,
            opportunity=self._bench.remaining(opportunity, last),
            tried=self._never_again(opportunity),
            most=self._left(opportunity),
            unconfined=self._order.unconfined,
        )

    def begin(self, opportunity: Opportunity, made: Candidates) -> tuple[str, ...]:
        """Keep an experiment for each candidate, and why others were refused.

        Args:
            opportunity: As the improver was told of it.
            made: What the improver made.

        Returns:
            The ids of those that are to be tried, in their order.
        """
        made = self._bench.spending.shared(self.run_id, made, self.experiments())
        for refusal in made.refused:
            candidate = _refused(opportunity, refusal)
            self._keep_new(opportunity, candidate, "refused", refusal.reason)
        tried = self._never_again(opportunity)
        fresh = [each for each in made.candidates if each.tree_hash not in tried]
        return tuple(self._keep_new(opportunity, each, "running") for each in fresh)

    def advance(self, experiment_id: str) -> None:
        """Try a candidate on some more cases, beside the version that it changes, and judge it.

        Raises:
            BudgetSpentError: The run has used what it may.
            RefusedError: It takes trust or a wall that is not there.
        """
        self._bench.refuse_overspent()
        experiment = self._numbered(self.experiment(experiment_id))
        if experiment.strategy == "MANUAL":
            self._leave_to_a_person(experiment)
            return
        verdict = self._bench.advance(experiment, self.cases(experiment.opportunity))
        verdict = with_tries(verdict, experiment.candidate, self._bench.experiments)
        status = _OUTCOMES.get(verdict.decision, "running")
        tried = self._bench.spending.with_money(replace(experiment, verdict=verdict))
        self._keep(tried, status, reason_of(verdict))

    def goes_on(self, experiment_id: str) -> bool:
        """Whether more trials may tell."""
        verdict = self.experiment(experiment_id).verdict
        return verdict is None or verdict.decision == "continue"

    def is_better(self, experiment_id: str) -> bool:
        """Whether the gate lets the candidate pass."""
        verdict = self.experiment(experiment_id).verdict
        return verdict is not None and verdict.decision == "release"

    def drop(self, experiment_ids: Iterable[str]) -> None:
        """Try these no further: what they change has just been bettered otherwise."""
        for each in experiment_ids:
            self._keep(self.experiment(each), "stopped", "Another candidate was better before it.")

    def may_go_on(self, opportunity: Opportunity, accepted: Sequence[str]) -> bool:
        """Whether more candidates for the opportunity make sense, on top of what was accepted."""
        if not accepted or self.is_down(opportunity) or not self._left(opportunity):
            return False
        verdict = self.experiment(accepted[-1]).verdict
        return verdict is not None and verdict.after < 1

    def settle(self, accepted: Sequence[str]) -> None:
        """Release the last of what was accepted, put it in the shadow, or leave it to a person.

        Args:
            accepted: Experiments whose candidates are better, each than the one before.
        """
        if not accepted:
            return
        *others, last = map(self.experiment, accepted)
        if last.status in _DECIDED:
            return  # it was settled before the run was interrupted
        in_shadow = last.strategy == "SHADOW"
        automatic = self._order.real and self._order.automatic and not in_shadow
        try:
            by_itself = automatic and self._bench.is_safe(last)
        except _PLACE_DOWN as error:
            self._leave_out(last.opportunity, error)
            for each in (*others, last):
                self._keep(each, "stopped", f"It was better, and is not settled: {error.what}")
            return
        if by_itself:
            self._release(last, others)
            return
        together = f"It is released together with {last.id[:8]}, which builds on it."
        for each in others:
            self._keep(each, "waiting", together)
        if in_shadow:
            self._bench.shadows.begin(last)
            return
        self._keep(last, "waiting", f"{self._bench.approval(last)} releases it.")

    def experiment(self, experiment_id: str) -> Experiment:
        """The experiment of that id.

        Raises:
            NotKnownError: There is none.
        """
        return self._bench.experiments.experiment(experiment_id)

    def experiments(self) -> tuple[Experiment, ...]:
        """Those of this run, in their order."""
        query = ExperimentQuery(campaign=self.run_id, limit=_MOST_KNOWN)
        return self._bench.experiments.experiments(query)[::-1]

    def releases(self) -> tuple[Release, ...]:
        """What was put in the place of another version in this run, in its order."""
        own = {each.id for each in self.experiments()}
        found = self._bench.experiments.releases(limit=_MOST_KNOWN)
        return tuple(each for each in found if each.experiment in own)[::-1]

    @property
    def troubles(self) -> tuple[str, ...]:
        """What could not be used or tried in this process, a sentence each."""
        return (*self._bench.suites.troubles, *dict.fromkeys(self._left_out))

    def cases(self, opportunity: Opportunity) -> tuple[TrialCase, ...]:
        """What candidates for the opportunity are tried on: the same in all of the run."""
        artifact = opportunity.artifact
        if artifact.id not in self._cases:
            self._cases[artifact.id] = self._bench.cases(opportunity)
        return self._cases[artifact.id]

    def spent(self) -> float:
        """US dollars that the run has cost so far."""
        return self._bench.spending.of_run(self.run_id)

    def close(self) -> None:
        """End whoever does the trials."""
        self._bench.executor.close()

    def _is_free(self, opportunity: Opportunity) -> bool:
        bench = self._bench
        if bench.shadows.holds(opportunity.artifact, opportunity.tree_hash):
            return False
        if why := bench.why_left(opportunity, self._order):
            self._left_alone.append(why)
            return False
        try:
            bench.plan(opportunity)  # of what cannot be tried here
            return not (self._order.repeated and bench.leaving(self._order).is_left(opportunity))
        except _PLACE_DOWN as error:
            self._leave_out(opportunity, error)
            return False

    def _leave_out(self, opportunity: Opportunity, error: CultivarError) -> None:
        """Tell that no more is done about an opportunity in this run."""
        self._left_out.append(f"{opportunity.artifact.id} is left out of this run: {error}")
        self.unknown = self.unknown or not isinstance(error, RequirementUnavailableError)

    def _stop_untold(self, opportunity: Opportunity, why: str) -> None:
        """Stop what is open of an opportunity, but for what is better, with no verdict."""
        verdict = GateVerdict(decision="no_verdict", sentence=f"No verdict: {why}")
        for each in self.experiments():
            is_open = each.status == "running" and not is_shadowed(each)
            is_its_own = each.candidate.artifact == opportunity.artifact
            if is_open and is_its_own and not self.is_better(each.id):
                self._keep(replace(each, verdict=verdict), "stopped", verdict.sentence)

    def _keep(self, experiment: Experiment, status: ExperimentStatus, reason: str) -> None:
        now = datetime.now(UTC)
        changed = replace(experiment, status=status, reason=reason, updated_at=now)
        self._bench.experiments.keep_experiment(changed)

    def _release(self, last: Experiment, others: Sequence[Experiment]) -> None:
        """Release it; what came in between meanwhile stands, and is looked at the next time."""
        try:
            self._bench.canaries.release(last, by="gate")
        except ChangedError as error:
            self._leave(
                (*others, last), "stopped", f"It was better, and is not released: {error.what}"
            )
        except UsageError as error:  # a full disk, or a canary that runs
            how = f"{self._bench.approval(last)} releases it later."
            self._leave((*others, last), "waiting", f"{error.what} {how}")

    def _leave(self, made: Sequence[Experiment], status: ExperimentStatus, reason: str) -> None:
        """Keep that these are not released, but for what a person has decided meanwhile."""
        for each in (self.experiment(each.id) for each in made):
            if each.status not in _DECIDED:
                self._keep(each, status, reason)

    def _leave_to_a_person(self, experiment: Experiment) -> None:
        """Run nothing: whoever approves it has to say that they have tried it themselves."""
        how = f"{self._bench.approval(experiment, '--reviewed')} releases it."
        self._keep(replace(experiment, verdict=UNTRIED), "waiting", f"It is for you to try. {how}")

    def _keep_new(
        self,
        opportunity: Opportunity,
        candidate: Candidate,
        status: ExperimentStatus,
        reason: str = "",
    ) -> str:
        """Keep a new experiment; its id is the same, however often that is done."""
        said = [self.run_id, candidate.parent, candidate.tree_hash, candidate.operator, reason]
        now = datetime.now(UTC)
        experiment = Experiment(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, "\0".join(said))),
            campaign=self.run_id,
            number=0,
            candidate=candidate,
            opportunity=opportunity,
            strategy=self._bench.plan(opportunity).strategy,
            status=status,
            reason=reason,
            simulated=not self._order.real,
            money=candidate.money,
            started_at=now,
            updated_at=now,
        )
        if experiment.id not in {each.id for each in self.experiments()}:
            self._bench.experiments.keep_experiment(experiment)
        return experiment.id

    def _numbered(self, experiment: Experiment) -> Experiment:
        """The experiment with its number: how many of the run were tried before it, and one."""
        if experiment.number:
            return experiment
        before = max((each.number for each in self.experiments()), default=0)
        return replace(experiment, number=before + 1)

    def _left(self, opportunity: Opportunity) -> int:
        """How many more candidates may be tried for the opportunity."""
        tried = [
            each
            for each in self.experiments()
            if each.number
            and each.opportunity.artifact == opportunity.artifact
            and not is_unknown(each)
        ]
        return max(0, self._bench.settings.candidates - len(tried))

    def _never_again(self, opportunity: Opportunity) -> tuple[str, ...]:
        query = ExperimentQuery(artifact=opportunity.artifact, limit=_MOST_KNOWN)
        known = self._bench.experiments.experiments(query)
        found = (each.candidate.tree_hash for each in known if each.status in _NEVER_AGAIN)
        return tuple(dict.fromkeys(filter(None, found)))


def _refused(opportunity: Opportunity, refusal: Refusal) -> Candidate:
    """What was refused before it could be tried."""
    return Candidate(
        artifact=opportunity.artifact,
        parent=opportunity.tree_hash,
        tree_hash=refusal.tree_hash,
        version=opportunity.version,
        operator=refusal.operator,
        description=refusal.reason,
        money=refusal.money,
    )
