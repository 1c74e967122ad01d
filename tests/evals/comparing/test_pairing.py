from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import UsageError
from cultivar.evals.comparing.pairing import Sums, pair_up
from cultivar.testing.outcomes import cases_of, tried


def test_results_are_paired_by_case_and_repeat() -> None:
    pairs = pair_up(tried("old", {"a": "FP", "b": "P"}), tried("new", {"b": "F", "a": "PP"}))
    sums = Sums(pairs.tried)
    assert (sums.pairs, sums.wins, sums.losses) == (3, 1, 1)


def test_what_has_no_partner_yet_is_not_counted() -> None:
    pairs = pair_up(tried("old", {"a": "FPP"}), tried("new", {"a": "P"}))
    assert (Sums(pairs.tried).pairs, pairs.dropped) == (1, 0)


def test_a_place_that_was_down_drops_the_pair_and_is_counted() -> None:
    pairs = pair_up(tried("old", {"a": "?F", "b": "P"}), tried("new", {"a": "PP", "b": "?"}))
    assert (Sums(pairs.tried).pairs, pairs.dropped, pairs.untried) == (1, 2, 1)
    assert pairs.one_sided == {-1.0: 1, 1.0: 1}


def test_a_trial_that_is_made_up_for_replaces_the_one_that_could_not_be_run() -> None:
    again = (*tried("new", {"a": "?"}), *tried("new", {"a": "P"}))
    pairs = pair_up(tried("old", {"a": "F"}), again)
    assert (Sums(pairs.tried).wins, pairs.dropped) == (1, 0)
    late = pair_up(tried("old", {"a": "F"}), tried("new", {"a": "?"}))
    late.add(*tried("old", {"a": "F"}), *tried("new", {"a": "P"}))
    assert (Sums(late.tried).wins, late.dropped) == (1, 0)


def test_a_result_that_comes_twice_counts_once() -> None:
    pairs = pair_up(tried("old", {"a": "F"}), tried("new", {"a": "P"}))
    pairs.add(*tried("old", {"a": "F"}), *tried("new", {"a": "P"}))
    assert Sums(pairs.tried).wins == 1


def test_cases_that_nobody_tried_are_known() -> None:
    pairs = pair_up(tried("old", {"a": "P"}), tried("new", {"a": "P"}), cases_of("abc"))
    assert (pairs.untried, pairs.even) == (2, False)


def test_results_of_other_versions_are_refused() -> None:
    pairs = pair_up(tried("old", {"a": "P"}), tried("new", {"a": "P"}))
    with pytest.raises(UsageError, match="one old and one new version"):
        pairs.add(*tried("old", {"b": "P"}), *tried("newer", {"b": "P"}))


def test_results_of_different_cases_are_no_pair() -> None:
    with pytest.raises(UsageError, match="same case and repeat"):
        pair_up([], []).add(*tried("old", {"a": "P"}), *tried("new", {"b": "P"}))


def test_results_vary_where_one_version_passes_and_fails_a_case() -> None:
    assert pair_up(tried("old", {"a": "PF"}), tried("new", {"a": "PP"})).varies
    assert not pair_up(tried("old", {"a": "FF"}), tried("new", {"a": "PP"})).varies


def test_scores_count_where_they_are_asked_for() -> None:
    old, new = tried("old", {"a": "F"}, score=0.25), tried("new", {"a": "F"}, score=0.75)
    assert pair_up(old, new, measure="score").total == {0.5: 1}
    assert pair_up(old, new).total == {0.0: 1}


def test_time_and_cost_are_compared_only_where_both_pass() -> None:
    old = tried("old", {"a": "F", "b": "P"}, seconds=1.0, money=0.1)
    new = tried("new", {"a": "P", "b": "P"}, seconds=3.0, money=0.1)
    pairs = pair_up(old, new)
    assert pairs.aspects["seconds"].pairs == 1
    assert pairs.aspects["seconds"].values == {round(math.log(3.02 / 1.02), 2): 1}
    assert pairs.aspects["money"].values == {0.0: 1}


@given(st.permutations(range(6)), st.permutations(range(6)))
def test_the_order_of_results_makes_no_difference(there: list[int], back: list[int]) -> None:
    old = tried("old", {"a": "FPF", "b": "PPF"}, seconds=1.0)
    new = tried("new", {"a": "PPF", "b": "FPP"}, seconds=2.0)
    mixed = pair_up([old[i] for i in there], [new[i] for i in back], cases_of("ab"))
    plain = pair_up(old, new, cases_of("ab"))
    assert mixed.total == plain.total
    assert mixed.aspects["seconds"].values == plain.aspects["seconds"].values
    assert Sums(mixed.tried).wins == Sums(plain.tried).wins


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ({}, {}, 1),
        ({"batch": "one"}, {"batch": "one"}, 1),
        ({"batch": "one", "cached": True}, {"batch": "one", "cached": True}, 1),
        ({"batch": "one", "cached": True}, {"batch": "two"}, 0),
        ({"cached": True}, {}, 0),
        ({"cached": True}, {"cached": True}, 0),
        ({"batch": "one", "limited": True}, {"batch": "one"}, 0),
    ],
)
def test_times_are_compared_only_where_both_were_measured_at_one_time_and_to_the_end(
    old: dict[str, object], new: dict[str, object], pairs: int
) -> None:
    both = (
        tried("old", {"a": "P"}, seconds=1.0, money=0.1, **old),
        tried("new", {"a": "P"}, seconds=9.0, money=0.1, **new),
    )
    found = pair_up(*both).aspects
    assert (found["seconds"].pairs, found["money"].pairs) == (pairs, 1)
