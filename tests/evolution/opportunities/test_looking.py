from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest

from cultivar.evolution.opportunities.looking import History, find_opportunities
from cultivar.evolution.roles import Analysis, AnalysisOrder
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.lifecycle import Artifact, ArtifactVersion, Execution
from cultivar.model import FailurePattern, Generation, Usage
from cultivar.record import replace
from cultivar.testing.generations import (
    TEMPLATE,
    TREE,
    answer_of,
    attempt_at,
    check_result,
    generation_of,
)

ARTIFACT = Artifact(kind="template", name=TEMPLATE.id)
TOOL = Artifact(kind="tool", name="calculator")
START = datetime.now(UTC) - timedelta(days=10)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        ledger.content.put(TREE)
        yield ledger


def _current(artifact: Artifact) -> ArtifactVersion:
    tree_hash = TEMPLATE.tree_hash if artifact.kind == "template" else "c" * 64
    return ArtifactVersion(artifact=artifact, tree_hash=tree_hash, version="1.0.0", made_at=START)


def _look(ledger: SqlLedger, *artifacts: Artifact) -> Analysis:
    history = History(
        ledger=ledger,
        tallies=ledger.tallies,
        patterns=ledger.patterns,
        executions=ledger.executions,
        meant_to_fail=lambda version, executions: frozenset(),
        current=_current,
    )
    return find_opportunities(history, AnalysisOrder(artifacts=artifacts))


def _used(
    ledger: SqlLedger, number: int, *, success: bool, **changes: object
) -> tuple[Generation, ...]:
    verdict = "passed" if success else "failed"
    attempt = attempt_at(TREE.hash, check_result(verdict=verdict))
    pattern = changes.pop("pattern", "")
    if pattern:
        attempt = replace(attempt, patterns=(str(pattern),))
    made = tuple(
        generation_of(TREE.hash, **{"attempts": (attempt,), "generated_at": START, **changes})
        for _ in range(number)
    )
    for each in made:
        ledger.record(each)
    return made


def test_a_template_that_fails_too_often_is_found_with_what_fails_and_what_it_would_gain(
    ledger: SqlLedger,
) -> None:
    pattern = FailurePattern(
        id="p1", signature="F821", check="lint", language="python", kind="F821", example="m.py:1"
    )
    ledger.patterns.add_pattern(pattern, b"\0" * 4, "none")
    _used(ledger, 30, success=True)
    failed = _used(ledger, 30, success=False, pattern="p1")
    (found,) = _look(ledger).opportunities
    assert (found.kind, found.artifact, found.uses) == ("failing", ARTIFACT, 60)
    assert found.measured == 0.5
    assert found.low < 0.5 < found.high < found.against == 0.8
    assert found.gain == pytest.approx(30)
    assert [(each.pattern_id, each.kind, each.seen) for each in found.patterns] == [
        ("p1", "F821", 30)
    ]
    assert set(found.examples) == {each.id for each in failed}
    assert "succeeds in 50% of 60 uses" in found.why
    assert "F821, in 30" in found.why


def test_few_failures_are_no_evidence_and_that_is_said(ledger: SqlLedger) -> None:
    _used(ledger, 9, success=False)
    found = _look(ledger)
    assert not found.opportunities
    assert found.unsure == (
        f"template:{TEMPLATE.id} 1.0.0: 9 verified uses, of 20 that it takes to tell.",
    )


def test_what_nobody_verified_is_neither_success_nor_failure(ledger: SqlLedger) -> None:
    attempt = attempt_at(TREE.hash, check_result(verdict="not_verified"))
    for _ in range(100):
        ledger.record(generation_of(TREE.hash, attempts=(attempt,)))
    assert not _look(ledger).opportunities


def test_one_instance_that_fails_by_itself_does_not_make_a_template_failing(
    ledger: SqlLedger,
) -> None:
    for instance in "abcdefgh":
        _used(ledger, 40, success=True, instance_id=instance)
    _used(ledger, 400, success=False, instance_id="broken")
    assert not [each for each in _look(ledger).opportunities if each.kind == "failing"]


def test_answers_that_go_with_failure_are_told(ledger: SqlLedger) -> None:
    for memory, many, success in (
        *[(True, True, False)] * 50,
        *[(True, False, True)] * 50,
        *[(False, True, True)] * 50,
        *[(False, False, True)] * 20,
    ):
        answers = (answer_of("in_memory", memory), answer_of("many_workers", many))
        _used(ledger, 1, success=success, answers=answers)
    (found,) = _look(ledger).opportunities
    assert {"in_memory": True, "many_workers": True} in [each.answers for each in found.bad_answers]


def test_a_version_that_is_worse_than_the_one_before_is_degrading(ledger: SqlLedger) -> None:
    older = replace(TEMPLATE, version="0.9.0", tree_hash="9" * 64)
    _used(ledger, 99, success=True, template=older)
    _used(ledger, 1, success=False, template=older)
    _used(ledger, 70, success=True)
    _used(ledger, 15, success=False)
    (found,) = _look(ledger).opportunities
    assert found.kind == "degrading"
    assert found.against == pytest.approx(0.99)
    assert "99% before" in found.why


def test_uses_that_take_longer_than_they_did_are_slow(ledger: SqlLedger) -> None:
    luck = Random(1)
    for day in range(100):
        seconds = (1 if day < 50 else 3) * luck.lognormvariate(0, 0.3)
        at = START + timedelta(minutes=day)
        _used(ledger, 1, success=True, seconds=seconds, generated_at=at)
    (found,) = _look(ledger).opportunities
    assert found.kind == "slow"
    assert found.low < 3 < found.high
    assert found.against == pytest.approx(1, rel=0.2)


def test_uses_that_cost_more_than_they_did_are_costly(ledger: SqlLedger) -> None:
    for day in range(60):
        usage = Usage(calls=1, money=(0.01 if day < 30 else 0.05) * (1 + day % 3 / 10))
        at = START + timedelta(minutes=day)
        _used(ledger, 1, success=True, usage=usage, generated_at=at)
    assert [each.kind for each in _look(ledger).opportunities] == ["costly"]


def test_healthy_templates_are_hardly_ever_told_to_fail(ledger: SqlLedger) -> None:
    luck = Random(7)
    artifacts = tuple(Artifact(kind="template", name=f"t{number}") for number in range(60))
    for artifact in artifacts:
        template = replace(TEMPLATE, id=artifact.name)
        for _ in range(25):
            _used(ledger, 1, success=luck.random() < 0.85, template=template)
    assert len(_look(ledger, *artifacts).opportunities) <= 2


def test_the_failures_of_a_tool_are_grouped_by_what_they_have_in_common(
    ledger: SqlLedger,
) -> None:
    for number in range(40):
        fails = number % 2 == 0
        ledger.executions.add_execution(
            Execution(
                id=str(uuid4()),
                artifact=TOOL,
                tree_hash="c" * 64,
                inputs={"a": number, "b": 0 if fails else 1},
                output=None if fails else number,
                error="ZeroDivisionError" if fails else "",
                message="division by zero" if fails else "",
                instance_id="local",
                executed_at=START + timedelta(minutes=number),
            )
        )
    (found,) = _look(ledger).opportunities
    assert (found.kind, found.artifact, found.measured) == ("failing", TOOL, 0.5)
    (pattern,) = found.patterns
    assert (pattern.kind, pattern.seen) == ("ZeroDivisionError", 20)


def test_what_gains_most_comes_first(ledger: SqlLedger) -> None:
    for name, failures in (("few", 15), ("many", 30)):
        template = replace(TEMPLATE, id=name)
        _used(ledger, 20, success=True, template=template)
        _used(ledger, failures, success=False, template=template)
    assert [each.artifact.name for each in _look(ledger).opportunities] == ["many", "few"]
