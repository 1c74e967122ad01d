from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.learning.evidence.rates import Rate, normal, quantile


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    trials = draw(st.integers(0, 5000))
    return Rate(successes=draw(st.integers(0, trials)), trials=trials)


LEVELS = st.floats(0.5, 0.999)


@given(rates(), LEVELS)
def test_an_interval_holds_the_estimate(rate: Rate, level: float) -> None:
    interval = rate.wilson(level)
    if rate.trials:
        assert 0 <= interval.low <= rate.estimate <= interval.high <= 1


@given(st.integers(0, 50), st.integers(1, 50), st.integers(2, 20))
def test_more_evidence_for_the_same_rate_narrows(good: int, bad: int, times: int) -> None:
    less = Rate(successes=good, trials=good + bad).wilson()
    more = Rate(successes=good * times, trials=(good + bad) * times).wilson()
    assert more.high - more.low < less.high - less.low


@given(rates(), LEVELS)
def test_failures_are_successes_seen_from_the_other_side(rate: Rate, level: float) -> None:
    mirrored = Rate(successes=rate.trials - rate.successes, trials=rate.trials)
    one, other = rate.wilson(level), mirrored.wilson(level)
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-9)


def test_the_intervals_are_those_of_the_textbook() -> None:
    rate = Rate(successes=81, trials=263)  # Newcombe, Statistics in Medicine 17 (1998), 857-872
    wilson, few = rate.wilson(), Rate(successes=15, trials=148).wilson()
    assert (wilson.low, wilson.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (few.low, few.high) == pytest.approx((0.0624, 0.1605), abs=5e-5)


@given(st.floats(1e-9, 1 - 1e-9))
def test_the_quantile_takes_back_the_normal(probability: float) -> None:
    assert normal(quantile(probability)) == pytest.approx(probability)


def test_without_trials_nothing_is_known() -> None:
    nothing = Rate(successes=0, trials=0).wilson()
    assert (nothing.low, nothing.high) == (0, 1)
