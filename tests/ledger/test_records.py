"""What the tables hold for those who read them: answers to query, no secrets, YAML."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime

import yaml
from sqlalchemy import text

from cultivar.ledger.base import Run
from cultivar.ledger.database import connect
from cultivar.ledger.encoding import SECRET
from cultivar.ledger.export import answers_yaml
from cultivar.ledger.sql import open_ledger
from cultivar.ledger.tables import metadata
from cultivar.model import Answer, Order
from cultivar.testing.generations import TREE, generation_of
from cultivar.upgrades import UpgradeOrder

ANSWERS = (
    Answer(name="class_name", value="Größe", source="user", confidence=1.0),
    Answer(name="use_cache", value=True, source="task", confidence=0.9, evidence="TTL cache"),
    Answer(
        name="api_token",
        value="hunter2",
        source="user",
        confidence=1.0,
        evidence="the token is hunter2",
        secret=True,
    ),
    Answer(name="ttl", value=[300, 1.5], source="default", confidence=0.5),
    Answer(name="module", value="groesse", source="default", confidence=1.0, computed=True),
)
MADE = datetime(2026, 1, 1, 8, 30, tzinfo=UTC)


def test_a_secret_is_nowhere_in_the_database(url: str) -> None:
    with open_ledger(url) as ledger:
        order = Order(task="A cache", answers=ANSWERS)
        ledger.start(Run(id="r", graph="generate", order=order, status="done", started_at=MADE))
        upgrade = UpgradeOrder(folder="/out", answers_file="", answers=ANSWERS)
        ledger.start(Run(id="u", graph="upgrade", order=upgrade, status="done", started_at=MADE))
        ledger.record(generation_of(ledger.content.put(TREE), answers=ANSWERS))
    assert "class_name" in _all_rows(url)
    assert "hunter2" not in _all_rows(url)


def test_a_secret_answer_is_read_back_as_given_but_not_known(url: str) -> None:
    with open_ledger(url) as ledger:
        made = generation_of(ledger.content.put(TREE), answers=ANSWERS)
        ledger.record(made)
        answer = ledger.generation(made.id).answers[2]
    assert (answer.name, answer.value, answer.evidence) == ("api_token", SECRET, "")


def test_answers_can_be_queried_by_name(url: str) -> None:
    with open_ledger(url) as ledger:
        ledger.record(generation_of(ledger.content.put(TREE), answers=ANSWERS))
    with closing(connect(url)) as database, database.read() as connection:
        kept = connection.execute(text("SELECT answers FROM template_generations")).scalar_one()
    found = json.loads(kept) if isinstance(kept, str) else kept
    assert found == {"class_name": "Größe", "use_cache": True, "ttl": [300, 1.5]}


def test_a_server_finds_generations_by_their_answers(postgres_address: str) -> None:
    with open_ledger(postgres_address) as ledger:
        ledger.record(generation_of(ledger.content.put(TREE), answers=ANSWERS))
    query = text("""SELECT count(*) FROM template_generations WHERE answers @> '{"ttl": [300]}'""")
    with closing(connect(postgres_address)) as database, database.read() as connection:
        assert connection.execute(query).scalar_one() == 1


def test_the_files_of_a_generation_can_be_listed(url: str) -> None:
    with open_ledger(url) as ledger:
        made = generation_of(ledger.content.put(TREE))
        ledger.record(made)
    query = text("SELECT CAST(generation_id AS TEXT), path, mode, blob_hash FROM generation_files")
    with closing(connect(url)) as database, database.read() as connection:
        rows = {tuple(row) for row in connection.execute(query)}
    assert rows == {(made.id, path, entry.mode, entry.hash) for path, entry in TREE.items()}


def test_answers_are_exported_as_yaml_without_secrets_and_computed_ones() -> None:
    made = generation_of(TREE.hash, answers=ANSWERS, generated_at=MADE)
    assert answers_yaml(made) == (
        "_template_id: quality_template:python-production\n"
        "_template_version: 1.0.0\n"
        "_generated_at: '2026-01-01T08:30:00+00:00'\n"
        "class_name: Größe\n"
        "use_cache: true\n"
        "ttl:\n"
        "- 300\n"
        "- 1.5\n"
    )


def test_the_export_of_what_the_ledger_gives_back_is_the_same(url: str) -> None:
    with open_ledger(url) as ledger:
        made = generation_of(ledger.content.put(TREE), answers=ANSWERS, generated_at=MADE)
        ledger.record(made)
        assert answers_yaml(ledger.generation(made.id)) == answers_yaml(made)
        assert yaml.safe_load(answers_yaml(made))["ttl"] == [300, 1.5]


def _all_rows(url: str) -> str:
    with closing(connect(url)) as database, database.read() as connection:
        tables = [connection.execute(table.select()).all() for table in metadata.sorted_tables]
    return repr(tables)
