from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.learning.findings.believing import q_values
from cultivar.learning.findings.combining import best_combinations, worst_combinations
from cultivar.learning.findings.drifting import drift
from cultivar.learning.findings.failing import associated_with_failure
from cultivar.learning.findings.statistics import statistics_of
from cultivar.ledger.tallying import Outcomes
from cultivar.model import Json
from cultivar.record import to_builtins
from cultivar.testing.memory_tallies import TEMPLATE_ID, MemoryTallies, observation_of

START = datetime.fromisoformat("2026-01-01T00:00:00+00:00")

GOOD: dict[str, Json] = {"use_ets": True, "strategy": "one_for_one"}
BAD: dict[str, Json] = {"use_ets": False, "strategy": "one_for_all"}
LUCKY: dict[str, Json] = {"use_ets": True, "strategy": "one_for_all"}


def _counted(
    tallies: MemoryTallies, answers: dict[str, Json], good: int, bad: int, **where: Any
) -> None:
    tallies.count(observation_of(answers, True, **where), good)
    tallies.count(observation_of(answers, False, **where), bad)


@pytest.fixture
def tallies() -> MemoryTallies:
    found = MemoryTallies()
    _counted(found, GOOD, 557, 10)
    _counted(found, BAD, 60, 40)
    _counted(found, LUCKY, 6, 0)
    return found


def test_the_best_combination_is_not_the_luckiest(tallies: MemoryTallies) -> None:
    best = best_combinations(tallies, TEMPLATE_ID)
    assert [each.answers for each in best] == [GOOD, LUCKY, BAD]
    assert (best[0].uses, round(best[0].success, 3)) == (567, 0.982)
    assert best[0].interval.low < 0.982 < best[0].interval.high


def test_the_worst_combination_comes_first_among_the_worst(tallies: MemoryTallies) -> None:
    (worst,) = worst_combinations(tallies, TEMPLATE_ID, limit=1)
    assert (worst.answers, worst.verified) == (BAD, 100)
    assert worst.success == pytest.approx(0.6)


def test_a_combination_gains_nothing_by_where_it_is_used() -> None:
    tallies = MemoryTallies()
    for place, rate in (("calm", 95), ("troubled", 55)):
        often, seldom = (GOOD, BAD) if place == "calm" else (BAD, GOOD)
        _counted(tallies, often, 9 * rate, 9 * (100 - rate), instance_id=place)
        _counted(tallies, seldom, rate, 100 - rate, instance_id=place)
    best, worst = best_combinations(tallies, TEMPLATE_ID)
    assert best.success == pytest.approx(worst.success, abs=0.001)


def test_of_questions_that_hardly_anybody_answered_no_pair_is_asked_for() -> None:
    asked: list[str] = []

    class Asked(MemoryTallies):
        def outcomes_under(
            self,
            template_id: str,
            question: str,
            given: Mapping[str, Json],
            among: Sequence[Json] = (),
        ) -> Mapping[str, tuple[Outcomes, ...]]:
            asked.append(question)
            return super().outcomes_under(template_id, question, given, among)

    tallies = Asked()
    _counted(tallies, GOOD, 30, 10)
    _counted(tallies, {f"question_{number}": True for number in range(40)}, 10, 9)
    associated_with_failure(tallies, TEMPLATE_ID)
    assert set(asked) == {"use_ets"}


def test_an_answer_that_goes_with_failure_is_told_with_its_lift(tallies: MemoryTallies) -> None:
    found = associated_with_failure(tallies, TEMPLATE_ID)
    assert {"use_ets": False} in [each.answers for each in found]
    surest = next(each for each in found if each.answers == {"use_ets": False})
    assert surest.sample == 100
    assert surest.failure == pytest.approx(0.4, abs=0.001)
    assert surest.lift == pytest.approx(0.4 / (10 / 573), rel=0.01)
    assert surest.q_value < 0.001


def _any_of(random: Random) -> dict[str, Json]:
    return {name: random.random() < 0.5 for name in ("ets", "breaker", "docs")}


def _failing_together(seed: int) -> list[Mapping[str, Json]]:
    """What is told of a template in which two answers fail, but only together."""
    random, tallies = Random(seed), MemoryTallies()
    for _ in range(1200):
        answers = _any_of(random)
        together = answers["ets"] and answers["breaker"]
        tallies.count(observation_of(answers, random.random() < (0.6 if together else 0.95)))
    return [each.answers for each in associated_with_failure(tallies, TEMPLATE_ID)]


def test_a_pair_is_told_that_fails_only_together() -> None:
    told = [_failing_together(seed) for seed in range(40)]
    assert all({"ets": True, "breaker": True} in found for found in told)


def test_few_of_the_answers_that_are_told_to_fail_have_nothing_to_do_with_it() -> None:
    told = [_failing_together(seed) for seed in range(40)]
    strange = [sum("docs" in answers for answers in found) / len(found) for found in told]
    assert sum(strange) / len(strange) <= 0.1


def test_one_bad_answer_does_not_come_back_in_every_company() -> None:
    random, tallies = Random(6), MemoryTallies()
    for _ in range(1200):
        answers = _any_of(random)
        tallies.count(observation_of(answers, random.random() < (0.6 if answers["ets"] else 0.95)))
    found = [each.answers for each in associated_with_failure(tallies, TEMPLATE_ID)]
    assert found == [{"ets": True}]


def _drifting(early: float, late: float, share: float = 0.5) -> MemoryTallies:
    """A year; success changes in its last two months, as does the share of `use_ets`."""
    random, tallies = Random(8), MemoryTallies()
    for day in range(360):
        rate, chosen = (early, 0.5) if day < 300 else (late, share)
        for _ in range(5):
            answers: dict[str, Json] = {"use_ets": random.random() < chosen}
            at = START + timedelta(days=day)
            tallies.count(observation_of(answers, random.random() < rate, at=at))
    return tallies


def test_a_template_that_gets_worse_is_told() -> None:
    found = [each for each in drift(_drifting(0.95, 0.7), TEMPLATE_ID) if not each.answer]
    assert [(each.what, each.direction) for each in found] == [("success", "down")]
    assert found[0].recent < found[0].before


def test_what_stays_as_it_was_does_not_drift() -> None:
    assert drift(_drifting(0.85, 0.85), TEMPLATE_ID) == ()


def test_a_change_in_what_is_used_is_told_of_each_answer() -> None:
    found = drift(_drifting(0.85, 0.85, share=0.9), TEMPLATE_ID)
    told = {(each.what, str(each.answer["use_ets"]), each.direction) for each in found}
    assert told == {("use", "True", "up"), ("use", "False", "down")}


def test_what_was_counted_at_one_time_has_no_before() -> None:
    tallies = MemoryTallies()
    _counted(tallies, GOOD, 100, 100)
    assert drift(tallies, TEMPLATE_ID) == ()


@given(st.lists(st.floats(0, 1), max_size=30))
def test_a_q_value_is_no_less_than_its_p_value_and_keeps_the_order(chances: list[float]) -> None:
    found = q_values(chances)
    assert all(p <= q <= 1 for p, q in zip(chances, found, strict=True))
    by_chance = [q for _, q in sorted(zip(chances, found, strict=True))]
    assert by_chance == sorted(by_chance)


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    assert q_values([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_the_statistics_of_a_template_hold_all_that_is_known(tallies: MemoryTallies) -> None:
    _counted(tallies, GOOD, 9, 1, template_version="1.10.0", instance_id="other")
    found = statistics_of(tallies, TEMPLATE_ID)
    assert (found.total.uses, found.total.failed, found.instances) == (683, 51, 2)
    assert [each.version for each in found.versions] == ["1.10.0", "1.0.0"]
    assert [each.question for each in found.questions] == ["strategy", "use_ets"]
    most_used = found.questions[1].answers[0]
    assert (most_used.value, most_used.uses, most_used.verified) == (True, 583, 583)
    assert (found.best[0].answers, found.worst[0].answers) == (GOOD, BAD)
    assert found.failures
    assert to_builtins(found)["best"][0]["answers"] == GOOD


def test_of_a_template_that_was_never_used_nothing_is_known() -> None:
    found = statistics_of(MemoryTallies(), TEMPLATE_ID)
    assert (found.total.uses, found.total.success, found.versions) == (0, None, ())
    assert (found.questions, found.best, found.failures, found.drifts) == ((), (), (), ())
