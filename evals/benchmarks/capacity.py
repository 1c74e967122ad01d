"""What a generation takes up, in bytes: on the bus, in the hub's database, in its own ledger.

The messages of a simulated world are published to a real `nats-server` and kept by a hub's store;
what servers and files have grown by is divided by how many they were. Rates are measured by the
other benchmarks; `docs/capacity.py` works out from all of them what a large installation needs.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final, TypeAlias

from cultivar.bus.nats import NatsBus
from cultivar.definitions import builtin_root
from cultivar.evals.simulation import opened, record
from cultivar.evals.worlds import Scenario, World
from cultivar.learning.hub.store import HubStore
from cultivar.learning.telling.messages import GenerationMessage, encoded
from cultivar.ledger.database import connect
from cultivar.settings import BusSettings
from cultivar.templating.origins.catalog import Catalog
from cultivar.testing.nats import nats_server
from evals.benchmarks.ingest import BATCH, TEMPLATE, databases, publish, told_by

MESSAGES: Final = 50_000
INSTANCES: Final = (10, 100, 1000)
RECORDED: Final = 500
"""Generations that are recorded in a ledger, with files and checks."""

_COUNTS: Final = ("answer_stats", "combination_stats")

Found: TypeAlias = dict[str, Any]


def measure() -> Found:
    """Bytes of a generation, by where it is kept, and of the counts, by the number of instances."""
    told = told_by(MESSAGES, INSTANCES[1])
    return {
        "unit": "bytes",
        "messages": MESSAGES,
        "message": round(sum(len(encoded(each)) for each in told) / MESSAGES),
        "stream": round(_stream_bytes(told) / MESSAGES),
        "ledger": round(_ledger_bytes() / RECORDED),
        "hub": _hub_bytes(),
    }


def _stream_bytes(told: Sequence[GenerationMessage]) -> int:
    """What the files of the bus's server hold more for these messages."""
    with ExitStack() as stack:
        server = stack.enter_context(nats_server())
        streams = server.log.parent / "streams"
        with closing(NatsBus(BusSettings(url=server.url))) as bus:
            publish(bus, told[:1])
            before = _on_disk(streams)
            publish(bus, told[1:])
        return _on_disk(streams) - before


def _on_disk(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def _ledger_bytes() -> int:
    """What the ledger of one instance holds more for its generations, with files and checks."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog([], Path(folder) / "git", builtin=[builtin_root() / "templates_data"])
        scenario = Scenario(template=catalog.find(TEMPLATE), generations=RECORDED, instances=1)
        with opened(f"sqlite:///{folder}/ledger.db", mine=False) as database:
            before = _file_bytes(database)
            record(World(scenario), database)
            return _file_bytes(database) - before


def _hub_bytes() -> Found:
    """By the kind of database: a row, and the counts of as many instances."""
    with ExitStack() as stack:
        new = databases(stack)
        return {
            name: {str(instances): _kept(address(), instances) for instances in INSTANCES}
            for name, address in new.items()
        }


def _kept(address: str, instances: int) -> Found:
    told = told_by(MESSAGES, instances)
    with closing(HubStore(address)) as store, closing(connect(address)) as database:
        before = _sizes(database)
        for start in range(0, MESSAGES, BATCH):
            store.ingest(told[start : start + BATCH])
        after = _sizes(database)
        with database.read() as connection:
            rows = [
                connection.exec_driver_sql(f"SELECT count(*) FROM {each}").scalar_one()
                for each in _COUNTS
            ]
    counts = after["counts"] - before["counts"]
    return {
        "row": round((after["rows"] - before["rows"]) / MESSAGES),
        "counts": counts,
        "count_rows": sum(rows),
    }


def _sizes(database: Any) -> dict[str, int]:
    """What the rows and the counts take on the disk, with their indexes."""
    if database.is_sqlite:
        with database.read() as connection:
            sizes = dict(
                connection.exec_driver_sql("SELECT name, sum(pgsize) FROM dbstat GROUP BY name")
                .tuples()
                .all()
            )
        counts = sum(size for name, size in sizes.items() if any(c in name for c in _COUNTS))
        return {"rows": sum(sizes.values()) - counts, "counts": counts}
    tree = "SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('{}')"
    whole: Callable[[str], int] = lambda table: _scalar(database, tree.format(table))  # noqa: E731
    return {
        "rows": whole("template_generations_global"),
        "counts": sum(
            _scalar(database, f"SELECT pg_total_relation_size('{each}')") for each in _COUNTS
        ),
    }


def _scalar(database: Any, statement: str) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql(statement).scalar_one())


def _file_bytes(database: Any) -> int:
    return _scalar(database, "PRAGMA page_count") * _scalar(database, "PRAGMA page_size")


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
