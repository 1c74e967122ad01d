"""What got better is tried again, so that a check that fails by chance lets nothing pass."""

from __future__ import annotations

from collections.abc import Mapping

from cultivar.evals.comparing.pairing import Pairs, pair_up
from cultivar.evolution.campaigns.confirming import confirmed, to_confirm
from cultivar.evolution.gate.judging import judge
from cultivar.lifecycle import GateVerdict
from cultivar.testing.outcomes import cases_of, tried


def pairs_of(old: Mapping[str, str], new: Mapping[str, str]) -> Pairs:
    return pair_up(tried("old", old), tried("new", new), cases_of(old))


def looked_at(old: Mapping[str, str], new: Mapping[str, str]) -> GateVerdict:
    pairs = pairs_of(old, new)
    return confirmed(judge(pairs, 1, noisy=False), pairs, error=0.03)


def test_what_got_better_once_is_tried_again() -> None:
    old, new = {"one": "F", "two": "P"}, {"one": "P", "two": "P"}
    assert looked_at(old, new).decision == "continue"
    assert to_confirm(pairs_of(old, new), error=0.03) == {"one"}


def test_what_got_better_each_time_is_released() -> None:
    old, new = {"one": "FFF", "two": "P"}, {"one": "PPP", "two": "P"}
    assert looked_at(old, new).decision == "release"
    assert not to_confirm(pairs_of(old, new), error=0.03)


def test_what_is_now_this_now_that_gets_no_verdict_and_is_told() -> None:
    verdict = looked_at({"one": "FPF", "two": "P"}, {"one": "PPP", "two": "P"})
    assert verdict.decision == "no_verdict"
    assert verdict.sentence == "No verdict: 1 case says now this, now that."
    assert "flaky: true" in verdict.reasons[0]


def test_a_few_cases_are_enough() -> None:
    every = [f"case {n}" for n in range(10)]
    pairs = pairs_of(dict.fromkeys(every, "F"), dict.fromkeys(every, "P"))
    assert len(to_confirm(pairs, error=0.03)) == 3


def test_a_lost_case_stays_lost() -> None:
    assert looked_at({"one": "F", "two": "P"}, {"one": "P", "two": "F"}).decision == "reject"
