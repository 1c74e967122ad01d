"""The one way to the database: short transactions, and errors that say what to do.

The invariant: a writer holds SQLite's write lock from its first statement, so four processes that
write at once wait for each other and none fails half-way.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError, StatementError

from cultivar.errors import CultivarError, SettingsError, StoreUnavailableError
from cultivar.ownership import make_private
from cultivar.record import Record

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

BUSY_SECONDS = 30.0
"""How long a writer waits for the others."""

CONNECT_SECONDS = 5
"""How long a server may take to answer."""

_WRITE = "ledger_write"


class Purpose(Record):
    """What a database is for, as its errors say it."""

    name: str
    """What people call it."""
    setting: str
    """What says where it is."""


LEDGER: Final = Purpose(name="ledger", setting="database_url")

HUB: Final = Purpose(name="hub's database", setting="--database-url")


class Database:
    """An open database.

    Args:
        engine: SQLAlchemy's.
        name: Of the database, for people: its file, or its address without the password.
        purpose: What it is for.
    """

    def __init__(self, engine: Engine, name: str, purpose: Purpose = LEDGER) -> None:
        self.engine = engine
        self.name = name
        self._purpose = purpose
        self._writer = engine.execution_options(**{_WRITE: True})

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of this machine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Generator[Connection, None, None]:
        """A transaction that sees one state of the database.

        Raises:
            StoreUnavailableError: The database does not answer.
        """
        with self.explained(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Generator[Connection, None, None]:
        """A transaction that is kept whole, or not at all.

        Raises:
            StoreUnavailableError: The database does not answer, is full, or is locked.
        """
        with self.explained(), self._writer.begin() as connection:
            yield connection

    def insert_new(self, table: Table[Any]) -> sqlite.Insert | postgresql.Insert:
        """An insert that leaves alone what is there under the same key."""
        return self.insert(table).on_conflict_do_nothing()

    def insert(self, table: Table[Any]) -> sqlite.Insert | postgresql.Insert:
        """An insert that knows `ON CONFLICT`."""
        if self.is_sqlite:
            from sqlalchemy.dialects import sqlite

            return sqlite.insert(table)
        from sqlalchemy.dialects import postgresql  # slow to load, and a file does without

        return postgresql.insert(table)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    @contextmanager
    def explained(self) -> Generator[None, None, None]:
        """Turn the driver's errors into ours."""
        try:
            yield
        except StatementError as error:
            if isinstance(error.orig, CultivarError):  # a column refused the value
                raise error.orig from error
            raise self._unusable(str(error.orig)) from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise self._unusable(str(error)) from error

    def _unusable(self, reason: str) -> StoreUnavailableError:
        purpose, told = self._purpose, reason.strip().splitlines()[0].rstrip(".")
        remedy = next(
            (text for said, text in _REMEDIES.items() if said in reason.lower()),
            "See that it is there; `{setting}` says where the {name} is.",
        )
        return StoreUnavailableError(
            f"The {purpose.name} `{self.name}` cannot be used: {told}.",
            remedy.format(name=purpose.name, setting=purpose.setting),
        )


def connect(url: str, purpose: Purpose = LEDGER) -> Database:
    """The database at SQLAlchemy's address `url`; nothing is read or written yet.

    A file is made where it is missing, readable by its owner alone.

    Args:
        url: The address.
        purpose: What it is for.

    Raises:
        SettingsError: The address is none, or is of a database that we cannot use.
        StoreUnavailableError: Its file cannot be made, or its driver is not installed.
    """
    parsed = _parsed(url, purpose)
    kind = parsed.get_backend_name()
    if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return _sqlite(parsed, purpose)
    if kind == "postgresql":
        return _postgresql(parsed, purpose)
    raise SettingsError(
        f"The {purpose.name} cannot be kept in {_name(parsed)!r}.",
        f"Set `{purpose.setting}` to `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`.",
    )


def _parsed(url: str, purpose: Purpose) -> URL:
    try:
        return make_url(url.replace("postgres://", "postgresql://", 1))
    except (ArgumentError, ValueError) as error:
        raise SettingsError(
            f"`{purpose.setting}` is no address of a database.",
            "Set it to `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`.",
        ) from error


def _sqlite(url: URL, purpose: Purpose) -> Database:
    name = str(url.database)
    try:
        if "uri" not in url.query:
            make_private(Path(name).expanduser())
            url = url.set(database=str(Path(name).expanduser()))
    except OSError as error:
        raise StoreUnavailableError(
            f"The {purpose.name} `{name}` cannot be made: {error.strerror}.",
            f"Set `home` or `{purpose.setting}` to a place that you may write.",
        ) from error
    engine = create_engine(
        url.set(drivername="sqlite"),
        connect_args={} if "timeout" in url.query else {"timeout": BUSY_SECONDS},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, name, purpose)


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    """Take transactions out of the driver's hands; FULL costs one flush and loses nothing."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    try:
        connection.execute("SELECT power(1, 1)")
    except sqlite3.OperationalError:  # it may be built without mathematics
        connection.create_function("power", 2, math.pow, deterministic=True)


def _begin_sqlite(connection: Connection) -> None:
    write = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql(url: URL, purpose: Purpose) -> Database:
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=patience,
            hide_parameters=True,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise StoreUnavailableError(
            f"The {purpose.name} {_name(url)!r} needs the driver of PostgreSQL.",
            "Run `pip install 'cultivar[postgres]'`.",
        ) from error
    return Database(engine, _name(url), purpose)


def _name(url: URL) -> str:
    """The address without what may hold a password."""
    return url.set(query={}, password=None).render_as_string(hide_password=True)


_REMEDIES = {
    "is full": "Make room on the disk, then run the command again; nothing was half written.",
    "no space left": "Make room on the disk, then run the command again; nothing was half written.",
    "locked": "Another process holds the {name}; end it, then run the command again.",
    "readonly": "Set `home` or `{setting}` to a place that you may write.",
    "unable to open": "Set `home` or `{setting}` to a place that you may write.",
    "not a database": "Move the file away, or set `{setting}` to another one.",
    "malformed": "Restore the file from a backup, or move it away to begin anew.",
    "password": "Check user and password in `{setting}`.",
    "does not exist": "Create the database, or correct `{setting}`.",
}
"""What to do, by what the driver says."""
