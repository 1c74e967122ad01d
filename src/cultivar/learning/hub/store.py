"""Keeps what instances tell, and counts it.

The invariant: a generation is counted in the transaction that first keeps it, and never again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from msgspec import json
from sqlalchemy.exc import DBAPIError

from cultivar.errors import StoreUnavailableError
from cultivar.learning.hub.tables import generations, prepare
from cultivar.learning.messages import GenerationMessage, observed
from cultivar.ledger.columns import storable
from cultivar.ledger.counting import tally
from cultivar.ledger.database import connect
from cultivar.ledger.tallies import SqlTallies
from cultivar.record import Record

_NAMES: Final = tuple(each.name for each in generations.columns)
_TYPES: Final = (
    *("text", "text", "text", "text", "jsonb", "jsonb", "jsonb"),
    *("bool", "float8", "timestamptz", "timestamptz"),
)
_ARRAYS: Final = ", ".join(f"%s::{each}[]" for each in _TYPES)
_PARTS: Final = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(len(_NAMES)))
_INTO: Final = f"INSERT INTO {generations.name} ({', '.join(_NAMES)})"
_NEW: Final = "ON CONFLICT (id) DO NOTHING RETURNING id"
_POSTGRESQL: Final = f"{_INTO} SELECT * FROM unnest({_ARRAYS}) {_NEW}"
# Without WHERE, SQLite takes ON for that of a join.
_SQLITE: Final = f"{_INTO} SELECT {_PARTS} FROM json_each(?) WHERE true {_NEW}"

_LARGEST: Final = 2**63

_BLAMED: Final = ("22", "23", "54")
"""Classes of SQLSTATE that speak of the data, not of the server: it is none, or it is too large."""


class UnstorableError(ValueError):
    """Something in a message is such that the database does not take it."""


class Ingested(Record):
    """What became of a batch."""

    counted: int
    repeated: int
    """What was known already."""
    templates: frozenset[str]
    """Whose counts changed."""


class HubStore:
    """The hub's database; safe to use from several threads and processes.

    Args:
        url: SQLAlchemy's address, SQLite or PostgreSQL; the tables are made if they are missing.

    Raises:
        SettingsError: The address is none.
        StoreUnavailableError: The database does not answer, or is not the hub's.
    """

    def __init__(self, url: str) -> None:
        self._database = connect(url)
        try:
            prepare(self._database)
        except StoreUnavailableError:
            self._database.close()
            raise
        self.tallies = SqlTallies(self._database)
        """The counts of all instances."""

    @property
    def name(self) -> str:
        """Of the database, for people."""
        return self._database.name

    def ingest(self, messages: Sequence[GenerationMessage]) -> Ingested:
        """Keep and count what is new of a batch, in one transaction.

        Raises:
            StoreUnavailableError: The database is down; nothing was kept.
            UnstorableError: It does not take the batch; nothing was kept.
        """
        # All hubs insert in one order, so that none waits for another in a circle.
        ordered = {storable(each.id): each for each in reversed(messages)}
        rows = [_row(key, ordered[key]) for key in sorted(ordered)]
        try:
            new = self._keep(rows, ordered)
        except StoreUnavailableError as error:
            if _is_of_data(error):
                raise UnstorableError(str(error)) from error
            raise
        return Ingested(
            counted=len(new),
            repeated=len(messages) - len(new),
            templates=frozenset(each.template_id for each in new),
        )

    def check(self) -> None:
        """See that the database answers.

        Raises:
            StoreUnavailableError: It does not.
        """
        with self._database.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _keep(
        self, rows: Sequence[Sequence[object]], messages: dict[str, GenerationMessage]
    ) -> list[GenerationMessage]:
        """The messages that were new."""
        if not rows:
            return []
        with self._database.write() as connection:
            if self._database.is_sqlite:
                parameters: tuple[object, ...] = (json.encode(rows).decode(),)
                found = connection.exec_driver_sql(_SQLITE, parameters)
            else:
                parameters = tuple(list(column) for column in zip(*rows, strict=True))
                found = connection.exec_driver_sql(_POSTGRESQL, parameters)
            new = [messages[key] for key in found.scalars()]
            tally(connection, self._database, map(observed, new))
        return new


def _row(key: str, message: GenerationMessage) -> tuple[object, ...]:
    chosen = None if message.chosen is None else _json(message.chosen)
    return (
        key,
        storable(message.template_id),
        storable(message.template_version),
        storable(message.instance_id),
        _json(message.answers),
        chosen,
        _json(message.failures),
        message.success,
        message.quality_score,
        _moment(message.generated_at or datetime.now(UTC)),
        _moment(datetime.now(UTC)),
    )


def _json(value: object) -> str:
    return json.encode(_storable(value)).decode()


def _storable(value: object) -> object:
    """JSON whose texts every database takes."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return {storable(name): _storable(each) for name, each in pairs}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in cast("Sequence[object]", value)]
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return str(value)
    return value


def _moment(at: datetime) -> str:
    """As SQLAlchemy writes it in a file, and with the zone, which a server must be told."""
    return at.astimezone(UTC).isoformat(" ", "microseconds")


def _is_of_data(error: StoreUnavailableError) -> bool:
    cause = error.__cause__
    state: Any = getattr(cause.orig, "sqlstate", "") if isinstance(cause, DBAPIError) else ""
    return str(state or "")[:2] in _BLAMED
