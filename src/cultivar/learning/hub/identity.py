"""What a hub's database is known by, so that a second one on the same bus is noticed.

Hubs on one database share the messages of the bus. With databases of their own, each would count
the part that it happens to get, and nobody would see that the other part is missing.
"""

from __future__ import annotations

import platform
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import inspect, text

from cultivar.bus.owning import OwnedError
from cultivar.errors import UsageError
from cultivar.ledger.database import Database

_TABLE: Final = "hub_identity"

_LOCK_KEY: Final = 0x43554C49
"""Of PostgreSQL's advisory lock: "CULI" in ASCII."""


def identity_of(database: Database) -> str:
    """What the database is known by, and where it is; the same for all hubs on it.

    It is made when it is first asked for, and stays with the data, wherever they are moved.

    Raises:
        StoreUnavailableError: The database does not answer.
    """
    return f"{_known(database) or _made(database)} {database.name} of {platform.node()}"


def _known(database: Database) -> str:
    with database.read() as connection:
        if not inspect(connection).has_table(_TABLE):
            return ""
        return str(connection.exec_driver_sql(f"SELECT id FROM {_TABLE}").scalar_one())


def _made(database: Database) -> str:
    """It, made now, unless another hub was quicker."""
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        connection.exec_driver_sql(f"CREATE TABLE IF NOT EXISTS {_TABLE} (id TEXT NOT NULL)")
        connection.exec_driver_sql(
            f"INSERT INTO {_TABLE} SELECT '{secrets.token_hex(16)}' "
            f"WHERE NOT EXISTS (SELECT 1 FROM {_TABLE})"
        )
        return str(connection.exec_driver_sql(f"SELECT id FROM {_TABLE}").scalar_one())


@contextmanager
def refused_beside_another() -> Generator[None]:
    """Say what to do where the bus has a hub with another database.

    Raises:
        UsageError: It has.
    """
    try:
        yield
    except OwnedError as error:
        raise UsageError(
            f"The hub of this bus counts in another database, `{error.about}`; two would each "
            "count a part.",
            "Give it that database with `--database-url`. Or end that hub, and pass "
            "`--take-over`: then all that the bus still keeps is counted here.",
        ) from error
