"""Where less time or money is the aim: it takes less by enough, and nothing is lost for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.evals.comparing.pairing import Pairs, pair_up
from cultivar.evolution.gate.judging import cases_to_repeat, judge
from cultivar.evolution.gate.limits import GateSettings
from cultivar.lifecycle import GateVerdict, OpportunityKind, TrialResult
from cultivar.record import replace
from cultivar.testing.outcomes import cases_of, tried

MANY = {f"{i}": "P" for i in range(40)}


def _pairs(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    outcomes: Mapping[str, str] = MANY,
    after: Mapping[str, str] | None = None,
) -> Pairs:
    """Pairs of two versions, each with what is said of all of its results."""
    before = tried("old", outcomes, **old)
    return pair_up(before, tried("new", after or outcomes, **new), cases_of(outcomes))


def _quicker(pairs: Pairs, number: int = 1, *, noisy: bool | None = False) -> GateVerdict:
    return judge(pairs, number, noisy=noisy, kind="slow")


def test_what_is_quicker_and_else_the_same_is_released_with_a_sentence() -> None:
    verdict = _quicker(_pairs({"seconds": 0.52}, {"seconds": 0.31}))
    assert verdict.decision == "release"
    assert verdict.sentence == (
        "Quicker: 0.31 s instead of 0.52 s on 40 cases, and nothing else changed."
    )
    numbers = verdict.numbers
    assert (numbers["time_before"], numbers["time_after"]) == pytest.approx((0.52, 0.31))
    assert numbers["time_low"] < numbers["time_change"] < numbers["time_high"] < -0.1
    assert numbers["time_pairs"] == 40
    assert verdict.confidence == 1 - numbers["luck"] > 0.99


def test_the_same_is_no_reason_to_release_what_should_mend_failures() -> None:
    pairs = _pairs({"seconds": 0.52}, {"seconds": 0.31})
    for kind in ("failing", "degrading"):
        verdict = judge(pairs, 1, noisy=False, kind=kind)
        assert (verdict.decision, verdict.sentence[:11]) == ("reject", "Not better:")


@pytest.mark.parametrize("seconds", [0.52, 0.50, 0.6, 2.0])
def test_what_is_hardly_quicker_or_slower_is_rejected(seconds: float) -> None:
    verdict = _quicker(_pairs({"seconds": 0.52}, {"seconds": seconds}))
    assert verdict.decision == "reject"
    assert verdict.sentence.startswith("Not quicker: ")
    assert verdict.sentence.endswith("instead of 0.52 s on 40 cases; 10 % less is the least.")


def test_one_lost_case_stops_it_however_quick_it_is() -> None:
    lost = {**MANY, "39": "F"}
    verdict = _quicker(_pairs({"seconds": 0.5}, {"seconds": 0.1}, MANY, lost))
    assert (verdict.decision, verdict.reasons) == ("reject", ("lost: case 39",))


def test_where_nobody_says_that_results_do_not_vary_a_loss_is_tried_again() -> None:
    lost = {**MANY, "39": "F"}
    pairs = _pairs({"seconds": 0.5}, {"seconds": 0.1}, MANY, lost)
    assert _quicker(pairs, noisy=None).decision == "continue"
    assert cases_to_repeat(pairs, 1) == ("39",)
    twice = {**MANY, "39": "PP"}
    again = _pairs({"seconds": 0.5}, {"seconds": 0.1}, twice, {**MANY, "39": "FF"})
    assert _quicker(again, noisy=None).decision == "reject"


def test_nothing_is_released_before_every_case_was_tried() -> None:
    before, after = tried("old", MANY, seconds=0.5), tried("new", MANY, seconds=0.1)
    pairs = pair_up(before, after, cases_of([*MANY, "more"]))
    assert _quicker(pairs).decision == "continue"
    assert cases_to_repeat(pairs, 1, noisy=False) == ("more",)


def test_few_pairs_ask_for_more_and_not_for_ever() -> None:
    few = dict.fromkeys("abc", "P")
    pairs = _pairs({"seconds": 0.5}, {"seconds": 0.4}, few)
    verdict = _quicker(pairs)
    assert verdict.decision == "continue"
    assert verdict.sentence == (
        "Not clear yet: 0.4 s instead of 0.5 s on 3 cases; that it takes at least 10 % less is "
        "not shown."
    )
    last = judge(pairs, 1, GateSettings(most_pairs=3), noisy=False, kind="slow")
    assert (last.decision, last.sentence[:19]) == ("reject", "Not shown in 3 case")


def test_a_later_candidate_of_a_campaign_needs_more_pairs() -> None:
    pairs = _pairs({"seconds": 0.5}, {"seconds": 0.35}, {f"{i}": "P" for i in range(20)})
    assert (_quicker(pairs).decision, _quicker(pairs, 9).decision) == ("release", "continue")


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ({"quality": 0.5}, "quality (-40.0 points; allowed is 5 points worse)"),
        ({"quality": 0.9, "money": 0.03}, "cost (0.02 to 0.03; allowed is 20 % worse)"),
    ],
)
def test_what_is_quicker_at_the_cost_of_something_else_is_rejected(
    after: dict[str, float], reason: str
) -> None:
    before = {"seconds": 0.5, "quality": 0.9, **({"money": 0.02} if "money" in after else {})}
    verdict = _quicker(_pairs(before, {"seconds": 0.1, **after}))
    assert (verdict.decision, verdict.reasons) == ("reject", (reason,))


def test_what_is_mended_beside_is_told() -> None:
    before = {**MANY, "39": "F"}
    verdict = _quicker(_pairs({"seconds": 0.5}, {"seconds": 0.1}, before, MANY))
    assert verdict.sentence == (
        "Quicker: 0.1 s instead of 0.5 s on 39 cases, and 1 of 1 case that failed passes now, "
        "none got worse."
    )


def test_where_results_vary_success_must_be_shown_to_be_kept() -> None:
    old = {f"{i}": "PPPF"[i % 4] for i in range(120)}
    few = dict(list(old.items())[:40])
    pairs = _pairs({"seconds": 0.5}, {"seconds": 0.2}, few)
    assert _quicker(pairs, noisy=True).decision == "continue"
    assert "not excluded is a loss in success" in _quicker(pairs, noisy=True).sentence
    verdict = _quicker(_pairs({"seconds": 0.5}, {"seconds": 0.2}, old), noisy=True)
    assert verdict.sentence == (
        "Quicker: 0.2 s instead of 0.5 s on 90 cases, and success is kept (75 % of 120 cases "
        "pass, 75 % did before)."
    )


def test_where_results_vary_a_loss_of_success_stops_it() -> None:
    old = dict.fromkeys(map(str, range(60)), "P")
    new = {name: "PF"[int(name) % 3 == 0] for name in old}
    verdict = _quicker(_pairs({"seconds": 0.5}, {"seconds": 0.2}, old, new), noisy=True)
    assert verdict.decision == "reject"
    assert verdict.sentence.startswith("Worse in success (67 % of 60 cases pass, 100 % did before)")


def _cheaper(before: float, after: float, outcomes: Mapping[str, str] = MANY) -> GateVerdict:
    pairs = _pairs({"money": before}, {"money": after}, outcomes)
    return judge(pairs, 1, noisy=False, kind="costly")


def test_money_is_exact_so_that_one_case_is_enough() -> None:
    verdict = _cheaper(0.02, 0.012, {"a": "P"})
    assert verdict.sentence == (
        "Cheaper: 0.012 dollars instead of 0.02 dollars on 1 case, and nothing else changed."
    )
    assert verdict.decision == "release"
    assert verdict.confidence == pytest.approx(0.75)
    assert _cheaper(0.02, 0.012).confidence > 0.99
    hardly = _cheaper(0.02, 0.0195)
    assert (hardly.decision, hardly.sentence[:12]) == ("reject", "Not cheaper:")


def test_what_is_cheaper_and_slower_is_rejected() -> None:
    pairs = _pairs({"money": 0.02, "seconds": 1.0}, {"money": 0.01, "seconds": 2.0})
    verdict = judge(pairs, 1, noisy=False, kind="costly")
    assert (verdict.decision, verdict.reasons) == (
        "reject",
        ("time (1 to 2; allowed is 20 % worse)",),
    )


@pytest.mark.parametrize("noisy", [True, None])
def test_where_results_may_vary_what_they_cost_may_vary_too(noisy: bool | None) -> None:
    pairs = _pairs({"money": 0.02}, {"money": 0.01}, {"a": "P", "b": "P"})
    assert judge(pairs, 1, noisy=noisy, kind="costly").decision == "continue"


@pytest.mark.parametrize("kind", ["slow", "costly"])
def test_where_there_is_nothing_to_compare_nothing_is_released(kind: OpportunityKind) -> None:
    verdict = judge(_pairs({}, {}, {"a": "F", "b": "F"}), 1, noisy=False, kind=kind)
    assert verdict.decision == "reject"
    assert "to compare where both versions pass" in verdict.sentence


def _of_batches(batch: str, results: tuple[TrialResult, ...]) -> tuple[TrialResult, ...]:
    return tuple(replace(each, batch=batch) for each in results)


def test_times_of_another_moment_are_no_evidence_either_way() -> None:
    old = _of_batches("yesterday", tried("old", MANY, seconds=9.0, cached=True))
    new = _of_batches("now", tried("new", MANY, seconds=0.1))
    pairs = pair_up(old, new, cases_of(MANY))
    verdict = _quicker(pairs)
    assert (verdict.decision, verdict.numbers["time_pairs"]) == ("continue", 0)
    assert "time is not measured side by side yet" in verdict.sentence
    for each in (old, new):
        assert pair_up(each, each, cases_of(MANY)).aspects["seconds"].pairs == 40


def test_a_better_version_whose_time_nobody_measured_beside_the_old_ones_waits_for_that() -> None:
    before = {**MANY, "39": "F"}
    old = _of_batches("yesterday", tried("old", before, seconds=9.0, cached=True))
    new = _of_batches("now", tried("new", MANY, seconds=0.1))
    verdict = judge(pair_up(old, new, cases_of(MANY)), 1, noisy=False)
    assert (verdict.decision, verdict.reasons) == (
        "continue",
        ("time (not measured side by side yet)",),
    )


@given(
    st.lists(st.floats(0.01, 10), min_size=30, max_size=30),
    st.lists(st.floats(0.01, 10), min_size=30, max_size=30),
    st.integers(1, 5),
)
def test_of_two_versions_at_most_one_is_the_quicker(
    old: list[float], new: list[float], number: int
) -> None:
    there, back = (_timed(*each) for each in ((old, new), (new, old)))
    settings = GateSettings(error=0.4)
    decisions = [judge(each, number, settings, noisy=False, kind="slow") for each in (there, back)]
    assert [each.decision for each in decisions] != ["release", "release"]
    assert judge(_timed(old, old), number, settings, noisy=False, kind="slow").decision != "release"


def _timed(old: list[float], new: list[float]) -> Pairs:
    ids = [f"{i}" for i in range(len(old))]
    before, after = tried("old", dict.fromkeys(ids, "P")), tried("new", dict.fromkeys(ids, "P"))
    pairs = Pairs(cases_of(ids))
    for first, second, one, other in zip(before, after, old, new, strict=True):
        pairs.add(replace(first, seconds=one), replace(second, seconds=other))
    return pairs
