"""Leases in SQL: one holder at a time, by the clock of the database, which all share."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete, text

from cultivar.errors import UsageError
from cultivar.ledger.columns import storable
from cultivar.ledger.database import Database
from cultivar.ledger.improvement_tables import leases

_ON_FILE: Final = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
_ON_SERVER: Final = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)"
_TAKE: Final = (
    "INSERT INTO leases (name, holder, until) VALUES (:name, :holder, {now} + :microseconds) "
    "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until "
    "WHERE leases.holder = excluded.holder OR leases.until <= {now} RETURNING holder"
)
_LONGEST: Final = 10 * 365 * 86_400.0


class SqlLeases:
    """The leases of the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, holder: str, seconds: float) -> bool:
        """Take the lease, or keep it if `holder` has it; False while somebody else has it.

        Args:
            name: Of what.
            holder: Who.
            seconds: For how long, if it is not renewed.

        Raises:
            UsageError: Nobody can hold it for so long.
        """
        if not 0 < seconds <= _LONGEST:
            raise UsageError(
                f"A lease cannot be held for {seconds!r} seconds.",
                "Take it for some seconds or hours, and renew it.",
            )
        now = _ON_FILE if self._database.is_sqlite else _ON_SERVER
        given = {"name": storable(name), "holder": storable(holder)}
        asked = given | {"microseconds": round(seconds * 1_000_000)}
        with self._database.write() as connection:
            taken = connection.execute(text(_TAKE.format(now=now)), asked)
            return taken.first() is not None

    def give_back(self, name: str, holder: str) -> None:
        """Give the lease back; nothing happens where `holder` does not have it."""
        ours = delete(leases).where(leases.c.name == name, leases.c.holder == holder)
        with self._database.write() as connection:
            connection.execute(ours)
