from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.evals.comparing.comparison import compare
from cultivar.testing.outcomes import cases_of, tried

REPEATS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.text("PF", min_size=6, max_size=6), min_size=1
)
"""What came of six repeats of some cases."""


@st.composite
def both(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, str]]:
    first = draw(REPEATS)
    return first, {case: draw(st.text("PF", min_size=6, max_size=6)) for case in first}


@given(both(), st.booleans())
def test_the_other_way_round_it_is_the_mirror_image(
    outcomes: tuple[dict[str, str], dict[str, str]], noisy: bool
) -> None:
    first, second = tried("one", outcomes[0]), tried("two", outcomes[1])
    there, back = compare(first, second, noisy=noisy), compare(second, first, noisy=noisy)
    assert (there.wins, there.losses) == (back.losses, back.wins)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-9)
    assert there.difference == pytest.approx(-back.difference)
    assert there.real == back.real
    assert there.confidence == pytest.approx(back.confidence)
    assert not (there.recommendation == back.recommendation == "deploy")


@given(REPEATS, st.booleans())
def test_a_version_does_not_differ_from_what_does_the_same(
    outcomes: dict[str, str], noisy: bool
) -> None:
    found = compare(tried("one", outcomes), tried("two", outcomes), noisy=noisy)
    assert (found.real, found.recommendation) == (False, "continue_testing")
    assert found.low <= 0 <= found.high


def test_what_is_credibly_better_is_deployed() -> None:
    old = tried("old", {f"{i}": "FFPF" for i in range(20)})
    new = tried("new", {f"{i}": "PPPF" for i in range(20)})
    found = compare(old, new)
    assert (found.real, found.varies, found.recommendation) == (True, True, "deploy")
    assert found.low > 0
    assert found.sentence == (
        "The second version is better: of 80 trials the first version passed 25 % and the second "
        "75 % (40 better, 0 worse); the difference lies between +31.9 points and +67.4 points, and "
        "the chance that luck alone does this is under 0.1 %."
    )


def test_what_is_credibly_worse_is_rolled_back() -> None:
    old = tried("old", {f"{i}": "PPPF" for i in range(20)})
    new = tried("new", {f"{i}": "FFPF" for i in range(20)})
    assert compare(old, new).recommendation == "roll_back"


def test_what_may_be_luck_is_tested_further() -> None:
    found = compare(tried("old", {"a": "F", "b": "P"}), tried("new", {"a": "P", "b": "P"}))
    assert (found.real, found.recommendation) == (False, "continue_testing")
    assert found.sentence.startswith("No difference that could not be luck: of 2 cases")
    assert "the chance that luck alone does this is above 50 %" in found.sentence


def test_a_case_that_differs_each_time_is_no_luck() -> None:
    outcomes = {"a": "FFF", "b": "P"}
    found = compare(tried("old", outcomes), tried("new", {"a": "PPP", "b": "P"}))
    assert (found.real, found.varies, found.recommendation) == (True, False, "deploy")
    assert found.low == found.high == found.difference == 0.75


def test_a_suite_whose_results_do_not_vary_is_taken_at_its_word() -> None:
    old, new = tried("old", {"a": "F", "b": "P"}), tried("new", {"a": "P", "b": "P"})
    found = compare(old, new, noisy=False)
    assert (found.real, found.recommendation) == (True, "deploy")
    assert found.confidence == 0.75  # of further cases one that got better says no more than that


def test_what_loses_a_case_is_not_deployed_where_results_do_not_vary() -> None:
    old, new = {"a": "F", "b": "F", "c": "P"}, {"a": "P", "b": "P", "c": "F"}
    found = compare(tried("old", old), tried("new", new), noisy=False)
    assert (found.real, found.recommendation) == (True, "continue_testing")


def test_what_is_better_but_much_slower_is_not_deployed() -> None:
    old = {**{f"{i}": "FFFFF" for i in range(5)}, **{f"p{i}": "PPPPP" for i in range(9)}}
    new = {case: "PPPPP" for case in old}
    quick, slow = tried("new", new, seconds=1.0), tried("new", new, seconds=3.0)
    assert compare(tried("old", old, seconds=1.0), quick).recommendation == "deploy"
    found = compare(tried("old", old, seconds=1.0), slow)
    assert (found.real, found.recommendation) == (True, "continue_testing")
    (time,) = found.aspects
    assert (time.aspect, time.before, time.after) == ("seconds", 1.0, 3.0)
    assert 0.2 < time.low <= time.change <= time.high


def test_scores_are_compared_where_they_are_asked_for() -> None:
    names = [f"{i}" for i in range(60)]
    old = tried("old", dict.fromkeys(names, "F"), score=0.3)
    new = tried("new", dict.fromkeys(names, "F"), score=0.6)
    found = compare(old, new, measure="score")
    assert (found.real, found.wins) == (True, 0)
    assert found.low < found.difference == pytest.approx(0.3)


def test_nothing_tried_says_nothing() -> None:
    found = compare([], [], cases=cases_of("ab"))
    assert (found.pairs, found.real, found.confidence) == (0, False, 0.0)
    assert found.sentence == "Nothing was tried with both versions."
