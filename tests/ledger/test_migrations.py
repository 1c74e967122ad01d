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
from cultivar.ledger.outgoing import Outgoing
from cultivar.ledger.schema import SCHEMA
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.ledger.tallying import AnswerTally, Stratum, Tally
from cultivar.model import (
    Answer,
    Attempt,
    CheckResult,
    Draft,
    Edit,
    FailurePattern,
    Fix,
    Generation,
    Migration,
    Order,
    Proof,
    ScriptRun,
    SlotBody,
    TemplateRef,
    UpgradeOrder,
    Usage,
)
from cultivar.tree import Tree, text_entry

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
