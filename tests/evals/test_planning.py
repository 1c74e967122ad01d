"""What a large installation needs, worked out from what one generation takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.evals.planning import Load, Measured, needs_of

MEASURED = Measured(stream=500, row=400, counts=10_000, ledger=2_000, ingest=10_000)


def test_a_year_of_a_billion_generations_is_worked_out() -> None:
    needs = needs_of(Load(instances=1000, generations=10**9), MEASURED)

    assert needs.mean == pytest.approx(31.7, abs=0.02)
    assert needs.peak == pytest.approx(317, abs=0.2)
    assert needs.stream == pytest.approx(10**9 / 365 * 30 * 500)
    assert needs.rows == pytest.approx(10**9 * 400)
    assert needs.counts == 10_000_000
    assert needs.ledger == 10**6 * 2_000
    assert needs.hub_share == pytest.approx(0.0317, abs=0.0001)
    assert needs.catch_up == pytest.approx(10**9 / 365 / 10_000)


def test_what_is_kept_for_longer_than_all_took_is_all_of_it() -> None:
    load = Load(instances=1, generations=700, days=7, stream_days=30, kept_days=30)
    assert needs_of(load, MEASURED).stream == pytest.approx(700 * 500)
    assert needs_of(load, MEASURED).rows == pytest.approx(700 * 400)


@given(st.integers(1, 10**10), st.integers(2, 50))
def test_so_many_times_the_generations_need_so_many_times_the_room(number: int, times: int) -> None:
    one, many = (
        needs_of(Load(instances=3, generations=each), MEASURED) for each in (number, number * times)
    )
    for name in ("mean", "peak", "stream", "month", "rows", "hub_share", "catch_up", "ledger"):
        assert getattr(many, name) == pytest.approx(times * getattr(one, name))
    assert many.counts == one.counts
