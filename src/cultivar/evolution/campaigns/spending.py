"""What a run of `improve` has cost: the questions that made its candidates, and their trials.

The invariant: it is worked out from the record, so that a run that was interrupted anywhere costs
what it did, and nothing is counted twice. A trial that was known from before costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from cultivar.evolution.roles import Candidates, Refusal
from cultivar.ledger.base import CallRecord
from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.lifecycle import MODEL, Candidate, Experiment
from cultivar.record import Record, replace

_Made = TypeVar("_Made", Candidate, Refusal)

_ASKED: Final = frozenset({MODEL})
"""The operators that are paid."""

_MOST: Final = 10_000


class Spending(Record):
    """What runs have cost.

    Args:
        calls: Knows the questions to the model.
        experiments: Knows the trials.
    """

    calls: CallRecord
    experiments: ExperimentStore

    def of_run(self, run_id: str) -> float:
        """US dollars of a run: of making candidates, whatever came of them, and of trials."""
        known = self.experiments.experiments(ExperimentQuery(campaign=run_id, limit=_MOST))
        trials = sum(each.money - each.candidate.money for each in known)
        return self.calls.usage(run_id).money + trials

    def with_money(self, experiment: Experiment) -> Experiment:
        """The experiment with what it has cost by now, for making and trying its candidate."""
        results = self.experiments.results(experiment.id)
        trials = sum(each.money for each in results if not each.cached)
        return replace(experiment, money=experiment.candidate.money + trials)

    def shared(self, run_id: str, made: Candidates, known: Sequence[Experiment]) -> Candidates:
        """Candidates with their share of what it has cost to make them.

        Args:
            run_id: The run that they were made in.
            made: All that were made together, and those that were refused.
            known: The experiments of the run so far, which have their share.
        """
        left = self.calls.usage(run_id).money - sum(each.candidate.money for each in known)
        operators = [each.operator for each in made.candidates]
        operators += [each.operator for each in made.refused]
        number = sum(each in _ASKED for each in operators)
        if left <= 0 or not number:
            return made
        share = left / number
        return Candidates(
            candidates=tuple(_with(each, share) for each in made.candidates),
            refused=tuple(_with(each, share) for each in made.refused),
        )


def _with(made: _Made, share: float) -> _Made:
    return made if made.operator not in _ASKED else replace(made, money=share)
