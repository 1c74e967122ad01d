"""How quickly the hub takes in what instances tell, beside what its database could take.

From end to end: messages of a simulated world wait in a real `nats-server`; `cultivar hub`, a
process as users run it, reads, checks, keeps and counts them, until the last one is counted. Beside
it the database's own rate, in the same run, before and after: plain batched inserts by one
connection, in transactions of as many messages, into tables with the same columns, keys and
indexes, of the very rows that the hub writes (a row a message, and the rows of the counts that a
batch adds to). The counts' tables are emptied between the batches, since a plain insert takes a key
only once.

On PostgreSQL there are several ways: row by row as drivers do it, all rows together in one
statement, and `COPY`. The share is that of the quicker of the first two; `COPY` knows no conflicts,
so that nothing that must know repeats can use it, and stands beside. So do the messages alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import uuid4

from sqlalchemy import Connection

from cultivar.bus.base import Message
from cultivar.bus.nats import NatsBus
from cultivar.bus.subjects import GENERATION, subject_of
from cultivar.definitions import builtin_root
from cultivar.errors import UnavailableError
from cultivar.evals.worlds import Scenario, World, observation_of
from cultivar.learning.hub.hub import HubSettings
from cultivar.learning.hub.store import TYPES as MESSAGE_TYPES
from cultivar.learning.hub.store import HubStore, row_of
from cultivar.learning.hub.tables import generations, moment
from cultivar.learning.telling.messages import GenerationMessage, encoded, seen
from cultivar.ledger.counting import Sums
from cultivar.ledger.database import Database, connect
from cultivar.ledger.tallying import Observation
from cultivar.ledger.upserts import TYPES as COUNT_TYPES
from cultivar.ledger.upserts import from_columns, in_columns
from cultivar.settings import BusSettings
from cultivar.templating.origins.catalog import Catalog
from cultivar.testing.nats import nats_server
from cultivar.testing.postgres import postgres_server

TEMPLATE: Final = "quality_template:python-production"
INSTANCES: Final = 100
MESSAGES: Final = 100_000
BATCH: Final = HubSettings().batch

_PATIENCE: Final = 300.0
"""Seconds in which all must be counted."""

Found: TypeAlias = dict[str, Any]

_Rows: TypeAlias = Sequence[Sequence[object]]

_Tables: TypeAlias = Sequence[tuple[str, Sequence[str], _Rows]]
"""What one transaction inserts: tables, the types of their columns, rows."""

_Insert: TypeAlias = Callable[[Connection, str, Sequence[str], _Rows], None]
"""A way to insert rows into a table with columns of these types."""


def measure(messages: int = MESSAGES) -> Found:
    """Messages a second, by database, and the share of the database's own rate."""
    told = told_by(messages, INSTANCES)
    with ExitStack() as stack:
        found: Found = {
            "unit": "messages a second",
            "messages": messages,
            "instances": INSTANCES,
            "batch": BATCH,
            "consumers": HubSettings().consumers,
            **{name: _measured(told, name, new) for name, new in databases(stack).items()},
        }
    return {**found, "load": round(os.getloadavg()[1], 1)}


def databases(stack: ExitStack) -> dict[str, Callable[[], str]]:
    """By the kind of database, what gives the address of a new one."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    found: dict[str, Callable[[], str]] = {"sqlite": lambda: f"sqlite:///{folder}/{uuid4()}.db"}
    try:
        server = stack.enter_context(postgres_server())
    except UnavailableError:
        return found
    server.run("ALTER SYSTEM RESET ALL")  # it keeps what it commits
    server.run("SELECT pg_reload_conf()")
    return {**found, "postgresql": lambda: stack.enter_context(server.database())}


def told_by(messages: int, instances: int) -> list[GenerationMessage]:
    """What so many instances of a world tell."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog([], Path(folder), builtin=[builtin_root() / "templates_data"])
        template = catalog.find(TEMPLATE)
    world = World(Scenario(template=template, generations=messages, instances=instances))
    return [_message(observation_of(each, TEMPLATE)) for each in world.draws()]


def _message(seen: Observation) -> GenerationMessage:
    return GenerationMessage(
        id=str(uuid4()),
        template_id=seen.template_id,
        template_version=seen.template_version,
        instance_id=seen.instance_id,
        generated_at=seen.at,
        success=seen.success,
        quality_score=None if seen.success is None else float(seen.success),
        answers={each.question: each.value for each in seen.answers},
        chosen=tuple(each.question for each in seen.answers if each.chosen),
    )


def _measured(told: Sequence[GenerationMessage], name: str, new: Callable[[], str]) -> Found:
    """The database's own rates, before and after, and what the hub does in between."""
    ways = _WAYS if name == "postgresql" else {"row_by_row": _row_by_row}
    batches = [_tables(told[at : at + BATCH]) for at in range(0, len(told), BATCH)]
    alone = [batch[:1] for batch in batches]
    before = _own_seconds(batches, ways, new), _own_seconds(alone, ways, new)
    rate = len(told) / _ingest_seconds(told, new())
    after = _own_seconds(batches, ways, new), _own_seconds(alone, ways, new)
    own, messages_alone = (
        {way: round(2 * len(told) / (one[way] + other[way])) for way in ways}
        for one, other in zip(before, after, strict=True)
    )
    inserted = max(rows for way, rows in own.items() if way != "copy")
    return {
        "ingest": round(rate),
        "own": own,
        "own_messages_alone": messages_alone,
        "share": round(rate / inserted, 3),
    }


def _ingest_seconds(told: Sequence[GenerationMessage], address: str) -> float:
    """The seconds from when a hub runs until it has counted all that waits."""
    with ExitStack() as stack:
        server = stack.enter_context(nats_server())
        with closing(NatsBus(BusSettings(url=server.url))) as bus:
            publish(bus, told)
        endpoint = stack.enter_context(_hub(server.url, address))
        began = time.perf_counter()
        while (counted := _counted(endpoint)) < len(told):
            if time.perf_counter() - began > _PATIENCE:
                raise TimeoutError(f"only {counted} were counted")
            time.sleep(0.02)
        return time.perf_counter() - began


@contextmanager
def _hub(bus: str, database: str) -> Generator[str, None, None]:
    """Where a hub tells of itself, that runs as users run it."""
    given = ("--bus-url", bus, "--database-url", database, "--http", "127.0.0.1:0", "--json")
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "cultivar", "hub", *given],
            env={**os.environ, "CULTIVAR_HOME": home},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None, "it is a pipe"
        try:
            said = "".join(process.stdout.readline() for _ in range(3))
            yield json.loads(said)["http"]
        finally:
            process.terminate()
            process.communicate()


def _counted(endpoint: str) -> int:
    """How many generations a hub has counted."""
    with urllib.request.urlopen(f"{endpoint}/metrics", timeout=_PATIENCE) as answer:
        said = answer.read().decode()
    return next(
        int(line.split()[1])
        for line in said.splitlines()
        if line.startswith("cultivar_hub_counted_total ")
    )


def publish(bus: NatsBus, told: Sequence[GenerationMessage]) -> None:
    """Publish what the instances tell, until all of it is stored."""
    for at in range(0, len(told), BATCH):
        published = bus.publish_all(
            Message(
                subject=subject_of(GENERATION, each.instance_id), data=encoded(each), id=each.id
            )
            for each in told[at : at + BATCH]
        )
        if len(published.stored) < len(told[at : at + BATCH]):
            raise UnavailableError(f"Not all was stored: {published.why}")


def _tables(told: Sequence[GenerationMessage]) -> _Tables:
    """The rows that a batch writes."""
    sums, now = Sums(map(seen, told)), moment(datetime.now(UTC))
    return (
        (generations.name, MESSAGE_TYPES, [row_of(each, now) for each in told]),
        ("answer_stats", COUNT_TYPES, list(sums.answers.rows())),
        ("combination_stats", COUNT_TYPES, list(sums.combinations.rows())),
    )


def _own_seconds(
    batches: Sequence[_Tables], ways: Mapping[str, _Insert], new: Callable[[], str]
) -> Mapping[str, float]:
    """How long the database takes for all batches, by the way they are inserted."""
    return {way: _seconds(batches, insert, new()) for way, insert in ways.items()}


def _seconds(batches: Sequence[_Tables], insert: _Insert, address: str) -> float:
    HubStore(address).close()
    taken = 0.0
    with closing(connect(address)) as database:
        _fill_pages(database)
        for batch in batches:
            with database.write() as connection:
                for table in ("answer_stats", "combination_stats"):
                    connection.exec_driver_sql(f"DELETE FROM {table}")
            began = time.perf_counter()
            with database.write() as connection:
                for table, types, rows in batch:
                    insert(connection, table, types, rows)
            taken += time.perf_counter() - began
    return taken


def _fill_pages(database: Database) -> None:
    """Fill the tables of the counts as is usual: room for changes would cost inserts time."""
    if database.is_sqlite:
        return
    with database.write() as connection:
        for table in ("answer_stats", "combination_stats"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RESET (fillfactor)")


def _row_by_row(connection: Connection, table: str, types: Sequence[str], rows: _Rows) -> None:
    """Row by row, with one statement, as drivers do it."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    values = ", ".join([mark] * len(types))
    connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({values})", list(map(tuple, rows)))


def _together(connection: Connection, table: str, types: Sequence[str], rows: _Rows) -> None:
    """All rows in one statement: the way of the hub, without what makes it count."""
    connection.exec_driver_sql(f"INSERT INTO {table} {from_columns(types)}", in_columns(rows))


def _copied(connection: Connection, table: str, types: Sequence[str], rows: _Rows) -> None:
    with connection.connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


_WAYS: Final[Mapping[str, _Insert]] = {
    "row_by_row": _row_by_row,
    "together": _together,
    "copy": _copied,
}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
