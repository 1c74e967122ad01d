"""What holds of every verdict."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from cultivar.evals.comparing.pairing import Pairs, pair_up
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.evolution.gate.limits import GateSettings
from cultivar.lifecycle import TrialCase
from cultivar.testing.outcomes import tried

CASES = tuple(TrialCase(id=f"{i}", slice="odd" if i % 2 else "even") for i in range(24))
IDS = [case.id for case in CASES]
NUMBERS = st.integers(1, 6)
TOLD = st.sampled_from([True, False, None])
GENEROUS = GateSettings(error=0.4, most_pairs=200)
"""So that few pairs decide."""


def _outcomes(of: list[str]) -> st.SearchStrategy[dict[str, str]]:
    letters = st.lists(st.text("PF", min_size=2, max_size=2), min_size=24, max_size=24)
    drawn = letters | st.lists(st.sampled_from(of), min_size=24, max_size=24)
    return drawn.map(lambda found: dict(zip(IDS, found, strict=True)))


OLD = _outcomes(["FF", "PF", "FP"])
NEW = _outcomes(["PP", "PF", "PP"])


def _pairs(old: Mapping[str, str], new: Mapping[str, str]) -> Pairs:
    return pair_up(tried("old", old), tried("new", new), CASES)


@given(OLD, NUMBERS, TOLD)
def test_nothing_is_released_where_nothing_differs(
    old: dict[str, str], number: int, noisy: bool | None
) -> None:
    assert judge(_pairs(old, old), number, GENEROUS, noisy=noisy).decision != "release"


@given(OLD, NEW, NUMBERS, TOLD)
def test_of_two_versions_at_most_one_is_better(
    old: dict[str, str], new: dict[str, str], number: int, noisy: bool | None
) -> None:
    there = judge(_pairs(old, new), number, GENEROUS, noisy=noisy)
    back = judge(_pairs(new, old), number, GENEROUS, noisy=noisy)
    assert (there.wins, there.losses) == (back.losses, back.wins)
    assert "release" not in (there.decision, back.decision) or there.decision != back.decision


@given(OLD, NEW, NUMBERS, st.booleans(), st.data())
def test_a_loss_that_becomes_a_win_turns_no_release_into_anything_else(
    old: dict[str, str], new: dict[str, str], number: int, noisy: bool, data: st.DataObject
) -> None:
    case, repeat = data.draw(st.sampled_from(IDS)), data.draw(st.integers(0, 1))
    better = (
        {**old, case: _put(old[case], repeat, "F")},
        {**new, case: _put(new[case], repeat, "P")},
    )
    worse = {**old, case: _put(old[case], repeat, "P")}, {**new, case: _put(new[case], repeat, "F")}
    before = judge(_pairs(*worse), number, GENEROUS, noisy=noisy)
    after = judge(_pairs(*better), number, GENEROUS, noisy=noisy)
    if before.decision == "release":
        assert after.decision == "release"
    assert after.confidence >= before.confidence - 1e-9 or not noisy


@given(OLD, NEW, NUMBERS, TOLD, st.permutations(range(48)))
def test_the_order_of_pairs_makes_no_difference(
    old: dict[str, str],
    new: dict[str, str],
    number: int,
    noisy: bool | None,
    order: list[int],
) -> None:
    first, second = tried("old", old), tried("new", new)
    shuffled = Pairs(CASES)
    for index in order:
        shuffled.add(first[index], second[index])
    plain = judge(_pairs(old, new), number, GENEROUS, noisy=noisy)
    assert judge(shuffled, number, GENEROUS, noisy=noisy) == plain


@given(OLD, NEW, NUMBERS, TOLD)
def test_a_verdict_is_told_in_a_sentence_with_its_numbers(
    old: dict[str, str], new: dict[str, str], number: int, noisy: bool | None
) -> None:
    pairs = _pairs(old, new)
    verdict = judge(pairs, number, GENEROUS, noisy=noisy)
    assert verdict.sentence.endswith(".")
    assert 0 <= verdict.confidence <= 1
    assert verdict.pairs == 48
    assert verdict.decision != "continue" or cases_to_repeat(pairs, number, GENEROUS, noisy=noisy)


@given(OLD, NEW, NUMBERS, st.booleans())
def test_who_is_further_back_in_the_campaign_is_not_released_more_easily(
    old: dict[str, str], new: dict[str, str], number: int, noisy: bool
) -> None:
    late = judge(_pairs(old, new), number + 1, GENEROUS, noisy=noisy)
    early = judge(_pairs(old, new), number, GENEROUS, noisy=noisy)
    assert late.decision != "release" or early.decision == "release"


def _put(letters: str, index: int, letter: str) -> str:
    return letters[:index] + letter + letters[index + 1 :]
