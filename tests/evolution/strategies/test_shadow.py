"""A candidate in the shadow: which live uses it gets, and what they must show."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cultivar.errors import SandboxUnavailableError, UnconfinedError
from cultivar.evals.trying.base import Subject
from cultivar.evals.trying.tool_uses import ToolUses
from cultivar.evolution.strategies.shadowing import AGREEMENT, SAME, Agreement, Beside, Shadow
from cultivar.evolution.strategies.trying import Known, describe
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.lifecycle import Execution, Experiment
from cultivar.llm.redaction import MASK
from cultivar.model import Json
from cultivar.record import replace
from cultivar.sandbox.base import Command, Completed, Limits
from cultivar.sandbox.process import PlainProcess
from cultivar.testing.lifecycles import candidate_of, opportunity_of
from cultivar.testing.tools import place_for_tools, subject_of, tool_file
from cultivar.tree import Tree

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
LIKE = "idempotent=True, side_effects=False, safe_for_shadow_testing=True"
_seconds = itertools.count(1)


@pytest.fixture(scope="module")
def uses() -> Iterator[ToolUses]:
    with place_for_tools(seconds=2.0) as place:
        yield place


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as opened:
        yield opened


def version(body: str) -> Subject:
    return subject_of(tool_file(body, signature="acts(a, b=1)", like=LIKE))


def use(subject: Subject, inputs: Mapping[str, Json], output: Json = None) -> Execution:
    """A live use of a version; one without an output failed."""
    return Execution(
        id=str(uuid4()),
        artifact=subject.artifact,
        tree_hash=subject.tree_hash,
        inputs=inputs,
        output=output,
        error="" if output is not None else "ZeroDivisionError",
        executed_at=BEGAN + timedelta(seconds=next(_seconds)),
    )


class Stage:
    """A version that is used, and one in its shadow."""

    def __init__(self, before: str, after: str, uses: ToolUses, ledger: SqlLedger) -> None:
        self.before, self.after, self.uses = version(before), version(after), uses
        self.shadow = Shadow(uses=uses, store=ledger.experiments)
        self.described = describe(self.before, uses)
        candidate = replace(
            candidate_of(), parent=self.before.tree_hash, tree_hash=self.after.tree_hash
        )
        self.experiment = Experiment(
            id="e1",
            campaign="c",
            number=1,
            candidate=candidate,
            opportunity=opportunity_of(),
            strategy="SHADOW",
            status="running",
            started_at=BEGAN,
            updated_at=BEGAN,
        )

    def look(self, live: Iterable[Execution]) -> Agreement:
        """What comes of these uses, the newest first, and of those before."""
        known = Known(subject=self.before, described=self.described, executions=tuple(live))
        beside = Beside(experiment=self.experiment, known=known, new=self.after, since=BEGAN)
        self.shadow.look(beside)
        return self.agreement

    @property
    def agreement(self) -> Agreement:
        return self.shadow.agreement(self.experiment, self.before.tree_hash)


def halves(stage: Stage, numbers: Iterable[int]) -> list[Execution]:
    return [use(stage.before, {"a": n, "b": 2}, n / 2) for n in numbers][::-1]


def test_live_inputs_go_to_both_versions_and_are_counted(uses: ToolUses, ledger: SqlLedger) -> None:
    after = "return 9 if a == 3 else a / b if b else 0"
    stage = Stage("return a / b", after, uses, ledger)
    failed = [use(stage.before, {"a": 1, "b": 0})]
    found = stage.look([*failed, *halves(stage, range(4))])
    assert found == Agreement(agreed=3, better=1, unlike=1)


def test_no_use_counts_twice(uses: ToolUses, ledger: SqlLedger) -> None:
    stage = Stage("return a / b", "return (a / b)", uses, ledger)
    live = halves(stage, range(5))
    assert stage.look(live) == stage.look(live) == Agreement(agreed=5)
    assert stage.look([*halves(stage, range(10, 13)), *live]).uses == 8


def test_what_was_used_before_the_experiment_began_is_no_live_use(
    uses: ToolUses, ledger: SqlLedger
) -> None:
    stage = Stage("return a / b", "return (a / b)", uses, ledger)
    before = [replace(each, executed_at=BEGAN - timedelta(1)) for each in halves(stage, range(5))]
    assert stage.look(before).uses == 0


@pytest.mark.parametrize(
    "inputs",
    [
        {"a": "<secret>"},
        {"a": f"key {MASK}"},
        {"password": "x"},
        {"a": {"__cut__": "0" * 64, "length": 99_999, "begins": "…"}},
        {"a": {"__python__": "set", "repr": "{1}"}},
    ],
)
def test_an_input_that_is_not_wholly_known_is_not_used(
    inputs: Mapping[str, Json], uses: ToolUses, ledger: SqlLedger
) -> None:
    stage = Stage("return 1", "return 2", uses, ledger)
    assert stage.look([use(stage.before, inputs, 1)]) == Agreement()


def test_one_input_again_and_again_does_not_decide(uses: ToolUses, ledger: SqlLedger) -> None:
    stage = Stage("return a / b", "return (a / b)", uses, ledger)
    assert stage.look(halves(stage, [7] * 40)).uses == SAME
    assert stage.look(halves(stage, [7] * 40)).uses == SAME


def test_what_comes_out_otherwise_in_the_sandbox_than_in_use_is_left_out(
    uses: ToolUses, ledger: SqlLedger
) -> None:
    stage = Stage("return os.path.exists('/a/file/of/ours')", "return 5", uses, ledger)
    assert stage.look([use(stage.before, {"a": 1}, True)]) == Agreement(otherwise=1)


def test_nothing_that_the_shadow_does_gets_out(uses: ToolUses, ledger: SqlLedger) -> None:
    place = Path("/var/tmp") / f"out-{uuid4()}"
    writes = f"open({str(place)!r}, 'w').write('x')\nreturn a"
    stage = Stage("return a", writes, uses, ledger)
    stage.look([use(stage.before, {"a": 1}, 1)])
    assert not place.exists()


def test_a_candidate_that_hangs_is_no_more_than_unlike(uses: ToolUses, ledger: SqlLedger) -> None:
    stage = Stage("return a", "while a == 1: pass\nreturn a", uses, ledger)
    live = [use(stage.before, {"a": each}, each) for each in (1, 2)]
    assert stage.look(live) == Agreement(agreed=1, unlike=1)


def test_a_look_is_bounded_and_the_next_one_goes_on(uses: ToolUses, ledger: SqlLedger) -> None:
    stage = Stage("return a / b", "return (a / b)", uses, ledger)
    live = halves(stage, range(100))
    stage.shadow = replace(stage.shadow, seconds=0.0)
    assert stage.look(live).uses == 64
    assert stage.look(live).uses == 100
    stage.shadow = replace(stage.shadow, most=5)
    assert stage.look([*halves(stage, range(200, 220)), *live]).uses == 105


class Falling(PlainProcess):
    """A sandbox that goes down after so many runs."""

    confined = True

    def __init__(self, uses: ToolUses, runs: int) -> None:
        self._real, self._left = uses.runner.sandbox, runs

    def run(self, command: Command, tree: Tree, limits: Limits) -> Completed:
        self._left -= 1
        if self._left < 0:
            raise SandboxUnavailableError("The wall is down.")
        return self._real.run(command, tree, limits)


def test_what_a_wall_that_went_down_left_is_tried_at_the_next_look(
    uses: ToolUses, ledger: SqlLedger
) -> None:
    stage = Stage("return a / b", "return (a / b)", uses, ledger)
    live = halves(stage, range(100))
    whole = stage.shadow
    for runs, counted in ((0, 0), (1, 0), (2, 64)):  # old and new have a run each, for 64 uses
        shaky = replace(uses, runner=replace(uses.runner, sandbox=Falling(uses, runs)))
        stage.shadow = replace(whole, uses=shaky)
        assert stage.look(live).uses == counted
    stage.shadow = whole
    assert stage.look(live) == Agreement(agreed=100)


def test_without_a_wall_nothing_runs(uses: ToolUses, ledger: SqlLedger) -> None:
    stage = Stage("return a", "return a", uses, ledger)
    bare = replace(uses, runner=replace(uses.runner, sandbox=PlainProcess()))
    stage.shadow = replace(stage.shadow, uses=bare)
    with pytest.raises(UnconfinedError):
        stage.look([use(stage.before, {"a": 1}, 1)])


def test_twenty_uses_that_agree_are_not_enough_to_be_sure_of_95_percent() -> None:
    assert not Agreement(agreed=20).holds
    assert (Agreement(agreed=20).needed, Agreement(agreed=60, unlike=1).needed) == (105, 162)
    assert Agreement(agreed=105).holds
    assert Agreement(agreed=50, better=55).holds


@given(agreed=st.integers(0, 400), better=st.integers(0, 50), unlike=st.integers(0, 40))
def test_what_holds_is_what_surely_reaches_the_share(agreed: int, better: int, unlike: int) -> None:
    found = Agreement(agreed=agreed, better=better, unlike=unlike)
    assert not (found.holds and found.fails)
    if found.holds:
        assert found.at_least >= AGREEMENT - 0.001
        assert found.as_good / found.uses > AGREEMENT
    if found.fails:
        assert found.as_good / found.uses < AGREEMENT
    assert found.holds == (found.needed <= found.uses)


def test_whoever_looks_after_each_use_is_seldom_misled() -> None:
    """A version that agrees in 94 % is released by luck in less than one of twenty cases."""
    released = sum(_ever_holds(seed) for seed in range(120))
    assert released <= 0.05 * 120


def _ever_holds(seed: int) -> bool:
    drawn, good, unlike = random.Random(seed), 0, 0
    for _ in range(300):
        is_good = drawn.random() < 0.94
        good, unlike = good + is_good, unlike + (not is_good)
        if Agreement(agreed=good, unlike=unlike).holds:
            return True
    return False
