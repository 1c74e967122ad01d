"""What goes wrong leaves nothing half done, and is told in words that help."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import IO, cast

import pytest
from sqlalchemy import event, text

from cultivar.errors import NotKnownError, StoreUnavailableError
from cultivar.ledger.base import Query
from cultivar.ledger.blobs import SqlContentStore
from cultivar.ledger.database import Database, connect
from cultivar.ledger.generations import SqlGenerations
from cultivar.ledger.sql import open_ledger
from cultivar.record import replace
from cultivar.testing.generations import TEMPLATE, TREE, generation_of
from cultivar.tree import Entry, Tree, text_entry

PROGRAMS = Path(__file__).parent / "programs"
_ID = "0a1b2c3d-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    "table",
    ["template_generations", "attempts", "check_results", "answer_stats", "combination_stats"],
)
def test_a_process_killed_while_recording_leaves_nothing_half(url: str, table: str) -> None:
    with open_ledger(url) as ledger:
        ledger.content.put(TREE)
    assert _killed_after(url, f"INSERT INTO {table}") == -signal.SIGKILL
    with open_ledger(url) as ledger:
        with pytest.raises(NotKnownError):
            ledger.generation(_ID)
        assert ledger.tallies.answers(TEMPLATE.id) == ()
        assert ledger.tallies.totals() == {}
        made = generation_of(TREE.hash, id=_ID)
        ledger.record(made)
        assert ledger.generation(_ID) == made


@pytest.mark.parametrize("table", ["template_migrations", "migration_scripts"])
def test_a_process_killed_while_recording_an_upgrade_leaves_nothing_half(
    url: str, table: str
) -> None:
    assert _killed_after(url, f"INSERT INTO {table}") == -signal.SIGKILL
    with open_ledger(url) as ledger:
        assert ledger.migrations() == ()
        assert len(ledger.generations(Query())) == 1


@pytest.mark.parametrize("table", ["blobs", "trees", "tree_files"])
def test_a_process_killed_while_putting_a_tree_leaves_nothing_half(url: str, table: str) -> None:
    assert _killed_after(url, f"INSERT INTO {table}") == -signal.SIGKILL
    with open_ledger(url) as ledger:
        with pytest.raises(NotKnownError):
            ledger.content.tree(TREE.hash)
        assert ledger.content.tree(ledger.content.put(TREE)) == TREE


def _killed_after(url: str, statement: str) -> int:
    """How a process ends that kills itself after such a statement, inside the transaction."""
    program = str(PROGRAMS / "record_and_die.py")
    return subprocess.run([sys.executable, program, url, statement, _ID], check=False).returncode


def test_processes_that_record_at_once_lose_nothing(url: str) -> None:
    programs = [_start("record_many.py", url, str(number)) for number in range(4)]
    for program in programs:
        stdin = cast("IO[bytes]", program.stdin)
        stdin.write(b"go\n")
        stdin.close()
    assert [program.wait() for program in programs] == [0, 0, 0, 0]
    with open_ledger(url) as ledger:
        found = ledger.generations(Query(limit=1000))
        shared = {f"everybody {i}" for i in range(1, 25, 2)}
        own = {f"{number} {i}" for number in range(4) for i in range(0, 25, 2)}
        trees = {ledger.content.tree(each.tree_hash).text("who.txt") for each in found}
        assert (len(found), trees) == (100, shared | own)
        assert ledger.patterns.patterns()[0].seen == 100
        assert [each.uses for each in ledger.tallies.totals()[TEMPLATE.id].values()] == [100]
        assert [each.tally.uses for each in ledger.tallies.answers(TEMPLATE.id)] == [100]


def _start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(PROGRAMS / program), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE)


def test_threads_that_record_at_once_lose_nothing(url: str) -> None:
    with open_ledger(url) as ledger, ThreadPoolExecutor(4) as pool:
        made = [generation_of(ledger.content.put(TREE)) for _ in range(40)]
        list(pool.map(ledger.record, made))
        assert {each.id for each in ledger.generations(Query())} == {each.id for each in made}


def test_a_ledger_that_another_process_holds_is_told(tmp_path: Path, empty_file: Path) -> None:
    file = tmp_path / "ledger.db"
    shutil.copy(empty_file, file)
    other = sqlite3.connect(file, isolation_level=None)
    with closing(other), open_ledger(f"sqlite:///{file}?timeout=0.1") as ledger:
        other.execute("BEGIN IMMEDIATE")
        assert ledger.runs() == ()
        with pytest.raises(StoreUnavailableError, match="Another process holds the ledger"):
            ledger.content.put(TREE)


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path, empty_file: Path) -> None:
    file = tmp_path / "ledger.db"
    shutil.copy(empty_file, file)
    noise = Tree({"noise": Entry(content=os.urandom(1_000_000))})
    with closing(connect(f"sqlite:///{file}")) as database:
        event.listen(database.engine, "connect", _leave_little_room)
        content, generations = SqlContentStore(database), SqlGenerations(database)
        made = generation_of(content.put(TREE))
        generations.record(made)
        with pytest.raises(StoreUnavailableError, match=r"full.* Make room on the disk"):
            content.put(noise)
        with pytest.raises(NotKnownError):
            content.tree(noise.hash)
        assert generations.generation(made.id) == made
        assert content.tree(TREE.hash) == TREE
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _leave_little_room(connection: sqlite3.Connection, record: object) -> None:
    """As much as a disk has left on which a dozen more pages fit."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 12}")


def test_a_full_disk_of_a_server_is_told(postgres_address: str) -> None:
    """The server's own words for it, raised by the server."""
    raising = "DO $$ BEGIN RAISE 'could not extend file: No space left on device'; END $$"
    told = pytest.raises(StoreUnavailableError, match="Make room on the disk")
    with closing(connect(postgres_address)) as database, told:
        _run(database, raising)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("UPDATE blobs SET content = :other WHERE codec = 'zlib'", "cannot be unpacked"),
        ("UPDATE blobs SET content = :other WHERE codec = 'raw'", "is not what was kept"),
        ("UPDATE tree_files SET mode = 'executable'", "has lost files"),
        ("DELETE FROM tree_files WHERE path = 'README.md'", "has lost files"),
    ],
)
def test_damage_to_a_tree_is_noticed(url: str, damage: str, told: str) -> None:
    with open_ledger(url) as ledger:
        ledger.content.put(TREE)
        with closing(connect(url)) as database:
            _run(database, damage)
        with pytest.raises(StoreUnavailableError, match=told):
            ledger.content.tree(TREE.hash)


def _run(database: Database, statement: str) -> None:
    values = {"other": b"something else"} if ":other" in statement else {}
    with database.write() as connection:
        connection.execute(text(statement), values)


def test_a_content_that_is_kept_cannot_be_taken_away(url: str) -> None:
    with open_ledger(url) as ledger:
        ledger.content.put(TREE)
    with closing(connect(url)) as database, pytest.raises(StoreUnavailableError):
        _run(database, "DELETE FROM blobs")


def test_an_error_does_not_show_what_was_being_recorded(url: str) -> None:
    with open_ledger(url) as ledger:
        made = generation_of(ledger.content.put(TREE), task="my private task")
    with closing(connect(url)) as database:
        _run(database, "DROP TABLE check_results")
        with pytest.raises(StoreUnavailableError) as caught:
            SqlGenerations(database).record(replace(made, task="my private task"))
    assert "private" not in f"{caught.value}{caught.value.__cause__}"


def test_each_content_is_kept_once_and_compressed(url: str) -> None:
    text_of = "CACHE = {}\n" * 1000
    tree = Tree({"a.py": text_entry(text_of), "b.py": text_entry(text_of)})
    with open_ledger(url) as ledger:
        ledger.content.put(tree)
        ledger.content.put(tree.replace({"a.py": None}))
    with closing(connect(url)) as database, database.read() as connection:
        sizes = connection.execute(text("SELECT size, length(content) FROM blobs")).all()
    assert [size for size, _ in sizes] == [len(text_of)]
    assert sizes[0][1] < len(text_of) / 50
