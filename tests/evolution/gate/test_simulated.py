"""The gate on simulated campaigns, as the benchmark has them, only fewer."""

from __future__ import annotations

import pytest

from evals.benchmarks.gate import quicker
from evals.benchmarks.gate.campaigns import Plan, simulated
from evals.benchmarks.gate.worlds import Scenario, mostly_steady, moved, one_slice_worse, timed


def _released(scenario: Scenario, *, noisy: bool | None = True, candidates: int = 1) -> int:
    """Of thirty campaigns, how many release a candidate."""
    plan = Plan(scenario=scenario, campaigns=30, candidates=candidates, noisy=noisy, seed=11)
    campaigns = simulated(plan)
    decisions = [{each.verdict.decision for each in campaign} for campaign in campaigns]
    return sum("release" in found for found in decisions)


@pytest.mark.parametrize(
    ("scenario", "noisy"),
    [
        pytest.param(moved(0.8, 0.0), True, id="results vary"),
        pytest.param(mostly_steady(0.7, 1), None, id="one case that nobody marked is flaky"),
    ],
)
def test_candidates_that_are_no_better_are_hardly_ever_released(
    scenario: Scenario, noisy: bool | None
) -> None:
    assert _released(scenario, noisy=noisy, candidates=3) <= 4  # 1 or 2 are allowed, and luck


@pytest.mark.parametrize(
    ("scenario", "noisy"),
    [
        pytest.param(moved(0.8, 0.1), True, id="results vary"),
        pytest.param(timed(moved(0.8, 0.1), 1.0), True, id="and times do"),
        pytest.param(mostly_steady(0.7, 2, mended=5), None, id="few results vary"),
    ],
)
def test_candidates_that_are_ten_points_better_are_mostly_released(
    scenario: Scenario, noisy: bool | None
) -> None:
    assert _released(scenario, noisy=noisy) >= 25


@pytest.mark.parametrize(
    ("scenario", "noisy"),
    [
        pytest.param(moved(0.8, -0.1), True, id="worse everywhere"),
        pytest.param(one_slice_worse(0.8, 0.05, 0.3), True, id="worse in one slice"),
        pytest.param(timed(moved(0.8, 0.1), 2.0), True, id="half as fast"),
        pytest.param(mostly_steady(0.7, 0, mended=9, broken=1), None, id="one case is lost"),
    ],
)
def test_candidates_that_do_harm_are_stopped(scenario: Scenario, noisy: bool | None) -> None:
    assert _released(scenario, noisy=noisy) <= 2


@pytest.mark.parametrize("name", ["as quick", "as quick, results vary"])
def test_candidates_that_are_no_quicker_are_hardly_ever_released(name: str) -> None:
    assert quicker.measured(name, 8)["released"] <= 1 / 8


@pytest.mark.parametrize("name", ["20 % less", "50 % less"])
def test_candidates_that_are_quicker_are_mostly_released(name: str) -> None:
    assert quicker.measured(name, 20)["released"] >= 0.9


@pytest.mark.parametrize("name", [*quicker.WORSE])
def test_candidates_that_are_quick_and_do_harm_are_stopped(name: str) -> None:
    assert quicker.measured(name, 24)["released"] <= 1 / 12
