from __future__ import annotations

import math
from collections import Counter
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.evals.comparing.betting import (
    Counts,
    average,
    between,
    chance,
    highest,
    log_wealth,
    lowest,
    mirrored,
)

COUNTS = st.fixed_dictionaries(
    {1.0: st.integers(0, 300), -1.0: st.integers(0, 300), 0.0: st.integers(1, 300)}
)
VALUES = st.lists(st.floats(-1, 1), min_size=1, max_size=12).map(lambda values: Counter(values))
ERRORS = st.floats(0.001, 0.5)


def _expected_wealth(rises: float, falls: float, claim: float, trials: int) -> float:
    """What betting makes of 1 on average: every outcome, weighed by how likely it is."""
    return sum(
        comb(trials, up)
        * comb(trials - up, down)
        * rises**up
        * falls**down
        * (1 - rises - falls) ** (trials - up - down)
        * math.exp(log_wealth({1.0: up, -1.0: down, 0.0: trials - up - down}, claim))
        for up in range(trials + 1)
        for down in range(trials + 1 - up)
    )


@pytest.mark.parametrize(("rises", "falls"), [(0.25, 0.25), (0.5, 0.5), (0.02, 0.02), (0.1, 0.3)])
@pytest.mark.parametrize("trials", [1, 7, 25])
def test_who_bets_against_what_holds_gains_nothing_on_average(
    rises: float, falls: float, trials: int
) -> None:
    for claim in (rises - falls, rises - falls + 0.1):
        assert _expected_wealth(rises, falls, claim, trials) <= 1 + 1e-9


def test_who_bets_against_what_does_not_hold_gains() -> None:
    assert _expected_wealth(0.3, 0.2, 0.0, 25) > 1.01
    assert _expected_wealth(0.25, 0.25, -0.1, 25) > 1.01


def _ever_sure(random: Random, error: float, rates: list[tuple[float, float]]) -> bool:
    """Whether it is ever shown that passing rises, looked at after each round of all cases."""
    seen: Counter[float] = Counter()
    for _ in range(240 // len(rates)):
        for before, after in rates:
            seen[float((random.random() < after) - (random.random() < before))] += 1
        if log_wealth(seen) >= -math.log(error):
            return True
    return False


@pytest.mark.parametrize(
    "rates",
    [
        pytest.param([(0.5, 0.5)], id="all alike"),
        pytest.param([(0.9, 0.9), (0.5, 0.5), (0.05, 0.05)], id="cases that differ"),
        pytest.param([(0.2, 0.8), (0.8, 0.2)], id="as much better here as worse there"),
    ],
)
def test_looking_after_every_round_errs_no_more_often_than_is_said(
    rates: list[tuple[float, float]],
) -> None:
    error, runs, random = 0.1, 300, Random(41)
    erred = sum(_ever_sure(random, error, rates) for _ in range(runs))
    assert erred <= runs * error + 3 * math.sqrt(runs * error * (1 - error))


def test_looking_after_every_trial_with_a_test_for_one_look_does_err() -> None:
    """The bound above can fail: a plain z test, looked at as often, crosses it by far."""
    random, erred = Random(41), 0
    for _ in range(300):
        up = down = 0
        for _ in range(240):
            up, down = up + (random.random() < 0.25), down + (random.random() < 0.25)
            if up + down > 5 and up - down > 1.2816 * math.sqrt(up + down):
                erred += 1
                break
    assert erred > 300 * 0.3


def test_the_interval_holds_the_truth_at_every_look() -> None:
    random, missed, runs = Random(7), 0, 200
    for _ in range(runs):
        seen: Counter[float] = Counter()
        for trial in range(1, 201):
            seen[float((random.random() < 0.7) - (random.random() < 0.4))] += 1
            if trial % 20 == 0 and not lowest(seen, 0.05) <= 0.3 <= highest(seen, 0.05):
                missed += 1
                break
    assert missed <= runs * 0.1 + 3 * math.sqrt(runs * 0.09)


@given(VALUES, ERRORS)
def test_an_interval_holds_what_was_seen(values: Counts, error: float) -> None:
    interval = between(values, error)
    assert -1 <= interval.low <= average(values) + 1e-4
    assert average(values) - 1e-4 <= interval.high <= 1


@given(COUNTS, ERRORS)
def test_the_interval_is_mirrored_with_what_was_seen(values: Counts, error: float) -> None:
    there, back = between(values, error), between(mirrored(values), error)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-9)


@given(COUNTS, st.floats(-0.9, 0.9), st.floats(0.001, 0.09))
def test_a_bolder_claim_is_harder_to_bet_against(values: Counts, claim: float, more: float) -> None:
    assert log_wealth(values, claim + more) <= log_wealth(values, claim) + 1e-9


@given(COUNTS)
def test_what_is_shown_is_what_lies_above_zero(values: Counts) -> None:
    shown = log_wealth(values) >= -math.log(0.05)
    assert shown == (lowest(values, 0.05) > -1e-4) or abs(lowest(values, 0.05)) <= 2e-4


@given(st.integers(3, 200), st.integers(0, 100))
def test_more_of_the_same_narrows(up: int, down: int) -> None:
    few = between({1.0: up, -1.0: down, 0.0: 50}, 0.05)
    many = between({1.0: 9 * up, -1.0: 9 * down, 0.0: 450}, 0.05)
    assert many.high - many.low < few.high - few.low


def test_nothing_seen_says_nothing() -> None:
    assert (log_wealth({}), chance(0.0)) == pytest.approx((0.0, 1.0))
    assert between({}, 0.05).low == pytest.approx(-1, abs=1e-3)
    assert between({}, 0.05).high == pytest.approx(1, abs=1e-3)
