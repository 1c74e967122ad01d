"""Adds rows to the counts, with one statement a table however many they are.

The invariant: the order in which rows are added makes no difference to the counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, TypeAlias

from msgspec import json
from sqlalchemy import Connection

from cultivar.ledger.database import Database
from cultivar.ledger.tallying import HALF_LIFE
from cultivar.record import Record

MICROSECONDS: Final = HALF_LIFE.days * 86_400_000_000
"""In a half-life."""

_FORGOTTEN: Final = 64 * MICROSECONDS
"""Whatever lies further apart is halved no more often: it makes no difference to a double."""

Key: TypeAlias = tuple[str, str, str, str, str]
"""The key of a row, as the table has it."""

Added: TypeAlias = tuple[str, str, str, str, str, int, int, int, int, float, float, float, int]
"""A row: its key, then uses, chosen, succeeded, failed, the three recents, and their time."""

_TOGETHER: Final = 2000
"""Rows of one statement: SQLite takes 32766 values."""

_WHOLE_NUMBERS = ("uses", "chosen", "succeeded", "failed")
_RECENT = ("recent_uses", "recent_succeeded", "recent_failed")
TYPES: Final = ("text",) * 5 + ("bigint",) * 4 + ("float8",) * 3 + ("bigint",)
"""Of the columns of a row, as PostgreSQL calls them."""


def add_answers(connection: Connection, database: Database, rows: Sequence[Added]) -> None:
    """Add rows, in the order of their keys, to `answer_stats`."""
    _add(connection, database, _ANSWERS, rows)


def add_combinations(connection: Connection, database: Database, rows: Sequence[Added]) -> None:
    """Add rows, in the order of their keys, to `combination_stats`."""
    _add(connection, database, _COMBINATIONS, rows)


def insert_together(
    connection: Connection, into: str, rows: Sequence[Sequence[object]], conflict: str = ""
) -> None:
    """Insert rows into a table of SQLite, thousands with one statement.

    The driver takes Python's lock again after each statement, and may have to wait for it each
    time while other threads work.

    Args:
        connection: A connection to it.
        into: `INSERT INTO`, the table, and its columns if not all are given.
        rows: The rows.
        conflict: What follows the values.
    """
    for start in range(0, len(rows), _TOGETHER):
        part = rows[start : start + _TOGETHER]
        marks = f"({', '.join('?' * len(part[0]))})"
        statement = f"{into} VALUES {', '.join([marks] * len(part))} {conflict}"
        connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))


def from_columns(types: Sequence[str]) -> str:
    """What to select from, on PostgreSQL, to get the rows that `in_columns` gives.

    Args:
        types: Of the columns.
    """
    names = [f"c{number}" for number in range(len(types))]
    given = ", ".join(["json_array_elements_text(%s)"] * len(types))
    cast = ", ".join(f"{name}::{kind}" for name, kind in zip(names, types, strict=True))
    return f"SELECT {cast} FROM ROWS FROM ({given}) AS given({', '.join(names)})"


def in_columns(rows: Iterable[Sequence[object]]) -> tuple[str, ...]:
    """The parameters of a statement that selects rows by `from_columns`.

    They are JSON, which the driver passes on as it is; to write lists as arrays takes it ten times
    as long.
    """
    return tuple(json.encode(each).decode() for each in zip(*rows, strict=True))


class _Upsert(Record):
    """How rows are added to a table, by the kind of database."""

    into: str
    on_file: str
    on_server: str

    @classmethod
    def of(cls, table: str, keys: str) -> _Upsert:
        """To that table, with these columns for a key."""
        columns = f"{keys}, {', '.join((*_WHOLE_NUMBERS, *_RECENT))}, recent_at"
        return cls(
            into=f"INSERT INTO {table} ({columns})",
            on_file=_merge(table, keys, "min", "max"),
            on_server=f"{from_columns(TYPES)} {_merge(table, keys, 'least', 'greatest')}",
        )


def _add(
    connection: Connection, database: Database, upsert: _Upsert, rows: Sequence[Added]
) -> None:
    if database.is_sqlite:
        insert_together(connection, upsert.into, rows, upsert.on_file)
    elif rows:
        connection.exec_driver_sql(f"{upsert.into} {upsert.on_server}", in_columns(rows))


def _merge(table: str, keys: str, least: str, greatest: str) -> str:
    """What becomes of a row that is there: the older of the two recents fades to the newer."""
    here, new = f"{table}.recent_at", "excluded.recent_at"
    added = [f"{each} = {table}.{each} + excluded.{each}" for each in _WHOLE_NUMBERS]
    merged = [
        f"{each} = CASE WHEN {here} >= {new} "
        f"THEN {table}.{each} + {_fading(f'excluded.{each}', f'{here} - {new}', least)} "
        f"ELSE {_fading(f'{table}.{each}', f'{new} - {here}', least)} + excluded.{each} END"
        for each in _RECENT
    ]
    at = f"recent_at = {greatest}({here}, {new})"
    return f"ON CONFLICT ({keys}) DO UPDATE SET {', '.join((*added, *merged, at))}"


def _fading(amount: str, age: str, least: str) -> str:
    """What is left of an amount; PostgreSQL refuses a product that is too small for a double."""
    halvings = f"CAST({least}({age}, {_FORGOTTEN}) AS DOUBLE PRECISION) / {MICROSECONDS}.0"
    return f"CASE WHEN {amount} > 1e-99 THEN {amount} * power(0.5, {halvings}) ELSE 0 END"


_ANSWERS: Final = _Upsert.of(
    "answer_stats", "template_id, question, value, template_version, instance_id"
)
_COMBINATIONS: Final = _Upsert.of(
    "combination_stats", "questions, template_id, combination, template_version, instance_id"
)
