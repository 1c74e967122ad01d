"""How new versions of tools are tried: chosen by what tools say, and really run."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import UnconfinedError
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import Described, ToolUses
from cultivar.evals.trying.tools import try_tool_on
from cultivar.evolution.strategies.choosing import PLANS, plan_for
from cultivar.evolution.strategies.replaying import meant_to_fail, replay_of
from cultivar.evolution.strategies.reviewing import review_of
from cultivar.evolution.strategies.synthesizing import made_inputs, synthetic_cases
from cultivar.evolution.strategies.trying import Known, cases_for, describe, plan_of, repeats
from cultivar.lifecycle import Assertion, Execution, Strategy
from cultivar.model import Json
from cultivar.record import replace
from cultivar.sandbox.process import PlainProcess
from cultivar.testing.tools import place_for_tools, subject_of, tool_file
from cultivar.tool import Case, Characteristics

READER = Characteristics(idempotent=True, side_effects=False, safe_for_shadow_testing=True)
LIKE = "idempotent=True, side_effects=False, safe_for_shadow_testing=True"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def uses() -> Iterator[ToolUses]:
    with place_for_tools(seconds=2.0) as place:
        yield place


def version(body: str, *, cases: str = "", like: str = LIKE) -> Subject:
    return subject_of(tool_file(body, signature="acts(a, b=1)", like=like, cases=cases))


def use(
    subject: Subject, inputs: Mapping[str, Json], output: Json = None, error: str = ""
) -> Execution:
    number = next(_numbers)
    return Execution(
        id=f"{number:08d}",
        artifact=subject.artifact,
        tree_hash=subject.tree_hash,
        inputs=inputs,
        output=output,
        error=error,
        executed_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
    )


CHOICES: list[tuple[Characteristics, Strategy, str, bool]] = [
    (READER, "SHADOW", "low", True),
    (replace(READER, safe_for_shadow_testing=False), "REPLAY", "low", True),
    (replace(READER, side_effects=True), "REPLAY", "medium", False),
    (replace(READER, idempotent=False, test_data_available=True), "SYNTHETIC", "medium", False),
    (
        replace(READER, requires_mocking=True, test_data_available=True),
        "SYNTHETIC",
        "medium",
        False,
    ),
    (replace(READER, requires_mocking=True), "MANUAL", "high", False),
    (replace(READER, idempotent=False), "MANUAL", "high", False),
    (Characteristics(), "MANUAL", "high", False),
]


@pytest.mark.parametrize(("like", "strategy", "risk", "automatic"), CHOICES)
def test_the_strategy_follows_from_what_the_tool_says_it_is_like(
    like: Characteristics, strategy: Strategy, risk: str, automatic: bool
) -> None:
    plan = plan_for(like)
    assert (plan.strategy, plan.risk, plan.automatic) == (strategy, risk, automatic)
    assert plan.steps
    assert plan.why


@given(
    st.builds(Characteristics, **dict.fromkeys(Characteristics.__struct_fields__, st.booleans()))
)
def test_only_what_reads_and_repeats_itself_is_ever_released_by_itself(
    like: Characteristics,
) -> None:
    plan = plan_for(like)
    harmless = like.idempotent and not like.side_effects and not like.requires_mocking
    assert harmless or not plan.automatic
    assert plan.automatic == (plan.risk == "low")
    assert plan.warnings or plan.automatic


def test_what_there_is_nothing_to_try_on_is_left_to_a_person() -> None:
    like = replace(READER, safe_for_shadow_testing=False, test_data_available=True)
    assert plan_for(like, uses=0).strategy == "SYNTHETIC"
    assert plan_for(like, uses=0, cases=0).strategy == "MANUAL"


def test_a_replay_expects_what_was_recorded_and_a_success_where_it_failed() -> None:
    subject = version("return a / b")
    history = [use(subject, {"a": 4, "b": 2}, 2.0), use(subject, {"a": 4, "b": 0}, error="X")]
    failed, worked = replay_of(history, Described()).cases
    assert (failed.origin, failed.assertions, failed.slice) == ("failure", (), "failed with X")
    assert worked.assertions == (Assertion(kind="equals", value=2.0),)
    assert (worked.origin, worked.inputs) == ("regression", {"a": 4, "b": 2})


def test_a_failure_that_the_tool_declares_is_to_stay_one() -> None:
    subject = version("return a / b")
    own = Case(input={"a": 1, "b": 0}, should_raise="ZeroDivisionError")
    history = [
        *(use(subject, {"a": 4, "b": each}, 4 / each) for each in (1, 2)),
        *(use(subject, {"a": each, "b": 0}, error="ZeroDivisionError") for each in (1, 7)),
    ]
    cases = replay_of(history, Described(cases=(own,))).cases
    assert [each.assertions for each in cases if each.inputs["b"] == 0] == [
        (Assertion(kind="raises", value="ZeroDivisionError"),)
    ] * 2


def test_a_use_that_failed_as_declared_is_no_failure() -> None:
    subject = version("return a / b")
    own = Case(input={"a": 1, "b": 0}, should_raise="ZeroDivisionError")
    history = [
        *(use(subject, {"a": 4, "b": each}, 4 / each) for each in (1, 2)),
        use(subject, {"a": 7, "b": 0}, error="ZeroDivisionError"),
        use(subject, {"a": "x", "b": 2}, error="TypeError"),
    ]
    assert meant_to_fail(history, Described(cases=(own,))) == {history[2].id}


def test_what_the_tool_declares_for_a_class_of_inputs_is_expected_of_all_of_it() -> None:
    subject = version("return a / b")
    own = Case(input={"a": 1, "b": 0}, expected_output=None)
    history = [
        *(use(subject, {"a": 4, "b": each}, 4 / each) for each in (1, 2)),
        use(subject, {"a": 9, "b": 0}, error="ZeroDivisionError"),
    ]
    failed = replay_of(history, Described(cases=(own,))).cases[0]
    assert failed.assertions == (Assertion(kind="equals", value=None),)


def test_what_is_not_wholly_known_or_wavers_is_no_case() -> None:
    subject = version("return a")
    history = [
        use(subject, {"a": "<secret>"}, 1),
        use(subject, {"a": {"__cut__": "x"}}, 1),
        *(use(subject, {"a": 1}, each) for each in (1, 2)),
        *(use(subject, {"a": 2}, 2) for _ in range(3)),
    ]
    replay = replay_of(history, Described())
    assert (len(replay.cases), replay.unusable, replay.unsteady) == (1, 2, 1)


def test_an_output_that_was_cut_is_only_expected_to_come() -> None:
    subject = version("return a")
    replay = replay_of([use(subject, {"a": 1}, {"__cut__": "hash", "length": 9})], Described())
    assert replay.cases[0].assertions == ()


def test_what_the_old_version_does_otherwise_in_the_sandbox_is_told(uses: ToolUses) -> None:
    subject = version("return os.path.exists('/a/file/of/ours') or 1 / b")
    history = (use(subject, {"a": 1, "b": 0}, True), use(subject, {"a": 1, "b": 4}, 0.25))
    cases = replay_of(history, describe(subject, uses)).cases
    found = zip(cases, try_tool_on(subject, cases, uses), strict=True)
    assert [repeats(*each) for each in found] == [False, True]


def test_synthetic_inputs_are_the_same_each_time_and_none_is_known() -> None:
    known: list[dict[str, Json]] = [{"a": 1, "b": "x"}, {"a": 2.5, "b": None}, {"a": [1, 2]}]
    made = made_inputs(known, 12)
    assert made == made_inputs(known, 12)
    assert len(made) == 12
    assert not [each for each in made if each in known]
    assert {tuple(each) for each in made} <= {("a", "b"), ("a",)}


def test_nothing_is_made_of_nothing() -> None:
    assert made_inputs([]) == ()


def test_a_made_up_input_is_a_case_where_the_used_version_is_steady(uses: ToolUses) -> None:
    wavering = version("import random\nreturn random.random() if a < 0 else a / b")
    cases = synthetic_cases(wavering, [{"a": 3, "b": 2}, {"a": 1, "b": 1}], uses, 12)
    assert cases
    assert all(each.inputs["a"] >= 0 for each in cases)  # type: ignore[operator]
    assert all(each.inputs["b"] != 0 for each in cases)
    assert {each.assertions[0].kind for each in cases} == {"equals"}


def test_nothing_is_tried_of_a_tool_that_is_for_a_person(uses: ToolUses) -> None:
    subject = version("return a / b", like="")
    known = Known(subject=subject, described=describe(subject, uses))
    assert plan_of(known).strategy == "MANUAL"
    assert cases_for(plan_of(known), known, uses) == ()


def test_a_person_is_shown_a_failure_of_each_kind() -> None:
    before = version("return 1", like="")
    history = tuple(use(before, {"a": 1}, error=each) for each in (*"AAAAAAAAAAAAB", ""))
    known = Known(subject=before, described=Described(), executions=history)
    review = review_of(known, "MANUAL")
    assert {each.error for each in review.failures} == {"A", "B"}
    assert len(review.failures) == 10
    assert review.plan.warnings


def test_a_version_that_says_nothing_of_itself_is_taken_for_the_worst(uses: ToolUses) -> None:
    assert describe(subject_of("import os; os._exit(0)"), uses) == Described()


def test_no_input_is_made_up_without_a_wall(uses: ToolUses) -> None:
    bare = replace(uses, runner=replace(uses.runner, sandbox=PlainProcess()))
    before = version("return a")
    known = Known(subject=before, described=Described(), executions=(use(before, {"a": 1}, 1),))
    with pytest.raises(UnconfinedError):
        cases_for(PLANS["SHADOW"], known, bare)
