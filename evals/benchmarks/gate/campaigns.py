"""Campaigns of simulated candidates, judged by the gate itself after every round of trials."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from cultivar.evals.comparing.pairing import Pairs
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.evolution.gate.limits import GateSettings
from cultivar.lifecycle import GateVerdict, TrialResult
from evals.benchmarks.gate.worlds import Scenario, World, tried

SETTINGS: Final = GateSettings()
"""What the gate has where nothing is set."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is simulated."""

    scenario: Scenario
    campaigns: int
    candidates: int = 1
    first: int = 1
    """The number of the first candidate in its campaign."""
    noisy: bool | None = True
    """What the gate is told of the results."""
    seed: int
    settings: GateSettings = SETTINGS


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What became of one candidate."""

    verdict: GateVerdict
    looks: int
    """How often the gate was asked."""


class Trials:
    """The trials of one campaign; the old version's are the same for all of its candidates."""

    def __init__(self, world: World, random: Random) -> None:
        self.world = world
        self._random = random
        self._old: dict[tuple[int, int], TrialResult] = {}

    def both(self, index: int, repeat: int) -> tuple[TrialResult, TrialResult]:
        """A trial of the old version, made once, and a new one of the candidate."""
        key = index, repeat
        if key not in self._old:
            self._old[key] = tried(self._random, self.world, index, "old", repeat)
        return self._old[key], tried(self._random, self.world, index, "new", repeat)


def simulated(plan: Plan) -> list[list[Tried]]:
    """What became of the candidates of each campaign."""
    return [_campaign(plan, number) for number in range(plan.campaigns)]


def _campaign(plan: Plan, campaign: int) -> list[Tried]:
    random = Random(f"{plan.seed}-{campaign}")
    trials = Trials(plan.scenario(random), random)
    numbers = range(plan.first, plan.first + plan.candidates)
    return [_judged(plan, trials, number) for number in numbers]


def _judged(plan: Plan, trials: Trials, number: int) -> Tried:
    """Try a candidate round by round, as the gate says, until it is decided."""
    pairs, looks = Pairs(trials.world.cases), 0
    while True:
        looks += 1
        asked = cases_to_repeat(pairs, number, plan.settings, noisy=plan.noisy)
        for case_id in asked:
            pairs.add(*trials.both(int(case_id), pairs.cases[case_id].tried))
        verdict = judge(pairs, number, plan.settings, noisy=plan.noisy)
        if verdict.decision != "continue":
            return Tried(verdict=verdict, looks=looks)
