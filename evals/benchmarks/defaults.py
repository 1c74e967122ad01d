"""What a smart default costs as generations pile up, and how quickly they are counted.

A simulated world's generations are counted in SQLite and in PostgreSQL. Asked is what an interview
asks: each closed question of the template, under the answers of some generation before it; then its
generation is counted too. `cultivar.evals.asking` says how, and what is measured apart: asking for
what nobody asked for before, working all out from the counts, renewing. Beside it the way of the
first system: load all rows of the template, and count them in memory.

Counting is held against the database's own rate of inserting the same rows in the same batches,
which no counting can pass, and against one plain row a generation.

A million are counted once, in SQLite, and PostgreSQL gets the rows. For ten million every count is
multiplied by ten: ten times as many generations of the same kind have the same rows.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from cultivar.definitions import builtin_root
from cultivar.errors import StoreUnavailableError
from cultivar.evals.asking import asking_cost
from cultivar.evals.simulation import count, opened
from cultivar.evals.worlds import Scenario, World, observation_of
from cultivar.ledger.counting import Sums, tally
from cultivar.ledger.database import Database
from cultivar.ledger.tallying import Observation, seen
from cultivar.record import asdict
from cultivar.templating.origins.catalog import Catalog
from cultivar.testing.postgres import postgres_server

TEMPLATE: Final = "quality_template:python-production"
INSTANCES: Final = 100
SIZES: Final = (10_000, 1_000_000)
TIMES: Final = 10
"""What the last size is multiplied by."""

SPREAD: Final = (1, 10, 100, 1000)
"""Over how many instances the least size is spread, to see what they cost."""

_BATCH: Final = 5000
_BATCHES: Final = 5
_INTERVIEWS: Final = 2500
_PATIENCE: Final = 60.0
"""Seconds after which fewer of them will do."""

_TABLES: Final = ("answer_stats", "combination_stats")

Found: TypeAlias = dict[str, Any]

_Rows: TypeAlias = Sequence[Sequence[object]]


def measure() -> Found:
    """Latencies, rates and bytes, by database and by number of generations."""
    with ExitStack() as stack:
        bench = _Bench(stack)
        found: Found = {
            "unit": "milliseconds; generations a second; bytes",
            "template": TEMPLATE,
            "instances": INSTANCES,
            "sizes": bench.sizes(),
            "ingest": {name: bench.ingest(name) for name in bench.databases},
            "spread": bench.spread(),
        }
    # It takes about as long as the last of the averages is over.
    return {**found, "load": round(os.getloadavg()[2], 1)}


class _Bench:
    """The databases that are measured; they end with `stack`."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self._catalog = Catalog(
            [], self._folder / "git", builtin=[builtin_root() / "templates_data"]
        )
        self._new: dict[str, Callable[[], Database]] = {"sqlite": self._new_file}
        self.databases: tuple[str, ...] = ("sqlite",)
        try:
            server = stack.enter_context(postgres_server())
        except StoreUnavailableError:
            return
        server.run("ALTER SYSTEM RESET ALL")  # it keeps what it commits
        server.run("SELECT pg_reload_conf()")
        self._new["postgresql"] = lambda: self._opened(stack.enter_context(server.database()))
        self.databases = ("sqlite", "postgresql")

    def _new_file(self) -> Database:
        return self._opened(f"sqlite:///{tempfile.mkdtemp(dir=self._folder)}/ledger.db")

    def _opened(self, address: str) -> Database:
        return self._stack.enter_context(opened(address, mine=False))

    def world(self, generations: int, instances: int = INSTANCES) -> World:
        template = self._catalog.find(TEMPLATE)
        return World(Scenario(template=template, generations=generations, instances=instances))

    def sizes(self) -> list[Found]:
        """What defaults cost at each size, on each database."""
        found: list[Found] = []
        filled: dict[str, Database] = {}
        for size in SIZES:
            world = self.world(size)
            filled = {"sqlite": self._new["sqlite"]()}
            rate = count(world, filled["sqlite"]).per_second
            for name in self.databases[1:]:
                filled[name] = self._new[name]()
                _copy(filled["sqlite"], filled[name])
            rows = {kind: _size(each, world) for kind, each in filled.items()}
            plain = {kind: self._plainly(kind, world) for kind in filled}
            load = round(os.getloadavg()[1], 1)
            facts = {"generations": size, "simulated_a_second": round(rate), "load": load}
            found.append({**facts, **rows, "plainly": plain})
        for each in filled.values():
            _multiply(each)
        world = self.world(SIZES[-1])
        rows = {kind: _size(each, world) for kind, each in filled.items()}
        return [*found, {"generations": SIZES[-1] * TIMES, "multiplied": TIMES, **rows}]

    def _plainly(self, name: str, world: World) -> Found:
        """The first system's way: a row a generation, all of them loaded for each default."""
        database = self._new[name]()
        _make_plain(database)
        observations = _observations(world)
        while batch := list(islice(observations, _BATCH)):
            _insert_plain(database, _plain_rows(batch))
        return {
            "seconds": round(statistics.median(_timed(lambda: _counted_plainly(database), 3)), 3),
            "bytes": _bytes(database, ("plain",)),
        }

    def ingest(self, name: str) -> Found:
        """How many generations are counted in a second, and how many the database could take."""
        counted, bare = self._new[name](), self._new[name]()
        _make_plain(bare)
        taken: dict[str, list[float]] = {"tally": [], "same_rows": [], "one_row": []}
        observations = _observations(self.world(_BATCH * (_BATCHES + 1)))
        while batch := list(islice(observations, _BATCH)):
            for key, run in _ways(batch, counted, bare).items():
                taken[key] += _timed(run, 1)
        rates = {key: round(_BATCH / statistics.median(each[1:])) for key, each in taken.items()}
        return {
            "batch": _BATCH,
            **rates,
            "share_of_same_rows": round(rates["tally"] / rates["same_rows"], 3),
            "share_of_one_row": round(rates["tally"] / rates["one_row"], 3),
        }

    def spread(self) -> list[Found]:
        """What as many generations cost where more instances made them, on SQLite."""
        found: list[Found] = []
        for instances in SPREAD:
            database, world = self._new["sqlite"](), self.world(SIZES[0], instances)
            count(world, database)
            found.append({"instances": instances, **_size(database, world)})
        return found


def _size(database: Database, world: World) -> Found:
    """What a default costs there, and what the counts take."""
    with database.read() as connection:
        rows = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {each}").scalar_one()
            for each in _TABLES
        ]
    return {**_latency(database, world), "rows": sum(rows), "bytes": _bytes(database, _TABLES)}


def _latency(database: Database, world: World) -> Found:
    cost = asking_cost(world, database, _INTERVIEWS, _PATIENCE)
    first = cost.never_asked
    return {
        "p50_ms": cost.waited.p50_ms,
        "p99_ms": cost.waited.p99_ms,
        "samples": cost.waited.samples,
        "busy": asdict(cost.busy),
        "never_asked": asdict(first) if first else None,
        "directly": asdict(cost.directly),
        "renewed": cost.renewed,
        "renewal_ms": round(cost.renewal_ms, 3),
    }


def _observations(world: World) -> Iterator[Observation]:
    return (observation_of(each, TEMPLATE) for each in world.draws())


def _ways(
    batch: Sequence[Observation], counted: Database, bare: Database
) -> Mapping[str, Callable[[], None]]:
    """The ways to put a batch into a database, each in one transaction."""
    rows = _rows(batch)
    plain = _plain_rows(batch)
    with bare.write() as connection:
        for table in _TABLES:
            connection.exec_driver_sql(f"DELETE FROM {table}")

    def tallied() -> None:
        with counted.write() as connection:
            tally(connection, counted, batch)

    return {
        "tally": tallied,
        "same_rows": lambda: _insert(bare, rows),
        "one_row": lambda: _insert_plain(bare, plain),
    }


def _rows(batch: Sequence[Observation]) -> Mapping[str, _Rows]:
    """The rows that counting a batch adds to, by table."""
    sums = Sums(map(seen, batch))
    return {
        "answer_stats": list(sums.answers.rows()),
        "combination_stats": list(sums.combinations.rows()),
    }


def _insert(database: Database, rows: Mapping[str, _Rows]) -> None:
    with database.write() as connection:
        for table, each in rows.items():
            _insert_many(database, connection, table, each)


def _insert_many(database: Database, connection: Any, table: str, rows: _Rows) -> None:
    """The quickest insert that the driver has for many rows."""
    if database.is_sqlite:
        marks = ", ".join("?" * len(rows[0]))
        connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({marks})", list(map(tuple, rows)))
        return
    with connection.connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _copy(source: Database, target: Database) -> None:
    """Give one database the counts of another."""
    with source.read() as reading:
        rows = {
            table: [tuple(row) for row in reading.exec_driver_sql(f"SELECT * FROM {table}")]
            for table in _TABLES
        }
    _insert(target, rows)
    _analyse(target)


def _analyse(database: Database) -> None:
    """What a server does by itself after a while."""
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")


def _multiply(database: Database) -> None:
    """Every count as if there had been so many more generations of the same kind."""
    names = ("uses", "chosen", "succeeded", "failed")
    recent = ("recent_uses", "recent_succeeded", "recent_failed")
    more = ", ".join(f"{each} = {each} * {TIMES}" for each in (*names, *recent))
    with database.write() as connection:
        for table in _TABLES:
            connection.exec_driver_sql(f"UPDATE {table} SET {more}")


def _make_plain(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE plain (template_id text, answers text, success boolean)"
        )
        connection.exec_driver_sql("CREATE INDEX ix_plain ON plain (template_id)")


def _plain_rows(batch: Sequence[Observation]) -> _Rows:
    return [
        (
            each.template_id,
            json.dumps({answer.question: answer.value for answer in each.answers}),
            each.success,
        )
        for each in batch
    ]


def _insert_plain(database: Database, rows: _Rows) -> None:
    with database.write() as connection:
        _insert_many(database, connection, "plain", rows)


def _counted_plainly(database: Database) -> Counter[tuple[str, str, object]]:
    """Every answer with its outcome, from all rows of the template."""
    counted: Counter[tuple[str, str, object]] = Counter()
    wanted = f"SELECT answers, success FROM plain WHERE template_id = '{TEMPLATE}'"
    with database.read() as connection:
        for answers, success in connection.exec_driver_sql(wanted).all():
            counted.update(
                (name, str(value), success) for name, value in json.loads(answers).items()
            )
    return counted


def _bytes(database: Database, tables: Sequence[str]) -> int:
    """What tables take on the disk, with their indexes."""
    with database.read() as connection:
        if not database.is_sqlite:
            sizes = " + ".join(f"pg_total_relation_size('{each}')" for each in tables)
            return int(connection.exec_driver_sql(f"SELECT {sizes}").scalar_one())
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        return int((pages - free) * connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def _timed(run: Callable[[], object], times: int) -> list[float]:
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return taken


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
