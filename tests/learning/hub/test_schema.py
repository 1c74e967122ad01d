"""A hub's database of an older schema is brought up to date, and nothing counts twice after it.

Each file in `schemas` is a whole database as schema 1 kept it, and is never changed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from msgspec import json
from sqlalchemy import inspect

from cultivar.learning.hub.store import HubStore
from cultivar.learning.telling.messages import decoded
from cultivar.ledger.database import connect
from cultivar.testing.hubs import TEMPLATE, counted, told
from cultivar.testing.postgres import PostgresServer

SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of a database of schema 1, and that of an empty one."""
    script = (SCHEMAS / f"{request.param}.sql").read_text(encoding="utf-8")
    if request.param == "sqlite":
        with closing(sqlite3.connect(tmp_path / "hub.db")) as connection:
            connection.executescript(script)
        yield f"sqlite:///{tmp_path / 'hub.db'}", f"sqlite:///{tmp_path / 'new.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with server.database() as url, server.database() as empty:
        with psycopg.connect(url) as connection:
            connection.execute(script.encode())
        yield url, empty


@pytest.fixture
def old(places: tuple[str, str]) -> str:
    return places[0]


def test_what_was_counted_is_counted_and_known_still(old: str) -> None:
    with closing(HubStore(old)) as store:
        assert counted(store) == 4
        again = [told(1), told(2, generated_at="2026-09-30T23:59:59.999999Z"), told(5)]
        found = store.ingest([decoded(json.encode(each)) for each in again])
        assert (found.counted, found.repeated) == (1, 2)
        values = [each.value for each in store.tallies.answers(TEMPLATE)]
        assert "café 😀" in values


def test_every_row_is_there_as_it_was(old: str) -> None:
    rows = (
        "SELECT id, answers, chosen, failures, success, generated_at, received_at "
        "FROM template_generations_global ORDER BY id"
    )
    with closing(connect(old)) as database, database.read() as connection:
        before = connection.exec_driver_sql(rows).all()
    HubStore(old).close()
    with closing(connect(old)) as database, database.read() as connection:
        assert connection.exec_driver_sql(rows).all() == before


def test_an_older_schema_becomes_what_a_new_one_is(places: tuple[str, str]) -> None:
    old, new = places
    assert shape(old) == shape(new)


def shape(url: str) -> dict[str, object]:
    """Columns, keys and indexes of all tables but the months' partitions."""
    HubStore(url).close()
    with closing(connect(url)) as database, database.read() as connection:
        found = inspect(connection)
        return {
            name: (
                [(each["name"], str(each["type"])) for each in found.get_columns(name)],
                found.get_pk_constraint(name)["constrained_columns"],
                sorted(each["column_names"] for each in found.get_indexes(name)),
            )
            for name in found.get_table_names()
            if "_y20" not in name
        }


def test_hubs_that_start_at_once_bring_it_up_to_date_once(old: str) -> None:
    failed: list[BaseException] = []

    def start() -> None:
        try:
            HubStore(old).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    with closing(HubStore(old)) as store:
        assert counted(store) == 4


def test_the_counts_of_schema_2_get_room_for_changes(postgres: PostgresServer) -> None:
    with postgres.database() as url:
        with closing(HubStore(url)) as store:
            store.ingest([decoded(json.encode(told(each))) for each in range(3)])
        room, names = filled(url)
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE hub_version SET number = 2")
            for name in names:
                connection.execute(f"ALTER TABLE {name} RESET (fillfactor)".encode())
        assert filled(url) == ([None, None], names)
        with closing(HubStore(url)) as store:
            assert counted(store) == 3
        assert filled(url) == (room, names)


def filled(url: str) -> tuple[list[str | None], list[str]]:
    """How the tables of the counts are filled, and their names."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT array_to_string(reloptions, ','), relname FROM pg_class "
            "WHERE relname IN ('answer_stats', 'combination_stats') ORDER BY relname"
        ).fetchall()
    return [each[0] for each in found], [each[1] for each in found]
