"""Opening a ledger creates it, brings it up to date, or refuses and touches nothing."""

from __future__ import annotations

import hashlib
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import IO, cast

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from cultivar.errors import SettingsError, StoreUnavailableError
from cultivar.ledger.base import Query
from cultivar.ledger.database import connect
from cultivar.ledger.improvement_tables import metadata
from cultivar.ledger.schema import MIGRATIONS, SCHEMA, VERSION_TABLE, migrate
from cultivar.ledger.sql import open_ledger
from cultivar.model import Fix

PROGRAMS = Path(__file__).parent / "programs"


def test_an_empty_place_becomes_a_ledger(fresh_url: str) -> None:
    with open_ledger(fresh_url) as ledger:
        assert ledger.generations(Query()) == ()


def test_the_folder_of_the_ledger_is_made(tmp_path: Path) -> None:
    with open_ledger(f"sqlite:///{tmp_path}/not/yet/ledger.db"):
        assert (tmp_path / "not/yet/ledger.db").is_file()


def test_a_new_ledger_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        assert ledger.runs() == ()
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.glob("*.db*")}
    del modes["ledger.db.lock"]
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm"), 0o600)


def test_a_ledger_that_is_there_stays_as_open_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch(mode=0o644)
    open_ledger(f"sqlite:///{tmp_path}/ledger.db").close()
    assert (tmp_path / "ledger.db").stat().st_mode & 0o777 == 0o644


def test_an_address_may_be_short(postgres_address: str) -> None:
    with open_ledger(postgres_address.replace("postgresql:", "postgres:", 1)) as ledger:
        assert ledger.runs() == ()


def test_a_new_ledger_is_what_all_migrations_make(fresh_url: str) -> None:
    with closing(connect(fresh_url)) as database, database.write() as connection:
        migrate(connection)
        migrated = _all_of(connection)
        connection.execute(text("DROP VIEW generation_files"))
        connection.execute(text(f"DROP TABLE {VERSION_TABLE}"))
        metadata.drop_all(connection)
    open_ledger(fresh_url).close()
    with closing(connect(fresh_url)) as database, database.read() as connection:
        assert _all_of(connection) == migrated


def _all_of(connection: Connection) -> Mapping[str, object]:
    """All that the database says of the ledger's tables, of its view, and what is in them."""
    seen = inspect(connection)
    rows = [connection.execute(table.select()).all() for table in metadata.sorted_tables]
    version = connection.execute(text(f"SELECT * FROM {VERSION_TABLE}")).all()
    kept = [seen.get_columns(VERSION_TABLE), seen.get_pk_constraint(VERSION_TABLE)]
    view = seen.get_view_definition("generation_files")
    return _tables(connection) | {"rows": rows, "version": [version, str(kept)], "view": view}


def _tables(connection: Connection) -> dict[str, object]:
    seen = inspect(connection)
    return {
        name: (
            [(each["name"], repr(each["type"]), each["nullable"]) for each in columns],
            seen.get_pk_constraint(name),
            sorted(map(str, seen.get_foreign_keys(name))),
            sorted(map(str, seen.get_indexes(name))),
        )
        for name in metadata.tables
        if (columns := seen.get_columns(name))
    }


def test_the_schema_is_that_of_the_last_migration() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [f"{SCHEMA:04}"]


def test_a_server_has_an_inverted_index_on_answers(postgres_address: str) -> None:
    open_ledger(postgres_address).close()
    found = text("SELECT indexdef FROM pg_indexes WHERE indexdef LIKE '%USING gin (answers)'")
    with closing(connect(postgres_address)) as database, database.read() as connection:
        assert len(connection.execute(found).all()) == 1


def test_a_file_is_logged_ahead_flushed_at_each_commit_and_minds_references(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    open_ledger(url).close()
    with closing(connect(url)) as database, database.read() as connection:
        settings = ["journal_mode", "synchronous", "foreign_keys"]
        kept = [connection.exec_driver_sql(f"PRAGMA {each}").scalar() for each in settings]
    full = 2
    assert kept == ["wal", full, 1]


def test_opening_a_ledger_that_is_up_to_date_needs_no_migrations(url: str) -> None:
    assert not _needs_migrations(url)


def test_making_a_new_ledger_needs_no_migrations(fresh_url: str) -> None:
    assert not _needs_migrations(fresh_url)


def _needs_migrations(url: str) -> bool:
    """Whether opening it imports Alembic, which takes longer than all the rest."""
    code = (
        "import sys\n"
        "from cultivar.ledger.sql import open_ledger\n"
        "open_ledger(sys.argv[1]).close()\n"
        "print('alembic' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, url], capture_output=True, text=True, check=True
    )
    return ended.stdout != "False\n"


def test_processes_that_open_an_empty_place_at_once_all_succeed(fresh_url: str) -> None:
    command = [sys.executable, str(PROGRAMS / "open_at_once.py"), fresh_url]
    programs = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(4)]
    for program in programs:
        cast("IO[bytes]", program.stdin).write(b"go\n")
        cast("IO[bytes]", program.stdin).close()
    assert [program.wait() for program in programs] == [0, 0, 0, 0]


def test_a_ledger_of_a_newer_version_is_refused(url: str) -> None:
    _set_version(url, "0999")
    with pytest.raises(StoreUnavailableError, match=f"schema 999; this Cultivar knows {SCHEMA}"):
        open_ledger(url)


def test_a_ledger_of_a_newer_version_is_not_touched(tmp_path: Path, empty_file: Path) -> None:
    file = tmp_path / "ledger.db"
    shutil.copy(empty_file, file)
    _set_version(f"sqlite:///{file}", "0999")
    before = _digests(tmp_path)
    with pytest.raises(StoreUnavailableError):
        open_ledger(f"sqlite:///{file}")
    assert _digests(tmp_path) == before


def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_text("These are my notes.\n" * 100)
    before = _digests(tmp_path)
    with pytest.raises(StoreUnavailableError, match=r"not a database\. Move the file away"):
        open_ledger(f"sqlite:///{file}")
    assert _digests(tmp_path) == before


def test_the_database_of_another_application_is_refused_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")
    before = _digests(tmp_path)
    with pytest.raises(StoreUnavailableError, match="holds the table `bookmarks`"):
        open_ledger(f"sqlite:///{file}")
    assert _digests(tmp_path) == before


def test_a_server_may_hold_tables_of_others(postgres_address: str) -> None:
    with closing(connect(postgres_address)) as database, database.write() as connection:
        connection.execute(text("CREATE TABLE bookmarks (address TEXT)"))
        connection.execute(text("CREATE TABLE alembic_version (version_num TEXT)"))
    with open_ledger(postgres_address) as ledger:
        assert ledger.runs() == ()


def test_a_server_with_a_table_of_the_same_name_is_refused(postgres_address: str) -> None:
    with closing(connect(postgres_address)) as database, database.write() as connection:
        connection.execute(text("CREATE TABLE runs (id TEXT)"))
    with pytest.raises(StoreUnavailableError, match="holds the table `runs`"):
        open_ledger(postgres_address)


@pytest.mark.parametrize("place", ["/proc/ledger.db", "/proc/version/ledger.db"])
def test_a_place_that_cannot_be_written_is_refused(place: str) -> None:
    with pytest.raises(StoreUnavailableError, match="a place that you may write"):
        open_ledger(f"sqlite:///{place}")


def test_a_ledger_that_may_only_be_read_says_so(tmp_path: Path, empty_file: Path) -> None:
    file = tmp_path / "ledger.db"
    shutil.copy(empty_file, file)
    with (
        open_ledger(f"sqlite:///file:{file}?mode=ro&uri=true") as ledger,
        pytest.raises(StoreUnavailableError, match=r"readonly.* a place that you may write"),
    ):
        ledger.patterns.add_fix("any", _fix())


def _fix() -> Fix:
    return Fix(id="fix", description="")


@pytest.mark.parametrize(
    "url", ["", "ledger.db", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "http://x"]
)
def test_what_is_no_address_of_a_ledger_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="sqlite:///FILE"):
        open_ledger(url)


def test_a_server_that_is_not_there_is_reported_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        open_ledger(f"postgresql://me:hush@/ledger?host={tmp_path}&password=hush")
    assert "hush" not in str(caught.value)


def test_a_server_that_never_answers_is_given_up(silent_port: int) -> None:
    with pytest.raises(StoreUnavailableError) as caught:
        open_ledger(f"postgresql://me:hush@127.0.0.1:{silent_port}/ledger?connect_timeout=2")
    assert "timeout" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_a_database_that_is_missing_on_the_server_is_reported(postgres_address: str) -> None:
    missing = postgres_address.replace("/test_", "/none_", 1)
    with pytest.raises(StoreUnavailableError, match="Create the database"):
        open_ledger(missing)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where somebody listens and nobody speaks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _set_version(url: str, version: str) -> None:
    with closing(connect(url)) as database, database.write() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = :to"), {"to": version})


def _digests(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
