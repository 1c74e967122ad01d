"""What trials said of a candidate, as a person reads it."""

from __future__ import annotations

import pytest

from cultivar.cli.verdicts import recommendation_of, show_verdict
from cultivar.evals.comparing.pairing import pair_up
from cultivar.evolution.gate.judging import judge
from cultivar.lifecycle import Experiment, ExperimentStatus, GateVerdict
from cultivar.record import replace
from cultivar.testing.lifecycles import experiment_of
from cultivar.testing.outcomes import cases_of, tried

MANY = {f"{i}": "P" for i in range(40)}


def _quicker(after: float) -> GateVerdict:
    old = tried("old", MANY, seconds=0.5, quality=0.8, money=0.01)
    new = tried("new", MANY, seconds=after, quality=0.8, money=0.01)
    return judge(pair_up(old, new, cases_of(MANY)), 1, noisy=False, kind="slow")


def _experiment(verdict: GateVerdict | None, status: ExperimentStatus = "waiting") -> Experiment:
    return replace(experiment_of("one"), verdict=verdict, status=status)


def test_old_and_new_are_told_with_how_many_trials_how_sure_and_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_verdict(_experiment(_quicker(0.3)))
    said = " ".join(capsys.readouterr().out.split())
    assert "in 40 trials of each before after change" in said
    assert "success 100% 100% +0 points" in said
    assert "seconds 0.5 0.3 -39 % (-" in said
    assert "US dollars 0.01 0.01 +0 %" in said
    assert "quality 0.8 0.8 +0 points" in said
    assert "Recommendation: deploy; confidence 99.9%." in said


@pytest.mark.parametrize(("after", "advice"), [(0.3, "deploy"), (0.5, "roll_back")])
def test_a_verdict_comes_with_a_recommendation(after: float, advice: str) -> None:
    assert recommendation_of(_experiment(_quicker(after))) == advice
    assert recommendation_of(_experiment(None)) is None


@pytest.mark.parametrize("status", ["rejected", "stopped", "refused"])
def test_of_what_is_over_nothing_is_recommended(
    status: ExperimentStatus, capsys: pytest.CaptureFixture[str]
) -> None:
    over = _experiment(_quicker(0.3), status)
    assert recommendation_of(over) is None
    show_verdict(over)
    said = capsys.readouterr().out
    assert "Confidence 99.9%." in said
    assert "Recommendation" not in said


def test_what_was_rolled_back_is_not_recommended_again() -> None:
    assert recommendation_of(_experiment(_quicker(0.3), "rolled_back")) == "roll_back"


def test_more_is_to_be_tried_where_nothing_is_clear_yet() -> None:
    unclear = judge(pair_up((), (), cases_of("ab")), 1)
    assert recommendation_of(_experiment(unclear)) == "continue_testing"


def test_of_what_was_never_tried_only_the_sentence_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict = GateVerdict(decision="continue", sentence="A person looks at it.")
    show_verdict(_experiment(verdict))
    assert capsys.readouterr().out.strip() == "A person looks at it."
