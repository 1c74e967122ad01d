"""Candidates in the shadow of what is used: looked after at each run, and decided by live uses.

The invariant: between two looks nothing runs, and a look may be interrupted anywhere and done
again. What came of a use is kept under its experiment, and no use counts twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from cultivar.errors import NotKnownError, UnavailableError, UnconfinedError, UsageError
from cultivar.evals.comparing.wording import counted, percent
from cultivar.evals.trying.base import Subject
from cultivar.evolution.campaigns.tool_cases import ToolHistory
from cultivar.evolution.releasing.approving import approval
from cultivar.evolution.releasing.lineage import below
from cultivar.evolution.releasing.releases import Releases
from cultivar.evolution.strategies.shadowing import (
    AGREEMENT,
    Agreement,
    Beside,
    Shadow,
    is_shadowed,
)
from cultivar.evolution.strategies.trying import Known
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.lifecycle import Artifact, Experiment, ExperimentStatus, Release
from cultivar.record import Record, replace
from cultivar.settings import ImproveSettings

QUIET: Final = timedelta(days=1)
"""After so long without a use, a person decides on what is known."""

LONGEST: Final = timedelta(days=14)
"""After so long in the shadow, a person decides on what is known."""

_UNDECIDED: Final[tuple[ExperimentStatus, ...]] = ("running", "waiting")
_MOST_KNOWN: Final = 10_000


class Shadows(Record):
    """Looks after candidates in the shadow of what is used.

    Args:
        tools: Knows tools and their uses.
        releases: Knows what was released.
        release: Releases what is proven, to a share of the uses first where that is set.
        may_release: Whether an experiment may be released without a person's word.
        go_on: Raises `BudgetSpentError` where the run has used what it may.
        settings: Whether a person has to say `--real`, too.
    """

    tools: ToolHistory
    releases: Releases
    release: Callable[[Experiment], Release]
    may_release: Callable[[Experiment], bool]
    go_on: Callable[[], None]
    settings: ImproveSettings

    def begin(self, experiment: Experiment) -> None:
        """Put the candidate of an experiment, which the gate has let pass, in the shadow.

        Nothing happens where it is there, or where the experiment is decided already.
        """
        if experiment.status in _UNDECIDED and not is_shadowed(experiment):
            self._keep(experiment, "running", Agreement())

    def look_after(self, *, automatic: bool) -> tuple[Release, ...]:
        """Give live inputs to what is in the shadow, and decide as far as they tell.

        Args:
            automatic: Whether what is safe is released without a person's word.

        Returns:
            What was released.

        Raises:
            BudgetSpentError: The run has used what it may; the next one goes on.
        """
        shadowed = filter(is_shadowed, self.standing())
        made = [self._looked_after(each, automatic=automatic) for each in shadowed]
        return tuple(each for each in made if each is not None)

    def standing(self) -> tuple[Experiment, ...]:
        """What is not decided yet: in the shadow, or out of it, or for a person to try."""
        return tuple(filter(_stands, self._undecided()))

    def holds(self, artifact: Artifact, tree_hash: str) -> bool:
        """Whether a version is left alone, because what would better it is not decided yet.

        Args:
            artifact: Of what.
            tree_hash: The version that is used.
        """
        return any(
            each.candidate.artifact == artifact and self._before(each) == tree_hash
            for each in self.standing()
        )

    @property
    def _store(self) -> ExperimentStore:
        return self.releases.experiments

    def _undecided(self) -> Iterator[Experiment]:
        for status in _UNDECIDED:
            yield from self._store.experiments(ExperimentQuery(status=status, limit=_MOST_KNOWN))

    def _before(self, experiment: Experiment) -> str:
        """The tree hash of the version that is used, which the candidate is made from."""
        return (*below(experiment, self._store), experiment)[0].candidate.parent

    def _looked_after(self, experiment: Experiment, *, automatic: bool) -> Release | None:
        if not self._is_of_current(experiment):
            self._end(experiment, "What is used is another version by now.")
            return None
        try:
            said = self._look(experiment)
            automatic = automatic and self.may_release(experiment)
        except (UnavailableError, UnconfinedError) as error:
            said = self._agreement(experiment)
            self._keep(experiment, experiment.status, said, f"Nothing can be tried now: {error}")
            return None
        return self._decide(experiment, said, automatic=automatic)

    def _is_of_current(self, experiment: Experiment) -> bool:
        try:
            current = self.releases.registry.current(experiment.candidate.artifact)
        except NotKnownError:
            return False
        return current.tree_hash == self._before(experiment)

    def _look(self, experiment: Experiment) -> Agreement:
        """What the live uses say, those too that came since the last look."""
        if experiment.status == "running":
            self.go_on()
            shadow = Shadow(uses=self.tools.uses, store=self._store)
            shadow.look(
                Beside(
                    experiment=experiment,
                    known=self._known(experiment),
                    new=self._subject(experiment, experiment.candidate.tree_hash),
                    since=experiment.started_at,
                )
            )
        return self._agreement(experiment)

    def _agreement(self, experiment: Experiment) -> Agreement:
        shadow = Shadow(uses=self.tools.uses, store=self._store)
        return shadow.agreement(experiment, self._before(experiment))

    def _known(self, experiment: Experiment) -> Known:
        return self.tools.known(self._subject(experiment, self._before(experiment)))

    def _subject(self, experiment: Experiment, tree_hash: str) -> Subject:
        artifact = experiment.candidate.artifact
        return Subject(artifact=artifact, tree=self.tools.content.tree(tree_hash))

    def _decide(
        self, experiment: Experiment, said: Agreement, *, automatic: bool
    ) -> Release | None:
        if said.holds and not said.unlike and automatic:
            return self._release(experiment, said)
        if experiment.status == "waiting":
            return None
        if said.fails:
            self._reject(experiment, said)
        elif said.holds:
            self._keep(experiment, "waiting", said, self._approved(experiment, said))
        elif why := self._no_data(experiment):
            self._keep(experiment, "waiting", said, f"{why} {self._approval(experiment)}")
        else:
            self._keep(experiment, "running", said)
        return None

    def _approved(self, experiment: Experiment, said: Agreement) -> str:
        worse = f", but {said.unlike:,} came out otherwise" if said.unlike else ""
        return (
            f"In the shadow surely {percent(AGREEMENT)} of live uses come out as good{worse}. "
            f"{self._approval(experiment)}"
        )

    def _approval(self, experiment: Experiment) -> str:
        return f"{approval(experiment.id, settings=self.settings)} releases it."

    def _release(self, experiment: Experiment, said: Agreement) -> Release | None:
        try:
            return self.release(_with(experiment, said))
        except UsageError as error:
            self._keep(experiment, "waiting", said, f"A person has to decide: {error}")
            return None

    def _reject(self, experiment: Experiment, said: Agreement) -> None:
        """Reject it; what it builds on is put in the shadow instead."""
        reason = (
            f"Rejected in the shadow: of {counted(said.uses, 'live use')} {said.unlike:,} came out"
            " otherwise than with the version in use, and not better."
        )
        others = below(experiment, self._store)
        self._end(_with(experiment, said), reason, "rejected")
        if others:
            self.begin(others[-1])

    def _no_data(self, experiment: Experiment) -> str:
        """Why no more is to be learned; empty where it may be."""
        now = datetime.now(UTC)
        uses = self._known(experiment).executions
        last = max((experiment.started_at, *(each.executed_at for each in uses)))
        if now - last > QUIET:
            return f"No data: nobody has used it for {_days(QUIET)}."
        if now - experiment.started_at > LONGEST:
            return f"Too little data: {_days(LONGEST)} were not enough."
        return ""

    def _keep(
        self, experiment: Experiment, status: ExperimentStatus, said: Agreement, why: str = ""
    ) -> None:
        """Keep how it stands, where that has changed."""
        reason = f"In the shadow: {_progress(said)}."
        if why:
            reason = f"{reason} {why}" if status == "running" else f"{why} ({_progress(said)}.)"
        now = datetime.now(UTC)
        kept = replace(_with(experiment, said), status=status, reason=reason)
        if kept != experiment:
            self._store.keep_experiment(replace(kept, updated_at=now))

    def _end(
        self, experiment: Experiment, reason: str, status: ExperimentStatus = "stopped"
    ) -> None:
        now = datetime.now(UTC)
        ended = replace(experiment, status=status, reason=reason, decided_by="gate", updated_at=now)
        self._store.keep_experiment(ended)


def _stands(experiment: Experiment) -> bool:
    return is_shadowed(experiment) or (experiment.strategy, experiment.status) == (
        "MANUAL",
        "waiting",
    )


def _with(experiment: Experiment, said: Agreement) -> Experiment:
    """The experiment, whose verdict holds what live uses say."""
    verdict = experiment.verdict
    if verdict is None:
        return experiment
    return replace(
        experiment, verdict=replace(verdict, numbers={**verdict.numbers, **said.numbers})
    )


def _progress(said: Agreement) -> str:
    uses = counted(said.uses if said.holds else said.needed, "live use")
    known = uses if said.holds else f"{said.uses:,} of at least {uses}"
    words = f"{known}, {said.as_good:,} as good"
    return f"{words}, {said.better:,} of them better" if said.better else words


def _days(time: timedelta) -> str:
    return "a day" if time.days == 1 else counted(time.days, "day")
