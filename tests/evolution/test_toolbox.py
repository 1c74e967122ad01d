"""Tools leave a record of each use, and their users do not notice."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cultivar.agent import Toolbox
from cultivar.application.opened import Opened
from cultivar.definitions import Definitions
from cultivar.errors import StoreUnavailableError
from cultivar.evals.comparing.comparison import compare
from cultivar.evals.trying.tool_uses import ToolUses
from cultivar.evals.trying.tools import try_tool_on
from cultivar.evolution.operators.tools.guarding import Study, guarded
from cultivar.evolution.operators.tools.observing import observations
from cultivar.evolution.strategies.trying import Known, cases_for, describe, plan_of
from cultivar.evolution.toolbox import KEPT, RecordedToolbox, Recorder, Records
from cultivar.ledger.improvements import ExecutionLog, ExecutionQuery
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.lifecycle import Artifact, ArtifactVersion, Execution
from cultivar.llm.redaction import Redactor
from cultivar.record import replace
from cultivar.settings import Settings
from cultivar.testing.tools import place_for_tools, subject_of, tool_file
from cultivar.tool import Tool
from cultivar.tree import Tree, read_entry

CALCULATOR = Path(__file__).parents[2] / "examples" / "calculator"
ACTS = Artifact(kind="tool", name="acts")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as opened:
        yield opened


class Box:
    """A workspace with one tool, and the record of its uses."""

    def __init__(self, root: Path, log: ExecutionLog, redactor: Redactor | None = None) -> None:
        self.root, self.log = root, log
        self.records = Records(log=log, redactor=redactor or Redactor())
        self.recorder = Recorder(self.records)

    def tool(self, body: str, signature: str = "acts(a, b=1)") -> Tool[..., Any]:
        (self.root / "tools").mkdir(exist_ok=True)
        (self.root / "tools" / "acts.py").write_text(tool_file(body, signature=signature))
        definitions = Definitions(workspace=self.root, trusted=True)
        return RecordedToolbox(definitions.tool, definitions.tool_file, self.recorder, "instance")(
            "acts"
        )

    def seen(self) -> tuple[Execution, ...]:
        """The uses, the oldest first."""
        self.recorder.flush()
        return self.log.executions(ExecutionQuery(artifact=ACTS))[::-1]


@pytest.fixture
def box(tmp_path: Path, ledger: SqlLedger) -> Iterator[Box]:
    made = Box(tmp_path, ledger.executions, Redactor("very-secret-word"))
    yield made
    made.recorder.close()


def test_a_use_is_recorded_with_its_version_its_inputs_and_its_output(box: Box) -> None:
    assert box.tool("time.sleep(0.02)\nreturn [a, b]")(4) == [4, 1]
    (use,) = box.seen()
    file = box.root / "tools" / "acts.py"
    assert (use.inputs, use.output, use.succeeded) == ({"a": 4}, [4, 1], True)
    assert use.tree_hash == Tree({"acts.py": read_entry(file)}).hash
    assert (use.artifact, use.instance_id) == (ACTS, "instance")
    assert 0.02 <= use.seconds < 2


def test_an_exception_is_recorded_and_is_the_callers_still(box: Box) -> None:
    tool = box.tool("return a / b")
    with pytest.raises(ZeroDivisionError):
        tool(a=4, b=0)
    (use,) = box.seen()
    assert (use.error, use.message, use.output) == ("ZeroDivisionError", "division by zero", None)


def test_a_call_that_does_not_fit_is_no_use_of_the_tool(box: Box) -> None:
    with pytest.raises(TypeError):
        box.tool("return a")(c=1)
    assert box.seen() == ()


def test_what_a_tool_does_to_its_inputs_does_not_change_the_record(box: Box) -> None:
    given = {"list": [1]}
    box.tool("a['list'].append(2)\nreturn a")(given)
    (use,) = box.seen()
    assert given == {"list": [1, 2]}
    assert (use.inputs, use.output) == ({"a": {"list": [1]}}, {"list": [1, 2]})


def test_named_and_gathered_arguments_are_known_by_their_names(box: Box) -> None:
    box.tool("return 1", "acts(a, *others, **named)")(1, 2, 3, colour="red")
    assert box.seen()[0].inputs == {"a": 1, "others": [2, 3], "colour": "red"}


def test_secrets_are_masked_by_their_value_and_by_their_name(box: Box) -> None:
    tool = box.tool("raise ValueError(a + api_key)", "acts(a, api_key)")
    with pytest.raises(ValueError, match="word"):
        tool("is very-secret-word", api_key="another-one")
    (use,) = box.seen()
    assert "very-secret-word" not in repr(use)
    assert "another-one" not in repr(use)


def test_what_is_too_large_is_kept_as_its_hash_and_its_beginning(box: Box) -> None:
    box.tool("return a * 2")("x" * KEPT)
    (use,) = box.seen()
    cut: Any = use.inputs["a"]
    assert set(cut) == {"__cut__", "length", "begins"}
    assert cut["length"] == KEPT + 2
    assert len(json.dumps(use.output)) < KEPT


@pytest.mark.parametrize("value", [list(range(100_000)), {"a": [[0] * 100] * 1000}])
def test_what_has_very_many_parts_is_told_apart_quickly(box: Box, value: Any) -> None:
    tool = box.tool("return 1")
    began = time.process_time()
    tool(value)
    assert time.process_time() - began < 0.2
    cut: Any = box.seen()[0].inputs["a"]
    assert len(cut["__cut__"]) == 64


class Odd:
    """An object that does not like to be looked at."""

    def __repr__(self) -> str:
        raise OSError("no")


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


ANYTHING = {
    "an object that raises": Odd(),
    "keys that are no text": {1: 2},
    "a set": {"x", "y"},
    "bytes": b"\xff",
    "a number without end": 10**5000,
    "no number": float("nan"),
    "a list in itself": ENDLESS,
    "half a letter": "\ud800",
}


@pytest.mark.parametrize("name", ANYTHING)
def test_whatever_a_tool_is_given_it_is_used_and_recorded(box: Box, name: str) -> None:
    assert box.tool("return a is not None")(ANYTHING[name]) is True
    assert box.seen()[0].output is True


class Broken:
    """A record that is down."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def add_execution(self, execution: Execution) -> None:
        raise self._error

    def executions(self, query: ExecutionQuery) -> tuple[Execution, ...]:
        return ()

    def executed(self) -> tuple[Artifact, ...]:
        return ()


DOWN = [(StoreUnavailableError("The ledger is down."), "The ledger is down."), (KeyError(), "Key")]


@pytest.mark.parametrize(("error", "said"), DOWN)
@pytest.mark.parametrize("waits", [True, False])
def test_a_record_that_is_down_is_no_trouble_of_the_callers(
    error: Exception, said: str, waits: bool, tmp_path: Path
) -> None:
    box = Box(tmp_path, Broken(error))
    box.recorder = Recorder(replace(box.records, waits=waits))
    tool = box.tool("return a")
    assert [tool(1), tool(2)] == [1, 2]
    box.recorder.close()
    assert box.recorder.lost == 2
    assert said in box.recorder.trouble


def test_all_uses_are_kept_when_the_recorder_is_closed(box: Box) -> None:
    tool = box.tool("return a")
    for number in range(50):
        tool(number)
    box.recorder.close()
    assert len(box.log.executions(ExecutionQuery(artifact=ACTS))) == 50


def test_a_use_costs_its_caller_less_than_a_millisecond(box: Box) -> None:
    body = "return a"
    tool, bare = box.tool(body), Definitions(workspace=box.root, trusted=True).tool("acts")
    given = {"text": "x" * 2000, "numbers": list(range(50))}
    tool(given)

    def cpu(call: Any) -> float:
        began = time.thread_time()
        for _ in range(100):
            call(given)
        return (time.thread_time() - began) / 100

    assert min(cpu(tool) for _ in range(3)) - cpu(bare) < 0.001


def test_the_toolbox_of_an_application_records(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "acts.py").write_text(tool_file("return a", signature="acts(a)"))
    settings = Settings(workspace=tmp_path, home=tmp_path / "home", trust=(str(tmp_path),))
    with Opened(settings) as opened:
        opened.services.need(Toolbox)("acts")(3)
    with Opened(settings) as opened:
        log = opened.services.need(ExecutionLog)
        assert [each.output for each in log.executions(ExecutionQuery(artifact=ACTS))] == [3]


@pytest.fixture(scope="module")
def uses() -> Iterator[ToolUses]:
    with place_for_tools() as place:
        yield place


def test_the_demo_goes_from_its_own_history_to_a_version_that_is_to_be_deployed(
    ledger: SqlLedger, uses: ToolUses
) -> None:
    definitions = Definitions(workspace=CALCULATOR, trusted=True)
    recorder = Recorder(Records(log=ledger.executions, redactor=Redactor()))
    tool = RecordedToolbox(definitions.tool, definitions.tool_file, recorder)("calculator")
    for line in (CALCULATOR / "uses.jsonl").read_text().splitlines():
        try:
            tool(**json.loads(line))
        except (TypeError, ZeroDivisionError):
            continue
    recorder.close()
    subject = subject_of((CALCULATOR / "tools" / "calculator.py").read_text(), "calculator")
    query = ExecutionQuery(artifact=subject.artifact, tree_hash=subject.tree_hash)
    history = ledger.executions.executions(query)
    assert sum(each.succeeded for each in history) == len(history) / 2 == 100
    described = describe(subject, uses)
    known = Known(subject=subject, described=described, executions=history)
    version = ArtifactVersion(
        artifact=subject.artifact,
        tree_hash=subject.tree_hash,
        version="1.0.0",
        made_at=history[0].executed_at,
    )
    study = Study(
        version=version,
        tree=subject.tree,
        cases=described.cases,
        observed=observations(history, lambda each: f"pattern of {each.error}"),
    )
    first = guarded(study).proposals[0]
    assert first.candidate.aims_at == ("pattern of TypeError", "pattern of ZeroDivisionError")
    plan = plan_of(known)
    assert (plan.strategy, plan.automatic) == ("SHADOW", True)
    cases = cases_for(plan, known, uses)
    new = subject_of(first.tree.text("calculator.py"), "calculator")
    found = compare(try_tool_on(subject, cases, uses), try_tool_on(new, cases, uses), cases=cases)
    assert (found.after, found.losses, found.recommendation) == (1.0, 0, "deploy")
    assert found.before < 0.55
