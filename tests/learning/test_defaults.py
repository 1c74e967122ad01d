from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, TypeAlias

import pytest

from cultivar.learning.defaults.suggesting import default_for
from cultivar.learning.defaults.suggestion import AskedFor, Success, Suggestion, why
from cultivar.learning.evidence.conditions import Under
from cultivar.learning.evidence.rates import Interval
from cultivar.ledger.tallying import Observation, Observed
from cultivar.model import Json
from cultivar.record import replace, to_builtins
from cultivar.testing.memory_tallies import TEMPLATE_ID, MemoryTallies, observation_of

ETS = AskedFor(name="use_ets", values=(True, False), default=False)
STRATEGIES = ("one_for_one", "rest_for_one", "one_for_all")
STRATEGY = AskedFor(name="strategy", values=STRATEGIES, default="one_for_one")


Seen: TypeAlias = tuple[Observation, int]
"""A generation, and how many of the kind there were."""


def _suggested(seen: Iterable[Seen], asked: AskedFor = ETS, **given: Json) -> Suggestion | None:
    tallies = MemoryTallies()
    for each, times in seen:
        tallies.count(each, times)
    return default_for(asked, given, tallies, TEMPLATE_ID)


def _value(suggestion: Suggestion | None) -> Json:
    return suggestion.value if suggestion else None


def _counted(value: Json, good: int, bad: int, **changes: Any) -> list[Seen]:
    """So many generations with that value, some good and some bad."""
    answers = {"use_ets": value}
    return [
        (observation_of(answers, True, **changes), good),
        (observation_of(answers, False, **changes), bad),
    ]


def _honest(yes: tuple[int, int], no: tuple[int, int]) -> list[Seen]:
    """Twenty instances; what succeeded and failed in each with and without ETS."""
    return [
        each
        for number in range(20)
        for value, counts in ((True, yes), (False, no))
        for each in _counted(value, *counts, instance_id=f"honest-{number}")
    ]


def test_the_answer_that_succeeds_most_is_suggested_and_says_why() -> None:
    found = _suggested([*_counted(True, 677, 43), *_counted(False, 227, 53)])
    assert found is not None
    assert (found.value, found.reason, found.sample_size) == (True, "success", 1000)
    assert found.why == "learned: 72 % of 1,000 use it; 94 % succeed against 81 %"
    assert found.share_interval.low < 0.72 < found.share_interval.high
    assert found.confidence > 0.99
    assert to_builtins(found)["success"]["sample"] == 720


def test_instances_whose_evidence_has_faded_are_not_counted() -> None:
    fresh = [
        each
        for number in range(4)
        for version in range(2, 8)
        for value, good in ((True, 30), (False, 10))
        for each in _counted(
            value, good, 5, instance_id=f"i{number}", template_version=f"{version}.0.0"
        )
    ]
    old = _counted(True, 2, 0, instance_id="long gone", template_version="1.0.0")
    found = _suggested([*fresh, *old])
    assert found is not None
    assert (found.value, found.instances) == (True, 4)


def test_without_a_difference_in_success_the_most_used_is_suggested() -> None:
    found = _suggested([*_counted(True, 65, 7), *_counted(False, 25, 3)])
    assert found is not None
    assert (found.value, found.reason) == (True, "use")
    assert found.why == "learned: 72 % of 100 use it; 90.3 % succeed against 89.3 %"


def test_what_was_never_verified_can_still_be_most_used() -> None:
    seen = [(observation_of({"use_ets": value}, None), n) for value, n in ((True, 75), (False, 25))]
    found = _suggested(seen)
    assert found is not None
    assert (found.value, found.success, found.rivals) == (True, None, ())
    assert found.why == "learned: 75 % of 100 use it"


@pytest.mark.parametrize(
    "seen",
    [
        [],
        _counted(True, 9, 0),
        [*_counted(True, 45, 5), *_counted(False, 45, 5)],
        [*_counted(True, 52, 5), *_counted(False, 39, 4)],
    ],
    ids=["nothing", "too few", "used alike", "hardly more used"],
)
def test_too_little_evidence_suggests_nothing(seen: list[Seen]) -> None:
    assert _suggested(seen) is None


def test_a_tenth_of_a_point_does_not_matter_however_sure() -> None:
    yes = _counted(True, 900_000, 100_000)
    no = _counted(False, 899_000, 101_000)
    assert _suggested([*yes, *no]) is None


def test_what_most_use_is_not_suggested_where_it_succeeds_less() -> None:
    found = _suggested([*_counted(True, 160, 40), *_counted(False, 55, 5)])
    assert _value(found) is not True


def test_nothing_is_suggested_that_succeeds_less_than_the_templates_own_default() -> None:
    """Of the default little is known, but enough to see that it is better."""
    asked = AskedFor(name="use_ets", values=("a", "b", "own"), default="own")
    known = [*_counted("a", 300, 300), *_counted("b", 200, 400)]
    assert _value(_suggested(known, asked)) == "a"
    assert _suggested([*known, *_counted("own", 18, 0)], asked) is None


def test_a_default_that_is_only_accepted_does_not_confirm_itself() -> None:
    accepted = _counted(False, 900, 100, chosen=False)
    chosen = [*_counted(True, 68, 7), *_counted(False, 23, 2)]
    found = _suggested([*accepted, *chosen])
    assert found is not None
    assert (found.value, found.share, found.sample_size) == (True, 0.75, 100)
    assert _suggested(accepted) is None


def test_values_that_the_question_does_not_take_are_not_suggested() -> None:
    assert _suggested([*_counted("rm -rf", 500, 0), *_counted(True, 10, 5)]) is None


def test_a_true_answer_is_not_the_number_one() -> None:
    asked = AskedFor(name="use_ets", values=(1, 2))
    assert _suggested(_counted(True, 300, 0), asked) is None


def test_numbers_are_learned_without_a_list_of_them() -> None:
    seen = [(observation_of({"ttl": ttl}, True), n) for ttl, n in ((5, 160), (60, 40))]
    assert _value(_suggested(seen, AskedFor(name="ttl"))) == 5


def test_simpsons_paradox_between_versions_does_not_fool_it() -> None:
    """Yes is better in each version, but was used mostly in the one where all is bad."""
    seen = [
        *_counted(True, 300, 200, template_version="1.0.0"),
        *_counted(False, 40, 60, template_version="1.0.0"),
        *_counted(True, 99, 1, template_version="2.0.0"),
        *_counted(False, 440, 60, template_version="2.0.0"),
    ]
    assert (300 + 99) / 600 < (40 + 440) / 600
    found = _suggested(seen)
    assert found is not None
    assert (found.value, found.reason) == (True, "success")


def test_simpsons_paradox_between_instances_does_not_fool_it() -> None:
    """One who always fails uses what others use seldom: it is not the answer that fails."""
    seen = [
        *_counted(True, 40, 260, instance_id="troubled"),
        *_counted(False, 4, 26, instance_id="troubled"),
        *_counted(True, 28, 2, instance_id="calm"),
        *_counted(False, 280, 20, instance_id="calm"),
    ]
    found = _suggested(seen)
    assert found is None or found.reason == "use"


def test_recent_versions_weigh_more_than_old_ones() -> None:
    old = [*_counted(True, 760, 40), *_counted(False, 640, 160)]
    new = [
        *_counted(True, 640, 160, template_version="1.1.0"),
        *_counted(False, 760, 40, template_version="1.1.0"),
    ]
    found = _suggested([*old, *new])
    assert found is not None
    assert (found.value, found.reason) == (False, "success")


def _under_genserver(seed: int) -> Iterator[Seen]:
    """With a GenServer `one_for_one` is good and `one_for_all` bad, without it all are alike."""
    random = Random(seed)
    good = {"one_for_one": 0.95, "rest_for_one": 0.8, "one_for_all": 0.6}
    for _ in range(2400):
        genserver, strategy = random.random() < 0.4, random.choice(STRATEGIES)
        outcome = random.random() < (good[strategy] if genserver else 0.85)
        yield observation_of({"use_genserver": genserver, "strategy": strategy}, outcome), 1


def test_an_earlier_answer_that_changes_what_succeeds_is_taken_into_account() -> None:
    found = _suggested(_under_genserver(1), STRATEGY, use_genserver=True)
    assert found is not None
    assert (found.value, found.reason) == ("one_for_one", "success")
    assert found.given == {"use_genserver": True}
    assert found.under == Under(success="use_genserver", use=None)
    assert found.why == (
        "learned: 33 % of 2,400 use it; where `use_genserver` is yes, 95 % succeed against 81 %"
    )
    assert [each.value for each in found.rivals] == ["rest_for_one", "one_for_all"]


def test_where_it_changes_nothing_the_same_answers_suggest_nothing() -> None:
    assert _suggested(_under_genserver(1), STRATEGY, use_genserver=False) is None


def test_an_earlier_answer_can_change_what_most_choose() -> None:
    random = Random(4)
    seen = [
        (observation_of({"web": web, "use_ets": random.random() < (0.9 if web else 0.2)}, None), 1)
        for web in [True, False] * 150
    ]
    assert _value(_suggested(seen, ETS, web=True)) is True
    assert _value(_suggested(seen, ETS, web=False)) is False


def test_a_condition_of_use_is_not_told_of_success() -> None:
    random = Random(4)
    seen = [
        (
            observation_of(
                {"web": web, "use_ets": (ets := random.random() < (0.9 if web else 0.4))},
                random.random() < (0.95 if ets else 0.6),
            ),
            1,
        )
        for web in [True, False] * 600
    ]
    found = _suggested(seen, ETS, web=True)
    assert found is not None
    assert (found.given, found.under) == ({"web": True}, Under(success=None, use="web"))
    assert found.why == (
        "learned: 91 % of 600 use it where `web` is yes; 95 % succeed against 61 %"
    )


@pytest.mark.parametrize(
    ("under", "told"),
    [
        (
            Under(success="web", use="docs"),
            "72 % of 9 use it where `docs` is no; where `web` is yes, 94 % succeed",
        ),
        (Under(success="web", use="web"), "where `web` is yes, 72 % of 9 use it; 94 % succeed"),
        (Under(success=None, use=None), "72 % of 9 use it; 94 % succeed"),
        (None, "where `web` is yes and `docs` is no, 72 % of 9 use it; 94 % succeed"),
    ],
    ids=["each", "both", "neither", "not said"],
)
def test_each_half_of_the_sentence_has_its_own_condition(under: Under | None, told: str) -> None:
    success = Success(value=True, rate=0.94, interval=Interval(low=0.9, high=1.0), sample=9)
    found = Suggestion(
        question="use_ets",
        value=True,
        reason="success",
        share=0.72,
        share_interval=Interval(low=0.5, high=0.9),
        sample_size=9,
        success=success,
        rivals=(),
        instances=1,
        given={"web": True, "docs": False},
        under=under,
        confidence=0.9,
    )
    assert why(found) == f"learned: {told}"
    alone = why(replace(found, success=None))
    assert alone == f"learned: {_alone(under)}72 % of 9 use it"


def _alone(under: Under | None) -> str:
    if under is None:
        return "where `web` is yes and `docs` is no, "
    return {"docs": "where `docs` is no, ", "web": "where `web` is yes, "}.get(under.use or "", "")


def _flood(*answers: tuple[Json, bool]) -> list[Seen]:
    """What one instance sends: each answer a million times."""
    return [
        (observation_of({"use_ets": value}, outcome, instance_id="poison"), 1_000_000)
        for value, outcome in answers
    ]


POISONS = {
    "all failures": _flood((True, False)),
    "one answer": _flood((False, True)),
    "the opposite": _flood((True, False), (False, True)),
    "impossible": _flood((None, True), ("yes", True), (1, True)),
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_one_instance_cannot_move_a_default_that_rests_on_success(
    poison: list[Seen],
) -> None:
    found = _suggested([*_honest((24, 1), (20, 5)), *poison])
    assert found is not None
    assert (found.value, found.reason) == (True, "success")


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_one_instance_cannot_move_a_default_that_rests_on_use(poison: list[Seen]) -> None:
    found = _suggested([*_honest((33, 3), (13, 1)), *poison])
    assert found is not None
    assert (found.value, found.reason) == (True, "use")


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS)
def test_one_instance_cannot_make_a_default_where_the_honest_ones_see_none(
    poison: list[Seen],
) -> None:
    assert _suggested([*_honest((23, 2), (23, 2)), *poison]) is None


TTL = AskedFor(name="ttl", default=300)


def _ttl(value: int, instance: str, times: int) -> Seen:
    return observation_of({"ttl": value}, None, instance_id=instance), times


def test_the_share_of_a_number_is_told_of_all_though_few_are_looked_at() -> None:
    scattered = [_ttl(1000 + number, f"instance-{number % 4}", 1) for number in range(400)]
    found = _suggested([*scattered, *(_ttl(60, f"instance-{at}", 100) for at in range(4))], TTL)
    assert found is not None
    assert (found.value, found.reason) == (60, "use")
    assert found.why == "learned: 50 % of 800 use it"


def test_one_instance_hides_no_number_behind_thousands_that_it_makes_up() -> None:
    honest = [_ttl(60, f"instance-{at}", 20) for at in range(20)]
    flood = [_ttl(1000 + number, "poison", 1000) for number in range(2000)]
    assert _value(_suggested([*honest, *flood], TTL)) == 60


def test_what_is_left_over_is_never_suggested() -> None:
    seen = [_ttl(number, f"instance-{number % 4}", 1) for number in range(3000)]
    assert _suggested(seen, TTL) is None


def test_one_instance_cannot_bring_up_a_value_that_nobody_else_uses() -> None:
    asked = AskedFor(name="use_ets", values=(True, False, "fake"))
    poison = _flood((True, False), (False, False), ("fake", True))
    assert _suggested([*_honest((23, 2), (23, 2)), *poison], asked) is None


@pytest.mark.parametrize("value", [True, False])
def test_one_instance_cannot_pretend_that_an_earlier_answer_changes_anything(value: bool) -> None:
    honest = [
        (
            replace(
                each, answers=(*each.answers, Observed(question="web", value=web, chosen=True))
            ),
            n,
        )
        for each, n in _honest((24, 1), (20, 5))
        for web in (True, False)
    ]
    poison = [
        (
            observation_of({"use_ets": ets, "web": True}, ets is value, instance_id="poison"),
            1_000_000,
        )
        for ets in (True, False)
    ]
    found = _suggested([*honest, *poison], ETS, web=True)
    assert found is not None
    assert (found.value, found.reason, found.given) == (True, "success", {})


def test_who_works_alone_learns_alone_though_strangers_begin() -> None:
    alone = [*_counted(True, 380, 20), *_counted(False, 320, 80)]
    strangers = [
        *_counted(True, 1, 0, instance_id="first"),
        *_counted(False, 1, 0, instance_id="second"),
    ]
    assert _value(_suggested([*alone, *strangers])) is True
