from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.learning.evidence.comparing import Cells, compare
from cultivar.learning.evidence.weighing import FLOOD, bounded, effective, fading
from cultivar.ledger.tallying import Stratum

STRATA = st.builds(
    Stratum,
    template_version=st.sampled_from(["1.0.0", "2.0.0"]),
    instance_id=st.sampled_from("abcdef"),
)
COUNTS = st.tuples(st.integers(0, 200), st.integers(0, 200)).map(
    lambda n: (float(n[0]), float(n[1]))
)
CELLS = st.dictionaries(STRATA, COUNTS, max_size=8)
VERSIONS = {"1.0.0": 0.5, "2.0.0": 1.0}
WEIGHTS = st.lists(st.floats(0.01, 1e7), min_size=1, max_size=40)


def _in_another_order(cells: Cells) -> Cells:
    return dict(reversed(list(cells.items())))


@given(CELLS, CELLS)
def test_the_order_of_strata_makes_no_difference(first: Cells, second: Cells) -> None:
    one = compare(first, second, VERSIONS)
    other = compare(_in_another_order(first), second, VERSIONS)
    assert (one.estimate, one.error) == pytest.approx((other.estimate, other.error))


@given(CELLS, CELLS)
def test_the_other_way_round_it_is_the_opposite(first: Cells, second: Cells) -> None:
    one, other = compare(first, second, VERSIONS), compare(second, first, VERSIONS)
    assert (one.estimate, one.error) == pytest.approx((-other.estimate, other.error))


@given(CELLS)
def test_nothing_differs_from_itself(cells: Cells) -> None:
    assert compare(cells, cells, VERSIONS).estimate == 0


@given(st.integers(1, 50), st.integers(1, 50), st.integers(1, 50), st.integers(1, 50))
def test_ten_times_the_evidence_says_the_same_more_surely(a: int, b: int, c: int, d: int) -> None:
    here = Stratum(template_version="1", instance_id="a")
    few = compare({here: (a, b)}, {here: (c, d)}, {})
    many = compare({here: (10 * a, 10 * b)}, {here: (10 * c, 10 * d)}, {})
    assert many.estimate == pytest.approx(few.estimate)
    assert many.error < few.error


@given(WEIGHTS)
def test_no_weight_is_more_than_twice_its_equal_share_or_a_flood(weights: list[float]) -> None:
    cut = bounded(weights)
    most = max(FLOOD, 2 * sum(cut) / len(cut))
    assert all(new <= old and new <= most * 1.000001 for new, old in zip(cut, weights, strict=True))


@given(WEIGHTS)
def test_weights_are_bounded_in_any_order(weights: list[float]) -> None:
    assert sorted(bounded(weights)) == pytest.approx(bounded(sorted(weights)))


@given(st.lists(st.floats(1, 100), min_size=1, max_size=40))
def test_instances_that_send_little_are_heard_in_full(weights: list[float]) -> None:
    assert bounded(weights) == weights
    assert 0.999 <= effective(weights) <= len(weights) + 0.001


def test_a_version_fades_with_each_newer_one_that_is_known() -> None:
    known = {"1.9.0": True, "1.10.0": True, "2.0.0": False, "draft": True}
    assert fading(known) == {"2.0.0": 1.0, "1.10.0": 1.0, "1.9.0": 0.5, "draft": 0.25}
