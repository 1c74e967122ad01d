"""The kinds of candidates that are simulated, and what came of each."""

from __future__ import annotations

from statistics import median
from typing import Any, Final, TypeAlias

from cultivar.learning.evidence.rates import Rate
from evals.benchmarks.gate.campaigns import Plan, Tried, simulated
from evals.benchmarks.gate.gepas import accepted_share, shipped_share
from evals.benchmarks.gate.worlds import (
    Scenario,
    mostly_steady,
    moved,
    one_slice_worse,
    timed,
)

CAMPAIGNS: Final = 1000
CANDIDATES: Final = 4
"""In each A/A campaign."""
SINGLE: Final = 400
"""Candidates of each kind that are judged alone, as the first of their campaigns."""
BATCHES: Final = 20_000
"""Minibatches for the share that GEPA accepts."""
SEED: Final = 20260731

Found: TypeAlias = dict[str, Any]

Noisy: TypeAlias = bool | None
"""What the gate is told of the results."""

EQUAL: Final[dict[str, tuple[Scenario, Noisy]]] = {
    "50 %": (moved(0.5, 0.0), True),
    "80 %": (moved(0.8, 0.0), True),
    "95 %": (moved(0.95, 0.0), True),
    "steady but for 1 case": (mostly_steady(0.7, 1), None),
    "steady but for 5 cases": (mostly_steady(0.7, 5), None),
}
"""Candidates that equal the old version."""

BETTER: Final[dict[str, tuple[Scenario, Noisy]]] = {
    "50 % +10": (moved(0.5, 0.1), True),
    "80 % +10": (moved(0.8, 0.1), True),
    "50 % +5": (moved(0.5, 0.05), True),
    "80 % +5": (moved(0.8, 0.05), True),
    "80 % +10, time measured": (timed(moved(0.8, 0.1), 1.0), True),
    "steady +10": (mostly_steady(0.7, 0, mended=5), None),
    "steady but for 5 cases, +10": (mostly_steady(0.7, 5, mended=5), None),
}
WORSE: Final[dict[str, tuple[Scenario, Noisy]]] = {
    "50 % -10": (moved(0.5, -0.1), True),
    "80 % -10": (moved(0.8, -0.1), True),
    "80 % +10, half as fast": (timed(moved(0.8, 0.1), 2.0), True),
    "50 % +10, one slice -30": (one_slice_worse(0.5, 0.1, 0.3), True),
    "80 % +5, one slice -30": (one_slice_worse(0.8, 0.05, 0.3), True),
    "steady +16, one case lost": (mostly_steady(0.7, 0, mended=9, broken=1), None),
}


def measured(name: str) -> Found:
    """What came of one kind of candidates."""
    scenario, noisy = {**EQUAL, **BETTER, **WORSE}[name]
    if name not in EQUAL:
        plan = Plan(scenario=scenario, campaigns=SINGLE, noisy=noisy, seed=SEED)
        return _single(simulated(plan), scenario)
    plan = Plan(
        scenario=scenario, campaigns=CAMPAIGNS, candidates=CANDIDATES, noisy=noisy, seed=SEED
    )
    return _false_releases(simulated(plan), scenario)


def _false_releases(campaigns: list[list[Tried]], scenario: Scenario) -> Found:
    """How many campaigns released a candidate that equals the old version."""
    every = [each for campaign in campaigns for each in campaign]
    false = sum(any(map(_released, campaign)) for campaign in campaigns)
    rate = Rate(successes=false, trials=len(campaigns))
    return {
        "campaigns_with_release": false,
        "share": rate.estimate,
        "share_at_most": rate.wilson().high,
        "looks": {"all": sum(each.looks for each in every), "most": max(e.looks for e in every)},
        "pairs_median": median(each.verdict.pairs for each in every),
        "gepa": {
            "accepted": accepted_share(scenario, BATCHES, SEED),
            "shipped": shipped_share(scenario, CAMPAIGNS, CANDIDATES, SEED),
        },
    }


def _single(campaigns: list[list[Tried]], scenario: Scenario) -> Found:
    """How many candidates of a kind were released, and after how many pairs they were decided."""
    every = [each for campaign in campaigns for each in campaign]
    pairs = sorted(each.verdict.pairs for each in every)
    used = sorted(each.verdict.pairs for each in every if _released(each))
    return {
        "candidates": len(every),
        "released": len(used) / len(every),
        "released_within": {
            str(most): sum(each <= most for each in used) / len(every) for most in (200, 400, 600)
        },
        "pairs_median": median(pairs),
        "pairs_90": pairs[int(0.9 * len(pairs))],
        "gepa": {
            "accepted": accepted_share(scenario, BATCHES, SEED),
            "shipped": shipped_share(scenario, SINGLE, 1, SEED),
        },
    }


def _released(each: Tried) -> bool:
    return each.verdict.decision == "release"
