"""Keeps what instances tell, and counts it.

The invariant: a generation is counted in the transaction that first keeps it, and never again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, cast

from msgspec import json
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cultivar.errors import StoreUnavailableError
from cultivar.learning.hub.failures import FailureStore, keep_failures
from cultivar.learning.hub.identity import identity_of
from cultivar.learning.hub.retention import Retention
from cultivar.learning.hub.tables import generations, moment, prepare
from cultivar.learning.telling.messages import GenerationMessage, made_at, seen
from cultivar.ledger.columns import storable
from cultivar.ledger.counting import Combinations, Sums
from cultivar.ledger.database import HUB, connect
from cultivar.ledger.tallies import SqlTallies
from cultivar.ledger.upserts import from_columns, in_columns, insert_together
from cultivar.record import Record

_NAMES: Final = tuple(each.name for each in generations.columns)
TYPES: Final = (
    *("text", "text", "text", "text", "jsonb", "jsonb", "jsonb"),
    *("bool", "float8", "timestamptz", "timestamptz"),
)
"""Of the columns of the generations, as PostgreSQL calls them."""

_INTO: Final = f"INSERT INTO {generations.name} ({', '.join(_NAMES)})"
# By the id, and where there are partitions by the time that the message says, too.
_POSTGRESQL: Final = f"{_INTO} {from_columns(TYPES)} ON CONFLICT DO NOTHING RETURNING id"
_KNOWN: Final = f"SELECT id FROM {generations.name} WHERE id IN (SELECT value FROM json_each(?))"

_BLAMED: Final = ("22", "23", "54")
"""Classes of SQLSTATE that speak of the data, not of the server: it is none, or it is too large."""


Row: TypeAlias = tuple[object, ...]
"""A row of the generations, in the order of their columns."""


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
        self._database = connect(url, HUB)
        try:
            prepare(self._database)
            self.retention = Retention(self._database)
            """How far back what was counted is known."""
        except StoreUnavailableError:
            self._database.close()
            raise
        # A file has one writer; SQLite lets others sleep longer than they have to wait.
        self._turn = threading.Lock() if self._database.is_sqlite else nullcontext()
        self._summer = _Summer()
        self.tallies = SqlTallies(self._database)
        """The counts of all instances."""
        self.failures = FailureStore(self._database)
        """The failure patterns of all instances."""

    @property
    def name(self) -> str:
        """Of the database, for people."""
        return self._database.name

    @property
    def identity(self) -> str:
        """What the database is known by, as `identity_of` has it."""
        return identity_of(self._database)

    def ingest(self, messages: Sequence[GenerationMessage]) -> Ingested:
        """Keep and count what is new of a batch, in one transaction.

        Raises:
            StoreUnavailableError: The database is down; nothing was kept.
            UnstorableError: It does not take the batch; nothing was kept.
        """
        with self._summer.turn:
            batch = _Batch(messages, self._summer)
        try:
            new = self._keep(batch) if messages else []
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

    def _keep(self, batch: _Batch) -> list[GenerationMessage]:
        """The messages that were new."""
        with self._turn, self._database.write() as connection:
            new = [batch.messages[key] for key in self._insert(connection, batch.rows)]
            keep_failures(connection, self._database, new)
            batch.sums_of(new).write(connection, self._database)
        return new

    def _insert(self, connection: Connection, rows: Mapping[str, Row]) -> Sequence[str]:
        """The ids of the rows that were new."""
        if not self._database.is_sqlite:
            found = connection.exec_driver_sql(_POSTGRESQL, in_columns(rows.values()))
            return found.scalars().all()
        ids = json.encode(list(rows)).decode()
        known = set(connection.exec_driver_sql(_KNOWN, (ids,)).scalars())
        new = [key for key in rows if key not in known]
        insert_together(connection, _INTO, [rows[key] for key in new])
        return new


class _Summer:
    """Adds up batches; what it met in one helps with the next."""

    def __init__(self) -> None:
        self._met = Combinations()
        self.turn = threading.RLock()
        """One batch at a time is made ready: of two at once the database would wait for both."""

    def __call__(self, messages: Iterable[GenerationMessage]) -> Sums:
        with self.turn:
            return Sums(map(seen, messages), self._met)


class _Batch:
    """Messages, made ready before the transaction: it holds rows that other hubs wait for.

    Args:
        messages: What is to be kept.
        summer: Adds them up.
    """

    def __init__(self, messages: Sequence[GenerationMessage], summer: _Summer) -> None:
        self.messages = {storable(each.id): each for each in reversed(messages)}
        now = moment(datetime.now(UTC))
        # All hubs insert in one order, so that none waits for another in a circle.
        self.rows = {key: row_of(self.messages[key], now) for key in sorted(self.messages)}
        self._summer, self._sums = summer, summer(self.messages.values())

    def sums_of(self, new: Sequence[GenerationMessage]) -> Sums:
        """What new messages of it add to the counts; mostly all are new."""
        return self._sums if len(new) == len(self.rows) else self._summer(new)


def row_of(message: GenerationMessage, now: str) -> Row:
    """What is kept of a message.

    Args:
        message: As it came.
        now: When that was.
    """
    chosen = None if message.chosen is None else _json(message.chosen)
    return (
        storable(message.id),
        storable(message.template_id),
        storable(message.template_version),
        storable(message.instance_id),
        _json(message.answers),
        chosen,
        _json(message.failures) if message.failures else "[]",
        message.success,
        message.quality_score,
        moment(made_at(message)),
        now,
    )


def _json(value: object) -> str:
    """JSON whose texts every database takes."""
    text = json.encode(value).decode()
    if text.isascii() and "\\u0000" not in text:
        return text
    return json.encode(_storable(value)).decode()


def _storable(value: object) -> object:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, object]", value).items()
        return {storable(name): _storable(each) for name, each in pairs}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in cast("Sequence[object]", value)]
    return value


def _is_of_data(error: StoreUnavailableError) -> bool:
    cause = error.__cause__
    state: Any = getattr(cause.orig, "sqlstate", "") if isinstance(cause, DBAPIError) else ""
    return str(state or "")[:2] in _BLAMED
