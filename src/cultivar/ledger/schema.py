"""Brings a database to the schema of this version of Cultivar, and touches no newer one.

The invariant: a database is at a numbered schema, and goes from one to the next in a single
transaction that one process at a time may run.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, insert, inspect, text

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.database import BUSY_SECONDS, Database
from cultivar.ledger.patterns import REVISION
from cultivar.ledger.tables import GENERATION_FILES, revisions
from cultivar.ledger.tallies import recount

SCHEMA = 6
"""The newest schema; a test holds it to the last file of `migrations/versions`."""

COUNTED = 3
"""The oldest schema in which generations were counted as they came, by the rules of now."""

VERSION_TABLE = "ledger_version"
"""Not Alembic's usual name: other applications may share the server's database."""

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK_KEY = 0x43554C54
"""Of PostgreSQL's advisory lock: "CULT" in ASCII."""


def prepare(database: Database) -> None:
    """Create the ledger's tables, or bring them up to date.

    Raises:
        StoreUnavailableError: The database is of a newer version, is none of ours, or does not
            answer.
    """
    with database.read() as connection:
        found = _checked(database, connection)
    if found == SCHEMA:
        return
    with _alone(database), database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        found = _checked(database, connection)
        if not found:
            create(connection)
        elif found < SCHEMA:
            migrate(connection)
        if 0 < found < COUNTED:
            recount(connection, database)


def _schema_of(connection: Connection) -> int:
    row = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").first()
    return int(row[0]) if row else 0


def create(connection: Connection) -> None:
    """Make the newest schema at once in an empty database, as all migrations together would.

    It spares most users from ever importing Alembic; a test holds the two together.
    """
    from cultivar.ledger.improvement_tables import metadata

    metadata.create_all(connection)
    connection.exec_driver_sql(GENERATION_FILES)
    connection.execute(insert(revisions).values(name=REVISION, number=0))
    connection.exec_driver_sql(
        f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
    )
    connection.exec_driver_sql(f"INSERT INTO {VERSION_TABLE} VALUES ('{SCHEMA:04}')")


def migrate(connection: Connection, target: str = "head") -> None:
    """Run the migrations up to `target` in the transaction of `connection`."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, target)


def _checked(database: Database, connection: Connection) -> int:
    """The schema's number, 0 of an empty database; refuses what must not be touched."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE not in tables:
        _refuse_strange(database, tables)
        return 0
    found = _schema_of(connection)
    if found > SCHEMA:
        raise StoreUnavailableError(
            f"The ledger `{database.name}` has schema {found}; this Cultivar knows {SCHEMA}. "
            "It was not touched.",
            "Upgrade Cultivar (`pip install --upgrade cultivar`), or set `database_url` to "
            "another ledger.",
        )
    return found


def _refuse_strange(database: Database, tables: set[str]) -> None:
    """Tables of others are no matter on a server, where databases are shared, but in a file.

    Args:
        database: Where they are.
        tables: Those of one look: between two, another process may have made a ledger.
    """
    from cultivar.ledger.improvement_tables import metadata

    strange = tables if database.is_sqlite else tables & metadata.tables.keys()
    if strange:
        raise StoreUnavailableError(
            f"The database `{database.name}` holds the table `{min(strange)}`, which no ledger "
            "of Cultivar made. It was not touched.",
            "Set `database_url` to a database of its own.",
        )


@contextmanager
def _alone(database: Database) -> Generator[None, None, None]:
    """Keep other processes from preparing the same file; servers have their own lock."""
    if not database.is_sqlite:
        yield
        return
    from filelock import FileLock, Timeout  # with asyncio, which most commands do without

    try:
        with FileLock(f"{database.name}.lock", timeout=BUSY_SECONDS):
            _log_ahead(database)
            yield
    except Timeout as error:
        raise StoreUnavailableError(
            f"Another process has been preparing the ledger `{database.name}` for "
            f"{BUSY_SECONDS:g} seconds.",
            "End it, then run the command again.",
        ) from error
    except OSError as error:
        raise StoreUnavailableError(
            f"The ledger `{database.name}` cannot be written: {error.strerror}.",
            "Set `home` or `database_url` to a place that you may write.",
        ) from error


def _log_ahead(database: Database) -> None:
    """Switch to write-ahead logging, so that readers and a writer do not wait for each other."""
    with database.explained(), closing(database.engine.raw_connection()) as connection:
        connection.cursor().execute("PRAGMA journal_mode = WAL")
