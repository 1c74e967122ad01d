"""A ledger of every schema there has been is brought up to date and keeps what is in it.

Each file in `schemas` is a whole ledger as that schema kept it, and is never changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cultivar.ledger.base import ModelCall, Run
from cultivar.ledger.encoding import SECRET
from cultivar.ledger.improvements import ExecutionQuery, ExperimentQuery, Pointer
from cultivar.ledger.outgoing import Outgoing
from cultivar.ledger.schema import SCHEMA
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.ledger.tallying import AnswerTally, Stratum, Tally
from cultivar.lifecycle import (
    Artifact,
    ArtifactVersion,
    Assertion,
    AssertionResult,
    BadAnswers,
    Candidate,
    Execution,
    Experiment,
    GateVerdict,
    Opportunity,
    PatternShare,
    Release,
    TrialCase,
    TrialResult,
)
from cultivar.model import (
    Answer,
    Attempt,
    CheckResult,
    Draft,
    Edit,
    FailurePattern,
    Fix,
    Generation,
    Order,
    Proof,
    SlotBody,
    TemplateRef,
    Usage,
)
from cultivar.tree import Tree, text_entry
from cultivar.upgrades import Migration, ScriptRun, UpgradeOrder

SCHEMAS = sorted((Path(__file__).parent / "schemas").glob("*.sql"))
TREE = Tree(
    {
        "cache.py": text_entry("CACHE = {}\n" * 3),
        "run.sh": text_entry("#!/bin/sh\n", mode="executable"),
    }
)
RESULT = CheckResult(
    check="tests", verdict="passed", required=True, weight=4.0, output="1 passed", exit_code=0
)
GENERATION = Generation(
    id="0a1b2c3d-0000-4000-8000-000000000001",
    run_id="run-1",
    task="An async TTL cache",
    template=TemplateRef(
        id="quality_template:python-production",
        version="1.0.0",
        tree_hash="0" * 64,
        origin="builtin",
        language="python",
    ),
    answers=(
        Answer(
            name="ttl",
            value=300,
            source="task",
            confidence=0.9,
            evidence="5 minutes",
            closed=True,
        ),
        Answer(name="token", value=SECRET, source="user", confidence=1.0, secret=True),
    ),
    attempts=(
        Attempt(
            number=1,
            draft=Draft(
                tree_hash=TREE.hash,
                slots=(SlotBody(path="cache.py", slot="body", body="pass"),),
            ),
            proof=Proof(results=(RESULT,), sandbox="bubblewrap"),
            patterns=("long",),
        ),
    ),
    instance_id="local",
    generated_at=datetime(2026, 1, 1, 8, tzinfo=UTC),
    output="/out",
    file_path="/out",
    recalled=("long",),
    usage=Usage(calls=1, tokens=120, money=0.25, seconds=1.5),
    seconds=2.5,
)


UPGRADE = Run(
    id="upgrade-1",
    graph="upgrade",
    order=UpgradeOrder(folder="/out", answers_file=".template-answers.yml", to="2.0.0"),
    status="done",
    started_at=datetime(2026, 2, 1, 8, tzinfo=UTC),
    generation_id="0a1b2c3d-0000-4000-8000-000000000002",
)
MIGRATION = Migration(
    id="upgrade-1",
    template_id="quality_template:python-production",
    from_version="1.0.0",
    to_version="2.0.0",
    output="/out",
    answers_file=".template-answers.yml",
    generation_before=GENERATION.id,
    generation_after="0a1b2c3d-0000-4000-8000-000000000002",
    outcome="conflicts",
    instance_id="local",
    migrated_at=datetime(2026, 2, 1, 8, tzinfo=UTC),
    changed=2,
    conflicts=("cache.py",),
    rungs={"git": 1},
    scripts=(
        ScriptRun(
            script="5c21",
            version="1.5.0",
            stage="before",
            command="mv old.py cache.py",
            succeeded=True,
            idempotent=False,
            changed=("cache.py", "old.py"),
            seconds=0.5,
            output="moved",
        ),
    ),
    proof=Proof(results=(RESULT,), sandbox="bubblewrap"),
    seconds=1.5,
)

TOOL = Artifact(kind="tool", name="calculator")
VERSION = ArtifactVersion(
    artifact=TOOL,
    tree_hash=TREE.hash,
    version="1.0.1",
    parent="f" * 64,
    made_by="guard",
    why="b may be 0",
    made_at=datetime(2026, 3, 1, 8, tzinfo=UTC),
)
CURRENT = Pointer(
    alias="current",
    tree_hash=TREE.hash,
    share=0.25,
    since=datetime(2026, 3, 2, 8, tzinfo=UTC),
)
EXPERIMENT = Experiment(
    id="experiment-1",
    campaign="improve-1",
    number=2,
    candidate=Candidate(
        artifact=TOOL,
        parent="f" * 64,
        tree_hash=TREE.hash,
        version="1.0.1",
        operator="guard",
        description="Refuse 0",
        aims_at=("long",),
        edits=(Edit(path="a", search="b", replace="c"),),
    ),
    opportunity=Opportunity(
        artifact=TOOL,
        tree_hash="f" * 64,
        version="1.0.0",
        kind="failing",
        uses=40,
        measured=0.5,
        low=0.35,
        high=0.65,
        against=0.8,
        gain=20.0,
        patterns=(PatternShare(pattern_id="long", check="", kind="E501", seen=20),),
        bad_answers=(BadAnswers(answers={"b": 0}, uses=20, failed=20, lift=9.5, p_value=0.001),),
        examples=("execution-1",),
        why="It fails on 0.",
    ),
    strategy="SHADOW",
    status="released",
    verdict=GateVerdict(decision="release", sentence="Better.", reasons=("a",), numbers={"n": 4.0}),
    reason="It was better.",
    simulated=False,
    decided_by="gate",
    money=0.25,
    started_at=datetime(2026, 3, 1, 8, tzinfo=UTC),
    updated_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
)
TRIED = TrialResult(
    case_id="case-1",
    tree_hash=TREE.hash,
    repeat=0,
    verdict="passed",
    score=1.0,
    assertions=(AssertionResult(kind="equals", passed=True, score=1.0, required=True, weight=1.0),),
    quality=0.5,
)
CASE = TrialCase(
    id="case-1",
    origin="regression",
    inputs={"a": 1, "b": [0]},
    assertions=(Assertion(kind="equals", value={"is": None}),),
)
RELEASE = Release(
    id="release-1",
    experiment="experiment-1",
    artifact=TOOL,
    before="f" * 64,
    after=TREE.hash,
    status="watching",
    backup="/tools/calculator.py.backup-20260301T080000Z",
    released_at=datetime(2026, 3, 2, 8, tzinfo=UTC),
    updated_at=datetime(2026, 3, 2, 9, tzinfo=UTC),
)
EXECUTION = Execution(
    id="execution-1",
    artifact=TOOL,
    tree_hash=TREE.hash,
    inputs={"a": 1, "b": 0},
    error="ZeroDivisionError",
    message="division by zero",
    seconds=0.5,
    money=0.25,
    instance_id="local",
    executed_at=datetime(2026, 3, 1, 7, tzinfo=UTC),
)


@pytest.fixture(params=SCHEMAS, ids=lambda file: f"schema-{file.stem}")
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlLedger]:
    """A ledger that began as that schema."""
    file = tmp_path / "ledger.db"
    schema: Path = request.param
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(schema.read_text())
    with open_ledger(f"sqlite:///{file}") as ledger:
        yield ledger


def test_there_is_a_ledger_of_every_schema() -> None:
    assert [file.stem for file in SCHEMAS] == [f"{number:04}" for number in range(1, SCHEMA + 1)]


def test_generations_are_kept(old: SqlLedger) -> None:
    assert old.generation(GENERATION.id) == GENERATION


def test_generations_are_counted(old: SqlLedger) -> None:
    stratum = Stratum(template_version="1.0.0", instance_id="local")
    once = Tally(
        uses=1,
        chosen=1,
        succeeded=1,
        recent_uses=1.0,
        recent_succeeded=1.0,
        recent_at=GENERATION.generated_at,
    )
    template = GENERATION.template.id
    assert old.tallies.totals() == {template: {stratum: once}}
    assert old.tallies.answers(template) == (
        AnswerTally(question="ttl", value=300, stratum=stratum, tally=once),
    )


def test_trees_are_kept(old: SqlLedger) -> None:
    assert old.content.tree(TREE.hash) == TREE


def test_runs_are_kept(old: SqlLedger) -> None:
    assert old.run("run-1") == Run(
        id="run-1",
        graph="generate",
        order=Order(task="An async TTL cache"),
        status="done",
        started_at=datetime(2026, 1, 1, 8, tzinfo=UTC),
        generation_id=GENERATION.id,
    )


@pytest.mark.parametrize("old", SCHEMAS[:1], indirect=True, ids=["schema-0001"])
def test_a_ledger_from_before_there_were_upgrades_has_none(old: SqlLedger) -> None:
    assert old.migrations() == ()


@pytest.mark.parametrize("old", SCHEMAS[1:], indirect=True, ids=lambda file: f"schema-{file.stem}")
def test_upgrades_are_kept(old: SqlLedger) -> None:
    assert old.migrations() == (MIGRATION,)
    assert old.run("upgrade-1") == UPGRADE


@pytest.mark.parametrize("old", SCHEMAS[:3], indirect=True, ids=lambda file: f"schema-{file.stem}")
def test_a_ledger_from_before_there_was_an_outbox_has_nothing_to_tell(old: SqlLedger) -> None:
    assert old.outbox.pending("local") == ()


@pytest.mark.parametrize("old", SCHEMAS[3:], indirect=True, ids=lambda file: f"schema-{file.stem}")
def test_what_is_to_be_told_is_kept(old: SqlLedger) -> None:
    payload = f'{{"id":"{GENERATION.id}"}}'.encode()
    waiting = Outgoing(sequence=1, generation_id=GENERATION.id, payload=payload)
    assert old.outbox.pending("local") == (waiting,)


def test_verdicts_are_kept(old: SqlLedger) -> None:
    assert old.verdicts.verdict("key") == RESULT


def test_failure_patterns_are_kept(old: SqlLedger) -> None:
    fix = Fix(id="wrap", description="Wrap", edits=(Edit(path="a", search="b", replace="c"),))
    assert old.patterns.vectors("words") == {"long": b"\0\0\x80?"}
    assert old.patterns.patterns() == (
        FailurePattern(
            id="long",
            signature="E501",
            check="lint",
            language="python",
            kind="E501",
            example="too long",
            seen=1,
            fixes=(fix,),
        ),
    )


def test_model_calls_are_kept(old: SqlLedger) -> None:
    assert old.calls.call("run-1", "hash") == ModelCall(
        run_id="run-1",
        purpose="slots",
        request_hash="hash",
        model="m",
        prompt={"a": 1},
        reply="pass",
        prompt_tokens=100,
        completion_tokens=20,
        money=0.25,
        seconds=1.5,
        attempts=1,
    )


@pytest.mark.parametrize("old", SCHEMAS[:5], indirect=True, ids=lambda file: f"schema-{file.stem}")
def test_a_ledger_from_before_anything_improved_has_no_version(old: SqlLedger) -> None:
    assert old.artifacts.artifacts() == ()


@pytest.mark.parametrize("old", SCHEMAS[5:], indirect=True, ids=lambda file: f"schema-{file.stem}")
def test_what_improved_is_kept(old: SqlLedger) -> None:
    assert old.artifacts.versions(TOOL) == (VERSION,)
    assert old.artifacts.pointer(TOOL, "current") == CURRENT
    assert old.experiments.experiments(ExperimentQuery()) == (EXPERIMENT,)
    assert old.experiments.known_results(["key"]) == {"key": TRIED}
    assert old.experiments.cases(TOOL) == (CASE,)
    assert old.experiments.releases() == (RELEASE,)
    assert old.executions.executions(ExecutionQuery(artifact=TOOL)) == (EXECUTION,)
