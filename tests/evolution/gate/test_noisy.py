"""Where results vary: a test that may be looked at as often as one likes."""

from __future__ import annotations

import pytest

from cultivar.evals.comparing.pairing import Pairs, pair_up
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.evolution.gate.limits import GateSettings
from cultivar.lifecycle import TrialCase
from cultivar.testing.outcomes import cases_of, tried


def _counted(wins: int, losses: int, both: int, neither: int, slice_name: str = "") -> Pairs:
    """Pairs of as many cases, each tried once."""
    old = {
        f"{i}": letter
        for i, letter in enumerate("F" * wins + "P" * (losses + both) + "F" * neither)
    }
    letters = "P" * wins + "F" * losses + "P" * both + "F" * neither
    new = {f"{i}": letter for i, letter in enumerate(letters)}
    return pair_up(tried("old", old), tried("new", new), cases_of(old, slice=slice_name))


def test_enough_more_wins_than_losses_are_released_with_a_sentence() -> None:
    verdict = judge(_counted(37, 4, 200, 83), 1, noisy=True)
    assert (verdict.decision, verdict.pairs, verdict.wins, verdict.losses) == (
        "release",
        324,
        37,
        4,
    )
    assert verdict.sentence == (
        "Better: 37 of 120 cases that failed pass now, 4 got worse; the chance that luck alone "
        "does this is under 0.1 %."
    )
    assert verdict.numbers["low"] > 0
    assert verdict.confidence == 1 - verdict.numbers["luck"] > 0.999


def test_the_same_evidence_counts_less_for_a_later_candidate() -> None:
    first, later = (judge(_counted(20, 3, 60, 40), number, noisy=True) for number in (1, 7))
    assert (first.decision, later.decision) == ("release", "continue")
    assert later.numbers["luck"] == pytest.approx(49 * first.numbers["luck"])
    assert first.numbers["luck"] <= 0.05 < later.numbers["luck"]


def test_little_evidence_asks_for_more_trials_of_all_cases() -> None:
    pairs = _counted(5, 3, 20, 20)
    verdict = judge(pairs, 1, noisy=True)
    assert verdict.decision == "continue"
    assert verdict.sentence.startswith("Not clear yet: 5 of 25 cases that failed pass now, 3 got ")
    assert cases_to_repeat(pairs, 1, noisy=True) == tuple(f"{i}" for i in range(48))


def test_what_cannot_gain_enough_any_more_is_given_up() -> None:
    worse = judge(_counted(5, 40, 100, 40), 1, noisy=True)
    assert (worse.decision, worse.sentence[:6]) == ("reject", "Worse:")
    assert worse.numbers["high"] < 0.02


def test_what_the_trials_that_are_left_cannot_show_is_given_up() -> None:
    settings = GateSettings(most_pairs=210)
    verdict = judge(_counted(10, 10, 100, 80), 1, settings, noisy=True)
    assert verdict.decision == "reject"
    assert "the 10 trials left cannot show that it is better" in verdict.sentence


def test_what_is_not_shown_in_the_most_trials_is_rejected() -> None:
    verdict = judge(_counted(12, 6, 100, 80), 1, GateSettings(most_pairs=198), noisy=True)
    assert verdict.decision == "reject"
    assert verdict.sentence.startswith("Not shown in 198 cases: 57 % of 198 cases pass, 54 % did")


def test_nothing_is_released_in_the_middle_of_a_round() -> None:
    old = {**{f"{i}": "FF" for i in range(30)}, "last": "P"}
    new = {**{f"{i}": "PP" for i in range(30)}, "last": "P"}
    pairs = pair_up(tried("old", old), tried("new", new), cases_of(old))
    assert judge(pairs, 1, noisy=True).decision == "continue"
    assert cases_to_repeat(pairs, 1, noisy=True) == ("last",)
    pairs.add(*tried("old", {"last": "PP"})[1:], *tried("new", {"last": "PP"})[1:])
    assert judge(pairs, 1, noisy=True).decision == "release"


def test_a_case_that_always_passed_and_always_fails_now_stops_it() -> None:
    old = {**{f"{i}": "FPFFPFFF" for i in range(40)}, "lost": "PPPPPPPP"}
    new = {**{f"{i}": "PPPPPPPP" for i in range(40)}, "lost": "FFFFFFFF"}
    verdict = judge(pair_up(tried("old", old), tried("new", new), cases_of(old)), 1)
    assert (verdict.decision, verdict.numbers["difference"] > 0.5) == ("reject", True)
    assert verdict.reasons == ("1 case that always passed and always fail now",)


def _sliced(weak: str, old_weak: str) -> Pairs:
    """Forty cases of a strong slice that gains, and ten of a weak one."""
    old = {**{f"s{i}": "F" for i in range(40)}, **{f"w{i}": old_weak[i] for i in range(10)}}
    new = {**{f"s{i}": "P" for i in range(40)}, **{f"w{i}": weak[i] for i in range(10)}}
    cases = [TrialCase(id=name, slice="strong" if name[0] == "s" else "weak") for name in old]
    return pair_up(tried("old", old), tried("new", new), cases)


def test_a_slice_that_is_credibly_worse_stops_it_though_the_mean_rises() -> None:
    verdict = judge(_sliced("FFFFFFFFFF", "PPPPPPPPPP"), 1, noisy=True)
    assert (verdict.decision, verdict.reasons) == ("reject", ("slice weak",))
    assert (verdict.numbers["difference"], verdict.numbers["slice:weak"]) == (0.6, -1.0)


def test_a_slice_that_may_be_worse_asks_for_more_trials() -> None:
    verdict = judge(_sliced("FFFPPPPPPP", "PPPPPPPPPP"), 1, noisy=True)
    assert (verdict.decision, verdict.reasons) == ("continue", ("slice weak",))
    assert "not excluded is a loss in slice weak" in verdict.sentence


def test_a_slice_with_too_few_trials_is_told() -> None:
    verdict = judge(_sliced("PPPPPPPPFF", "PPPPPPPFFF"), 1, noisy=True)
    assert verdict.decision == "release"
    assert verdict.sentence.endswith(" Too few trials to tell of slice weak alone.")
    assert verdict.reasons == ("slice weak",)


def test_what_is_better_but_credibly_slower_is_rejected() -> None:
    old = {f"{i}": "F" * (i < 40) + "P" * (i >= 40) for i in range(100)}
    new = dict.fromkeys(old, "P")
    results = tried("old", old, seconds=1.0), tried("new", new, seconds=2.0)
    verdict = judge(pair_up(*results, cases_of(old)), 1, noisy=True)
    assert verdict.decision == "reject"
    assert verdict.reasons == ("time (1 to 2; allowed is 20 % worse)",)


@pytest.mark.parametrize("letters", ["?", "??"])
def test_a_place_that_is_down_too_often_gives_no_verdict(letters: str) -> None:
    old = {**{f"{i}": "F" for i in range(10)}, **{f"d{i}": letters for i in range(10)}}
    new = {**{f"{i}": "P" for i in range(10)}, **{f"d{i}": letters for i in range(10)}}
    verdict = judge(pair_up(tried("old", old), tried("new", new), cases_of(old)), 1, noisy=True)
    assert verdict.decision == "no_verdict"
    assert "could not be run, so they say nothing of the candidate" in verdict.sentence


def test_a_case_that_can_never_be_run_gives_no_verdict() -> None:
    old, new = {"a": "F", "b": "???"}, {"a": "P", "b": "???"}
    verdict = judge(pair_up(tried("old", old), tried("new", new), cases_of(old)), 1)
    assert verdict.decision == "no_verdict"


def test_a_candidate_cannot_avoid_losses_by_bringing_its_place_down() -> None:
    old = {**{f"{i}": "FF" for i in range(40)}, **{f"d{i}": "PP" for i in range(12)}}
    new = {**{f"{i}": "PP" for i in range(40)}, **{f"d{i}": "P?" for i in range(12)}}
    verdict = judge(pair_up(tried("old", old), tried("new", new), cases_of(old)), 1, noisy=True)
    assert verdict.decision == "no_verdict"
    assert "more often the candidate's than the old version's" in verdict.sentence


def test_now_and_then_a_place_may_be_down() -> None:
    old = {**{f"{i}": "FF" for i in range(40)}, "d": "P?"}
    new = {**{f"{i}": "PP" for i in range(40)}, "d": "PP"}
    verdict = judge(pair_up(tried("old", old), tried("new", new), cases_of(old)), 1, noisy=True)
    assert (verdict.decision, verdict.numbers["dropped"]) == ("release", 1)
