"""A version that refuses what always failed: no success, no loss, and no rate has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.evals.comparing.pairing import Pairs, pair_up
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.testing.outcomes import cases_of, tried


def _pairs(old: dict[str, str], new: dict[str, str]) -> Pairs:
    return pair_up(tried("old", old), tried("new", new), cases_of(old))


def test_what_failed_and_is_refused_is_neither_won_nor_lost_and_in_no_rate() -> None:
    verdict = judge(
        _pairs({"a": "F", "b": "F", "c": "P"}, {"a": "P", "b": "R", "c": "P"}), 1, noisy=False
    )
    assert (verdict.decision, verdict.wins, verdict.losses) == ("release", 1, 0)
    assert (verdict.before, verdict.after, verdict.pairs) == (0.5, 1.0, 2)
    assert verdict.numbers["refused"] == 1


def test_to_refuse_several_cases_that_always_failed_is_worth_a_release() -> None:
    old = {**dict.fromkeys("abc", "F"), "z": "P"}
    verdict = judge(_pairs(old, {**dict.fromkeys("abc", "R"), "z": "P"}), 1, noisy=False)
    assert (verdict.decision, verdict.wins, verdict.losses) == ("release", 0, 0)
    assert (verdict.before, verdict.after) == (1.0, 1.0)
    assert verdict.sentence == (
        "Clearer: 3 cases that failed are refused, with a word on what to choose; none that passed "
        "is, and results do not vary."
    )


@pytest.mark.parametrize("count", [1, 2])
def test_to_refuse_a_case_or_two_is_not(count: int) -> None:
    old = {**dict.fromkeys("abcd"[:count], "F"), "z": "P"}
    new = {**dict.fromkeys("abcd"[:count], "R"), "z": "P"}
    assert judge(_pairs(old, new), 1, noisy=False).decision == "reject"


@pytest.mark.parametrize("noisy", [False, None])
def test_what_worked_may_not_be_refused(noisy: bool | None) -> None:
    old = {**dict.fromkeys("abcdefgh", "FFFFFFFF"), "z": "PP"}
    new = {**dict.fromkeys("abcdefgh", "RRRRRRRR"), "z": "RR"}
    verdict = judge(_pairs(old, new), 1, noisy=noisy)
    assert (verdict.decision, verdict.losses) == ("reject", 2)


@pytest.mark.parametrize("old", ["FP", "PF"])
def test_what_worked_once_may_not_be_refused(old: str) -> None:
    pairs = _pairs(dict.fromkeys("abcdef", old), dict.fromkeys("abcdef", "RR"))
    assert judge(pairs, 1, noisy=False).decision == "reject"


def test_where_nobody_says_that_results_do_not_vary_a_refusal_alone_is_no_reason() -> None:
    old = {**dict.fromkeys("abcd", "FF"), "z": "PP"}
    new = {**dict.fromkeys("abcd", "RR"), "z": "PP"}
    assert judge(_pairs(old, new), 1).decision == "reject"


def test_a_version_that_refuses_what_the_old_one_refuses_is_no_clearer() -> None:
    both = {**dict.fromkeys("abcd", "R"), "z": "P"}
    assert judge(_pairs(both, both), 1, noisy=False).decision == "reject"


def test_refusals_alone_are_not_tried_again_and_again() -> None:
    old = {**dict.fromkeys("abc", "F"), "z": "P"}
    pairs = _pairs(old, {**dict.fromkeys("abc", "R"), "z": "P"})
    assert set(cases_to_repeat(pairs, 1, noisy=False)) == set(old)


@given(st.lists(st.tuples(st.sampled_from("PF"), st.sampled_from("PFR")), min_size=1, max_size=12))
def test_no_release_refuses_what_worked(outcomes: list[tuple[str, str]]) -> None:
    old = {str(number): each for number, (each, _) in enumerate(outcomes)}
    new = {str(number): each for number, (_, each) in enumerate(outcomes)}
    verdict = judge(_pairs(old, new), 1, noisy=False)
    if ("P", "R") in outcomes:
        assert verdict.decision == "reject"
    elif verdict.decision == "release":
        assert verdict.wins or outcomes.count(("F", "R")) >= 3
