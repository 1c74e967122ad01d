"""How new versions of tools are tried: chosen by what tools say, and really run."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import SandboxUnavailableError, UnconfinedError
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import Described, ToolUses
from cultivar.evolution.strategies.choosing import PLANS, plan_for
from cultivar.evolution.strategies.replaying import meant_to_fail, replay_of
from cultivar.evolution.strategies.reviewing import review_of
from cultivar.evolution.strategies.shadowing import Shadow
from cultivar.evolution.strategies.synthesizing import made_inputs, synthetic_cases
from cultivar.evolution.strategies.trying import Known, Report, cases_for, describe, try_beside
from cultivar.lifecycle import Assertion, Execution, Strategy
from cultivar.model import Json
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits
from cultivar.sandbox.process import PlainProcess
from cultivar.testing.tools import place_for_tools, subject_of, tool_file
from cultivar.tool import Case, Characteristics
from cultivar.tree import Tree

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


def really(subject: Subject, uses: ToolUses, *inputs: Mapping[str, Json]) -> tuple[Execution, ...]:
    """The history that comes of using a version."""
    found = zip(inputs, uses.use(subject.tree, "acts", inputs), strict=True)
    return tuple(use(subject, each, done.value, "".join(done.raised[:1])) for each, done in found)[
        ::-1
    ]


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


def report_on(
    before: Subject, after: Subject, history: tuple[Execution, ...], uses: ToolUses
) -> Report:
    described = describe(before, uses)
    known = Known(subject=before, described=described, executions=history)
    plan = plan_for(described.characteristics, uses=len(history))
    return try_beside(plan, known, after, cases_for(plan, known, uses), uses)


NUMBERS = [{"a": a, "b": b} for a in range(6) for b in (1, 2, 4)]
ZEROS = [{"a": a, "b": 0} for a in range(6)]


def test_a_version_that_mends_failures_and_breaks_nothing_is_to_be_deployed(
    uses: ToolUses,
) -> None:
    before = version("return a / b")
    after = version("return a / b if b else None")
    report = report_on(before, after, really(before, uses, *NUMBERS, *ZEROS), uses)
    assert report.comparison.recommendation == "deploy"
    assert (report.old.success_rate, report.new.success_rate) == (18 / 24, 1.0)
    assert (report.sample_size, report.agreed, report.automatic) == (24, 18, True)
    assert report.comparison.confidence > 0.9
    assert "6 of 6 uses that failed give None now" in report.notes[-1]


def test_a_version_that_breaks_what_worked_is_to_be_rolled_back(uses: ToolUses) -> None:
    before, after = version("return a / b"), version("return a // b")
    report = report_on(before, after, really(before, uses, *NUMBERS), uses)
    assert report.comparison.recommendation == "roll_back"
    assert (report.passes, report.automatic) == (False, False)


def test_a_version_that_does_the_same_agrees_and_there_is_nothing_to_deploy_it_for(
    uses: ToolUses,
) -> None:
    before, after = version("return a / b"), version("return (a / b)")
    report = report_on(before, after, really(before, uses, *NUMBERS, *ZEROS), uses)
    assert (report.agreement, report.passes, report.automatic) == (1.0, True, False)
    assert report.comparison.recommendation == "continue_testing"


def test_what_the_old_version_does_otherwise_in_the_sandbox_says_nothing(uses: ToolUses) -> None:
    before = version("return os.path.exists('/a/file/of/ours') or 1 / b")
    after = version("return 1 / b if b else 0")
    history = (use(before, {"a": 1, "b": 0}, True), *really(before, uses, *NUMBERS))
    report = report_on(before, after, history, uses)
    assert report.sample_size == len(NUMBERS)
    assert "1 uses come out otherwise in the sandbox" in " ".join(report.notes)


def test_a_version_that_hangs_loses_what_it_hangs_on(uses: ToolUses) -> None:
    before, after = version("return a"), version("while a == 3: pass\nreturn a")
    report = report_on(before, after, really(before, uses, *NUMBERS[6:15:3]), uses)
    assert (report.comparison.losses, report.comparison.recommendation) == (1, "roll_back")


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


def test_a_tool_whose_uses_cannot_be_repeated_is_tried_on_its_own_cases(uses: ToolUses) -> None:
    like = "idempotent=False, side_effects=False, test_data_available=True"
    cases = 'Case(input={"a": 6, "b": 3}, expected_output=2), Case(input={"a": 1, "b": 0}),'
    before = version("return a / b", like=like, cases=cases)
    after = version("return a / b if b else None", like=like, cases=cases)
    report = report_on(before, after, (), uses)
    assert report.plan.strategy == "SYNTHETIC"
    assert (report.comparison.wins, report.comparison.losses) == (1, 0)
    assert report.sample_size > 2
    assert not report.automatic


def test_nothing_is_run_of_a_tool_that_is_for_a_person(uses: ToolUses) -> None:
    before, after = version("return 1", like=""), version("return 2", like="")
    history = (use(before, {"a": 1}, error="A"), use(before, {"a": 2}, error="A"))
    down = replace(uses, runner=replace(uses.runner, sandbox=Down()))
    known = Known(subject=before, described=Described(), executions=history)
    report = try_beside(PLANS["MANUAL"], known, after, (), down)
    assert (report.sample_size, report.automatic, report.passes) == (0, False, False)
    assert report.comparison.recommendation == "continue_testing"


def test_a_person_is_shown_the_change_and_a_failure_of_each_kind() -> None:
    before, after = version("return 1", like=""), version("return 2", like="")
    history = tuple(use(before, {"a": 1}, error=each) for each in (*"AAAAAAAAAAAAB", ""))
    review = review_of(Known(subject=before, described=Described(), executions=history), after)
    assert "-    return 1\n+    return 2\n" in review.diff
    assert {each.error for each in review.failures} == {"A", "B"}
    assert len(review.failures) == 10
    assert review.plan.warnings


class Down(PlainProcess):
    """A sandbox that is down."""

    confined = True

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        raise SandboxUnavailableError("The wall is down.")


def shadow_of(before: Subject, after: Subject, uses: ToolUses) -> Shadow:
    return Shadow(Known(subject=before, described=describe(before, uses)), after, uses)


def test_a_shadow_gets_live_inputs_and_tells_how_often_it_agrees(uses: ToolUses) -> None:
    before, after = version("return a / b"), version("return a / b if a != 5 else 0")
    shadow = shadow_of(before, after, uses)
    for each in really(before, uses, *NUMBERS, *ZEROS):
        shadow.see(each)
    report = shadow.report()
    assert (report.sample_size, report.agreed) == (24, 20)
    assert (report.comparison.wins, report.comparison.losses) == (1, 3)
    more = [{"a": 10 + a, "b": 1} for a in range(3)]
    for each in really(before, uses, *more, *more):
        shadow.see(each)
    assert shadow.report().sample_size == 27
    shadow.close()


def test_a_shadow_looks_only_at_uses_of_the_version_it_stands_behind(uses: ToolUses) -> None:
    before, after = version("return a"), version("return a + 0")
    shadow = shadow_of(before, after, uses)
    shadow.see(use(after, {"a": 1}, 1))
    assert shadow.report().sample_size == 0
    shadow.close()


def test_nobody_waits_for_a_shadow_that_hangs(uses: ToolUses) -> None:
    before, after = version("return a"), version("while True: pass")
    shadow = shadow_of(before, after, uses)
    began = time.perf_counter()
    shadow.see(use(before, {"a": 1}, 1))
    assert time.perf_counter() - began < 0.5
    assert shadow.report().comparison.losses == 1
    shadow.close()


def test_a_shadow_without_a_wall_says_so_and_troubles_nobody(uses: ToolUses) -> None:
    before = version("return a")
    bare = replace(uses, runner=replace(uses.runner, sandbox=PlainProcess()))
    shadow = Shadow(Known(subject=before, described=Described()), before, bare)
    shadow.see(use(before, {"a": 1}, 1))
    report = shadow.report()
    assert report.sample_size == 0
    assert "no wall" in report.notes[-1]
    shadow.close()


def test_what_a_shadow_could_not_verify_is_tried_again(uses: ToolUses) -> None:
    before = version("return a")
    sandbox = Falling(uses)
    shaky = replace(uses, runner=replace(uses.runner, sandbox=sandbox))
    shadow = Shadow(Known(subject=before, described=Described()), before, shaky)
    shadow.see(use(before, {"a": 1}, 1))
    assert shadow.report().sample_size == 0
    sandbox.is_down = False
    shadow.see(use(before, {"a": 2}, 2))
    assert shadow.report().sample_size == 2
    shadow.close()


class Falling(PlainProcess):
    """A sandbox that is down until somebody brings it up."""

    confined = True

    def __init__(self, uses: ToolUses) -> None:
        self.is_down = True
        self._real = uses.runner.sandbox

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        if self.is_down:
            raise SandboxUnavailableError("The wall is down.")
        return self._real.run(command, tree, limits)


def test_a_version_that_says_nothing_of_itself_is_taken_for_the_worst(uses: ToolUses) -> None:
    assert describe(subject_of("import os; os._exit(0)"), uses) == Described()


def test_no_strategy_runs_a_version_without_a_wall(uses: ToolUses) -> None:
    bare = replace(uses, runner=replace(uses.runner, sandbox=PlainProcess()))
    before = version("return a")
    with pytest.raises(UnconfinedError):
        report_on(before, before, (use(before, {"a": 1}, 1),), bare)
