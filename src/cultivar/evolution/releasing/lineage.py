"""What a candidate builds on: the better ones of its campaign, each on top of the one before."""

from __future__ import annotations

from typing import Final

from cultivar.ledger.improvements import ExperimentQuery, ExperimentStore
from cultivar.lifecycle import OF_MODELS, Experiment

_MOST: Final = 10_000


def below(experiment: Experiment, store: ExperimentStore) -> tuple[Experiment, ...]:
    """The experiments that one builds on, the first one first.

    Args:
        experiment: Which.
        store: The record.
    """
    query = ExperimentQuery(campaign=experiment.campaign, limit=_MOST)
    made = {
        each.candidate.tree_hash: each
        for each in store.experiments(query)
        if each.status == "waiting" or passed(each)
    }
    found: list[Experiment] = []
    under = made.get(experiment.candidate.parent)
    while under is not None and under not in found:
        found.append(under)
        under = made.get(under.candidate.parent)
    return tuple(found[::-1])


def passed(experiment: Experiment) -> bool:
    """Whether the gate let its candidate pass."""
    return experiment.verdict is not None and experiment.verdict.decision == "release"


def has_code_of_a_model(experiment: Experiment, store: ExperimentStore) -> bool:
    """Whether a model wrote some of its candidate that no person has approved yet."""
    made = (*below(experiment, store), experiment)
    return any(each.candidate.operator in OF_MODELS for each in made)
