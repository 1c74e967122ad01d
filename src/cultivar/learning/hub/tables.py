"""The tables of the hub, and how they come into a database that is the hub's own.

The invariant: a database that holds anything else, or is of a newer hub, is not touched.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    MetaData,
    Table,
    TypedColumns,
    insert,
    inspect,
    text,
)

from cultivar.errors import StoreUnavailableError
from cultivar.learning.hub.partitions import TABLE, partition
from cultivar.learning.telling.messages import UNTIMED
from cultivar.ledger.columns import ExactText, QueriedJson, UtcTime
from cultivar.ledger.database import Database
from cultivar.ledger.tables import answer_stats, combination_stats, judgements

SCHEMA = 3
"""The number of the schema that this hub makes and knows."""

VERSION_TABLE = "hub_version"

_RETAINED = 2
"""The schema from which on generations can be forgotten."""

_FILLED = 50
"""Per cent of a page of the counts that PostgreSQL fills. A batch writes most rows of a page anew;
where the page has room for them, the index need not be told, which takes as long as the rest."""

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


class _FailurePatterns(TypedColumns):
    id = Column(ExactText, primary_key=True)
    signature = Column(ExactText, nullable=False)
    """Empty where instances told nothing but the id."""
    check_name = Column(ExactText, nullable=False)
    language = Column(ExactText, nullable=False)
    first_seen_at = Column(UtcTime, nullable=False)
    last_seen_at = Column(UtcTime, nullable=False)


class _FailureStats(TypedColumns):
    template_id = Column(ExactText, primary_key=True)
    instance_id = Column(ExactText, primary_key=True)
    pattern_id = Column(ExactText, primary_key=True)
    seen = Column(BigInteger, nullable=False)
    failed = Column(BigInteger, nullable=False)
    """In how many of the generations that showed it something was still wrong at the end."""


class _Horizon(TypedColumns):
    forgotten_before = Column(UtcTime, nullable=False)
    announced_at = Column(UtcTime, nullable=False)


generations = Table(
    TABLE,
    metadata,
    _Generations,
    Index("ix_generations_global_received", "received_at"),
)
"""Every generation that any instance told of; `id` is by what a repeat is known.

On PostgreSQL it is partitioned, see `partitions`.
"""

failure_patterns = Table("failure_patterns_global", metadata, _FailurePatterns)
"""What failures of all instances have in common; a row never changes but for when it was seen."""

failure_stats = Table("failure_stats", metadata, _FailureStats, sqlite_with_rowid=False)
"""How many generations showed each failure pattern, by who told of them."""

horizon = Table("hub_horizon", metadata, _Horizon)
"""One row: generations that were made before it are forgotten, and heard no more."""

answer_stats.to_metadata(metadata)
combination_stats.to_metadata(metadata)
judgements.to_metadata(metadata)


def prepare(database: Database) -> None:
    """Create the hub's tables, or bring them up to date.

    Raises:
        StoreUnavailableError: The database is not the hub's, is of a newer one, or does not answer.
    """
    with database.read() as connection:
        found = _schema_of(database, connection)
    if found == SCHEMA:
        return
    if database.is_sqlite:
        _log_ahead(database)
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        found = _schema_of(database, connection)
        if found < SCHEMA:
            _make(connection, found)


def moment(at: datetime) -> str:
    """As SQLAlchemy writes it in a file, and with the zone, which a server must be told."""
    return at.astimezone(UTC).isoformat(" ", "microseconds")


def _schema_of(database: Database, connection: Connection) -> int:
    """The number of the schema, 0 where there is none; refuses what must not be touched."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in tables:
        _refuse_strange(database, tables)
        return 0
    found = int(connection.exec_driver_sql(f"SELECT number FROM {VERSION_TABLE}").scalar_one())
    if found > SCHEMA:
        raise StoreUnavailableError(
            f"The hub's database `{database.name}` has schema {found}; this Cultivar knows "
            f"{SCHEMA}. It was not touched.",
            "Upgrade Cultivar (`pip install --upgrade cultivar`), or give the hub another one.",
        )
    return found


def _refuse_strange(database: Database, tables: set[str]) -> None:
    """Tables of others are no matter on a server, where databases are shared, but in a file."""
    strange = tables if database.is_sqlite else tables & metadata.tables.keys()
    if strange:
        raise StoreUnavailableError(
            f"The database `{database.name}` holds the table `{min(strange)}`, which no hub made. "
            "It was not touched.",
            "Give the hub a database of its own, with `--database-url`.",
        )


def _make(connection: Connection, found: int) -> None:
    """Make all that the schema that is there lacks."""
    metadata.create_all(connection)
    if not found:
        connection.exec_driver_sql(f"CREATE TABLE {VERSION_TABLE} (number INTEGER NOT NULL)")
        connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES ({SCHEMA})")
    connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET number = {SCHEMA}")
    if found < _RETAINED:
        _make_retained(connection)
    if connection.dialect.name == "postgresql":
        for table in (answer_stats, combination_stats):
            connection.exec_driver_sql(f"ALTER TABLE {table.name} SET (fillfactor = {_FILLED})")


def _make_retained(connection: Connection) -> None:
    """What can be forgotten again, since schema 2."""
    connection.execute(insert(horizon).values(forgotten_before=UNTIMED, announced_at=UNTIMED))
    if connection.dialect.name == "postgresql":
        partition(connection)
    else:
        connection.exec_driver_sql("DROP INDEX IF EXISTS ix_generations_global_template")


def _log_ahead(database: Database) -> None:
    """Let readers and the writer of a file not wait for each other."""
    with database.explained(), closing(database.engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
