"""The tables of the hub, and how they come into a database that is the hub's own.

The invariant: a database that holds anything else, or is of a newer hub, is not touched.
"""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    MetaData,
    Table,
    TypedColumns,
    inspect,
    text,
)

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.columns import ExactText, QueriedJson, UtcTime
from cultivar.ledger.database import Database
from cultivar.ledger.tables import answer_stats, combination_stats

SCHEMA = 1
"""The number of the schema that this hub makes and knows."""

VERSION_TABLE = "hub_version"

metadata = MetaData()

_LOCK_KEY = 0x43554C48
"""Of PostgreSQL's advisory lock: "CULH" in ASCII."""


class _Generations(TypedColumns):
    id = Column(ExactText, primary_key=True)
    template_id = Column(ExactText, nullable=False)
    template_version = Column(ExactText, nullable=False)
    instance_id = Column(ExactText, nullable=False)
    answers = Column(QueriedJson, nullable=False)
    chosen = Column(QueriedJson)
    failures = Column(QueriedJson, nullable=False)
    success = Column(Boolean)
    quality_score = Column(Double)
    generated_at = Column(UtcTime, nullable=False)
    received_at = Column(UtcTime, nullable=False)


generations = Table(
    "template_generations_global",
    metadata,
    _Generations,
    Index("ix_generations_global_template", "template_id", "generated_at"),
    Index("ix_generations_global_received", "received_at"),
)
"""Every generation that any instance told of; `id` is by what a repeat is known."""

answer_stats.to_metadata(metadata)
combination_stats.to_metadata(metadata)


def prepare(database: Database) -> None:
    """Create the hub's tables where there are none.

    Raises:
        StoreUnavailableError: The database is not the hub's, is of a newer one, or does not answer.
    """
    with database.read() as connection:
        if _is_ready(database, connection):
            return
    if database.is_sqlite:
        _log_ahead(database)
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        if not _is_ready(database, connection):
            _create(connection)


def _is_ready(database: Database, connection: Connection) -> bool:
    """Whether the tables are there; refuses what must not be touched."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in tables:
        _refuse_strange(database, tables)
        return False
    found = connection.exec_driver_sql(f"SELECT number FROM {VERSION_TABLE}").scalar_one()
    if found != SCHEMA:
        raise StoreUnavailableError(
            f"The hub's database `{database.name}` has schema {found}; this Cultivar knows "
            f"{SCHEMA}. It was not touched.",
            "Upgrade Cultivar (`pip install --upgrade cultivar`), or give the hub another one.",
        )
    return True


def _refuse_strange(database: Database, tables: set[str]) -> None:
    """Tables of others are no matter on a server, where databases are shared, but in a file."""
    strange = tables if database.is_sqlite else tables & metadata.tables.keys()
    if strange:
        raise StoreUnavailableError(
            f"The database `{database.name}` holds the table `{min(strange)}`, which no hub made. "
            "It was not touched.",
            "Give the hub a database of its own, with `--database-url`.",
        )


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    connection.exec_driver_sql(f"CREATE TABLE {VERSION_TABLE} (number INTEGER NOT NULL)")
    connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES ({SCHEMA})")


def _log_ahead(database: Database) -> None:
    """Let readers and the writer of a file not wait for each other."""
    with database.explained(), closing(database.engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
