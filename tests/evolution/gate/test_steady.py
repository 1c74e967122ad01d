"""Where results do not vary: something is better, and nothing is lost."""

from __future__ import annotations

import pytest

from cultivar.errors import SettingsError, UsageError
from cultivar.evals.comparing.pairing import Pairs, pair_up
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.evolution.gate.limits import GateSettings, share_of_error
from cultivar.lifecycle import TrialCase
from cultivar.record import replace
from cultivar.testing.outcomes import cases_of, tried


def _pairs(old: dict[str, str], new: dict[str, str]) -> Pairs:
    return pair_up(tried("old", old), tried("new", new), cases_of(old))


def test_what_mends_a_case_and_loses_none_is_released() -> None:
    verdict = judge(
        _pairs({"a": "F", "b": "F", "c": "P"}, {"a": "P", "b": "F", "c": "P"}), 1, noisy=False
    )
    assert (verdict.decision, verdict.wins, verdict.losses) == ("release", 1, 0)
    assert verdict.sentence == (
        "Better: 1 of 2 cases that failed passes now, none got worse; results do not vary, so on "
        "these cases it is no luck."
    )


def test_how_far_it_holds_beyond_its_cases_is_told_by_their_number() -> None:
    few = judge(_pairs({"a": "F"}, {"a": "P"}), 1, noisy=False)
    many = judge(_pairs(dict.fromkeys("abcdef", "F"), dict.fromkeys("abcdef", "P")), 1, noisy=False)
    assert (few.confidence, many.confidence) == pytest.approx((0.75, 1 - 0.5**7))


def test_one_lost_case_stops_it_however_many_it_mends() -> None:
    old = {**dict.fromkeys("abcdefgh", "F"), "z": "P"}
    new = {**dict.fromkeys("abcdefgh", "P"), "z": "F"}
    verdict = judge(_pairs(old, new), 1, noisy=False)
    assert (verdict.decision, verdict.reasons) == ("reject", ("lost: case z",))
    assert verdict.sentence == (
        "Worse: 1 case that passed before fails now; 8 of 8 cases that failed pass now."
    )


def test_a_lost_sealed_case_stops_it_and_is_not_named() -> None:
    cases = (*cases_of("a"), TrialCase(id="secret", origin="sealed", name="secret"))
    old, new = {"a": "F", "secret": "P"}, {"a": "P", "secret": "F"}
    verdict = judge(pair_up(tried("old", old), tried("new", new), cases), 1, noisy=False)
    assert verdict.decision == "reject"
    assert verdict.reasons == ("lost: a sealed case",)
    assert "secret" not in repr(verdict)


def test_what_changes_nothing_is_rejected() -> None:
    verdict = judge(_pairs({"a": "F", "b": "P"}, {"a": "F", "b": "P"}), 1)
    assert (verdict.decision, verdict.confidence) == ("reject", 0.0)
    assert verdict.sentence == "Not better: of 2 cases the same ones pass."


def test_nothing_is_released_before_every_case_was_tried() -> None:
    pairs = pair_up(tried("old", {"a": "F"}), tried("new", {"a": "P"}), cases_of("ab"))
    verdict = judge(pairs, 1, noisy=False)
    assert (verdict.decision, verdict.numbers["untried"]) == ("continue", 1)
    assert cases_to_repeat(pairs, 1, noisy=False) == ("b",)


def test_nothing_tried_is_nothing_decided() -> None:
    assert judge(Pairs(), 1).decision == "continue"
    assert judge(Pairs(cases_of("ab")), 1, noisy=False).decision == "continue"


@pytest.mark.parametrize(("number", "times"), [(1, 4), (2, 5), (3, 5), (4, 6)])
def test_where_nobody_says_that_results_do_not_vary_wins_are_tried_again(
    number: int, times: int
) -> None:
    for repeats in range(1, times):
        early = _pairs({"a": "F" * repeats, "b": "P"}, {"a": "P" * repeats, "b": "P"})
        assert judge(early, number).decision == "continue"
        assert cases_to_repeat(early, number) == ("a",)
    verdict = judge(_pairs({"a": "F" * times, "b": "P"}, {"a": "P" * times, "b": "P"}), number)
    assert verdict.decision == "release"
    assert f"each was tried {times} times alike" in verdict.sentence
    assert 0 < verdict.numbers["luck"] <= 0.05


def test_where_nobody_says_so_a_loss_is_tried_again_before_it_counts() -> None:
    once = _pairs({"a": "F", "b": "P"}, {"a": "P", "b": "F"})
    assert judge(once, 1).decision == "continue"
    assert set(cases_to_repeat(once, 1)) == {"a", "b"}
    twice = _pairs({"a": "F", "b": "PP"}, {"a": "P", "b": "FF"})
    assert judge(twice, 1).decision == "reject"


def test_a_case_that_turns_out_flaky_is_no_win() -> None:
    verdict = judge(_pairs({"a": "FFPF", "b": "PPPP"}, {"a": "PPFP", "b": "PPPP"}), 1)
    assert verdict.decision != "release"


@pytest.mark.parametrize(("slow", "decision"), [(1.0, "release"), (3.0, "reject")])
def test_time_is_looked_at_where_results_do_not_vary(slow: float, decision: str) -> None:
    old = {**{f"{i}": "P" for i in range(30)}, "a": "F"}
    new = dict.fromkeys(old, "P")
    results = tried("old", old, seconds=1.0), tried("new", new, seconds=slow)
    verdict = judge(pair_up(*results, cases_of(old)), 1, noisy=False)
    assert verdict.decision == decision
    assert verdict.numbers["time_change"] == pytest.approx(slow - 1, abs=0.05)


def test_time_that_is_not_shown_to_be_kept_is_tried_further_but_not_for_ever() -> None:
    old, new = {"a": "F", "b": "PP"}, {"a": "P", "b": "PP"}
    results = tried("old", old, seconds=1.0), tried("new", new, seconds=1.0)
    pairs = pair_up(*results, cases_of(old))
    verdict = judge(pairs, 1, noisy=False)
    assert (verdict.decision, cases_to_repeat(pairs, 1, noisy=False)) == ("continue", ("a",))
    assert verdict.sentence == (
        "Not clear yet: 1 of 1 trial that failed passes now, none got worse; not shown to be kept: "
        "time (1 to 1; allowed is 20 % worse)."
    )
    last = judge(pairs, 1, GateSettings(most_pairs=3), noisy=False)
    assert (last.decision, last.sentence[:19]) == ("reject", "Not shown in 3 tria")


def test_what_nobody_limits_is_not_looked_at() -> None:
    old, new = {"a": "F", "b": "P"}, {"a": "P", "b": "P"}
    results = tried("old", old, seconds=1.0), tried("new", new, seconds=9.0)
    settings = GateSettings(slower=None)
    assert judge(pair_up(*results, cases_of(old)), 1, settings, noisy=False).decision == "release"


@pytest.mark.parametrize(
    ("facts", "decision"),
    [
        ({"quality": 0.5}, "reject"),
        ({"quality": 0.88}, "release"),
        ({"quality": 0.9, "money": 0.02}, "reject"),
        ({"quality": 0.9, "money": 0.011}, "release"),
    ],
)
def test_quality_and_cost_are_compared_plainly(facts: dict[str, float], decision: str) -> None:
    old, new = {"a": "F", "b": "P"}, {"a": "P", "b": "P"}
    before = {"quality": 0.9, **({"money": 0.01} if "money" in facts else {})}
    results = tried("old", old, **before), tried("new", new, **facts)
    assert judge(pair_up(*results, cases_of(old)), 1, noisy=False).decision == decision


def test_the_errors_of_all_candidates_sum_up_to_that_of_the_campaign() -> None:
    shares = [share_of_error(number) for number in range(1, 5000)]
    assert 0.999 < sum(shares) < 1
    assert shares == sorted(shares, reverse=True)


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(SettingsError, match="`error` of the gate"):
        GateSettings(error=1.5)
    with pytest.raises(UsageError, match="at least 1, not 0"):
        judge(Pairs(), 0)


def test_a_suite_larger_than_the_most_trials_still_has_its_wins_confirmed() -> None:
    old, new = {"a": "F", **dict.fromkeys("bcdef", "P")}, dict.fromkeys("abcdef", "P")
    settings = GateSettings(most_pairs=3)
    assert judge(_pairs(old, new), 1, settings).decision == "continue"
    often = {**old, "a": "FFFF"}, {**new, "a": "PPPP"}
    assert judge(_pairs(*often), 1, settings).decision == "release"


def _limited(new: dict[str, str], *limited: str) -> Pairs:
    """Pairs of two cases, one of which failed before; a limit ended the new version in some."""
    results = tried("new", new)
    ended = [
        replace(each, limited=each.case_id in limited and each.verdict == "failed")
        for each in results
    ]
    old = {"a": "F" * len(new["a"]), "z": "P" * len(new["z"])}
    return pair_up(tried("old", old), ended, cases_of(old))


def test_a_case_that_only_a_limit_made_lost_is_tried_again_before_it_counts() -> None:
    once = _limited({"a": "P", "z": "F"}, "z")
    assert judge(once, 1, noisy=False).decision == "continue"
    assert cases_to_repeat(once, 1, noisy=False) == ("z",)
    assert judge(_limited({"a": "P", "z": "F"}), 1, noisy=False).decision == "reject"
    assert judge(_limited({"a": "P", "z": "FF"}, "z"), 1, noisy=False).decision == "reject"
    assert judge(_limited({"a": "P", "z": "FP"}, "z"), 1, noisy=False).decision == "release"


def test_what_a_limit_ended_once_and_never_again_makes_nothing_better() -> None:
    verdict = judge(_limited({"a": "F", "z": "FP"}, "z"), 1, noisy=False)
    assert (verdict.decision, verdict.sentence[:11]) == ("reject", "Not better:")


def test_a_quicker_version_that_a_limit_ended_once_is_tried_again() -> None:
    pairs = _limited({"a": "F", "z": "F"}, "z")
    assert judge(pairs, 1, noisy=False, kind="slow").decision == "continue"
    assert cases_to_repeat(pairs, 1, noisy=False) == ("z",)
