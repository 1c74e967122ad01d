"""How GEPA accepts candidates, by its own code, on the same simulated worlds.

What is compared is what GEPA decides, not how it makes candidates: `StrictImprovementAcceptance` on
a minibatch of three (its defaults), and whole runs of `gepa.optimize`, whose `best_candidate` is
what a user takes. In them a candidate that is accepted is tried once on the whole validation set,
and the highest mean wins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final, cast

from gepa.api import optimize  # pyright: ignore[reportUnknownVariableType]  # it is generic
from gepa.core.adapter import EvaluationBatch
from gepa.core.result import GEPAResult
from gepa.proposer.base import CandidateProposal
from gepa.strategies.acceptance import StrictImprovementAcceptance
from gepa.utils import StopperProtocol

from evals.benchmarks.gate.worlds import CASES, Scenario, World

MINIBATCH: Final = 3
"""The default of `reflection_minibatch_size`."""

_PART: Final = "text"
_SEED: Final = "old"
_MOST_ITERATIONS: Final = 2000


def accepted_share(scenario: Scenario, candidates: int, seed: int) -> float:
    """The share of candidates that pass the acceptance test on a minibatch.

    Minibatches on which the old version is perfect are drawn anew, as GEPA skips them.

    Args:
        scenario: Draws the worlds.
        candidates: How many, each in a world of its own.
        seed: Of the draws.
    """
    random, criterion = Random(seed), cast("Any", StrictImprovementAcceptance())
    accepted = 0
    for _ in range(candidates):
        proposal = _proposal(random, scenario(random))
        accepted += bool(criterion.should_accept(proposal, None))  # it looks at no state
    return accepted / candidates


def shipped_share(scenario: Scenario, campaigns: int, candidates: int, seed: int) -> float:
    """The share of whole runs whose best candidate is not the one that they began with.

    Args:
        scenario: Draws the worlds.
        campaigns: How many runs, each in a world of its own.
        candidates: How many are proposed in each.
        seed: Of the draws.
    """
    shipped = 0
    for campaign in range(campaigns):
        random = Random(f"{seed}-{campaign}")
        adapter = _Adapter(scenario(random), random)
        found: GEPAResult[float, int] = optimize(
            seed_candidate={_PART: _SEED},
            trainset=list(range(CASES)),
            valset=list(range(CASES)),
            adapter=cast("Any", adapter),  # it fits, but for parameters that GEPA leaves open
            stop_callbacks=adapter.stops_after(candidates),
            logger=_Silent(),
            seed=campaign,
        )
        shipped += found.candidates[found.best_idx][_PART] != _SEED
    return shipped / campaigns


class _Adapter:
    """Lets GEPA try texts that are equal to the old version or to the world's candidate."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random
        self._proposed = 0

    def evaluate(
        self, batch: list[int], candidate: dict[str, str], capture_traces: bool = False
    ) -> EvaluationBatch[float, float]:
        rates = self._world.old if candidate[_PART] == _SEED else self._world.new
        scores = [float(self._random.random() < rates[case]) for case in batch]
        traces = scores if capture_traces else None
        return EvaluationBatch(outputs=scores, scores=scores, trajectories=traces)

    def make_reflective_dataset(
        self,
        candidate: dict[str, str],
        eval_batch: EvaluationBatch[float, float],
        components_to_update: list[str],
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        return {name: [{"score": score} for score in eval_batch.scores] for name in candidate}

    def propose_new_texts(
        self,
        candidate: dict[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: list[str],
    ) -> dict[str, str]:
        self._proposed += 1
        return {name: f"new {self._proposed}" for name in components_to_update}

    def stops_after(self, candidates: int) -> StopperProtocol:
        """Says when enough were proposed, or too many minibatches were perfect to propose any."""

        def stops(gepa_state: Any) -> bool:
            return self._proposed >= candidates or gepa_state.i > _MOST_ITERATIONS

        return stops


class _Silent:
    def log(self, message: str) -> None:
        """Say nothing."""


def _proposal(random: Random, world: World) -> CandidateProposal[int]:
    batch, before = _minibatch(random, world)
    while all(before):
        batch, before = _minibatch(random, world)
    after = [float(random.random() < world.new[case]) for case in batch]
    return CandidateProposal(
        candidate={_PART: "new"},
        parent_program_ids=[0],
        subsample_scores_before=before,
        subsample_scores_after=after,
    )


def _minibatch(random: Random, world: World) -> tuple[list[int], list[float]]:
    """Some cases, and how the old version scores on them."""
    batch = random.sample(range(CASES), MINIBATCH)
    return batch, [float(random.random() < world.old[case]) for case in batch]
