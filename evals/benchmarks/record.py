"""How long it takes to record a generation, beside what the disk and the database need at least.

Recorded is a typical one: 8 answers, 4 checks, a tree of 10 files; once with files that the store
has, once with files that it has not. The limits are measured in turn with it, so that both see the
same machine: one row committed durably by the database alone, and 4 KiB flushed to the disk.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.sql import SqlLedger, open_ledger
from cultivar.model import Answer, Generation
from cultivar.testing.generations import attempt_at, check_result, generation_of
from cultivar.testing.postgres import PostgresServer, postgres_server
from cultivar.tree import Tree, text_entry

BAR_MILLISECONDS = 5.0
"""The median that must not be passed on SQLite."""

ROUNDS = 200
_WARM_UP = 20

_serial = count()


def measure(rounds: int = ROUNDS) -> dict[str, object]:
    """Medians in milliseconds, by database, and whether SQLite's are under the bar."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = _on_sqlite(Path(folder), rounds)
    return {
        "unit": "milliseconds, median",
        "rounds": rounds,
        "bar": BAR_MILLISECONDS,
        "met": max(sqlite["known_files"], sqlite["new_files"]) < BAR_MILLISECONDS,
        "sqlite": sqlite,
        "postgresql": _on_postgresql(rounds),
    }


def _on_sqlite(folder: Path, rounds: int) -> dict[str, float]:
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    file = os.open(folder / "flushed", os.O_CREAT | os.O_WRONLY)
    with open_ledger(f"sqlite:///{folder / 'ledger.db'}") as ledger, closing(bare):
        bare.execute("PRAGMA journal_mode = WAL")
        bare.execute("PRAGMA synchronous = FULL")
        bare.execute("CREATE TABLE row (text TEXT)")
        try:
            return _medians(
                {
                    **_recording(ledger),
                    "limit_single_row_commit": lambda: bare.execute(
                        "INSERT INTO row VALUES (?)", ("x" * 100,)
                    ),
                    "limit_flush": lambda: _flush(file),
                },
                rounds,
            )
        finally:
            os.close(file)


def _on_postgresql(rounds: int) -> dict[str, float] | str:
    """The medians on a server of our own that keeps what it commits; or why there is none."""
    try:
        with postgres_server() as server, server.database() as url:
            server.run("ALTER SYSTEM RESET ALL")
            server.run("SELECT pg_reload_conf()")
            return _measured(server, url, rounds)
    except StoreUnavailableError as error:
        return str(error)


def _measured(server: PostgresServer, url: str, rounds: int) -> dict[str, float]:
    import psycopg

    with psycopg.connect(server.address, autocommit=True) as bare, open_ledger(url) as ledger:
        bare.execute("CREATE TABLE bare_row (text TEXT)")
        timed = {
            **_recording(ledger),
            "limit_single_row_commit": lambda: bare.execute(
                "INSERT INTO bare_row VALUES (%s)", ("x" * 100,)
            ),
        }
        return _medians(timed, rounds)


def _recording(ledger: SqlLedger) -> Mapping[str, Callable[[], object]]:
    known = _tree("known")
    ledger.content.put(known)
    return {
        "known_files": lambda: _record(ledger, known),
        "new_files": lambda: _record(ledger, _tree(f"new {next(_serial)}")),
    }


def _record(ledger: SqlLedger, tree: Tree) -> None:
    ledger.record(_generation(ledger.content.put(tree)))


def _flush(file: int) -> None:
    os.write(file, b"x" * 4096)
    os.fsync(file)


def _medians(timed: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run all in turn, so that each sees the same noise."""
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(_WARM_UP + rounds):
        for name, run in timed.items():
            start = time.perf_counter()
            run()
            taken[name].append((time.perf_counter() - start) * 1000)
    return {name: round(statistics.median(all_[_WARM_UP:]), 3) for name, all_ in taken.items()}


def _tree(name: str) -> Tree:
    lines = "".join(
        f"def function_{n}(value: int) -> int:\n    return value + {n}\n" for n in range(50)
    )
    return Tree({f"src/module_{n}.py": text_entry(f"# {name}, {n}\n{lines}") for n in range(10)})


def _generation(tree_hash: str) -> Generation:
    answers = tuple(
        Answer(name=f"question_{n}", value=n, source="task", confidence=0.9, evidence="cache")
        for n in range(8)
    )
    results = [check_result(f"check {n}", output="1 passed in 0.01s\n" * 20) for n in range(4)]
    attempts = (attempt_at(tree_hash, *results),)
    return generation_of(tree_hash, answers=answers, attempts=attempts, output="/out")


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
